"""One line of a check: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CheckStatus(enum.StrEnum):
    """How a check went."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """The result of one check."""

    name: str
    status: CheckStatus
    # one sentence
    text: str
    # what to do; "" where nothing is to be done
    advice: str = ""
