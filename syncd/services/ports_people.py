"""What the use cases about people need of each other and of the outside.

One family of use cases never imports another: they meet in these Protocols, and syncd.wiring puts them together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.model.caller import Caller
from syncd.model.login import WRONG_PASSWORD, Origin
from syncd.model.mail import MailKind, NewMail


# ---------------------------------------------------------------- passwords
@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordVerdict:
    """What the policy says of a password."""

    # one sentence for each thing that is missing; none: it will do
    missing: tuple[str, ...]
    # zxcvbn's score, 0 to 4
    strength: int


class PasswordRules(Protocol):
    """The policy for local passwords."""

    def judge(self, password: str, *, about: Sequence[str] = ()) -> PasswordVerdict:
        """`about`: names and addresses of its owner, which it must not contain."""

    def require(self, password: str, *, about: Sequence[str] = ()) -> None:
        """Raises WeakPasswordError with everything that is missing."""


class Hasher(Protocol):
    """argon2id. Slow on purpose, blocks; few at a time, whoever calls."""

    def hash(self, password: str) -> str:
        """What is stored."""

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. None: somebody without one, which takes as long and is false."""

    def outdated(self, stored: str) -> bool:
        """Whether it should be hashed anew, with the parameters of today."""


class FailureCounter(Protocol):
    """Counts what is refused to whoever changes a password with the present one, and keeps each among the login attempts.

    `name`: as it was typed, or of whose session it is.
    """

    def begin(self, user_id: int, *, name: str, origin: Origin, caller: Caller) -> int | None:
        """Count a try before its password is looked at; its number, None when the account is locked, so that it must not be
        looked at."""

    def fail(
        self, user_id: int, *, slot: int | None, why: str = WRONG_PASSWORD, name: str, origin: Origin, caller: Caller
    ) -> None:
        """The try with this number is refused, or one without a number, unseen, which is counted now: lock at the limit.

        `why`: a code of syncd.model.login, or a reason of the login gate.
        """

    def unknown(self, name: str, *, origin: Origin) -> None:
        """Nobody is called so: only keep it."""

    def succeed(self, user_id: int) -> None:
        """The password was right: forget what was counted."""


# ---------------------------------------------------------------- mail
class Mailer(Protocol):
    """Makes mails; whoever gets one queues it with what it tells of."""

    def new(
        self,
        kind: MailKind,
        *,
        user_id: int | None,
        to: str | None,
        name: str = "",
        link_id: int | None = None,
        **data: str | int | bool | None,
    ) -> NewMail | None:
        """None when no mail is configured, or there is no address. `name`: how the person is greeted."""


# ---------------------------------------------------------------- permissions
class Ceiling(Protocol):
    """Nobody raises themselves, or acts on somebody who may do more than they may."""

    def require_roles(self, role_ids: Collection[int], *, caller: Caller) -> None:
        """That the caller holds everything these roles give. Raises AboveCallerError, NoSuchReferenceError."""

    def require_user(self, user_id: int, *, caller: Caller) -> None:
        """That the user may do nothing that the caller may not. Raises AboveCallerError."""


# ---------------------------------------------------------------- requests that are repeated
@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What was answered to the first request with an idempotency key."""

    # whether that was the same request
    same: bool
    # None: it has not been answered yet
    status: int | None
    headers: Mapping[str, str]
    # None: it held a secret
    body: bytes | None


class Idempotency(Protocol):
    """Answers to creations. A key belongs to its caller."""

    def begin(self, caller: str, key: str, *, digest: bytes, at: datetime) -> KeptAnswer | None:
        """None: nobody has used the key, which is taken from now on."""

    def finish(self, caller: str, key: str, *, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        """Keep what was answered."""

    def forget(self, caller: str, key: str) -> None:
        """Nothing came of the request: its repetition is a new one."""

    def prune(self, *, created_before: datetime) -> int:
        """Forget old ones; how many."""
