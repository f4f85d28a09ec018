"""The words of health: how well something is, and what there is to look at."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.StrEnum):
    """How well it is, of the whole or of a part."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to look at."""

    # a code of the errors, or: never_complete, stale, plan_held, loop_dead, store_unknown, starting, stopping, webhook_failing,
    # mail_waiting
    code: str
    message: str
    advice: str = ""
