"""What the feeds that search have in common: where to search, and taking nothing but the whole of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from syncd.directory.fetch import fetch
from syncd.directory.reader import PagedReading
from syncd.directory.vendors import ROOT_DSE, facts
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError
from syncd.mapping.identity import entry_id_reader
from syncd.mapping.problems import MappingIssue
from syncd.model.dn import InvalidDN, is_under, normalize
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of the tree in which one search does for several of the site's."""

    base_dn: str
    scope: Scope
    # whose entries they are, "" for those of several searches: as in `Changes.touched`
    purpose: str


def areas(searches: Sequence[Search]) -> list[Area]:
    """The fewest parts of the tree in which all the searches are."""
    kept: list[Area] = []
    for search in sorted(searches, key=lambda search: (len(_key(search.base_dn)), search.scope is not Scope.SUB)):
        at = next((number for number, area in enumerate(kept) if _holds(area, search)), None)
        if at is None:
            kept.append(Area(base_dn=search.base_dn, scope=search.scope, purpose=search.purpose))
        else:
            kept[at] = replace(kept[at], purpose="")
    return kept


def contexts(searches: Sequence[Search], *, server: ServerInfo) -> list[str]:
    """The naming contexts the searches are in. Raises CursorRefusedError when the server names none for one of them."""
    found: dict[str, str] = {}
    for search in searches:
        base = _key(search.base_dn)
        above = [context for context in server.naming_contexts if _is_at_or_under(base, _key(context))]
        if not above:
            raise CursorRefusedError(f"{server.url}: no naming context of the server holds {search.base_dn!r}")
        context = max(above, key=lambda context: len(_key(context)))
        found[_key(context)] = context
    return list(found.values())


def current_facts(wire: Wire, *, server: ServerInfo) -> dict[str, str]:
    """`ServerInfo.facts` as they are now: a session may be older than its rootDSE. Raises DirectoryError."""
    entries = fetch(wire, ROOT_DSE, server=server)
    return facts(entries[0].attributes) if entries else {}


def read_all(
    wire: Wire, search: Search, *, server: ServerInfo, page_size: int, controls: bytes = b""
) -> Iterator[Sequence[Entry]]:
    """All pages of a search. Raises DirectoryError at the end of those that came unless they are all there are."""
    reading = PagedReading(wire, search, server=server, page_size=page_size, controls=controls)
    yield from reading
    if reading.error is not None:
        raise reading.error


def require_readable(wire: Wire, searches: Sequence[Search], attribute: str, *, server: ServerInfo) -> None:
    """What is hidden matches no filter, and nothing would ever change. Raises CursorRefusedError, DirectoryError."""
    for area in areas(searches):
        search = Search(
            purpose="the base of changes",
            base_dn=area.base_dn,
            filter="(objectClass=*)",
            scope=Scope.BASE,
            attributes=(attribute,),
        )
        if not any(attribute.lower() in entry.attributes for entry in fetch(wire, search, server=server)):
            raise CursorRefusedError(f"{server.url}: {attribute} of {area.base_dn} may not be read")


def id_attribute(server: ServerInfo) -> str:
    """Raises CursorRefusedError where no attribute identifies an entry."""
    if server.entry_id_attribute is None:
        raise CursorRefusedError(f"{server.url}: no attribute identifies an entry for good")
    return server.entry_id_attribute


def ids_of(entries: Sequence[Entry], *, attribute: str) -> set[str]:
    """The ids of those that have one: who has none is nobody the store could know."""
    read = entry_id_reader(attribute)
    found: set[str] = set()
    for entry in entries:
        try:
            found.add(read(entry))
        except MappingIssue:
            continue
    return found


def _holds(area: Area, search: Search) -> bool:
    if area.scope is Scope.SUB:
        return _is_at_or_under(_key(search.base_dn), _key(area.base_dn))
    return _key(area.base_dn) == _key(search.base_dn) and area.scope is search.scope


def _is_at_or_under(key: str, base_key: str) -> bool:
    return key == base_key or is_under(key, base_key)


def _key(dn: str) -> str:
    try:
        return normalize(dn)
    except InvalidDN:
        return dn
