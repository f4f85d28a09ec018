"""The site's policy for local passwords (S6, S47), as the other use cases ask for it: `PasswordRules` of ports_people."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from syncd.accounts.age import AgePolicy
from syncd.accounts.passwords import Flaw, Policy, flaws, hint, missing
from syncd.accounts.strength import Strength, strength
from syncd.accounts.suggestion import suggestion
from syncd.errors import WeakPasswordError
from syncd.services.ports_people import PasswordVerdict
from syncd.settings.accounts import PasswordSettings
from syncd.settings.duration import parse_duration

# zxcvbn keeps the names of whom it judges in a table of its module: one at a time
_ONE_AT_A_TIME = threading.Lock()


class LocalPasswordRules:
    """The policy, with its estimate of strength."""

    def __init__(self, settings: PasswordSettings) -> None:
        self.policy = Policy(
            min_length=settings.min_length,
            lower=settings.lower,
            upper=settings.upper,
            digit=settings.digit,
            special=settings.special,
            min_strength=settings.min_strength,
            history=settings.history,
        )

    @property
    def hint(self) -> str:
        """What a password must be, in words."""
        return hint(self.policy)

    def strength(self, password: str, *, about: Sequence[str] = ()) -> Strength:
        """How hard it is to guess for somebody who knows the person. Takes milliseconds, seconds at worst."""
        with _ONE_AT_A_TIME:
            return strength(password, about)

    def judge(self, password: str, *, about: Sequence[str] = ()) -> PasswordVerdict:
        """What the policy says; `about`: names and addresses of its owner, none of which it may be."""
        return self.look(password, about=about)[0]

    def look(self, password: str, *, about: Sequence[str] = ()) -> tuple[PasswordVerdict, Strength]:
        """The verdict and the estimate."""
        estimate = self.strength(password, about=about)
        weak = [Flaw.WEAK] if estimate.score < self.policy.min_strength else []
        found = [*flaws(password, self.policy, about), *weak]
        return PasswordVerdict(missing=missing(found, self.policy), strength=estimate.score), estimate

    def require(self, password: str, *, about: Sequence[str] = ()) -> None:
        """Raises WeakPasswordError with everything that is missing."""
        found = list(flaws(password, self.policy, about))
        if self.policy.min_strength and self.strength(password, about=about).score < self.policy.min_strength:
            found.append(Flaw.WEAK)
        if found:
            raise self._weak(*found)

    def refuse_used(self) -> None:
        """Raises WeakPasswordError for a password that was used before."""
        raise self._weak(Flaw.USED)

    def _weak(self, *flaws: Flaw) -> WeakPasswordError:
        return WeakPasswordError(" ".join(("This password will not do.", *missing(flaws, self.policy))))

    def suggest(self, *, about: Sequence[str] = ()) -> str:
        """A random password that satisfies the policy."""
        while True:
            password = suggestion(self.policy, about)
            if not self.policy.min_strength or self.judge(password, about=about).strength >= self.policy.min_strength:
                return password


def age_policy(settings: PasswordSettings) -> AgePolicy | None:
    """None: passwords do not age."""
    if settings.max_age is None:
        return None
    return AgePolicy(max_age=parse_duration(settings.max_age), warn_days=tuple(settings.warn_days))
