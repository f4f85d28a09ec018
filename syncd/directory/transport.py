"""From a URL to a connected socket: name resolution, TCP, TLS, each a phase of its own in every message.

ldap3 could do this, but it hides which phase failed and why, leaks the sockets of failed attempts, and takes whole seconds
only. It is handed the socket once that is up.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from syncd.directory.failures import CONNECT, NAME_RESOLUTION, failure
from syncd.errors import NameResolutionError

_PORTS = {"ldap": 389, "ldaps": 636}
# a silent connection is probed after half a minute, and given up a minute later
_KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}

# what getaddrinfo gives: family, kind, protocol, canonical name, address
_Address = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """An ldap:// or ldaps:// URL taken apart."""

    # as it stands in the configuration
    url: str
    host: str
    port: int
    # TLS from the first byte
    ldaps: bool

    @classmethod
    def parse(cls, url: str) -> ServerUrl:
        """Raises NameResolutionError for what is not a server's URL; the text is not repeated, it may hold a password."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in _PORTS or "@" in parts.netloc:
            raise NameResolutionError(
                "An entry of `urls` is not of the form ldap://HOST[:PORT] or ldaps://HOST[:PORT].", phase=NAME_RESOLUTION
            )
        return cls(url=url, host=host, port=port or _PORTS[parts.scheme], ldaps=parts.scheme == "ldaps")


def resolve(server: ServerUrl, *, timeout: float) -> list[_Address]:
    """The addresses of a server, in the order to try them. Raises NameResolutionError.

    The system's resolver knows no deadline, so it is asked in a thread, which is left to itself if it does not answer.
    """
    answers: list[list[_Address] | Exception] = []

    def ask() -> None:
        try:
            answers.append(list(socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.append(error)

    resolver = threading.Thread(target=ask, name="resolver", daemon=True)
    resolver.start()
    resolver.join(timeout)
    answer = answers[0] if answers else socket.gaierror(socket.EAI_AGAIN, f"no answer within {timeout:g} s")
    if isinstance(answer, Exception):
        cause = answer if isinstance(answer, socket.gaierror) else socket.gaierror(0, str(answer))
        raise failure(cause, url=server.url, phase=NAME_RESOLUTION) from answer
    return answer


def open_tcp(server: ServerUrl, addresses: list[_Address], *, timeout: float) -> socket.socket:
    """Connect to the first address that answers, all within `timeout` seconds; the socket keeps that timeout.

    Raises DirectoryError, of the last address.
    """
    deadline = time.monotonic() + timeout
    for left, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        opened = socket.socket(family, kind, protocol)
        try:
            # an equal share for each address left, so that a dead one does not use up the time of the others
            opened.settimeout(max((deadline - time.monotonic()) / left, 0.05))
            opened.connect(address)
            opened.settimeout(timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # a server that vanished without a word is noticed even between two pages
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError as error:
            opened.close()
            if left == 1:
                raise failure(error, url=server.url, phase=CONNECT, seconds=timeout) from error
        else:
            return opened
    raise NameResolutionError(
        f"{server.url}: {NAME_RESOLUTION}: the name has no address.", server=server.url, phase=NAME_RESOLUTION
    )


def keep_alive(opened: socket.socket) -> None:
    """Have a dead peer noticed within two minutes while nothing is sent. Raises OSError."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        opened.setsockopt(socket.IPPROTO_TCP, option, value)


def is_readable(opened: socket.socket, *, within: float) -> bool:
    """Whether there are bytes, or the end of the connection, `within` so many seconds."""
    try:
        if isinstance(opened, ssl.SSLSocket) and opened.pending():
            return True
        poll = select.poll()
        poll.register(opened, select.POLLIN)
        return bool(poll.poll(within * 1000))
    except (OSError, ValueError):
        return True


def close(opened: socket.socket) -> None:
    """Close without a word, whatever state it is in."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    opened.close()
