"""What can be done to a person beside editing them, and what came of it: one row for each person, for one and for many."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


class Action(enum.StrEnum):
    """What can be done to whomever a list of ids or a filter names, with nothing but a reason."""

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


def counts(results: Iterable[RowResult]) -> dict[str, int]:
    """How many rows came to each result, by its name."""
    found = Counter(row.result for row in results)
    return {result.value: found[result] for result in Result}


# ---------------------------------------------------------------- passwords
@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """A password for one person."""

    id: int
    # None: one is suggested
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResult(RowResult):
    """What came of one, with the password that was suggested, which nobody is told again."""

    password: str | None = field(default=None, repr=False)


# ---------------------------------------------------------------- entries of a directory
@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """An entry, by its DN or its id, and whose it becomes."""

    id: int
    dn: str | None = None
    entry_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkResult(RowResult):
    """What came of linking or unlinking one; None where nothing was done."""

    # whose the entry was, or is now, and what became of them: see `Relinked`
    other_id: int | None = None
    other: str | None = None
    dn: str | None = None
