"""How long a password may be kept: when it expires, and when to say so beforehand.

A warning is for "so many days left". After days without syncd only the nearest one is said, and no warning is said twice: the
user's row remembers the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AgePolicy:
    """How old passwords may get."""

    max_age: timedelta
    # days before the end at which to warn
    warn_days: tuple[int, ...] = ()

    def expires_at(self, set_at: datetime) -> datetime:
        """The first moment at which a password set then no longer counts."""
        return set_at + self.max_age

    def is_expired(self, set_at: datetime, *, now: datetime) -> bool:
        return now >= self.expires_at(set_at)

    def warning(self, set_at: datetime, *, now: datetime, warned: int | None) -> int | None:
        """The warning to give now, by its number of days; None for none.

        `warned`: the last warning that was given about this password.
        """
        left = self.expires_at(set_at) - now
        if left <= timedelta(0):
            return None
        due = [days for days in self.warn_days if left <= timedelta(days=days) and (warned is None or days < warned)]
        return min(due, default=None)

    def looked_at_before(self, now: datetime) -> datetime:
        """Passwords set later than this are neither expired nor to be warned about."""
        return now - self.max_age + timedelta(days=max(self.warn_days, default=0))


def days_left(expires_at: datetime, *, now: datetime) -> int:
    """Whole days, a begun one counted as one: what a person is told."""
    return max(0, -((now - expires_at) // timedelta(days=1)))
