"""Changing local passwords: by an administrator (S46), by their owner (S68), and by an owner whom an expired one keeps out.

Whoever saves a password ends the sessions and the links that came before it. What it makes of the status is in FEATURES' table:
reset and expired become active, locked stays locked until somebody activates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from syncd.clock import Clock
from syncd.errors import (
    DirectoryPasswordError,
    LoginRefusedError,
    OneselfError,
    StateError,
    UnauthorizedError,
    WrongPasswordError,
)
from syncd.model.caller import Caller
from syncd.model.login import DIRECTORY_PASSWORD, LOCKED, Origin
from syncd.model.mail import MailKind, NewMail
from syncd.model.password import PasswordOwner
from syncd.services.password_rules import LocalPasswordRules
from syncd.services.ports_people import Ceiling, FailureCounter, Hasher, Mailer
from syncd.services.reasons import checked_reason
from syncd.settings.accounts import PasswordSettings

# of a refusal for which a new password is the remedy
MENDED = frozenset({"password_expired"})


class PasswordStore(Protocol):
    """Where passwords are kept. Each method is one short transaction."""

    def owner(self, user_id: int) -> PasswordOwner:
        """Raises NotFoundError."""

    def owner_by_name(self, name: str) -> PasswordOwner | None:
        """Whose username or primary address it is."""

    def login_reasons(self, user_id: int, *, now: datetime) -> Sequence[str]:
        """Why they cannot log in then (syncd.accounts.gate)."""

    def newest(self, user_id: int, count: int) -> Sequence[str]:
        """Hashes of so many passwords, the present one first."""

    def save(
        self,
        user_id: int,
        hashed: str,
        *,
        keep: int,
        caller: Caller,
        at: datetime,
        mail: NewMail | None,
        reason: str | None = None,
        if_match: int | None = None,
        replaces: str | None = None,
    ) -> None:
        """Save a password of an enabled user with everything that follows from it; older ones than `keep` are forgotten.

        `replaces`: the hash that must still be the present one. Raises NotFoundError, StateError, PreconditionFailedError.
        """


class Owners:
    """Whether syncd has to do with somebody's password at all."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._directory_users = settings.directory_users

    def are_local(self, owner: PasswordOwner) -> bool:
        """Whether the password is kept here: of manual users, of break-glass accounts, of everybody if the site says so."""
        return self._directory_users or owner.break_glass or (owner.manual and not owner.directories)

    def require_local(self, owner: PasswordOwner) -> None:
        """Raises DirectoryPasswordError (S86)."""
        if not self.are_local(owner):
            where = ", ".join(owner.directories) or "a directory"
            raise DirectoryPasswordError(f"the password of {owner.name} is kept by {where}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordService:
    """The use cases. Everything blocks; what hashes takes a tenth of a second and more."""

    store: PasswordStore
    rules: LocalPasswordRules
    hasher: Hasher
    mailer: Mailer
    counter: FailureCounter
    ceiling: Ceiling
    settings: PasswordSettings
    clock: Clock

    def set_password(
        self, user_id: int, password: str, *, caller: Caller, reason: str | None = None, if_match: int | None = None
    ) -> None:
        """An administrator gives somebody a password (S46); their sessions end, and a mail says so, without it (S49).

        Raises UsageError, NotFoundError, DirectoryPasswordError, StateError (disabled), OneselfError, AboveCallerError,
        WeakPasswordError.
        """
        why = checked_reason(reason, needed=False)
        owner = self.store.owner(user_id)
        if caller.user_id == user_id:
            raise OneselfError("your own password is changed with the present one", advice="Use /api/v1/me/password.")
        self.ceiling.require_user(user_id, caller=caller)
        Owners(self.settings).require_local(owner)
        require_enabled(owner)
        hashed = self.accepted(owner, password)
        self._save(owner, hashed, caller=caller, by="administrator", reason=why, if_match=if_match)

    def suggest(self, user_id: int) -> str:
        """A random password for somebody, with their names kept out (S47); it is not set. Raises NotFoundError."""
        return self.rules.suggest(about=self.store.owner(user_id).names)

    def change_own(self, current: str, new: str, *, caller: Caller, origin: Origin | None = None) -> None:
        """Somebody changes their own (S68); a wrong present one counts as a failed login.

        Raises DirectoryPasswordError, WrongPasswordError (so it is for a locked account), WeakPasswordError, StateError.
        """
        if caller.user_id is None:
            raise UnauthorizedError("this needs a person's own session")
        owner = self.store.owner(caller.user_id)
        Owners(self.settings).require_local(owner)
        if not self._is_present(owner, current, name=owner.username or owner.name, origin=origin, caller=caller):
            raise WrongPasswordError
        self._replace(owner, current, new, caller=caller)

    def change_by_name(self, name: str, current: str, new: str, *, caller: Caller, origin: Origin | None = None) -> None:
        """Somebody without a session changes their password: because it has expired, or as they like.

        Raises LoginRefusedError, always the same, for everything that would refuse the login too, but an expired password; then
        WeakPasswordError, StateError. As with a login the gate goes first, and what it refuses is counted unseen.
        """
        origin = origin or Origin(request_id=caller.request_id)
        owner = self.store.owner_by_name(name)
        if owner is None:
            self.hasher.verify(None, current)
            self.counter.unknown(name, origin=origin)
            raise LoginRefusedError
        known = replace(caller, name=owner.username or owner.name, user_id=owner.id)
        # a lock is the counter's, which ends one whose time is over
        why = next((reason for reason in self._kept_out(owner) if reason != LOCKED), None)
        if why is None and not Owners(self.settings).are_local(owner):
            why = DIRECTORY_PASSWORD
        if why is not None:
            self.hasher.verify(None, current)
            self.counter.fail(owner.id, slot=None, why=why, name=name, origin=origin, caller=known)
            raise LoginRefusedError
        if not self._is_present(owner, current, name=name, origin=origin, caller=known, gated=True):
            raise LoginRefusedError
        self._replace(owner, current, new, caller=known)

    def accepted(self, owner: PasswordOwner, password: str) -> str:
        """The hash of a password that the policy and the history let pass. Raises WeakPasswordError."""
        self.rules.require(password, about=owner.names)
        # whoever must choose a new one does not choose the old one
        count = max(self.settings.history, 1 if owner.auth_status in ("reset", "expired") else 0)
        if count and any(self.hasher.verify(used, password) for used in self.store.newest(owner.id, count)):
            self.rules.refuse_used()
        return self.hasher.hash(password)

    def changed_mail(self, owner: PasswordOwner, *, by: str, at: datetime) -> NewMail | None:
        """The mail that says that it was changed (S49). `by`: "administrator" or "person"."""
        return self.mailer.new(
            MailKind.PASSWORD_CHANGED,
            user_id=owner.id,
            to=owner.email,
            name=owner.name,
            username=owner.username or "",
            at=time_text(at),
            by=by,
        )

    def _kept_out(self, owner: PasswordOwner) -> Sequence[str]:
        """Why they cannot log in, beside what a new password mends."""
        return [reason for reason in self.store.login_reasons(owner.id, now=self.clock.now()) if reason not in MENDED]

    def _is_present(
        self,
        owner: PasswordOwner,
        password: str,
        *,
        name: str,
        origin: Origin | None,
        caller: Caller,
        gated: bool = False,
    ) -> bool:
        """Whether it is their password; counted like a login. A locked account's is not looked at, in the same time.

        `gated`: nor will it do when the gate has closed while it was looked at.
        """
        origin = origin or Origin(request_id=caller.request_id)
        slot = self.counter.begin(owner.id, name=name, origin=origin, caller=caller)
        if slot is None:
            self.hasher.verify(None, password)
            return False
        if not self.hasher.verify(owner.hash, password):
            self.counter.fail(owner.id, slot=slot, name=name, origin=origin, caller=caller)
            return False
        if gated and (kept_out := self._kept_out(owner)):
            self.counter.fail(owner.id, slot=slot, why=kept_out[0], name=name, origin=origin, caller=caller)
            return False
        self.counter.succeed(owner.id)
        return True

    def _replace(self, owner: PasswordOwner, current: str, new: str, *, caller: Caller) -> None:
        if new == current:
            self.rules.refuse_used()
        self._save(owner, self.accepted(owner, new), caller=caller, by="person", replaces=owner.hash)

    def _save(
        self,
        owner: PasswordOwner,
        hashed: str,
        *,
        caller: Caller,
        by: str,
        reason: str | None = None,
        if_match: int | None = None,
        replaces: str | None = None,
    ) -> None:
        at = self.clock.now()
        mail = self.changed_mail(owner, by=by, at=at)
        keep = kept(self.settings)
        self.store.save(
            owner.id, hashed, keep=keep, caller=caller, at=at, mail=mail, reason=reason, if_match=if_match, replaces=replaces
        )


def kept(settings: PasswordSettings) -> int:
    """How many passwords of one person are kept: the present one, and as many as are compared."""
    return max(1, settings.history)


def require_enabled(owner: PasswordOwner) -> None:
    """Raises StateError for a disabled user."""
    if not owner.enabled:
        raise StateError(f"{owner.name} is disabled", advice="Enable the user first.")


def time_text(at: datetime) -> str:
    """A time for people, as mails write it; `at` is in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
