"""Counting guesses so that a lock holds (S41): each is counted before the password is looked at.

Whoever has no slot waits until the guesses before them are decided, so that a rush of right passwords locks nobody out. Whoever
waited longer than any guess can take finds an account whose slots were taken and never given back, after a crash, and locks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from syncd.accounts.lockout import lock_over, outcome_of
from syncd.accounts.standing import Lockout, LoginSubject
from syncd.clock import Clock
from syncd.model.caller import ITSELF, Caller
from syncd.model.login import CHANGE, LOCKED, UNKNOWN_NAME, WRONG_PASSWORD, LoginAttempt, Origin
from syncd.model.mail import MailKind
from syncd.services.ports_login import LoginStore
from syncd.services.ports_people import Mailer
from syncd.settings.accounts import LoginSettings
from syncd.settings.duration import parse_duration

_PAUSE = 0.05
# of a name as it was typed
NAME_LENGTH = 320
# seconds beyond the longest guess
_GRACE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailures:
    """The failed logins of everybody. Implements `FailureCounter`."""

    store: LoginStore
    mailer: Mailer
    settings: LoginSettings
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)
    _heard: list[Callable[[], None]] = field(default_factory=list)

    def on_lock(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called, in any thread, whenever this process has locked an account; what to call to end that."""
        self._heard.append(heard)
        return lambda: self._heard.remove(heard)

    # ------------------------------------------------------------ for logins
    def slot(self, subject: LoginSubject, *, caller: Caller = ITSELF) -> int | None:
        """The number of a guess that may be looked at; None for one that may not. Waits while that is open."""
        patience = parse_duration(self.settings.bind_timeout).total_seconds() + _GRACE
        deadline = self.clock.monotonic() + patience
        while True:
            number, status = self.store.reserve(subject.user_id, limit=self.settings.max_failures)
            if number is not None or status in ("locked", "gone"):
                return number
            if self.clock.monotonic() >= deadline:
                if self.store.lock_full(subject.user_id, lockout=self.lockout(subject, caller=caller)):
                    self._locked()
                return None
            self.pause(_PAUSE)

    def lockout(self, subject: LoginSubject, *, caller: Caller = ITSELF) -> Lockout:
        """What happens if this was one guess too many."""
        mail = partial(self.mailer.new, MailKind.LOCKED, user_id=subject.user_id, to=subject.email, name=subject.name)
        actor = replace(ITSELF, request_id=caller.request_id)
        return Lockout(limit=self.settings.max_failures, caller=actor, at=self.clock.now(), mail=mail)

    def failed(
        self, subject: LoginSubject, *, slot: int | None, attempt: LoginAttempt | None = None, caller: Caller = ITSELF
    ) -> bool:
        """A guess was wrong, or refused unseen when it has no slot; whether that locked the account."""
        locked = self.store.fail(subject.user_id, slot=slot, lockout=self.lockout(subject, caller=caller), attempt=attempt)
        if locked:
            self._locked()
        return locked

    def with_lock_ended(self, subject: LoginSubject) -> LoginSubject:
        """The same person, their lock ended if its time is over (`login.lock_duration`)."""
        text = self.settings.lock_duration
        duration = parse_duration(text) if text is not None else None
        now = self.clock.now()
        if subject.gate.auth_status != "locked" or not lock_over(subject.locked_at, duration, now=now):
            return subject
        self.store.unlock(subject.user_id, caller=ITSELF, at=now, reason=f"the lock has lasted {text}")
        return self.store.subject(subject.user_id) or subject

    def _locked(self) -> None:
        for heard in tuple(self._heard):
            heard()

    # ------------------------------------------------------------ for whoever changes a password
    def begin(self, user_id: int, *, name: str, origin: Origin, caller: Caller) -> int | None:
        """Count a try before its password is looked at; its number, None when it must not be looked at."""
        subject = self.store.subject(user_id)
        if subject is None:
            return None
        subject = self.with_lock_ended(subject)
        slot = None if subject.gate.auth_status == "locked" else self.slot(subject, caller=caller)
        if slot is None:
            attempt = self._change(subject, LOCKED, name=name, origin=origin)
            self.failed(subject, slot=None, attempt=attempt, caller=caller)
        return slot

    def fail(
        self, user_id: int, *, slot: int | None, why: str = WRONG_PASSWORD, name: str, origin: Origin, caller: Caller
    ) -> None:
        """The try with this number is refused, or one without a number, unseen, which is counted now: lock at the limit."""
        subject = self.store.subject(user_id)
        if subject is not None:
            if slot is None:
                subject = self.with_lock_ended(subject)
            attempt = self._change(subject, why, name=name, origin=origin)
            self.failed(subject, slot=slot, attempt=attempt, caller=caller)

    def unknown(self, name: str, *, origin: Origin) -> None:
        """Nobody is called so: only keep it."""
        self.store.note(self._change(None, UNKNOWN_NAME, name=name, origin=origin))

    def succeed(self, user_id: int) -> None:
        """The password was right: forget what was counted."""
        self.store.zero(user_id)

    def _change(self, subject: LoginSubject | None, why: str, *, name: str, origin: Origin) -> LoginAttempt:
        code, directory = outcome_of(why)
        return LoginAttempt(
            at=self.clock.now(),
            name=stored_text(name, NAME_LENGTH),
            user_id=subject.user_id if subject else None,
            outcome=CHANGE + code,
            directory=directory,
            origin=origin,
        )


def stored_text(text: str, length: int) -> str:
    """What somebody sent, fit to be kept: of a length, without what a database refuses."""
    return text[:length].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
