"""Enable, disable, activate, reset and delete, for one person and for many.

What may be done to whom is decided here, once for both: not to oneself, not to somebody who may do more than the caller, not to
the last administrator. For many, each person has a transaction of their own, and a row that fails stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from syncd.accounts.states import Change
from syncd.clock import Clock
from syncd.errors import CountMismatchError, ManagedFieldError, OneselfError, UsageError
from syncd.model.actions import NEEDS_REASON, Action, Result, RowResult
from syncd.model.caller import Caller
from syncd.services.ports_people import Ceiling
from syncd.services.ports_store import Relinked
from syncd.services.reasons import checked_reason, reason_text
from syncd.services.rows import in_row

# people of one request
MAX_AT_ONCE = 1000


class ActionStore(Protocol):
    """Changes of a person's two axes, each in one transaction with its audit rows."""

    def switch(
        self, user_id: int, *, enabled: bool, caller: Caller, reason: str | None, if_match: int | None, at: datetime
    ) -> Change:
        """Set the administrator's switch. Switching off ends the sessions.

        Raises NotFoundError, PreconditionFailedError, LastAdministratorError.
        """

    def activate(self, user_id: int, *, caller: Caller, reason: str | None, if_match: int | None, at: datetime) -> Change:
        """From locked to active with the counter at zero. Raises NotFoundError, PreconditionFailedError."""

    def reasons(self, user_id: int, *, now: datetime) -> Sequence[str]:
        """Why somebody cannot log in, of the login gate."""

    def break_glass(self, user_id: int, *, on: bool, caller: Caller, reason: str, at: datetime) -> bool:
        """Whether no run touches the account; whether that is a change. Raises NotFoundError."""

    def entry_owner(self, directory: str, *, dn: str | None, entry_id: str | None) -> int | None:
        """Whose a directory's entry is; None for one that the store does not have. Raises UsageError for what is no DN."""


class PasswordResets(Protocol):
    """What the service of passwords does for an administrator."""

    def reset(self, user_id: int, *, caller: Caller, reason: str, if_match: int | None = None) -> object:
        """Ask for a new password by a link. Raises SyncdError."""


class Deletions(Protocol):
    """What the service of users does."""

    def delete(self, user_id: int, *, caller: Caller, reason: str, if_match: int | None = None) -> object:
        """Raises SyncdError."""


class Links(Protocol):
    """Entries of directories that change their users."""

    def link(
        self, user_id: int, *, directory: str, dn: str | None = None, entry_id: str | None = None, caller: Caller, reason: str
    ) -> Relinked:
        """Raises SyncdError."""

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str) -> Relinked:
        """Raises SyncdError."""


class Finder(Protocol):
    """Whom a filter means."""

    def found(self, text: str, *, limit: int) -> Mapping[int, str]:
        """Id -> username of the people whom a filter of the SCIM grammar means, `limit` at most. Raises UsageError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionService:
    """The use cases."""

    store: ActionStore
    passwords: PasswordResets
    users: Deletions
    ceiling: Ceiling
    links: Links
    finder: Finder
    clock: Clock

    def act(
        self, action: Action, user_id: int, *, caller: Caller, reason: str | None = None, if_match: int | None = None
    ) -> RowResult:
        """Do it to one person. Raises SyncdError for what is refused."""
        text = checked_reason(reason, needed=action in NEEDS_REASON)
        # an administrator may well ask for a new password of their own
        if action is not Action.RESET_PASSWORD:
            _not_oneself(user_id, caller)
        self.ceiling.require_user(user_id, caller=caller)
        return _DOERS[action](self, user_id, caller, text, if_match)

    def rows(self, action: Action, ids: Sequence[int], *, caller: Caller, reason: str | None = None) -> Iterator[RowResult]:
        """Do it to many, one after the other as the iteration goes on; never raises but for a reason that is missing."""
        text = checked_reason(reason, needed=action in NEEDS_REASON)
        for_one = partial(self._for_one, action, caller=caller, reason=text)
        return (in_row(user_id, partial(for_one, user_id), made=RowResult, what=action.value) for user_id in ids)

    def chosen(self, *, ids: Sequence[int] | None = None, matching: str | None = None, count: int | None = None) -> list[int]:
        """Whom an action for many is about: those ids, each once, or those whom a filter means and exactly as many as expected.

        Raises UsageError, CountMismatchError.
        """
        if (ids is None) == (matching is None):
            raise UsageError("say who: by their ids, or by a filter with the number of people it means")
        if ids is not None:
            return list(dict.fromkeys(ids))
        if count is None:
            raise UsageError("a filter needs `count`, the number of people it is meant to find")
        found = list(self.found(matching or "", limit=MAX_AT_ONCE + 1))
        if len(found) != count:
            said = f"more than {MAX_AT_ONCE}" if len(found) > MAX_AT_ONCE else str(len(found))
            raise CountMismatchError(f"the filter means {said} people, not {count}: nothing was done")
        return found

    def found(self, matching: str, *, limit: int) -> Mapping[int, str]:
        """Id -> username of those whom a filter means, so many at most. Raises UsageError."""
        return self.finder.found(matching, limit=limit)

    def link(
        self, user_id: int, *, directory: str, dn: str | None, entry_id: str | None, caller: Caller, reason: str
    ) -> Relinked:
        """Make another user's entry one of this user, with the roles that its directory gives. Raises SyncdError."""
        if (dn is None) == (entry_id is None):
            raise UsageError("say which entry: by its DN or by its id")
        owner = self.store.entry_owner(directory, dn=dn, entry_id=entry_id)
        # the roles of the entry go with it, so both ends count
        for involved in (user_id, owner):
            if involved is not None:
                _not_oneself(involved, caller)
                self.ceiling.require_user(involved, caller=caller)
        return self.links.link(user_id, directory=directory, dn=dn, entry_id=entry_id, caller=caller, reason=reason)

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str) -> Relinked:
        """Make a user's entry of one directory a user of its own. Raises SyncdError."""
        _not_oneself(user_id, caller)
        self.ceiling.require_user(user_id, caller=caller)
        return self.links.unlink(user_id, directory=directory, caller=caller, reason=reason)

    def break_glass(self, user_id: int, *, on: bool, caller: Caller, reason: str) -> bool:
        """Let no run touch somebody, whose local password works while their directory is away; whether that is new.

        Raises SyncdError.
        """
        return self.store.break_glass(user_id, on=on, caller=caller, reason=reason_text(reason), at=self.clock.now())

    def _for_one(self, action: Action, user_id: int, *, caller: Caller, reason: str | None) -> RowResult:
        """One of many, of whom whoever asks is never one."""
        _not_oneself(user_id, caller)
        return self.act(action, user_id, caller=caller, reason=reason)

    # ------------------------------------------------------------ what each does
    def _enable(self, user_id: int, caller: Caller, reason: str | None, if_match: int | None) -> RowResult:
        done = self.store.switch(user_id, enabled=True, caller=caller, reason=reason, if_match=if_match, at=self.clock.now())
        self._require_ours(user_id, done)
        return _outcome(user_id, done, "already_enabled", "was enabled already")

    def _require_ours(self, user_id: int, done: Change) -> None:
        """Where nothing here was to be switched on, whether it is a directory that keeps them out. Raises ManagedFieldError."""
        if done.changed:
            return
        theirs = [reason for reason in self.store.reasons(user_id, now=self.clock.now()) if reason.startswith("directory_")]
        if theirs:
            raise ManagedFieldError(f"nothing here keeps user {user_id} out, but a directory does: {', '.join(theirs)}")

    def _disable(self, user_id: int, caller: Caller, reason: str | None, if_match: int | None) -> RowResult:
        done = self.store.switch(user_id, enabled=False, caller=caller, reason=reason, if_match=if_match, at=self.clock.now())
        return _outcome(user_id, done, "already_disabled", "was disabled already")

    def _activate(self, user_id: int, caller: Caller, reason: str | None, if_match: int | None) -> RowResult:
        done = self.store.activate(user_id, caller=caller, reason=reason, if_match=if_match, at=self.clock.now())
        self._require_ours(user_id, done)
        return _outcome(user_id, done, "not_locked", f"not locked: the status is {done.before.status.value}")

    def _reset(self, user_id: int, caller: Caller, reason: str | None, if_match: int | None) -> RowResult:
        self.passwords.reset(user_id, caller=caller, reason=reason or "", if_match=if_match)
        return RowResult(id=user_id, result=Result.CHANGED)

    def _delete(self, user_id: int, caller: Caller, reason: str | None, if_match: int | None) -> RowResult:
        self.users.delete(user_id, caller=caller, reason=reason or "", if_match=if_match)
        return RowResult(id=user_id, result=Result.CHANGED)


Doer = Callable[[ActionService, int, Caller, "str | None", "int | None"], RowResult]

_DOERS: Mapping[Action, Doer] = {
    Action.ENABLE: ActionService._enable,
    Action.DISABLE: ActionService._disable,
    Action.ACTIVATE: ActionService._activate,
    Action.RESET_PASSWORD: ActionService._reset,
    Action.DELETE: ActionService._delete,
}


def _not_oneself(user_id: int, caller: Caller) -> None:
    """Raises OneselfError."""
    if caller.user_id == user_id:
        raise OneselfError("nobody can do this to themselves")


def _outcome(user_id: int, done: Change, code: str, message: str) -> RowResult:
    if done.changed:
        return RowResult(id=user_id, result=Result.CHANGED, version=done.version)
    return RowResult(id=user_id, result=Result.UNCHANGED, code=code, message=message, version=done.version)
