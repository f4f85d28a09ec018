"""Rules of logging in that need neither a database nor a directory: what is a password, who may be let in by which, when a lock
ends, and how long a refusal takes."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.accounts.standing import Entry, LoginSubject

# a NUL, and halves of characters, which no encoding has
_UNFIT = re.compile("[\0\ud800-\udfff]")
# reasons of the gate that only whoever knows the password is told, since a new password is the remedy
_PASSWORD_REASONS = ("password_expired", "directory_password_must_change", "directory_password_expired")


def is_password(text: str) -> bool:
    """Whether it may be compared with anything at all. An empty one binds to a directory anonymously, and succeeds (RFC 4513
    section 5.1.2); nobody has one of spaces only, and none reaches every server whole that has a NUL."""
    return bool(text.strip()) and not _UNFIT.search(text)


def only_password(reasons: Iterable[str]) -> bool:
    """Whether a new password is all that is needed: then the present one is looked at."""
    return all(reason.partition(":")[0] in _PASSWORD_REASONS for reason in reasons)


def outcome_of(reason: str) -> tuple[str, str | None]:
    """A reason of the gate as the code of a refusal and the directory that gives it."""
    code, _, directory = reason.partition(":")
    return code, directory or None


class Course(enum.Enum):
    """Who knows the password."""

    LOCAL = enum.auto()
    DIRECTORY = enum.auto()
    NOBODY = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a password is checked."""

    course: Course
    entry: Entry | None = None
    # whether the local password counts while the directory is away
    otherwise_local: bool = False


def way_of(subject: LoginSubject, *, directory_users: bool, precedence: Mapping[str, int]) -> Way:
    """Which password somebody logs in with.

    Whoever a directory has logs in with that directory's; of several, with the one of the smallest `precedence` (then by name),
    and no other is asked. `directory_users`: a local password, where there is one, comes first.
    """
    present = [entry for entry in subject.gate.entries if not entry.missing]
    local = subject.hash is not None
    if local and (directory_users or not present):
        return Way(course=Course.LOCAL)
    if not present:
        return Way(course=Course.NOBODY)
    first = min(present, key=lambda entry: (precedence.get(entry.directory, math.inf), entry.directory))
    return Way(course=Course.DIRECTORY, entry=first, otherwise_local=local and subject.break_glass)


def lock_over(locked_at: datetime | None, duration: timedelta | None, *, now: datetime) -> bool:
    """Whether a lock has ended by itself. `duration` None: never."""
    return duration is not None and locked_at is not None and now >= locked_at + duration


def put_off(took: float, step: float) -> float:
    """Seconds that a refusal waits which took so long already: until the next whole multiple of `step`."""
    return max(math.ceil(took / step), 1) * step - took if step > 0 else 0.0


def days_left(seconds: float) -> int:
    """Whole days until then, a begun one counted."""
    return max(0, math.ceil(seconds / 86_400))
