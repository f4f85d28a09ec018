"""The scheduler's loop, one look at a time, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

import pytest
from structlog.testing import capture_logs

from syncd.daemon.board import DirectoryState, observe
from syncd.daemon.schedule import parse_schedule
from syncd.daemon.scheduler import LONGEST_SLEEP, Timer, draw_jitter
from syncd.daemon.timetable import Timetable
from syncd.errors import DatabaseUnavailableError
from syncd.model.run import Mode, Outcome, Run, Trigger
from tests.fakes.edge import START, FakeClock, FakePlans, FakeRuns


class Desk:
    """A timer with everything it needs."""

    def __init__(
        self,
        changes: str | None = "every 5m",
        full: str | None = None,
        *,
        opening: Trigger | None = None,
        jitter: float = 0,
        runs: FakeRuns | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.runs = runs or FakeRuns()
        self.asked: list[tuple[Mode, Trigger]] = []
        table = Timetable(
            changes=parse_schedule(changes, zone=UTC) if changes else None,
            full=parse_schedule(full, zone=UTC) if full else None,
            jitter=timedelta(seconds=jitter),
        )
        self.state = DirectoryState("corp", table, began=START)
        self.timer = Timer(
            self.state,
            clock=self.clock,
            request=self.request,
            refresh=self.refresh,
            opening=opening,
            draw=lambda most: most,
        )

    async def request(self, mode: Mode, trigger: Trigger) -> Run:
        run, _ = self.runs.request("corp", mode=mode, trigger=trigger, at=self.clock.now())
        self.asked.append((mode, trigger))
        return run

    async def refresh(self) -> None:
        self.state.take(observe(self.runs, FakePlans(self.runs), "corp", far=True))

    async def look_after(self, **delta: float) -> float:
        self.clock.advance(**delta)
        return await self.timer.once()


async def test_nothing_is_asked_before_it_is_due() -> None:
    desk = Desk()
    assert await desk.look_after(minutes=4, seconds=59) == pytest.approx(1)
    assert desk.asked == []
    assert desk.state.next_due == START + timedelta(minutes=5)


async def test_a_run_is_asked_for_when_it_is_due_and_once() -> None:
    desk = Desk()
    await desk.look_after(minutes=5)
    await desk.look_after(seconds=1)
    await desk.look_after(minutes=4)
    assert desk.asked == [(Mode.CHANGES, Trigger.SCHEDULE)]
    await desk.look_after(minutes=1)
    assert desk.asked == [(Mode.CHANGES, Trigger.SCHEDULE)] * 2


async def test_a_machine_that_slept_makes_up_with_one_run() -> None:
    desk = Desk(full="every 1h")
    await desk.look_after(hours=8)
    await desk.look_after(seconds=10)
    assert desk.asked == [(Mode.FULL, Trigger.SCHEDULE)]


async def test_the_opening_run_comes_at_once_and_starts_the_interval() -> None:
    desk = Desk(opening=Trigger.START)
    await desk.look_after(seconds=0)
    assert desk.asked == [(Mode.CHANGES, Trigger.START)]
    assert desk.state.next_due == START + timedelta(minutes=5)


async def test_the_opening_run_is_a_full_one_when_that_was_missed() -> None:
    runs = FakeRuns()
    runs.complete(at=START - timedelta(hours=30), mode=Mode.FULL)
    desk = Desk(full="0 3 * * *", opening=Trigger.START, runs=runs)
    await desk.refresh()
    await desk.look_after(seconds=0)
    assert desk.asked == [(Mode.FULL, Trigger.START)]


async def test_without_an_opening_the_schedule_goes_on_where_it_stood() -> None:
    runs = FakeRuns()
    runs.complete(at=START - timedelta(minutes=3))
    desk = Desk(runs=runs)
    await desk.refresh()
    await desk.look_after(seconds=0)
    assert desk.asked == []
    assert desk.state.next_due == START + timedelta(minutes=2, seconds=-1)


async def test_a_run_of_another_instance_a_moment_ago_counts() -> None:
    desk = Desk()
    await desk.look_after(minutes=4)
    desk.runs.complete(at=START + timedelta(minutes=4, seconds=30))
    await desk.look_after(minutes=1)
    assert desk.asked == []
    assert desk.state.next_due == START + timedelta(minutes=9, seconds=29)


async def test_a_request_that_waits_behind_a_long_run_is_not_repeated() -> None:
    desk = Desk()
    desk.runs.add(outcome=Outcome.RUNNING, started_at=START)
    await desk.refresh()
    await desk.look_after(minutes=5)
    await desk.look_after(minutes=1)
    assert len(desk.asked) == 1
    assert desk.state.next_due == START + timedelta(minutes=10)


async def test_runs_that_read_nothing_do_not_put_off_those_that_do() -> None:
    desk = Desk()
    desk.runs.add(mode=Mode.ROLES, outcome=Outcome.SUCCEEDED, started_at=START + timedelta(minutes=4))
    await desk.look_after(minutes=5)
    assert desk.asked == [(Mode.CHANGES, Trigger.SCHEDULE)]


async def test_jitter_delays_each_start_but_not_the_opening() -> None:
    desk = Desk(opening=Trigger.START, jitter=10)
    await desk.look_after(seconds=0)
    assert len(desk.asked) == 1
    await desk.look_after(minutes=5, seconds=9)
    assert len(desk.asked) == 1
    await desk.look_after(seconds=1)
    assert len(desk.asked) == 2


async def test_a_database_that_is_down_is_told_once_and_the_run_is_made_up() -> None:
    desk = Desk()
    desk.runs.error = DatabaseUnavailableError("the database is away")
    with capture_logs() as logs:
        assert await desk.look_after(minutes=5) == LONGEST_SLEEP
        assert await desk.look_after(seconds=10) == LONGEST_SLEEP
        desk.runs.error = None
        await desk.look_after(seconds=10)
    assert desk.asked == [(Mode.CHANGES, Trigger.SCHEDULE)]
    loud = [(entry["log_level"], entry["event"]) for entry in logs if entry["log_level"] != "debug"]
    assert loud == [("error", "run not requested"), ("info", "runs can be requested again")]


async def test_an_opening_that_could_not_be_asked_for_is_asked_for_again() -> None:
    desk = Desk(opening=Trigger.START)
    desk.runs.error = DatabaseUnavailableError("the database is away")
    await desk.look_after(seconds=0)
    desk.runs.error = None
    await desk.look_after(seconds=10)
    assert desk.asked == [(Mode.CHANGES, Trigger.START)]


async def test_it_looks_again_soon_whatever_the_schedule_so_that_a_clock_may_jump() -> None:
    assert await Desk(changes="0 3 1 1 *").look_after(seconds=0) == LONGEST_SLEEP
    assert await Desk(changes=None).look_after(seconds=0) == LONGEST_SLEEP


async def test_the_loop_gives_a_sign_of_life_at_each_look() -> None:
    beats = asyncio.Semaphore(0)
    task = asyncio.create_task(Desk().timer.run(beats.release))
    await asyncio.wait_for(beats.acquire(), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


def test_jitter_lies_between_nothing_and_the_most() -> None:
    most = timedelta(seconds=30)
    drawn = [draw_jitter(most) for _ in range(200)]
    assert all(timedelta(0) <= delay <= most for delay in drawn)
    assert len(set(drawn)) > 100
