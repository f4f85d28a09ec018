"""Where a request comes from: the peer, or what a trusted proxy says of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# an IPv6 host has a network of its own to choose addresses from
_IPV6_HOST = 64


def client_address(request: web.Request, *, trusted_proxies: Sequence[str]) -> str | None:
    """X-Forwarded-For is read from its end, and only as far as trusted proxies wrote it: what stands before that anybody may
    have made up."""
    current = request.remote
    trusted = [ipaddress.ip_network(text, strict=False) for text in trusted_proxies]
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    while hops and trusted:
        address = _parsed(current)
        if address is None or not any(address in network for network in trusted):
            break
        claimed = _parsed(hops.pop())
        if claimed is None:
            break
        current = str(claimed)
    return current


def limited_by(address: str | None) -> str:
    """What is counted for an address: itself, or an IPv6 host's whole network."""
    parsed = _parsed(address)
    if parsed is None:
        return address or ""
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_HOST), strict=False))
    return str(parsed)


def _parsed(text: str | None) -> _Address | None:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
