"""The store as one directory's run sees it: what it reads to make a plan, and the way to apply one.

Reads of everything (identities, memberships) stream raw rows from the driver, since a run on an unchanged directory consists of
them; reads of some go by primary key in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, select

from syncd.clock import Clock, SystemClock
from syncd.model.feed import Cursor, FeedKind, StoredCursor
from syncd.model.plan import Link, Plan
from syncd.model.records import Issue, LinkedIdentity, NameHolder, StoredIdentity, StoredPerson
from syncd.services.ports_store import Protected, StoredStructure
from syncd.store import linked
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply import apply_plan
from syncd.store.apply_context import batches
from syncd.store.engine import read
from syncd.store.guardfacts import populations, protected_people
from syncd.store.names import holders
from syncd.store.people import PEOPLE, load_people
from syncd.store.purge import count_purgeable, purge_people
from syncd.store.stored_structure import load_structure

# rows fetched at a time
FETCH = 5000
IDENTITY_KEYS = ("dn_key", "member_key", "primary_group")

identities, role_identifiers = t.identities.c, t.role_identifiers.c

_IDENTITIES = select(
    identities.entry_id,
    identities.user_id,
    identities.fingerprint,
    identities.missing_since.is_(None),
    identities.dn,
    identities.version,
)


def _identity(row: Sequence[Any]) -> tuple[str, StoredIdentity]:
    """`row` as `_IDENTITIES` selects it."""
    entry_id, user_id, fingerprint, present, dn, version = row
    return entry_id, StoredIdentity(user_id, fingerprint, bool(present), dn, version)


@dataclass(frozen=True, slots=True)
class SqlSyncStore:
    """`SyncStore` of services.ports_store over SQLite or PostgreSQL. Every method raises StoreError when the database fails."""

    engine: Engine
    # for what ends with time alone
    clock: Clock = field(default_factory=SystemClock)

    def identities(self, directory: str) -> dict[str, StoredIdentity]:
        known: dict[str, StoredIdentity] = {}
        with read(self.engine) as connection:
            for rows in _stream(connection, _of(directory, _IDENTITIES)):
                known.update(map(_identity, rows))
        return known

    def identities_of(self, directory: str, entry_ids: Collection[str]) -> dict[str, StoredIdentity]:
        known: dict[str, StoredIdentity] = {}
        with read(self.engine) as connection:
            number = connection.scalar(select(t.directories.c.id).where(t.directories.c.name == directory))
            for chunk in batches(sorted(entry_ids), PEOPLE):
                query = _IDENTITIES.where(
                    identities.directory_id == (number or 0), among(connection, identities.entry_id, chunk)
                )
                known.update(map(_identity, connection.execute(query)))
        return known

    def present_count(self, directory: str) -> int:
        query = _of(directory, select(func.count())).where(identities.missing_since.is_(None))
        with read(self.engine) as connection:
            return connection.scalar(query) or 0

    def cursor(self, directory: str) -> StoredCursor | None:
        d = t.directories.c
        query = select(d.feed, d.cursor, d.cursor_version, d.config_digest, d.relations_digest).where(d.name == directory)
        with read(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.feed is None:
            return None
        return StoredCursor(
            cursor=Cursor(feed=FeedKind(row.feed), position=row.cursor),
            version=row.cursor_version,
            config_digest=row.config_digest,
            relations_digest=row.relations_digest,
        )

    def people(self, directory: str, entry_ids: Collection[str]) -> Mapping[str, StoredPerson]:
        with read(self.engine) as connection:
            return load_people(connection, directory, entry_ids)

    def unsettled(self, directory: str) -> Sequence[str]:
        with read(self.engine) as connection:
            return linked.unsettled(connection, directory)

    def linked_identities(self, link_keys: Collection[str]) -> Sequence[LinkedIdentity]:
        with read(self.engine) as connection:
            return linked.by_keys(connection, link_keys)

    def identities_of_users(self, user_ids: Collection[int]) -> Mapping[int, Sequence[LinkedIdentity]]:
        with read(self.engine) as connection:
            return linked.of_users(connection, user_ids)

    def separate_identities(self, directory: str, *, others: Collection[str]) -> Sequence[LinkedIdentity]:
        with read(self.engine) as connection:
            return linked.separate(connection, directory, others=others)

    def person_keys(self, directory: str, *, by: str) -> dict[str, str]:
        if by not in IDENTITY_KEYS:
            raise ValueError(f"people have no key {by!r}")
        column = t.identities.c[by]
        pair = (identities.entry_id, column) if by == "primary_group" else (column, identities.entry_id)
        # two may have one DN in the store, when whoever had it could not be moved on: it is the newcomer's
        query = _of(directory, select(*pair))
        query = query.where(identities.missing_since.is_(None), column.is_not(None)).order_by(identities.dn_since)
        keys: dict[str, str] = {}
        with read(self.engine) as connection:
            for rows in _stream(connection, query):
                keys.update(rows)
        return keys

    def structure(self, directory: str) -> StoredStructure:
        with read(self.engine) as connection:
            return load_structure(connection, directory)

    def memberships(self, directory: str) -> Iterator[Link]:
        held = t.memberships.c
        query = (
            _of(directory, select(identities.entry_id, role_identifiers.external_key))
            .join(t.memberships, held.user_id == identities.user_id)
            .join(
                t.role_identifiers,
                and_(role_identifiers.id == held.role_identifier_id, role_identifiers.directory_id == identities.directory_id),
            )
        )
        return self._links(query)

    def grants(self, directory: str) -> Iterator[Link]:
        held = t.grants.c
        query = (
            _of(directory, select(identities.entry_id, t.roles.c.name))
            .join(t.grants, and_(held.user_id == identities.user_id, held.directory_id == identities.directory_id))
            .join(t.roles, t.roles.c.id == held.role_id)
        )
        return self._links(query)

    def _links(self, query: Select[Any]) -> Iterator[Link]:
        with read(self.engine) as connection:
            if connection.dialect.name == "postgresql":
                # all rows are wanted; without statistics, after an import or a restore, the planner would look up each
                connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
            for rows in _stream(connection, query.where(identities.missing_since.is_(None))):
                yield from map(Link._make, rows)

    def name_holders(self, directory: str, field: str, keys: Collection[str]) -> Mapping[str, NameHolder]:
        with read(self.engine) as connection:
            return holders(connection, directory, field, keys)

    def protected(self, directory: str, *, administrator_roles: Collection[str]) -> Protected:
        with read(self.engine) as connection:
            return protected_people(connection, directory, administrator_roles=administrator_roles, now=self.clock.now())

    def field_populations(self, directory: str, fields: Collection[str]) -> Mapping[str, int]:
        with read(self.engine) as connection:
            return populations(connection, directory, fields)

    def open_issues(self, directory: str) -> Mapping[str, Issue]:
        issues = t.issues.c
        query = select(issues.key, issues.dn, issues.code, issues.message, issues.subject)
        query = query.join(t.directories, t.directories.c.id == issues.directory_id)
        query = query.where(t.directories.c.name == directory, issues.closed_at.is_(None)).order_by(issues.id)
        with read(self.engine) as connection:
            rows = connection.execute(query)
            return {
                key: Issue(key=key, dn=dn, code=code, message=text, subject=subject) for key, dn, code, text, subject in rows
            }

    def apply(
        self,
        plan: Plan,
        *,
        run_id: int,
        epoch: int,
        at: datetime,
        progress: Callable[[int], None],
        stopping: Callable[[], bool],
    ) -> None:
        apply_plan(self.engine, plan, run_id=run_id, epoch=epoch, at=at, progress=progress, stopping=stopping)

    def purgeable(self, directory: str, *, missing_before: datetime) -> int:
        with read(self.engine) as connection:
            return count_purgeable(connection, directory, missing_before=missing_before)

    def purge(
        self, directory: str, *, missing_before: datetime, run_id: int | None, at: datetime, epoch: int | None = None
    ) -> int:
        return purge_people(self.engine, directory, missing_before=missing_before, run_id=run_id, at=at, epoch=epoch)


def _of(directory: str, query: Select[Any]) -> Select[Any]:
    """Those identities that belong to the directory."""
    owner = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    return query.select_from(t.identities).where(identities.directory_id == owner)


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    """Blocks of rows, never all at once: PostgreSQL through a cursor of the server, SQLite as its driver hands them out."""
    if connection.dialect.name == "postgresql":
        yield from connection.execution_options(yield_per=FETCH).execute(query).partitions()
        return
    cursor: Any = connection.execute(query).cursor
    while rows := cursor.fetchmany(FETCH):
        yield rows
