"""What the use cases need for runs, one at a time for each directory, and for plans held.

Adapters implement these; tests run one contract suite over each. Blocking: every method here may wait for a disk or a network
and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from syncd.model.hold import ChangeRow, HeldPlan, NewHold, PlanState
from syncd.model.run import Mode, Run, RunResult, Trigger


class RunStore(Protocol):
    """Run records."""

    def request(
        self,
        directory: str,
        *,
        mode: Mode,
        trigger: Trigger,
        at: datetime,
        actor: str = "",
        since: datetime | None = None,
    ) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). One that is queued already is given back instead of a second.

        `since`: the last start the asker knows of; a run that started later is given back too, so that one interval holds for
        everybody who follows the same schedule.
        """

    def next_queued(self, directory: str) -> Run | None: ...

    def start(self, run_id: int, *, at: datetime) -> Run: ...

    def set_phase(self, run_id: int, phase: str) -> None: ...

    def finish(self, run_id: int, result: RunResult, *, at: datetime) -> Run: ...

    def abandon_running(self, directory: str, *, at: datetime) -> list[int]:
        """End as `abandoned` whatever still says running; called by the holder of the lease, so that nobody runs."""

    def get(self, run_id: int) -> Run:
        """Raises NotFoundError."""

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[Run]:
        """Newest first."""

    def last_started(self, directory: str, *, mode: Mode) -> Run | None:
        """The newest run that started and read at least as much as one of that mode does."""

    def last_complete(self, directory: str) -> Run | None: ...

    def last_finished(self, directory: str) -> Run | None: ...

    def prune(self, *, finished_before: datetime) -> int:
        """Delete finished runs older than that, except each directory's last complete one; how many."""


class Lease(Protocol):
    """At most one run per directory at a time, over all processes that share the store."""

    def hold(self, directory: str) -> AbstractContextManager[int]:
        """Gives the fencing epoch: larger each time the lease is taken. Raises LeaseHeldError at once when someone else has
        it. Ends with its process, however that dies."""

    def free(self, directory: str) -> bool:
        """Whether nobody has it right now. Raises StoreError."""


class HoldStore(Protocol):
    """Held plans. At most one per directory is open (held or approved)."""

    def hold(self, new: NewHold, changes: Iterable[ChangeRow]) -> HeldPlan:
        """Keep a plan; the open one of the directory, if any, is superseded.

        One with the same digest and mode that is open or rejected, and not expired at `new.created_at`, is given back instead:
        nobody is asked the same thing twice. `changes` are read once, and only when the plan is new.
        """

    def get(self, plan_id: int) -> HeldPlan:
        """Raises NotFoundError."""

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        """Newest first."""

    def open(self, directory: str) -> HeldPlan | None:
        """The one that is held or approved, whatever its expiry says."""

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        """Every change of the plan, in the order it was kept. Raises NotFoundError."""

    def decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str, at: datetime) -> HeldPlan:
        """From `held` to `approved` or `rejected`, with an audit event. Raises NotFoundError, and PlanClosedError for a plan
        in another state or past its expiry."""

    def close(self, plan_id: int, state: PlanState, *, at: datetime, reason: str = "", run_id: int | None = None) -> None:
        """From open to `applied`, `superseded` or `expired`, with an audit event; nothing when it is closed already."""

    def prune(self, *, decided_before: datetime) -> int:
        """Delete closed plans older than that; how many."""
