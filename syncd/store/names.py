"""Who holds a username or an email."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from syncd.model.records import NameHolder
from syncd.store import schema as t
from syncd.store.apply_context import CHUNK, batches
from syncd.store.apply_names import NAMES

# above this many keys, one pass over all names costs less than looking each one up
MANY = 5000


def holders(connection: Connection, directory: str, field: str, keys: Collection[str]) -> dict[str, NameHolder]:
    """SyncStore.name_holders."""
    if field not in NAMES:
        raise ValueError(f"people have no name {field!r}")
    wanted = _held(connection, field, keys) if len(keys) > MANY else list(keys)
    found: dict[str, NameHolder] = {}
    for chunk in batches(sorted(wanted), CHUNK):
        found.update(_holders(connection, directory, field, chunk))
    return found


def _held(connection: Connection, field: str, keys: Collection[str]) -> list[str]:
    column = t.users.c[f"{field}_key"]
    wanted = keys if isinstance(keys, set | frozenset | dict) else set(keys)
    return [key for key in connection.scalars(select(column).where(column.is_not(None))) if key in wanted]


def _holders(connection: Connection, directory: str, field: str, keys: Collection[str]) -> dict[str, NameHolder]:
    column, identities = t.users.c[f"{field}_key"], t.identities.c
    query = (
        select(column, t.users.c.id, t.users.c.username, identities.entry_id, identities.missing_since, t.directories.c.name)
        .select_from(t.users)
        .outerjoin(t.identities, identities.user_id == t.users.c.id)
        .outerjoin(t.directories, t.directories.c.id == identities.directory_id)
        .where(column.in_(keys))
        .order_by(identities.directory_id)
    )
    found: dict[str, NameHolder] = {}
    for key, user_id, username, entry_id, missing_since, owner in connection.execute(query):
        mine = owner == directory
        # a person of several directories counts as this one's, else as that of the first that has them
        known = found.get(key)
        if known is None or mine or (missing_since is None and not known.present and known.entry_id is None):
            found[key] = NameHolder(user_id, entry_id if mine else None, owner, username or "", missing_since is None)
    return found
