"""argon2id for local passwords (S56): slow on purpose, so few at a time, whoever calls.

Each verification takes its memory (64 MiB as a rule) and a core for a tenth of a second: two at once, in whatever threads they
are asked for, are all that a small machine can give without its other work suffering.
"""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from syncd.accounts.passwords import MAX_LENGTH, prepared
from syncd.settings.accounts import PasswordSettings

AT_ONCE = 2


class Argon2Hasher:
    """`Hasher` of ports_people, with the parameters of the configuration."""

    def __init__(self, settings: PasswordSettings, *, at_once: int = AT_ONCE) -> None:
        self._argon2 = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=max(settings.argon2_memory, 8 * settings.argon2_parallelism),
            parallelism=settings.argon2_parallelism,
            type=Type.ID,
        )
        self._places = threading.BoundedSemaphore(at_once)
        self._nobodys = ""
        self._making = threading.Lock()

    def hash(self, password: str) -> str:
        """What is stored: the PHC string of argon2id, with a salt of its own."""
        with self._places:
            return self._argon2.hash(_bytes(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. None, and anything that is no hash: somebody without one, which takes as long."""
        known = stored is not None and stored.startswith("$argon2id$")
        against = stored if known else self._dummy()
        assert against is not None
        with self._places:
            try:
                right = self._argon2.verify(against, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return right and known

    def outdated(self, stored: str) -> bool:
        """Whether it should be hashed anew, with the parameters of today."""
        try:
            return self._argon2.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def _dummy(self) -> str:
        """A hash of something that nobody knows, with today's parameters; made when it is first needed."""
        with self._making:
            if not self._nobodys:
                self._nobodys = self._argon2.hash(secrets.token_bytes(32))
            return self._nobodys


def _bytes(password: str) -> bytes:
    """What is hashed. What is longer than any password is cut: no password that could be set differs only there."""
    return prepared(password[: 4 * MAX_LENGTH]).encode("utf-8", "surrogatepass")
