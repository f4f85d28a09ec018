"""Who holds a username or an email."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from syncd.model.records import NameHolder
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_names import NAMES

FEW = 500
# one pass over all names costs less than looking up more than one in so many of them
SHARE = 4


def holders(connection: Connection, directory: str, field: str, keys: Collection[str]) -> dict[str, NameHolder]:
    """SyncStore.name_holders."""
    if field not in NAMES:
        raise ValueError(f"people have no name {field!r}")
    if len(keys) > FEW and len(keys) * SHARE > (connection.scalar(select(func.count()).select_from(t.users)) or 0):
        found = _holders(connection, directory, field, None)
        return {key: found[key] for key in keys if key in found}
    return _holders(connection, directory, field, keys)


def _holders(connection: Connection, directory: str, field: str, keys: Collection[str] | None) -> dict[str, NameHolder]:
    """Of these keys, or of all."""
    column, identities = t.users.c[f"{field}_key"], t.identities.c
    query = (
        select(column, t.users.c.id, t.users.c.username, identities.entry_id, identities.missing_since, t.directories.c.name)
        .select_from(t.users)
        .outerjoin(t.identities, identities.user_id == t.users.c.id)
        .outerjoin(t.directories, t.directories.c.id == identities.directory_id)
        .where(among(connection, column, keys) if keys is not None else column.is_not(None))
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
