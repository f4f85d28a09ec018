"""What the store knows of people in several directories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select, update

from syncd.model.records import LinkedIdentity
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import batches

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


def unsettled(connection: Connection, directory: str) -> list[str]:
    """SyncStore.unsettled."""
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    query = select(_i.entry_id).where(_i.directory_id == number, func.length(_i.fingerprint) == 0)
    return list(connection.scalars(query.where(_i.missing_since.is_(None)).order_by(_i.entry_id)))


def unsettle(connection: Connection, user_ids: Collection[int], *, but: int | None = None) -> None:
    """Make the directories map these users anew at their next runs; all of them, or all `but` one."""
    if not user_ids:
        return
    theirs = among(connection, _i.user_id, user_ids) & _i.missing_since.is_(None)
    if but is not None:
        theirs &= _i.directory_id != but
    connection.execute(update(t.identities).where(theirs).values(fingerprint=b"", version=None))
