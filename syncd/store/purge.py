"""Deleting people who have been gone from their directory for longer than the retention time.

Of a user whom another directory still has, only what this one brought goes: its entry with memberships, grants and access.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, func, select, update

from syncd.model.caller import Caller
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.announce import announce, announce_deletion
from syncd.store.audit import RUN, Auditor, fields_text, write_changed
from syncd.store.bulk import time_text
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.lease import fence
from syncd.store.role_events import role_names, tell_roles

# what names people by number alone
_BY_NUMBER = (t.access.c.user_id, t.grants.c.user_id, t.memberships.c.user_id, t.user_search.c.user_id)
# people per transaction: everything of theirs goes with each
BATCH = 500


def purge_people(
    engine: Engine,
    directory: str,
    *,
    missing_before: datetime,
    run_id: int | None,
    at: datetime,
    epoch: int | None = None,
) -> int:
    """SyncStore.purge. Who owns records of another system stays, and so does a user made by hand. Everything of the person goes
    with them but the audit events. Who has gone from another directory later than that waits for it.

    `epoch`: of the lease, where the caller holds it; then every transaction makes sure that it is still the newest.
    """
    auditor = Auditor(directory=directory, run_id=run_id, at=time_text(at))
    purged = 0
    # asked first without taking the writer's turn: on most days there is nobody
    while _someone(engine, directory, missing_before):
        with write(engine) as connection:
            if epoch is not None:
                fence(connection, directory, epoch)
            people = _gone(connection, directory, missing_before)
            journal = Journal(connection, caller=Caller(name=RUN), at=at, run_id=run_id, directory=directory)
            announce_deletion(connection, [person.id for person in people if not person.elsewhere], journal=journal)
            write_changed(connection, [_event(auditor, person) for person in people])
            delete_users(connection, [person.id for person in people if not person.elsewhere])
            staying = [person.id for person in people if person.elsewhere]
            had = role_names(connection, staying)
            _delete_entries(connection, directory, staying, at=at)
            tell_roles(had, journal=journal)
            announce(connection, staying, journal=journal)
        purged += len(people)
    return purged


def count_purgeable(connection: Connection, directory: str, *, missing_before: datetime) -> int:
    """SyncStore.purgeable."""
    people = _query(directory, missing_before).subquery()
    return int(connection.execute(select(func.count()).select_from(people)).scalar_one())


def delete_users(connection: Connection, user_ids: Sequence[int]) -> None:
    """Delete people with everything that is theirs; the one way to do it, since not all of it goes by a foreign key."""
    for column in (*_BY_NUMBER, t.users.c.id):
        connection.execute(delete(column.table).where(among(connection, column, user_ids)))


def delete_rows_of(connection: Connection, directory_id: int, user_ids: Sequence[int]) -> None:
    """Delete what a directory brought of these users; the users stay."""
    identifiers = select(t.role_identifiers.c.id).where(t.role_identifiers.c.directory_id == directory_id)
    theirs = among(connection, t.memberships.c.user_id, user_ids)
    connection.execute(delete(t.memberships).where(theirs, t.memberships.c.role_identifier_id.in_(identifiers)))
    for table in (t.access, t.grants, t.identities):
        own = (table.c.directory_id == directory_id, among(connection, table.c.user_id, user_ids))
        connection.execute(delete(table).where(*own))


def _delete_entries(connection: Connection, directory: str, user_ids: Sequence[int], *, at: datetime) -> None:
    if not user_ids:
        return
    number = connection.execute(select(t.directories.c.id).where(t.directories.c.name == directory)).scalar_one()
    delete_rows_of(connection, number, user_ids)
    changed = update(t.users).where(among(connection, t.users.c.id, user_ids))
    connection.execute(changed.values(version=t.users.c.version + 1, updated_at=at))


def _someone(engine: Engine, directory: str, missing_before: datetime) -> bool:
    with read(engine) as connection:
        return connection.execute(_query(directory, missing_before).limit(1)).first() is not None


def _gone(connection: Connection, directory: str, missing_before: datetime) -> Sequence[Row[Any]]:
    return connection.execute(_query(directory, missing_before).order_by(t.users.c.id).limit(BATCH)).all()


def _query(directory: str, missing_before: datetime) -> Any:
    identities, users = t.identities.c, t.users.c
    other = t.identities.alias("other")
    others = (other.c.user_id == users.id, other.c.directory_id != identities.directory_id)
    elsewhere = exists().where(*others, other.c.missing_since.is_(None))
    later = exists().where(*others, other.c.missing_since >= missing_before)
    owner = exists().where(t.owned_records.c.user_id == users.id)
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    return (
        select(users.id, users.username, users.email, identities.entry_id, identities.dn, identities.missing_since,
               elsewhere.label("elsewhere"))
        .join_from(t.identities, t.users, users.id == identities.user_id)
        .where(
            identities.directory_id == number,
            identities.missing_since < missing_before,
            users.manual.is_(False),
            elsewhere | (~later & ~owner),
        )
    )  # fmt: skip


def _event(auditor: Auditor, person: Row[Any]) -> tuple[Any, ...]:
    """Of somebody who is still elsewhere, only the entry goes."""
    names = ("entry_id", "dn") if person.elsewhere else ("username", "email", "entry_id", "dn")
    action = "user.unlinked" if person.elsewhere else "user.purged"
    reason = f"missing from {auditor.directory} since {person.missing_since.isoformat()}"
    before = fields_text({name: person._mapping[name] for name in names})
    return auditor.changed(action, "user", person.id, before=before, after=None, reason=reason)
