"""How OpenLDAP and 389 Directory Server write what RFC 4533 leaves to the server: entry ids and cookies."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace

from syncd.directory.feeds.sync_exchange import SyncExchange
from syncd.directory.feeds.sync_messages import SYNC_REQUEST, Mode
from syncd.directory.feeds.sync_stream import Dialect
from syncd.directory.fetch import fetch
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError
from syncd.model.dn import InvalidDN, is_under, normalize
from syncd.model.reading import Scope, Search, ServerInfo

_CSN = r"\d{14}\.\d{6}Z#[0-9a-f]{6}#[0-9a-f]{3}#[0-9a-f]{6}"
_CSN_VALUE = re.compile(_CSN)
# slapd takes what it cannot read for no cookie at all, so it never gets to see such a thing
_OPENLDAP_COOKIE = re.compile(rf"rid=\d{{3}}(,sid=[0-9a-f]{{3}})?,csn={_CSN}(;{_CSN})*(,delcsn={_CSN})?")
_FIRST = "firstchangenumber"
_FIRST_CHANGE = Search(
    purpose="the changelog", base_dn="", filter="(objectClass=*)", scope=Scope.BASE, attributes=("firstChangeNumber",)
)
# HOST:PORT#BINDDN:BASE:FILTER#CHANGE
_DS389_COOKIE = re.compile(r"[^#]+:\d+#.*#\d+", re.DOTALL)


def _uuid_text(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw))


def _nsuniqueid_text(raw: bytes) -> str:
    text = raw.hex()
    return "-".join(text[start : start + 8] for start in range(0, 32, 8))


def _oldest_csn(cookie: str) -> str:
    return min(_CSN_VALUE.findall(cookie), default="")


_OPENLDAP = Dialect(entry_id=_uuid_text, version="entrycsn", floor=_oldest_csn)
# It says nothing of entries that leave the filter, so it is asked for all below the base; and it ends each refresh as if it had
# listed what is left, which it never does. It names the removed by fifties, and forgets the one between two messages (2.3.1).
_DS389 = Dialect(entry_id=_nsuniqueid_text, lists=False, suspicious=50, filter="(objectClass=*)")


def dialect_of(server: ServerInfo) -> Dialect:
    """How this server writes. Raises CursorRefusedError where it cannot be followed."""
    if SYNC_REQUEST not in server.controls:
        raise CursorRefusedError(
            f"{server.url}: the server does not offer content synchronization (RFC 4533): OpenLDAP's overlay syncprov, or the "
            "plug-in Content Synchronization of 389 Directory Server."
        )
    known = {("openldap", "entryuuid"): _OPENLDAP, ("generic", "entryuuid"): _OPENLDAP, ("ds389", "nsuniqueid"): _DS389}
    found = known.get((server.vendor, server.entry_id_attribute or ""))
    if found is None:
        raise CursorRefusedError(
            f"{server.url}: content synchronization does not name entries by {server.entry_id_attribute or 'an attribute'}."
        )
    return found


def check_cookie(cookie: str, *, purpose: str, server: ServerInfo) -> None:
    """Raises CursorRefusedError for a cookie that is none of this kind of server's."""
    pattern = _DS389_COOKIE if server.vendor == "ds389" else _OPENLDAP_COOKIE
    if not pattern.fullmatch(cookie):
        raise CursorRefusedError(f"{server.url}: the syncrepl feed has no cookie of this server for {purpose}.")


def current_cookie(wire: Wire, search: Search, *, server: ServerInfo) -> str:
    """The cookie of the present moment, without a look at the entries. Raises CursorRefusedError, DirectoryError."""
    dialect = dialect_of(server)
    cookie = _refresh_of_base(wire, search, server=server) if dialect is _DS389 else _context_csn(wire, search, server=server)
    check_cookie(cookie, purpose=search.purpose, server=server)
    return cookie


def check_changelog(wire: Wire, cookies: Mapping[str, str], *, server: ServerInfo) -> None:
    """389 Directory Server answers from its retro changelog, and keeps quiet about what it has thrown away of it (2.3.1).

    Raises CursorRefusedError when that may be newer than the cookies.
    """
    if dialect_of(server) is not _DS389:
        return
    values = [value for entry in fetch(wire, _FIRST_CHANGE, server=server) for value in entry.attributes.get(_FIRST, ())]
    first = min((int(value) for value in values if value.isdigit()), default=None)
    oldest = min(int(cookie.rpartition("#")[2]) for cookie in cookies.values())
    if first is None or first > oldest:
        shown = "is not shown" if first is None else f"begins at {first}"
        raise CursorRefusedError(f"{server.url}: the cookie is of change {oldest}, and the server's changelog {shown}.")


def _context_csn(wire: Wire, search: Search, *, server: ServerInfo) -> str:
    """OpenLDAP writes what it has seen of each server at the top of the database."""
    top = replace(
        search,
        base_dn=_naming_context(search.base_dn, server),
        filter="(objectClass=*)",
        scope=Scope.BASE,
        attributes=("contextCSN",),
    )
    values = [
        str(value, "ascii", "replace") for entry in fetch(wire, top, server=server) for value in _values(entry.attributes)
    ]
    if not values:
        raise CursorRefusedError(
            f"{server.url}: contextCSN of {top.base_dn!r} is missing or may not be read, so the syncrepl feed has no beginning."
        )
    return "rid=000,csn=" + ";".join(sorted(values, key=_server_id))


def _values(attributes: dict[str, list[bytes]]) -> list[bytes]:
    return attributes.get("contextcsn", [])


def _server_id(csn: str) -> str:
    return csn.split("#")[2] if csn.count("#") == 3 else csn


def _naming_context(base_dn: str, server: ServerInfo) -> str:
    """The naming context the base is in; the base itself if the server lists none."""
    try:
        base = normalize(base_dn)
        above = [name for name in server.naming_contexts if base == normalize(name) or is_under(base, normalize(name))]
    except InvalidDN:
        above = []
    return max(above, key=len, default=base_dn)


def _refresh_of_base(wire: Wire, search: Search, *, server: ServerInfo) -> str:
    """389 Directory Server binds a cookie to bind DN, base and filter, and not to the scope: a refresh of the base alone
    gives the one for the search."""
    with SyncExchange(wire, server=server, mode=Mode.REFRESH_ONLY, dialect=_DS389) as exchange:
        exchange.refresh(replace(search, scope=Scope.BASE))
        return exchange.streams[0].cookie
