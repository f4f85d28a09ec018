"""What the store knows of people in several directories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, func, literal_column, select, update

from syncd.errors import StoreError
from syncd.model.records import LinkedIdentity
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import batches

# number of the lock of those who create people that may be linked
_CREATING = 0x73796E63_6C696E6B
# keys per query
_CHUNK = 2000

_i = t.identities.c


def _linked() -> Select[Any]:
    """The columns of LinkedIdentity."""
    columns = (t.directories.c.name, _i.entry_id, _i.dn, _i.user_id, _i.link_key, _i.missing_since.is_(None),
               t.users.c.manual, t.users.c.break_glass)  # fmt: skip
    query = select(*columns).join_from(t.identities, t.users, t.users.c.id == _i.user_id)
    return query.join(t.directories, t.directories.c.id == _i.directory_id)


def _identity(row: Sequence[Any]) -> LinkedIdentity:
    name, entry_id, dn, user_id, key, present, manual, break_glass = row
    return LinkedIdentity(name, entry_id, dn, user_id, key, bool(present), bool(manual), bool(break_glass))


def by_keys(connection: Connection, link_keys: Collection[str]) -> list[LinkedIdentity]:
    """SyncStore.linked_identities."""
    found: list[LinkedIdentity] = []
    for chunk in batches(sorted(link_keys), _CHUNK):
        query = _linked().where(_i.link_key.is_not(None), among(connection, _i.link_key, chunk))
        found += map(_identity, connection.execute(query.order_by(t.directories.c.name, _i.entry_id)))
    return found


def of_users(connection: Connection, user_ids: Collection[int]) -> Mapping[int, Sequence[LinkedIdentity]]:
    """SyncStore.identities_of_users."""
    found: defaultdict[int, list[LinkedIdentity]] = defaultdict(list)
    for chunk in batches(sorted(user_ids), _CHUNK):
        query = _linked().where(among(connection, _i.user_id, chunk)).order_by(_i.user_id, t.directories.c.name)
        for row in connection.execute(query):
            identity = _identity(row)
            found[identity.user_id].append(identity)
    return found


def separate(connection: Connection, directory: str, *, others: Collection[str]) -> list[LinkedIdentity]:
    """SyncStore.separate_identities."""
    other, theirs = t.identities.alias("other"), t.directories.alias("theirs")
    same = exists().where(
        other.c.link_key == _i.link_key,
        other.c.link_key.is_not(None),
        other.c.user_id != _i.user_id,
        other.c.directory_id.in_(select(theirs.c.id).where(theirs.c.name.in_(sorted(others)))),
    )
    query = _linked().where(t.directories.c.name == directory, _i.link_key.is_not(None), _i.missing_since.is_(None), same)
    return [_identity(row) for row in connection.execute(query.order_by(_i.entry_id))]


def present_in(connection: Connection, user_ids: Iterable[int]) -> Mapping[int, set[str]]:
    """User -> names of the directories that have them."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    query = select(_i.user_id, t.directories.c.name).join(t.directories, t.directories.c.id == _i.directory_id)
    query = query.where(among(connection, _i.user_id, list(user_ids)), _i.missing_since.is_(None))
    for user_id, name in connection.execute(query):
        found[user_id].add(name)
    return found


def require_new(connection: Connection, link_keys: Collection[str], *, others: Collection[str]) -> None:
    """Make sure that none of the other directories has brought these people since the plan was made, and that none of them does
    until the end of the transaction. Raises StoreError."""
    if not link_keys or not others:
        return
    if connection.dialect.name == "postgresql":
        # whoever creates people that may be linked waits for the one before
        connection.execute(select(func.pg_advisory_xact_lock(_CREATING)))
    query = _linked().where(_i.link_key.is_not(None), among(connection, _i.link_key, list(link_keys)))
    theirs = query.where(t.users.c.manual.is_(False), t.directories.c.name.in_(sorted(others)))
    if row := connection.execute(theirs.limit(1)).first():
        raise StoreError(
            f"{row[0]} brought people with the same link keys, {row[4]!r} for one, while this run was working",
            advice="The next run links them.",
        )


def unsettled(connection: Connection, directory: str) -> list[str]:
    """SyncStore.unsettled."""
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    # as the partial index has it, without a parameter; in the order of entry ids SQLite would rather read everybody
    query = select(_i.entry_id).where(func.length(_i.fingerprint) == literal_column("0"), _i.directory_id == number)
    return sorted(connection.scalars(query.where(_i.missing_since.is_(None))))


def unsettle(connection: Connection, user_ids: Collection[int], *, but: int | None = None) -> None:
    """Make the directories map these users anew at their next runs; all of them, or all `but` one."""
    if not user_ids:
        return
    theirs = among(connection, _i.user_id, user_ids) & _i.missing_since.is_(None)
    if but is not None:
        theirs &= _i.directory_id != but
    connection.execute(update(t.identities).where(theirs).values(fingerprint=b"", version=None))
