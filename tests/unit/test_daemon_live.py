"""The loop that watches a directory: each notice becomes a run, and no cut or refusal ends the watching."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from syncd.daemon import live
from syncd.daemon.board import NOT_WATCHED, DirectoryState
from syncd.daemon.live import Live
from syncd.daemon.timetable import Timetable
from syncd.errors import ConnectionLostError, InvalidCredentialsError, SyncdError
from syncd.model.run import Mode, Outcome, Run, Trigger
from syncd.services.watching import NO_CURSOR
from tests.fakes.edge import START, FakeRuns, until


class Script:
    """A watch that does what a test says, one step for each time it is begun; the last step is kept until `close`."""

    def __init__(self, *steps: str | SyncdError) -> None:
        self.steps = list(steps)
        self.begun = 0
        self.changed: Callable[[], None] = lambda: None
        self._closed = threading.Event()

    def watch(self, directory: str, *, changed: Callable[[], None], watching: Callable[[], None]) -> str:
        self.begun += 1
        step = self.steps.pop(0) if self.steps else "stand"
        if isinstance(step, SyncdError):
            raise step
        if step != "stand":
            return step
        self.changed = changed
        watching()
        self._closed.wait(30)
        return "closed"

    def close(self) -> None:
        self._closed.set()


class Desk:
    def __init__(self, *steps: str | SyncdError) -> None:
        self.state = DirectoryState("corp", Timetable(changes=None, full=None), began=START)
        self.script = Script(*steps)
        self.asked: list[tuple[Mode, Trigger]] = []
        self.runs = FakeRuns()
        self.live = Live(self.state, watches=self.script, request=self._request)

    async def _request(self, mode: Mode, trigger: Trigger) -> Run:
        self.asked.append((mode, trigger))
        run, _ = self.runs.request("corp", mode=mode, trigger=trigger, at=START)
        return run

    def finish(self, *, feed: str = "syncrepl", trigger: Trigger = Trigger.SCHEDULE) -> None:
        """A run of the directory ends well."""
        run, _ = self.runs.request("other", mode=Mode.CHANGES, trigger=trigger, at=START)
        self.live.run_finished(replace(run, outcome=Outcome.SUCCEEDED, feed=feed, trigger=trigger))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.live.run())
        try:
            yield
        finally:
            self.script.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SHORTEST_PAUSE", 0.01)


async def test_a_watch_that_stands_asks_for_what_was_missed_and_then_for_each_change() -> None:
    desk = Desk()
    async with desk.at_work():
        await until(lambda: desk.asked == [(Mode.CHANGES, Trigger.LIVE)])
        assert desk.state.not_watched == ""
        desk.script.changed()
        await until(lambda: len(desk.asked) == 2)


async def test_without_a_cursor_it_waits_for_a_run() -> None:
    desk = Desk(NO_CURSOR)
    async with desk.at_work():
        await until(lambda: desk.state.not_watched == NO_CURSOR)
        assert desk.script.begun == 1
        desk.finish()
        await until(lambda: desk.script.begun == 2)
        await until(lambda: desk.state.not_watched == "")


async def test_after_a_cut_it_watches_again_and_looks_what_it_missed() -> None:
    desk = Desk(ConnectionLostError("the server went away"), ConnectionLostError("still away"))
    async with desk.at_work():
        await until(lambda: desk.script.begun == 3)
        await until(lambda: len(desk.asked) == 1)


async def test_a_refused_password_is_not_tried_again_by_itself() -> None:
    desk = Desk(InvalidCredentialsError("the server refused the bind"))
    with capture_logs() as logs:
        async with desk.at_work():
            await until(lambda: desk.script.begun == 1 and desk.state.not_watched != NOT_WATCHED)
            assert [entry["code"] for entry in logs if entry["event"] == "directory not watched"] == ["invalid_credentials"]
            desk.finish()
            await until(lambda: desk.script.begun == 2)
    assert len(desk.asked) == 1


async def test_a_directory_that_must_be_read_whole_is_left_to_the_schedule() -> None:
    desk = Desk()
    async with desk.at_work():
        await until(lambda: len(desk.asked) == 1)
        desk.finish(feed="full", trigger=Trigger.LIVE)
        desk.script.changed()
        await until(lambda: not desk.live._changed.is_set())
        assert len(desk.asked) == 1, "nobody reads everything because of each notice"
        desk.finish()
        desk.script.changed()
        await until(lambda: len(desk.asked) == 2)
