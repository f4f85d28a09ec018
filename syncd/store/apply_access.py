"""Who gains or loses access because what they belong to moves to another organization, which may be switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from syncd.store import schema as t
from syncd.store.announce import announce
from syncd.store.apply_context import Applying


@contextmanager
def moves_announced(connection: Connection, applying: Applying, *, moving: bool) -> Iterator[None]:
    """Announce what the moves inside come to. Where all organizations are enabled, moving between them changes nobody's access,
    so that nobody need be looked at; `moving`: whether anything moves at all."""
    applying.look_at_organizations(connection)
    if not moving or not applying.disabled:
        yield
        return
    before = _where(connection)
    yield
    affected = {user_id for user_id, organization in before ^ _where(connection)}
    announce(connection, sorted(affected), journal=applying.journal(connection))


def _where(connection: Connection) -> set[tuple[int, int]]:
    """Everybody's access, as (user, organization)."""
    found = connection.execute(select(t.access.c.user_id, t.access.c.organization_id))
    return {(user_id, organization) for user_id, organization in found}
