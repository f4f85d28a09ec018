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
from syncd.store.bulk import Row

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
        write_changed(connection, writer.events)
    applying.organizations = writer.linked


def remove_organizations(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Take away what the directory no longer has. One that others use, or with people in it, stays without this directory."""
    writer = _Writer(connection, applying)
    for change in changes:
        if change.key in writer.linked:
            writer.unlink(change)
    write_changed(connection, writer.events)
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
    # what has become of organizations, to be told
    events: list[Row] = field(default_factory=list)

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
            used = self._usable(record.name)
            number = self._insert(record.name) if used is None else used
            self._told_joined(change.key, record, number, made=used is None)
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
                self._move(change, other, made=False)
            elif number not in self.own:
                self._move(change, self._insert(record.name), made=True)
            else:
                in_place.append(record)
                self.events.append(self.applying.auditor.structure(change, "organization", number))
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

    def _move(self, change: Change, number: int, *, made: bool) -> None:
        record = _after(change)
        old = self.linked[record.key]
        self._told_joined(change.key, record, number, made=made)
        self._set_source(record, number)
        for table in (t.units, t.access):
            mine = (table.c.organization_id == old, table.c.directory_id == self.applying.directory_id)
            self.connection.execute(update(table).where(*mine).values(organization_id=number))
        self._told_left(change, old, gone=self._let_go(old))

    # ------------------------------------------------------------ removals
    def unlink(self, change: Change) -> None:
        number = self.linked.pop(change.key)
        here = (sources.c.directory_id == self.applying.directory_id, sources.c.external_key == change.key)
        self.connection.execute(delete(sources).where(*here))
        self._told_left(change, number, gone=self._let_go(number))

    def _let_go(self, number: int) -> bool:
        """What becomes of an organization that this directory no longer uses: whether it is gone."""
        if number not in self.own:
            return False
        self.own.discard(number)
        heir = self.connection.scalar(select(func.min(sources.c.directory_id)).where(sources.c.organization_id == number))
        if heir is not None or self._in_use(number):
            self._update(number, directory_id=heir, updated_at=self.applying.at)
            return False
        self.connection.execute(delete(t.organizations).where(t.organizations.c.id == number))
        self.taken = {key: other for key, other in self.taken.items() if other != number}
        return True

    def _in_use(self, number: int) -> bool:
        users = (t.access, t.units, t.roles, t.api_keys)
        return any(self.connection.scalar(select(exists().where(table.c.organization_id == number))) for table in users)

    # ------------------------------------------------------------ what is told
    def _told_joined(self, key: str, record: OrganizationRecord, number: int, *, made: bool) -> None:
        auditor = self.applying.auditor
        if made:
            change = StructureChange(Action.CREATE, key, None, record)
            self.events.append(auditor.structure(change, "organization", number))
        else:
            self.events.append(auditor.shared("organization", number, before={}, after={"key": key}))

    def _told_left(self, change: Change, number: int, *, gone: bool) -> None:
        auditor = self.applying.auditor
        if gone:
            removal = StructureChange(Action.REMOVE, change.key, change.before, None)
            self.events.append(auditor.structure(removal, "organization", number))
        else:
            self.events.append(auditor.shared("organization", number, before={"key": change.key}, after={}))


def _after(change: Change) -> OrganizationRecord:
    assert change.after is not None, "only a removal has no record"
    return change.after
