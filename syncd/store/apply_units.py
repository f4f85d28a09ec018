"""Units of a plan: made parents first, moved, let go children first.

A unit belongs to the directory that brought it. One that was made by hand, in the place and with the name of a new one, becomes
the directory's, so that there are not two. One that someone has put people into by hand is not taken from under them: it stays,
as a unit made by hand. Units made by hand, and people put into units by hand, go along with the unit they are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from syncd.model.plan import Action, StructureChange
from syncd.model.records import UnitRecord
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.announce import announce
from syncd.store.apply_context import Applying, number_of
from syncd.store.audit import write_changed
from syncd.store.bulk import Row

Change = StructureChange[UnitRecord]
# organization, the unit it lies in, folded name
Place = tuple[int, int | None, str]
# its number, and its name as it is written
ByHand = tuple[int, str]


def write_units(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Do the creations and updates, and know all of the directory's units by number afterwards. Raises StoreError."""
    applying.units = _known(connection, applying)
    created = [change for change in changes if change.action is Action.CREATE]
    by_hand = _made_by_hand(connection) if created else {}
    used: dict[str, str] = {}
    for change in _parents_first(created):
        name = _create(connection, applying, change, by_hand)
        if name is not None:
            used[change.key] = name
    for change in changes:
        if change.action is Action.UPDATE:
            _update(connection, applying, change)
    written = [change for change in changes if change.action is not Action.REMOVE]
    if written:
        carry_along(connection)
    write_changed(connection, [_told(applying, change, used.get(change.key)) for change in written])


def remove_units(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Take away what the directory no longer has. People of this directory who are still in one (they went missing, or could
    not be used) keep their organization."""
    leaving = {change.key: applying.units[change.key] for change in changes if change.key in applying.units}
    numbers = set(leaving.values())
    own = (among(connection, t.access.c.unit_id, numbers), t.access.c.directory_id == applying.directory_id)
    left = connection.scalars(select(t.access.c.user_id).where(*own)).all()
    connection.execute(update(t.access).where(*own).values(unit_id=None))
    kept = _in_use(connection, numbers)
    removed = [change for change in changes if change.key in leaving]
    write_changed(connection, [_told_gone(applying, c, leaving[c.key], stays=leaving[c.key] in kept) for c in removed])
    adopted = update(t.units).values(directory_id=None, external_key=None)
    connection.execute(adopted.where(among(connection, t.units.c.id, kept)))
    gone = among(connection, t.units.c.id, numbers - kept)
    connection.execute(update(t.units).where(gone).values(parent_id=None))
    connection.execute(delete(t.units).where(gone))
    announce(connection, left, journal=applying.journal(connection))


def _told(applying: Applying, change: Change, used: str | None) -> Row:
    """`used`: the name of the unit made by hand that has become the directory's."""
    number = applying.units[change.key]
    if used is None or change.after is None:
        return applying.auditor.structure(change, "unit", number)
    names = (used, change.after.name) if used != change.after.name else None
    before, after = ({"name": names[0]}, {"name": names[1]}) if names else ({}, {})
    return applying.auditor.shared("unit", number, before=before, after={"key": change.key, **after})


def _told_gone(applying: Applying, change: Change, number: int, *, stays: bool) -> Row:
    if stays:
        return applying.auditor.shared("unit", number, before={"key": change.key}, after={})
    return applying.auditor.structure(change, "unit", number)


def _known(connection: Connection, applying: Applying) -> dict[str, int]:
    units = t.units
    rows = connection.execute(select(units.c.external_key, units.c.id).where(units.c.directory_id == applying.directory_id))
    return {key: number for key, number in rows if key is not None}


def _parents_first(changes: Iterable[Change]) -> Iterator[Change]:
    waiting = {change.key: change for change in changes}
    for start in list(waiting):
        branch: list[Change] = []
        key: str | None = start
        while key is not None and key in waiting:
            branch.append(waiting.pop(key))
            key = branch[-1].after.parent if branch[-1].after else None
        yield from reversed(branch)


def _values(applying: Applying, record: UnitRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "organization_id": number_of(applying.organizations, record.organization, "organization"),
        "parent_id": None if record.parent is None else number_of(applying.units, record.parent, "unit"),
    }


def _create(connection: Connection, applying: Applying, change: Change, by_hand: dict[Place, ByHand]) -> str | None:
    """The name of the unit made by hand that is used; None: there is none, and one was made."""
    assert change.after is not None
    own = {"directory_id": applying.directory_id, "external_key": change.key}
    values = _values(applying, change.after)
    number, name = by_hand.pop((values["organization_id"], values["parent_id"], fold(change.after.name)), (None, None))
    if number is not None:
        connection.execute(update(t.units).where(t.units.c.id == number).values(**own, name=values["name"]))
    else:
        result = connection.execute(insert(t.units).values(**own, **values))
        number = int((result.inserted_primary_key or (0,))[0])
    applying.units[change.key] = number
    return name


def _made_by_hand(connection: Connection) -> dict[Place, ByHand]:
    """Units made by hand by where they are and what they are called, in any spelling; of several the oldest."""
    u = t.units.c
    query = select(u.organization_id, u.parent_id, u.name, u.id).where(u.directory_id.is_(None)).order_by(u.id.desc())
    found = connection.execute(query)
    return {(organization, parent, fold(name)): (number, name) for organization, parent, name, number in found}


def _update(connection: Connection, applying: Applying, change: Change) -> None:
    assert change.after is not None
    values = _values(applying, change.after)
    number = number_of(applying.units, change.key, "unit")
    connection.execute(update(t.units).where(t.units.c.id == number).values(**values))
    # whoever is in it goes with it
    moved = (t.access.c.unit_id == number, t.access.c.organization_id != values["organization_id"])
    own = t.access.c.directory_id == applying.directory_id
    connection.execute(update(t.access).where(own, *moved).values(organization_id=values["organization_id"]))


def carry_along(connection: Connection) -> None:
    """Where a unit has come into another organization, take along what is in it: units made by hand, and access by hand."""
    u, above, a = t.units.c, t.units.alias(), t.access.c
    theirs = select(above.c.organization_id).where(above.c.id == u.parent_id).scalar_subquery()
    strayed = update(t.units).where(u.directory_id.is_(None), u.organization_id != theirs).values(organization_id=theirs)
    while connection.execute(strayed).rowcount:
        pass
    home = select(u.organization_id).where(u.id == a.unit_id).scalar_subquery()
    by_hand = (a.directory_id.is_(None), a.unit_id.is_not(None))
    lost = update(t.access).where(*by_hand, a.organization_id != home)
    connection.execute(lost.values(organization_id=home))


def _in_use(connection: Connection, numbers: set[int]) -> set[int]:
    """Those that someone was put into by hand, that own a user, or that lie above such a unit or above one that stays."""
    used: set[int | None] = set()
    for column in (t.access.c.unit_id, t.users.c.owner_unit_id):
        used.update(connection.scalars(select(column).where(among(connection, column, numbers))))
    parents = dict(connection.execute(select(t.units.c.id, t.units.c.parent_id)).all())
    used.update(parent for number, parent in parents.items() if number not in numbers)
    kept: set[int] = set()
    for number in used:
        above = number
        while above is not None and above in numbers and above not in kept:
            kept.add(above)
            above = parents[above]
    return kept
