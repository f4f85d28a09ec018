"""Passwords of many people (S46, S47): each row is what `PasswordService` does for one, in a transaction of its own.

A password that was suggested is in its row and nowhere else: whoever loses the answer asks for another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from syncd.errors import UsageError
from syncd.model.actions import NewPassword, PasswordResult, Result
from syncd.model.caller import Caller
from syncd.services.reasons import checked_reason
from syncd.services.rows import in_row

# people of one request: each takes a tenth of a second and more
MAX_PASSWORDS = 100


class Passwords(Protocol):
    """What the service of passwords does for one person."""

    def set_password(self, user_id: int, password: str, *, caller: Caller, reason: str | None = None) -> None:
        """Raises SyncdError."""

    def suggest(self, user_id: int) -> str:
        """Raises NotFoundError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPasswordService:
    """The use cases. Everything blocks."""

    passwords: Passwords

    def change(self, rows: Iterable[NewPassword], *, caller: Caller, reason: str | None = None) -> Iterator[PasswordResult]:
        """Give each their password, or one that is suggested, one after the other as the iteration goes on.

        Whoever comes twice gets the first one only. Raises UsageError for a wrong reason, and nothing else.
        """
        return self._changed(rows, caller=caller, reason=checked_reason(reason, needed=False))

    def suggest(self, ids: Iterable[int]) -> Iterator[PasswordResult]:
        """A password for each, which is not set."""
        made = PasswordResult
        return (in_row(user_id, partial(self._suggestion, user_id), made=made, what="suggest-password") for user_id in ids)

    def _changed(self, rows: Iterable[NewPassword], *, caller: Caller, reason: str | None) -> Iterator[PasswordResult]:
        seen: set[int] = set()
        for row in rows:
            change = partial(self._change, row, again=row.id in seen, caller=caller, reason=reason)
            seen.add(row.id)
            yield in_row(row.id, change, made=PasswordResult, what="change-password")

    def _change(self, row: NewPassword, *, again: bool, caller: Caller, reason: str | None) -> PasswordResult:
        if again:
            raise UsageError(f"user {row.id} has an earlier row")
        password = self.passwords.suggest(row.id) if row.password is None else row.password
        self.passwords.set_password(row.id, password, caller=caller, reason=reason)
        return PasswordResult(id=row.id, result=Result.CHANGED, password=password if row.password is None else None)

    def _suggestion(self, user_id: int) -> PasswordResult:
        return PasswordResult(id=user_id, result=Result.UNCHANGED, password=self.passwords.suggest(user_id))
