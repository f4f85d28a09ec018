"""What logging in, sessions and callers need of the store and of directories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from syncd.accounts.standing import Credential, Lockout, LoginSubject
from syncd.accounts.tokens import TokenKind
from syncd.model.caller import Caller
from syncd.model.login import BindResult, LoginAttempt, NewSession, Session


class Authenticator(Protocol):
    """Checks passwords in one directory."""

    def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
        """Whether it is the password of the entry that had this DN when it was last seen. Blocks, up to a deadline; raises
        nothing."""


class LoginStore(Protocol):
    """Logins. Each method is one short transaction, and raises StoreError.

    A password is looked at only by whoever has a slot, of which there are as many as failures up to the limit: so however many
    guess at once, no more guesses are looked at than the limit allows.
    """

    def find(self, name: str) -> LoginSubject | None:
        """By username, else by primary address, in any spelling."""

    def subject(self, user_id: int) -> LoginSubject | None: ...

    def reserve(self, user_id: int, *, limit: int) -> tuple[int | None, str]:
        """Count a guess before it is looked at: (its number, the status). No number: locked, gone, or all slots are taken."""

    def withdraw(self, user_id: int, attempt: LoginAttempt | None) -> None:
        """Give a slot back: the password was right, or nobody could look at it."""

    def fail(self, user_id: int, *, slot: int | None, lockout: Lockout, attempt: LoginAttempt | None) -> bool:
        """The guess of this slot was wrong; without a slot: count a guess that nobody looked at. Whether that locked the
        account, with everything that follows from it: audit, mail, sessions ended, others told."""

    def lock_full(self, user_id: int, *, lockout: Lockout) -> bool:
        """Lock an account all of whose slots were taken and never given back, as after a crash; whether it was not locked."""

    def note(self, attempt: LoginAttempt) -> None:
        """Only keep the attempt."""

    def succeed(self, session: NewSession, attempt: LoginAttempt) -> Session | tuple[str, ...]:
        """Begin a session, with the counter at 0 and the attempt kept; or why not, if the gate has closed meanwhile, or the
        local password is no longer theirs (`wrong_password`)."""

    def zero(self, user_id: int) -> None:
        """The counter to 0, unless the account is locked."""

    def unlock(self, user_id: int, *, caller: Caller, at: datetime, reason: str) -> None:
        """End a lock whose time is over."""

    def rehash(self, user_id: int, *, old: str, new: str) -> None:
        """Put a new hash of the same password in the place of the old one, if that is still there."""


class SessionStore(Protocol):
    """Sessions. Each method is one short transaction, and raises StoreError."""

    def list(self, user_id: int, *, seen_since: datetime, now: datetime) -> Sequence[Session]:
        """Those that are alive, newest first. Raises NotFoundError for a user who is not there."""

    def end(self, user_id: int, session_id: int, *, caller: Caller, at: datetime, reason: str) -> None:
        """Raises NotFoundError, also for another user's."""

    def end_all(self, user_id: int, *, caller: Caller, at: datetime, reason: str) -> int:
        """How many there were. Raises NotFoundError for a user who is not there."""

    def prune(self, *, seen_before: datetime, expired_before: datetime) -> int:
        """Delete those that are over; how many."""


class CallerStore(Protocol):
    """Whose a token is."""

    def credential(self, kind: TokenKind, number: int) -> Credential | None:
        """Two queries in one state of the store."""

    def seen(self, kind: TokenKind, number: int, *, at: datetime) -> None:
        """Keep when it was last used."""
