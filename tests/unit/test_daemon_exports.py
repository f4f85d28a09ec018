"""The loop that works off exports."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from syncd.daemon import exports
from syncd.daemon.parts import Runtime
from syncd.errors import DatabaseUnavailableError, SyncdError
from tests.unit.test_daemon_mailer import until


class FakeExports:
    """As many as wait are done one by one."""

    def __init__(self) -> None:
        self.waiting = 0
        self.rounds = self.tidied = 0
        self.error: SyncdError | None = None
        self.holds: threading.Event | None = None
        self.stopped = threading.Event()

    def work(self, *, stopping: Callable[[], bool]) -> Any:
        self.rounds += 1
        if self.error is not None:
            raise self.error
        while self.holds is not None:
            if stopping():
                self.stopped.set()
                return None
            self.holds.wait(0.01)
        if not self.waiting:
            return None
        self.waiting -= 1
        return SimpleNamespace(id=self.waiting, rows=5, error="no space" if self.waiting == 1 else None)

    def tidy(self) -> int:
        self.tidied += 1
        return 0


def begin(fake: FakeExports) -> asyncio.Task[None]:
    runtime = SimpleNamespace(management=SimpleNamespace(exports=fake))
    return asyncio.create_task(exports.run(cast(Runtime, runtime), stopping=lambda: False))


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_s57_all_that_wait_are_done_and_told_of_and_old_ones_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "EVERY", 0.01)
    fake = FakeExports()
    fake.waiting = 3
    with capture_logs() as logs:
        task = begin(fake)
        await until(lambda: fake.rounds > 5)
        await end(task)
    assert [entry["event"] for entry in logs] == ["export finished", "export failed", "export finished"]
    assert fake.tidied == 1


async def test_a_database_that_is_down_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "EVERY", 0.01)
    fake = FakeExports()
    fake.error = DatabaseUnavailableError()
    with capture_logs() as logs:
        task = begin(fake)
        await until(lambda: fake.rounds > 5)
        assert [entry["log_level"] for entry in logs].count("warning") == 1
        fake.error, fake.waiting = None, 1
        await until(lambda: fake.waiting == 0)
        await end(task)


async def test_an_end_stops_the_export_under_way() -> None:
    fake = FakeExports()
    fake.holds = threading.Event()
    task = begin(fake)
    await until(lambda: fake.rounds == 1)
    await end(task)
    await until(fake.stopped.is_set)
