"""Whether a continuation reference hides a part of what was to be read.

A server that searched all it holds names, in SearchResultReferences (RFC 4511 section 4.5.3), where the rest is. They are never
followed: that would send credentials to hosts nobody configured. So each is a question whether the read was complete.
Active Directory names its DNS and configuration partitions on every search from the root, and nobody lives there.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from syncd.directory.failures import READ
from syncd.errors import ReferralError
from syncd.model.dn import InvalidDN, is_under, normalize
from syncd.model.reading import Search, ServerInfo

# application partitions and the configuration of an Active Directory forest
_NOBODY_LIVES_IN = ("dc=domaindnszones,", "dc=forestdnszones,", "cn=configuration,", "cn=schema,cn=configuration,")


def hidden_parts(references: Iterable[tuple[str, ...]], *, search: Search, server: ServerInfo) -> ReferralError | None:
    """The error if the server keeps a part of what was searched elsewhere."""
    missing = missing_parts(references, base_dn=search.base_dn, naming_contexts=server.naming_contexts)
    if not missing:
        return None
    return ReferralError(
        f"{server.url}: {READ}: {len(missing)} part(s) of the search for {search.purpose} are on other servers: "
        f"{', '.join(missing[:3])}.",
        advice="References are never followed: narrow the search base, or make those servers directories of their own.",
        server=server.url,
        phase=READ,
    )


def missing_parts(references: Iterable[tuple[str, ...]], *, base_dn: str, naming_contexts: Iterable[str]) -> list[str]:
    """The references (the first URL of each) that stand for a part of the search.

    Harmless are those to another naming context: one the server lists itself, or one of Active Directory's that hold no
    people; unless it is the search base or above it. All others, also those that cannot be understood, stand for a part.
    """
    base = _key(base_dn)
    known = {_key(context) for context in naming_contexts}
    return [urls[0] if urls else "" for urls in references if not (urls and _harmless(urls[0], base, known))]


def _harmless(url: str, base: str | None, contexts: set[str | None]) -> bool:
    target = _target(url)
    if not target or base is None or target == base or is_under(base, target):
        return False
    return target in contexts or target.startswith(_NOBODY_LIVES_IN)


def _target(url: str) -> str | None:
    """The key of the DN an LDAP URL (RFC 4516) names; None without one."""
    try:
        return _key(unquote(urlsplit(url).path.removeprefix("/")))
    except ValueError:
        return None


def _key(dn: str) -> str | None:
    try:
        return normalize(dn)
    except InvalidDN:
        return None
