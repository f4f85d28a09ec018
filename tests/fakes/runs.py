"""RunStore and Lease in memory, for tests of what stands above them. They pass the contract suite of the real ones."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from syncd.errors import LeaseHeldError, NotFoundError, RunStateError
from syncd.model.run import Mode, Outcome, Run, RunResult, Trigger


class MemoryRunStore:
    """RunStore of one process."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

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
        with self._lock:
            later = self._newest(directory, lambda run: bool(since and run.started_at and run.started_at > since))
            if later is not None and later.mode.reads and later.mode.covers(mode):
                return later, False
            queued = self._newest(directory, lambda run: run.outcome is Outcome.QUEUED)
            if queued is not None:
                return self._put(queued if queued.mode.covers(mode) else replace(queued, mode=mode)), False
            number = next(self._numbers)
            run = Run(
                id=number, directory=directory, mode=mode, trigger=trigger, actor=actor, outcome=Outcome.QUEUED, requested_at=at
            )
            return self._put(run), True

    def next_queued(self, directory: str) -> Run | None:
        return self._newest(directory, lambda run: run.outcome is Outcome.QUEUED)

    def start(self, run_id: int, *, at: datetime) -> Run:
        with self._lock:
            run = self._in_state(run_id, Outcome.QUEUED)
            return self._put(replace(run, outcome=Outcome.RUNNING, started_at=at, phase="connect"))

    def set_phase(self, run_id: int, phase: str) -> None:
        with self._lock:
            self._put(replace(self._in_state(run_id, Outcome.RUNNING), phase=phase))

    def finish(self, run_id: int, result: RunResult, *, at: datetime) -> Run:
        if not result.outcome.final:
            raise ValueError(f"{result.outcome} is no end of a run")
        with self._lock:
            run = self._in_state(run_id, Outcome.RUNNING)
            ended = {name: getattr(result, name) for name in RunResult.__slots__}
            return self._put(replace(run, finished_at=at, **ended))

    def abandon_running(self, directory: str, *, at: datetime) -> list[int]:
        with self._lock:
            running = [run for run in self._of(directory) if run.outcome is Outcome.RUNNING]
            for run in running:
                message = "The process that did this run ended without finishing it."
                self._put(replace(run, outcome=Outcome.ABANDONED, finished_at=at, code="abandoned", message=message))
            return [run.id for run in running]

    def get(self, run_id: int) -> Run:
        if run_id not in self._runs:
            raise NotFoundError(f"there is no run {run_id}")
        return self._runs[run_id]

    def last_complete(self, directory: str) -> Run | None:
        return self._newest(directory, _complete_read)

    def last_finished(self, directory: str) -> Run | None:
        return self._newest(directory, lambda run: run.outcome.final)

    def last_started(self, directory: str, *, mode: Mode) -> Run | None:
        return self._newest(directory, lambda run: bool(run.started_at and run.mode.reads and run.mode.covers(mode)))

    def prune(self, *, finished_before: datetime) -> int:
        with self._lock:
            kept = {run.directory: run.id for run in self._of(None) if _complete_read(run)}
            old = [
                run.id
                for run in self._of(None)
                if run.finished_at is not None and run.finished_at < finished_before and kept.get(run.directory) != run.id
            ]
            for number in old:
                del self._runs[number]
            return len(old)

    def _of(self, directory: str | None) -> list[Run]:
        return [run for _, run in sorted(self._runs.items()) if directory in (None, run.directory)]

    def _newest(self, directory: str, wanted: Callable[[Run], bool]) -> Run | None:
        return next((run for run in reversed(self._of(directory)) if wanted(run)), None)

    def _in_state(self, run_id: int, outcome: Outcome) -> Run:
        run = self.get(run_id)
        if run.outcome is not outcome:
            raise RunStateError(f"run {run_id} is {run.outcome}, not {outcome}")
        return run

    def _put(self, run: Run) -> Run:
        self._runs[run.id] = run
        return run

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[Run]:
        newest = [run for run in reversed(self._of(directory)) if before_id is None or run.id < before_id]
        return newest[:limit]


class MemoryLease:
    """Lease of one process."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._epochs: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, directory: str) -> Iterator[int]:
        with self._lock:
            if directory in self._held:
                raise LeaseHeldError(f"another process is syncing {directory!r} at this moment")
            self._held.add(directory)
            epoch = self._epochs[directory] = self._epochs.get(directory, 0) + 1
        try:
            yield epoch
        finally:
            with self._lock:
                self._held.discard(directory)

    def free(self, directory: str) -> bool:
        with self._lock:
            return directory not in self._held


def _complete_read(run: Run) -> bool:
    return run.outcome.complete and run.mode.reads
