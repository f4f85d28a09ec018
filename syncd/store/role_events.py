"""Telling others of roles that people are given, or that come and go with a directory's entry (`user.roles_changed`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.journal import Journal


def role_names(connection: Connection, user_ids: Sequence[int]) -> dict[int, set[str]]:
    """The roles that each of these users has, from whatever source."""
    names: dict[int, set[str]] = {user_id: set() for user_id in user_ids}
    query = select(t.grants.c.user_id, t.roles.c.name).join(t.roles, t.roles.c.id == t.grants.c.role_id)
    for user_id, name in connection.execute(query.where(among(connection, t.grants.c.user_id, user_ids))) if user_ids else ():
        names[user_id].add(name)
    return names


def tell_roles(had: Mapping[int, set[str]], *, journal: Journal, reason: str | None = None) -> None:
    """Tell which roles each of these users has got and lost since."""
    have = role_names(journal.connection, list(had))
    for user_id, before in had.items():
        removed, added = sorted(before - have[user_id]), sorted(have[user_id] - before)
        add_roles(journal, user_id, removed=removed, added=added, reason=reason)
    journal.write()


def add_roles(journal: Journal, user_id: int, *, removed: Sequence[str], added: Sequence[str], reason: str | None) -> None:
    """Keep for the journal what roles were taken and given, by name, if any were."""
    if removed or added:
        before, after = {"removed": removed} if removed else None, {"added": added} if added else None
        journal.add("user.roles_changed", "user", user_id, before=before, after=after, reason=reason)
