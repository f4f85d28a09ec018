"""Organizations of a plan: made or found by name, renamed, let go.

An organization is shared: what exists already under a name, whoever made it, is used and not made twice, so a directory's own
key and spelling stand in `organization_sources`. Only the directory that made an organization renames it; when another one
renames what it uses, its people and units move to the organization of the new name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from syncd.model.plan import Action, StructureChange
from syncd.model.records import OrganizationRecord
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.apply_context import Applying
from syncd.store.audit import write_changed

Change = StructureChange[OrganizationRecord]
sources = t.organization_sources


def write_organizations(connection: Connection, applying: Applying, changes: Iterable[Change]) -> None:
    """Do the creations and updates, and know all of the directory's organizations by number afterwards. Raises StoreError."""
    writer = _Writer(connection, applying)
    renames = [change for change in changes if change.action is Action.UPDATE]
    creations = [change for change in changes if change.action is Action.CREATE]
    if renames or creations:
        writer.rename(renames)
        writer.create(creations)
        written = renames + creations
        write_changed(connection, [applying.auditor.structure(c, "organization", writer.linked[c.key]) for c in written])
    applying.organizations = writer.linked


def remove_organizations(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Take away what the directory no longer has. One that others use, or with people in it, stays without this directory."""
    writer = _Writer(connection, applying)
    removed = [change for change in changes if change.key in writer.linked]
    write_changed(connection, [applying.auditor.structure(c, "organization", writer.linked[c.key]) for c in removed])
    for change in removed:
        writer.unlink(change.key)
    applying.organizations = writer.linked


@dataclass(slots=True)
class _Writer:
    """Who has which name, kept true while the changes are done one by one. There are few organizations."""

    connection: Connection
    applying: Applying
    # key of this directory -> number
    linked: dict[str, int] = field(init=False)
    # folded name -> number
    taken: dict[str, int] = field(init=False)
    # numbers of those that this directory made
    own: set[int] = field(init=False)

    def __post_init__(self) -> None:
        mine = self.applying.directory_id
        links = select(sources.c.external_key, sources.c.organization_id).where(sources.c.directory_id == mine)
        self.linked = dict(self.connection.execute(links).all())
        every = select(t.organizations.c.id, t.organizations.c.name_key, t.organizations.c.directory_id)
        found = self.connection.execute(every).all()
        self.taken = {key: number for number, key, _ in found}
        self.own = {number for number, _, maker in found if maker == mine}

    # ------------------------------------------------------------ creations and renames
    def create(self, changes: Sequence[Change]) -> None:
        for change in changes:
            record = _after(change)
            number = self._usable(record.name)
            if number is None:
                number = self._insert(record.name)
            row = {"directory_id": self.applying.directory_id, "external_key": record.key, "organization_id": number}
            self.connection.execute(insert(sources).values(name=record.name, **row))
            self.linked[record.key] = number

    def rename(self, changes: Sequence[Change]) -> None:
        """First those that join another organization, whose names stay behind; then the others, who may swap names."""
        in_place = []
        freed = {self.linked[change.key] for change in changes if self.linked[change.key] in self.own}
        for change in changes:
            record, number = _after(change), self.linked[change.key]
            other = self._usable(record.name)
            if other is not None and other not in freed:
                self._move(record, other)
            elif number not in self.own:
                self._move(record, self._insert(record.name))
            else:
                in_place.append(record)
        self._park([self.linked[record.key] for record in in_place])
        for record in in_place:
            self._set_name(self.linked[record.key], record.name)
            self._set_source(record, self.linked[record.key])

    def _usable(self, name: str) -> int | None:
        """The organization of that name, unless this directory has it already under another key."""
        number = self.taken.get(fold(name))
        return None if number is None or number in self.linked.values() else number

    def _insert(self, name: str) -> int:
        at = self.applying.at
        name = self._free_name(name)
        row = {"name": name, "name_key": fold(name), "directory_id": self.applying.directory_id}
        result = self.connection.execute(insert(t.organizations).values(created_at=at, updated_at=at, **row))
        number = int((result.inserted_primary_key or (0,))[0])
        self.taken[fold(name)] = number
        self.own.add(number)
        return number

    def _free_name(self, name: str) -> str:
        """The name, numbered when two keys of this directory have names that only we hold for the same."""
        number, free = 1, name
        while fold(free) in self.taken:
            number += 1
            free = f"{name} ({number})"
        return free

    def _park(self, numbers: Sequence[int]) -> None:
        """Give them keys that no name folds to, so that each can take any other's name."""
        for number in numbers:
            self._update(number, name_key=f"\x1f{number}")
        self.taken = {key: number for key, number in self.taken.items() if number not in numbers}

    def _set_name(self, number: int, name: str) -> None:
        name = self._free_name(name)
        self._update(number, name=name, name_key=fold(name), updated_at=self.applying.at)
        self.taken[fold(name)] = number

    def _update(self, number: int, **values: object) -> None:
        self.connection.execute(update(t.organizations).where(t.organizations.c.id == number).values(**values))

    def _set_source(self, record: OrganizationRecord, number: int) -> None:
        here = (sources.c.directory_id == self.applying.directory_id, sources.c.external_key == record.key)
        self.connection.execute(update(sources).where(*here).values(organization_id=number, name=record.name))
        self.linked[record.key] = number

    def _move(self, record: OrganizationRecord, number: int) -> None:
        old = self.linked[record.key]
        self._set_source(record, number)
        for table in (t.units, t.access):
            mine = (table.c.organization_id == old, table.c.directory_id == self.applying.directory_id)
            self.connection.execute(update(table).where(*mine).values(organization_id=number))
        self._let_go(old)

    # ------------------------------------------------------------ removals
    def unlink(self, key: str) -> None:
        number = self.linked.pop(key)
        here = (sources.c.directory_id == self.applying.directory_id, sources.c.external_key == key)
        self.connection.execute(delete(sources).where(*here))
        self._let_go(number)

    def _let_go(self, number: int) -> None:
        """What becomes of an organization that this directory no longer uses."""
        if number not in self.own:
            return
        self.own.discard(number)
        heir = self.connection.scalar(select(func.min(sources.c.directory_id)).where(sources.c.organization_id == number))
        if heir is not None or self._in_use(number):
            self._update(number, directory_id=heir, updated_at=self.applying.at)
        else:
            self.connection.execute(delete(t.organizations).where(t.organizations.c.id == number))
            self.taken = {key: other for key, other in self.taken.items() if other != number}

    def _in_use(self, number: int) -> bool:
        users = (t.access, t.units, t.roles, t.api_keys)
        return any(self.connection.scalar(select(exists().where(table.c.organization_id == number))) for table in users)


def _after(change: Change) -> OrganizationRecord:
    assert change.after is not None, "only a removal has no record"
    return change.after
