"""The worker: one run at a time per directory, a few directories at once, and no harm from a run that hangs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.daemon.board import DirectoryState
from syncd.daemon.timetable import Timetable
from syncd.daemon.worker import Worker
from syncd.errors import DatabaseUnavailableError, LeaseHeldError, StoppedError
from syncd.model.run import Mode, Outcome, Run, Trigger
from tests.fakes.edge import START, FakeClock, FakeRuns, FakeSync, until


class Shop:
    """Workers over one fake sync."""

    def __init__(self, *names: str, slots: int = 2) -> None:
        self.runs = FakeRuns()
        self.sync = FakeSync(self.runs, FakeClock(), names)
        self.stopping = False
        self.finished: list[Run] = []
        self.states = {name: DirectoryState(name, Timetable(changes=None, full=None), began=START) for name in names}
        semaphore = asyncio.Semaphore(slots)
        self.workers = {
            name: Worker(state, sync=self.sync, slots=semaphore, stopping=lambda: self.stopping, finished=self.note)
            for name, state in self.states.items()
        }

    async def note(self, run: Run) -> None:
        self.finished.append(run)

    def queue(self, name: str) -> Run:
        run, _ = self.sync.request(name, mode=Mode.CHANGES, trigger=Trigger.API)
        return run


async def test_what_is_queued_is_done_and_told() -> None:
    shop = Shop("corp")
    run = shop.queue("corp")
    assert await shop.workers["corp"].once() == 1
    assert [(done.id, done.outcome) for done in shop.finished] == [(run.id, Outcome.SUCCEEDED)]


async def test_being_woken_for_nothing_does_nothing() -> None:
    shop = Shop("corp")
    assert await shop.workers["corp"].once() == 0
    assert shop.finished == []


async def test_a_wake_while_a_run_is_at_work_is_not_lost() -> None:
    shop = Shop("corp")
    worker = shop.workers["corp"]
    shop.sync.gate.clear()
    shop.queue("corp")
    task = asyncio.create_task(worker.run())
    worker.wake()
    await until(lambda: shop.sync.at_work == ["corp"])
    shop.queue("corp")
    worker.wake()
    shop.sync.gate.set()
    await until(lambda: len(shop.finished) == 2)
    assert shop.sync.most_at_work == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_directories_work_at_once_and_a_third_waits() -> None:
    shop = Shop("a", "b", "c")
    shop.sync.gate.clear()
    for name in shop.workers:
        shop.queue(name)
    tasks = [asyncio.create_task(worker.once()) for worker in shop.workers.values()]
    await until(lambda: len(shop.sync.at_work) == 2)
    shop.sync.gate.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert shop.sync.most_at_work == 2


async def test_progress_is_seen_while_a_run_is_at_work_and_gone_after_it() -> None:
    shop = Shop("corp")
    shop.sync.gate.clear()
    shop.queue("corp")
    task = asyncio.create_task(shop.workers["corp"].once())
    state = shop.states["corp"]
    await until(lambda: state.progress is not None)
    assert state.progress is not None
    assert (state.progress.phase, state.progress.done) == ("read users", 17)
    assert shop.workers["corp"].busy
    shop.sync.gate.set()
    await task
    assert state.progress is None
    assert not shop.workers["corp"].busy


async def test_a_run_that_hangs_stops_neither_the_loop_nor_the_others() -> None:
    shop = Shop("corp", "hq")
    shop.sync.gate.clear()
    shop.queue("corp")
    task = asyncio.create_task(shop.workers["corp"].once())
    await until(lambda: shop.sync.at_work == ["corp"])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(shop.workers["corp"].idle(), 0.02)
    assert await shop.workers["hq"].once() == 0
    shop.sync.gate.set()
    assert await task == 1


async def test_a_lease_that_someone_else_holds_is_no_error() -> None:
    shop = Shop("corp")
    shop.sync.work_error = LeaseHeldError()
    with capture_logs() as logs:
        assert await shop.workers["corp"].once() == 0
    assert [entry["log_level"] for entry in logs] == ["debug"]


async def test_a_database_that_is_down_is_told_loudly_once_per_outage() -> None:
    shop = Shop("corp")
    with capture_logs() as logs:
        for error in (DatabaseUnavailableError(), DatabaseUnavailableError(), None, DatabaseUnavailableError()):
            shop.sync.work_error = error
            await shop.workers["corp"].once()
    assert [entry["log_level"] for entry in logs] == ["error", "debug", "error"]


async def test_an_error_of_our_own_ends_the_loop_and_is_not_swallowed() -> None:
    shop = Shop("corp")
    shop.sync.work_error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await shop.workers["corp"].once()
    assert not shop.workers["corp"].busy


@pytest.mark.parametrize("how", ["closed", "stopping"])
async def test_no_run_begins_once_it_is_over(how: str) -> None:
    shop = Shop("corp")
    shop.queue("corp")
    if how == "closed":
        shop.workers["corp"].close()
    shop.stopping = how == "stopping"
    assert await shop.workers["corp"].once() == 0
    assert shop.runs.next_queued("corp") is not None


async def test_a_run_that_was_stopped_ends_quietly() -> None:
    shop = Shop("corp")
    shop.sync.work_error = StoppedError()
    assert await shop.workers["corp"].once() == 0


async def test_the_run_at_work_learns_that_it_is_to_stop() -> None:
    shop = Shop("corp")
    shop.sync.gate.clear()
    shop.queue("corp")
    task = asyncio.create_task(shop.workers["corp"].once())
    await until(lambda: shop.sync.at_work == ["corp"])
    shop.stopping = True
    await asyncio.wait_for(task, 60)
    assert [run.code for run in shop.finished] == ["stopped"]
    assert shop.finished[0].finished_at == START + timedelta(0)
