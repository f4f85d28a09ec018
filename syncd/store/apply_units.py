"""Units of a plan: made parents first, moved, let go children first.

A unit belongs to the directory that brought it. One that someone has put people into by hand is not taken from under them:
it stays, as a unit made by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from syncd.model.plan import Action, StructureChange
from syncd.model.records import UnitRecord
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import Applying, number_of
from syncd.store.audit import write_changed

Change = StructureChange[UnitRecord]


def write_units(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Do the creations and updates, and know all of the directory's units by number afterwards. Raises StoreError."""
    applying.units = _known(connection, applying)
    for change in _parents_first([change for change in changes if change.action is Action.CREATE]):
        _create(connection, applying, change)
    for change in changes:
        if change.action is Action.UPDATE:
            _update(connection, applying, change)
    written = [change for change in changes if change.action is not Action.REMOVE]
    write_changed(connection, [applying.auditor.structure(c, "unit", applying.units[c.key]) for c in written])


def remove_units(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Take away what the directory no longer has. People of this directory who are still in one (they went missing, or could
    not be used) keep their organization."""
    leaving = {change.key: applying.units[change.key] for change in changes if change.key in applying.units}
    removed = [change for change in changes if change.key in leaving]
    write_changed(connection, [applying.auditor.structure(c, "unit", leaving[c.key]) for c in removed])
    numbers = set(leaving.values())
    own = (among(connection, t.access.c.unit_id, numbers), t.access.c.directory_id == applying.directory_id)
    connection.execute(update(t.access).where(*own).values(unit_id=None))
    kept = _in_use(connection, numbers)
    adopted = update(t.units).values(directory_id=None, external_key=None)
    connection.execute(adopted.where(among(connection, t.units.c.id, kept)))
    gone = among(connection, t.units.c.id, numbers - kept)
    connection.execute(update(t.units).where(gone).values(parent_id=None))
    connection.execute(delete(t.units).where(gone))


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


def _values(applying: Applying, record: UnitRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "organization_id": number_of(applying.organizations, record.organization, "organization"),
        "parent_id": None if record.parent is None else number_of(applying.units, record.parent, "unit"),
    }


def _create(connection: Connection, applying: Applying, change: Change) -> None:
    assert change.after is not None
    own = {"directory_id": applying.directory_id, "external_key": change.key}
    result = connection.execute(insert(t.units).values(**own, **_values(applying, change.after)))
    applying.units[change.key] = int((result.inserted_primary_key or (0,))[0])


def _update(connection: Connection, applying: Applying, change: Change) -> None:
    assert change.after is not None
    values = _values(applying, change.after)
    number = number_of(applying.units, change.key, "unit")
    connection.execute(update(t.units).where(t.units.c.id == number).values(**values))
    # whoever is in it goes with it
    moved = (t.access.c.unit_id == number, t.access.c.organization_id != values["organization_id"])
    own = t.access.c.directory_id == applying.directory_id
    connection.execute(update(t.access).where(own, *moved).values(organization_id=values["organization_id"]))


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
