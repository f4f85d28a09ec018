"""One row of an action for many: what is refused, or breaks, is that row's result and stops no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from syncd.errors import SyncdError
from syncd.model.actions import Result, RowResult

R = TypeVar("R", bound=RowResult)

log = structlog.get_logger("syncd.actions")


def in_row(user_id: int, do: Callable[[], R], *, made: type[R], what: str) -> R:
    """What `do` returns, or the refusal that it raises. `what`: the action's name, for the log."""
    try:
        return do()
    except SyncdError as error:
        return refused(user_id, error, made=made)
    except Exception:
        log.exception("action failed", action=what, user_id=user_id)
        message = "an error of syncd itself; the log has it"
        return made(id=user_id, result=Result.REFUSED, code=SyncdError.code, message=message)


def refused(user_id: int, error: SyncdError, *, made: type[R]) -> R:
    """The row of somebody to whom nothing was done."""
    return made(id=user_id, result=Result.REFUSED, code=error.code, message=error.message)
