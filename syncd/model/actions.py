"""What can be done to a person beside editing them, and what came of it: one row for each person, for one and for many."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Action(enum.StrEnum):
    """What can be done to many people at once."""

    ENABLE = "enable"
    DISABLE = "disable"
    ACTIVATE = "activate"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of an action
    DELETE = "delete"


# what takes something away from the person, and so needs a reason
NEEDS_REASON = frozenset({Action.DISABLE, Action.RESET_PASSWORD, Action.DELETE})


class Result(enum.StrEnum):
    """What an action did to one person."""

    CHANGED = "changed"
    # it was so already, or the action means nothing in that state
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What came of an action for one person."""

    id: int
    result: Result
    # stable code of why nothing changed, or of the refusal; None when something changed
    code: str | None = None
    # one sentence about it
    message: str | None = None
    # the user's version then, where it is known
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """What came of an action for many."""

    action: Action
    # in the order in which they were asked for
    results: Sequence[RowResult]

    def count(self, result: Result) -> int:
        """How many rows came to that."""
        return sum(1 for row in self.results if row.result is result)
