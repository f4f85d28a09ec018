"""Changes of a person's two axes by hand: the administrator's switch, and Activate.

What an event does in which state is the table of syncd.accounts.states; here it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from syncd.accounts.states import AuthStatus, Change, Event, Standing, step_for
from syncd.model.caller import Caller
from syncd.store.administrators import require_other_administrator
from syncd.store.announce import announce
from syncd.store.endings import end_access
from syncd.store.engine import read, write
from syncd.store.gate import reasons_of
from syncd.store.journal import Journal
from syncd.store.linked import unsettle
from syncd.store.passwords import left_to_directory
from syncd.store.relink import entry_named
from syncd.store.userrows import locked_user, require_version, touch_user


class SqlActions:
    """`ActionStore` of services.actions."""

    def __init__(self, engine: Engine, *, administrator_roles: Collection[str]) -> None:
        self._engine = engine
        self._administrator_roles = tuple(administrator_roles)

    def switch(
        self, user_id: int, *, enabled: bool, caller: Caller, reason: str | None, if_match: int | None, at: datetime
    ) -> Change:
        with write(self._engine) as connection:
            row = locked_user(connection, user_id)
            require_version(row, if_match)
            standing = _standing(row)
            step = step_for(standing, Event.ENABLE if enabled else Event.DISABLE, limit=0)
            if step is None:
                return Change(standing, False, row.version)
            if not enabled:
                roles = self._administrator_roles
                require_other_administrator(connection, user_id, administrator_roles=roles, now=at)
            touch_user(connection, user_id, at=at, enabled=enabled)
            if step.ends_sessions:
                end_access(connection, [user_id])
            journal = Journal(connection, caller=caller, at=at)
            action = "user.enabled" if enabled else "user.disabled"
            before, after = {"enabled": row.enabled}, {"enabled": enabled}
            journal.note(action, "user", user_id, before=before, after=after, reason=reason)
            announce(connection, [user_id], journal=journal)
        return Change(standing, True, row.version + 1)

    def activate(self, user_id: int, *, caller: Caller, reason: str | None, if_match: int | None, at: datetime) -> Change:
        with write(self._engine) as connection:
            row = locked_user(connection, user_id)
            require_version(row, if_match)
            standing = _standing(row)
            step = step_for(standing, Event.ACTIVATE, limit=0)
            if step is None:
                return Change(standing, False, row.version)
            then = step.after(standing)
            values = {"auth_status": then.status.value, "failed_logins": then.failed_logins}
            touch_user(connection, user_id, at=at, locked_at=None, **values)
            before = {"auth_status": row.auth_status, "failed_logins": row.failed_logins}
            journal = Journal(connection, caller=caller, at=at)
            journal.note("user.activated", "user", user_id, before=before, after=values, reason=reason)
            announce(connection, [user_id], journal=journal)
        return Change(standing, True, row.version + 1)

    def reasons(self, user_id: int, *, now: datetime) -> Sequence[str]:
        with read(self._engine) as connection:
            return reasons_of(connection, [user_id], now=now).get(user_id, ())

    def break_glass(self, user_id: int, *, on: bool, caller: Caller, reason: str, at: datetime) -> bool:
        with write(self._engine) as connection:
            row = locked_user(connection, user_id)
            if row.break_glass == on:
                return False
            after: dict[str, Any] = {"break_glass": on}
            if not on and not row.manual:
                after |= left_to_directory(row)
            touch_user(connection, user_id, at=at, **after)
            if not on:
                # what the directory says meanwhile comes with its next run
                unsettle(connection, [user_id])
            before = {name: getattr(row, name) for name in after}
            journal = Journal(connection, caller=caller, at=at)
            journal.note("user.updated", "user", user_id, before=before, after=after, reason=reason)
            announce(connection, [user_id], journal=journal)
        return True

    def entry_owner(self, directory: str, *, dn: str | None, entry_id: str | None) -> int | None:
        with read(self._engine) as connection:
            entry = entry_named(connection, directory, dn if dn is not None else entry_id or "", is_dn=dn is not None)
        return None if entry is None else int(entry.user_id)


def _standing(row: Row[Any]) -> Standing:
    return Standing(row.enabled, AuthStatus(row.auth_status), row.failed_logins)
