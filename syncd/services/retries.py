"""What is tried again, how often, and after how long: as data, beside the names of what it governs.

Only what can be over in a moment is tried again. A refused password never is: each attempt counts towards a lockout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from syncd.errors import IncompleteReadError, LeaseHeldError, StoreError, class_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A policy."""

    # in all, the first one included
    attempts: int
    # seconds before the second attempt; doubled before each further one, up to `longest`
    pause: float
    longest: float
    # whether the error can be over in a moment
    when: Callable[[BaseException], bool]

    def retrying(self, *, attempts: int | None = None, stopping: Callable[[], bool] = lambda: False) -> Retrying:
        """Tenacity's retrying for this policy; the last error is raised as it is. It gives up when `stopping` turns true."""
        last = stop_after_attempt(attempts or self.attempts)
        wait = wait_exponential(multiplier=self.pause, max=self.longest)
        return Retrying(
            stop=lambda state: last(state) or stopping(), wait=wait, retry=retry_if_exception(self.when), reraise=True
        )


def _other_server_may_answer(error: BaseException) -> bool:
    return isinstance(error, IncompleteReadError) and class_of(error.cause_code).retryable


def _database_may_be_back(error: BaseException) -> bool:
    return isinstance(error, StoreError) and error.retryable and not isinstance(error, LeaseHeldError)


# a server that broke off: the read starts again at the next URL, at once; as many attempts as there are URLs
NEXT_SERVER = Retry(attempts=1, pause=0.0, longest=0.0, when=_other_server_may_answer)
# the record of a run that has ended: without it the run would look as if it went on
RUN_RECORD = Retry(attempts=5, pause=0.5, longest=5.0, when=_database_may_be_back)
