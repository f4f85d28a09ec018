"""Logging in (S29, S30, S41): who it is, whether they may, whether it is their password, and then a session.

The gate is asked before the password, so that no guess at a locked or disabled account reaches a directory. Every refusal is
the same to the caller; why it was one stands in the login attempts. Only what a right password earns is told: that it has
expired. What could not be checked is `login_unavailable`, and counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import structlog
from pydantic import SecretStr

from syncd.accounts.lockout import Course, Way, days_left, is_password, only_password, outcome_of, way_of
from syncd.accounts.standing import LoginSubject
from syncd.accounts.tokens import TokenKind, digest, new_secret, token_text
from syncd.clock import Clock
from syncd.errors import LoginRefusedError, LoginUnavailableError, PasswordExpiredError
from syncd.model import login as codes
from syncd.model.caller import ITSELF
from syncd.model.login import Answer, BindResult, LoggedIn, LoginAttempt, NewSession, Origin
from syncd.services.login_failures import NAME_LENGTH, LoginFailures, stored_text
from syncd.services.password_rules import age_policy
from syncd.services.ports_login import Authenticator, LoginStore
from syncd.services.ports_people import Hasher
from syncd.settings.accounts import LoginSettings, PasswordSettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.login")


@dataclass(frozen=True, slots=True)
class _Try:
    """One try to log in."""

    name: str
    password: SecretStr
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginService:
    """The use case. It blocks: for a hash, for a bind up to `login.bind_timeout`, for the guesses before this one."""

    store: LoginStore
    failures: LoginFailures
    hasher: Hasher
    authenticators: Mapping[str, Authenticator]
    settings: LoginSettings
    passwords: PasswordSettings
    # directory -> which one's password counts: the smallest number's
    precedence: Mapping[str, int]
    clock: Clock

    def login(self, name: str, password: SecretStr, *, origin: Origin) -> LoggedIn:
        """Raises LoginRefusedError, PasswordExpiredError, LoginUnavailableError, StoreError."""
        tried = _Try(stored_text(name, NAME_LENGTH), password, origin)
        subject = self.store.find(tried.name)
        if subject is None:
            self.hasher.verify(None, password.get_secret_value())
            self.store.note(self._attempt(tried, codes.UNKNOWN_NAME))
            raise LoginRefusedError
        subject = self.failures.with_lock_ended(subject)
        if not is_password(password.get_secret_value()):
            self._refuse_unseen(tried, subject, codes.EMPTY_PASSWORD)
        reasons = subject.gate.reasons(self.clock.now())
        if not only_password(reasons):
            first = next(reason for reason in reasons if not only_password([reason]))
            self._refuse_unseen(tried, subject, *outcome_of(first))
        way = way_of(subject, directory_users=self.passwords.directory_users, precedence=self.precedence)
        if way.course is Course.NOBODY:
            self._refuse_unseen(tried, subject, codes.NO_PASSWORD)
        return self._examined(tried, subject, way, *map(outcome_of, reasons[:1]))

    # ------------------------------------------------------------ with the password looked at
    def _examined(
        self, tried: _Try, subject: LoginSubject, way: Way, expired: tuple[str, str | None] | None = None
    ) -> LoggedIn:
        """`expired`: the code and directory of what the gate has against their password."""
        caller = replace(ITSELF, request_id=tried.origin.request_id)
        slot = self.failures.slot(subject, caller=caller)
        if slot is None:
            self._refuse_unseen(tried, subject, codes.LOCKED)
        try:
            result, directory = self._verified(tried, subject, way)
        except BaseException:
            self.store.withdraw(subject.user_id, None)
            raise
        if result.answer is Answer.UNAVAILABLE:
            self.store.withdraw(subject.user_id, self._attempt(tried, codes.UNAVAILABLE, subject, directory))
            raise LoginUnavailableError
        if result.answer is not Answer.ACCEPTED and not result.password_right:
            outcome = result.reason or codes.WRONG_PASSWORD
            attempt = self._attempt(tried, outcome, subject, directory)
            if self.failures.failed(subject, slot=slot, attempt=attempt, caller=caller):
                log.warning(
                    "account locked",
                    user=subject.user_id,
                    failed_logins=self.settings.max_failures,
                    advice=f"`syncd users activate id:{subject.user_id}` unlocks it; "
                    f"`syncd audit logins --user {subject.user_id}` shows the tries.",
                )
            raise LoginRefusedError
        if result.answer is not Answer.ACCEPTED:
            expired = (result.reason, directory)
        elif expired is None and way.course is Course.LOCAL and self._too_old(subject):
            expired = (codes.PASSWORD_EXPIRED, None)
        if expired is not None:
            self.store.withdraw(subject.user_id, self._attempt(tried, expired[0], subject, expired[1]))
            raise PasswordExpiredError
        return self._begin(tried, subject, result, directory, slot=slot)

    def _verified(self, tried: _Try, subject: LoginSubject, way: Way) -> tuple[BindResult, str | None]:
        """The answer, and the directory that gave it."""
        if way.course is Course.LOCAL or way.entry is None:
            return self._verified_here(tried, subject), None
        name = way.entry.directory
        authenticator = self.authenticators.get(name)
        if authenticator is None:
            log.error(
                "password not checked",
                directory=name,
                reason="it is no longer configured",
                advice="Configure it again, or unlink its people with `syncd users unlink`.",
            )
            result = BindResult(answer=Answer.UNAVAILABLE)
        else:
            result = authenticator.check(way.entry.dn, entry_id=way.entry.entry_id, password=tried.password)
        if result.answer is Answer.UNAVAILABLE and way.otherwise_local:
            log.warning(
                "directory unavailable, so the local password of a break-glass account is asked for",
                user=subject.user_id,
                directory=name,
                advice=f"`syncd audit logins --user {subject.user_id}` shows whether it was right.",
            )
            return self._verified_here(tried, subject), None
        return result, name

    def _verified_here(self, tried: _Try, subject: LoginSubject) -> BindResult:
        password = tried.password.get_secret_value()
        if not self.hasher.verify(subject.hash, password):
            return BindResult(answer=Answer.WRONG)
        if subject.hash is not None and self.hasher.outdated(subject.hash):
            self.store.rehash(subject.user_id, old=subject.hash, new=self.hasher.hash(password))
        return BindResult(answer=Answer.ACCEPTED, expires_in=self._local_expiry(subject))

    # ------------------------------------------------------------ how it ends
    def _begin(self, tried: _Try, subject: LoginSubject, result: BindResult, directory: str | None, *, slot: int) -> LoggedIn:
        secret, now = new_secret(), self.clock.now()
        session = NewSession(
            user_id=subject.user_id,
            digest=digest(secret),
            created_at=now,
            expires_at=now + parse_duration(self.settings.session_lifetime),
            origin=replace(tried.origin, user_agent=stored_text(tried.origin.user_agent or "", 255) or None),
            password_id=subject.password_id if directory is None else None,
        )
        begun = self.store.succeed(session, self._attempt(tried, codes.ACCEPTED, subject, directory))
        if isinstance(begun, tuple):
            # locked or disabled while the password was looked at; the guess stays counted, and locks at the limit
            outcome, by = outcome_of(begun[0])
            caller = replace(ITSELF, request_id=tried.origin.request_id)
            self.failures.failed(subject, slot=slot, attempt=self._attempt(tried, outcome, subject, by), caller=caller)
            raise LoginRefusedError
        return LoggedIn(
            token=token_text(TokenKind.SESSION, begun.id, secret),
            session=begun,
            username=subject.username,
            password_expires_in_days=days_left(result.expires_in) if result.expires_in is not None else None,
            grace_logins=result.grace_logins,
        )

    def _refuse_unseen(self, tried: _Try, subject: LoginSubject, outcome: str, directory: str | None = None) -> NoReturn:
        """Refuse without looking at the password, which counts all the same, and takes the time of looking.

        Raises LoginRefusedError, always.
        """
        self.hasher.verify(None, tried.password.get_secret_value())
        caller = replace(ITSELF, request_id=tried.origin.request_id)
        self.failures.failed(subject, slot=None, attempt=self._attempt(tried, outcome, subject, directory), caller=caller)
        raise LoginRefusedError

    def _attempt(
        self, tried: _Try, outcome: str, subject: LoginSubject | None = None, directory: str | None = None
    ) -> LoginAttempt:
        return LoginAttempt(
            at=self.clock.now(),
            name=tried.name,
            user_id=subject.user_id if subject else None,
            outcome=outcome,
            directory=directory,
            origin=tried.origin,
        )

    # ------------------------------------------------------------ age of local passwords
    def _local_expiry(self, subject: LoginSubject) -> int | None:
        """Seconds until the local password expires, when that is near enough to be said."""
        policy, now = age_policy(self.passwords), self.clock.now()
        if policy is None or subject.hash_set_at is None or subject.hash_set_at > policy.looked_at_before(now):
            return None
        return max(0, int((policy.expires_at(subject.hash_set_at) - now).total_seconds()))

    def _too_old(self, subject: LoginSubject) -> bool:
        policy = age_policy(self.passwords)
        set_at = subject.hash_set_at
        return policy is not None and set_at is not None and policy.is_expired(set_at, now=self.clock.now())
