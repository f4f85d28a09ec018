"""Active Directory's uSNChanged: a number that each domain controller counts for itself.

So it says something only on the controller it was read from, and only as long as that has not been restored from a copy
(its invocationId changes then). The search is for everything below the naming context and without the site's filter: who has
left the base or the filter has changed, too, and is to be looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.directory.feeds.ad_controls import show_deleted
from syncd.directory.feeds.ad_watch import watch
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.paged import Area, areas, contexts, current_facts, id_attribute, ids_of, read_all, require_readable
from syncd.directory.fetch import fetch
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError, InsufficientAccessError, NoSuchBaseError
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Scope, Search, ServerInfo

__all__ = ["changes", "position", "watch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Position:
    """Which count of which controller, and how far it had come."""

    controller: str
    invocation: str
    usn: int

    def as_cursor(self) -> Cursor:
        fields = {"controller": self.controller, "invocation": self.invocation, "usn": str(self.usn)}
        return Cursor(feed=FeedKind.USN, position=fields)


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now. Raises CursorRefusedError, DirectoryError."""
    id_attribute(server)
    now = _current(wire, server=server)
    require_readable(wire, searches, "uSNChanged", server=server)
    return now.as_cursor()


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then. Raises CursorRefusedError, DirectoryError."""
    now = _current(wire, server=server)
    then = _comparable(cursor, now, server=server)
    if now.usn == then.usn:
        return Changes(cursor=now.as_cursor())
    touched: dict[str, set[str]] = {}
    try:
        whole = [Area(base_dn=dn, scope=Scope.SUB, purpose="") for dn in contexts(searches, server=server)]
        touched[""] = _changed_in(wire, whole, since=then.usn, server=server, options=options).get("", set())
    except (NoSuchBaseError, InsufficientAccessError):
        # an account that sees its own corner only; who has left that is found by the sweep
        touched = _changed_in(wire, areas(searches), since=then.usn, server=server, options=options)
    return Changes(touched={purpose: ids for purpose, ids in touched.items() if ids}, cursor=now.as_cursor())


def _changed_in(wire: Wire, places: Sequence[Area], *, since: int, server: ServerInfo, options: Options) -> dict[str, set[str]]:
    """Purpose -> ids of what has a greater number, deleted entries among them as far as the account sees them."""
    attribute = id_attribute(server)
    found: dict[str, set[str]] = {}
    for area in places:
        search = Search(
            purpose="changes",
            base_dn=area.base_dn,
            filter=f"(&(objectClass=*)(uSNChanged>={since + 1}))",
            scope=area.scope,
            attributes=(attribute,),
        )
        ids = found.setdefault(area.purpose, set())
        for page in read_all(wire, search, server=server, page_size=options.page_size, controls=show_deleted()):
            ids |= ids_of(page, attribute=attribute)
    return found


# ---------------------------------------------------------------- where it stands
def _current(wire: Wire, *, server: ServerInfo) -> _Position:
    facts = current_facts(wire, server=server)
    controller, service, usn = (facts.get(name, "") for name in ("dnshostname", "dsservicename", "highestcommittedusn"))
    if not (controller and service and usn.isdecimal()):
        raise CursorRefusedError(f"{server.url}: the rootDSE names no domain controller with a highestCommittedUSN")
    return _Position(controller=controller.lower(), invocation=_invocation_id(wire, service, server=server), usn=int(usn))


def _invocation_id(wire: Wire, service: str, *, server: ServerInfo) -> str:
    """Which copy of the database the controller counts for."""
    search = Search(
        purpose="the NTDS settings",
        base_dn=service,
        filter="(objectClass=*)",
        scope=Scope.BASE,
        attributes=("invocationId",),
    )
    try:
        found = [value for entry in fetch(wire, search, server=server) for value in entry.attributes.get("invocationid", ())]
    except (NoSuchBaseError, InsufficientAccessError) as error:
        raise CursorRefusedError(f"{server.url}: {service} may not be read: {error}") from error
    if len(found) != 1 or len(found[0]) != 16:
        raise CursorRefusedError(f"{server.url}: {service} shows no invocationId")
    return str(uuid.UUID(bytes_le=found[0]))


def _comparable(cursor: Cursor, now: _Position, *, server: ServerInfo) -> _Position:
    """The cursor's position, if the numbers since then are numbers of the same count. Raises CursorRefusedError."""
    fields = cursor.position
    controller, invocation, usn = (fields.get(name, "") for name in ("controller", "invocation", "usn"))
    if not (usn.isascii() and usn.isdecimal()):
        raise CursorRefusedError(f"{server.url}: the cursor has no number: {usn[:40]!r}")
    if controller != now.controller:
        raise CursorRefusedError(f"{server.url}: this is {now.controller}, and the cursor belongs to {controller}")
    if invocation != now.invocation:
        raise CursorRefusedError(
            f"{server.url}: the controller's database was restored: its invocationId is {now.invocation}, and was {invocation}"
        )
    then = _Position(controller=controller, invocation=invocation, usn=int(usn))
    if now.usn < then.usn:
        raise CursorRefusedError(f"{server.url}: highestCommittedUSN is {now.usn}, less than the {then.usn} it was")
    return then
