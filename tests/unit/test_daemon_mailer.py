"""The daemon's loop that sends mail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from syncd.daemon import mailer
from syncd.daemon.board import Board
from syncd.daemon.parts import Runtime
from syncd.errors import DatabaseUnavailableError
from syncd.metrics import Metrics
from syncd.model.mail import MailKind, MailsWaiting
from syncd.services.mailing import MailReport
from syncd.services.mails import Mails
from syncd.settings.accounts import MailSettings
from tests.fakes.edge import START, FakeClock, until


class FakeSender:
    """Rounds as a test writes them."""

    def __init__(self) -> None:
        self.rounds = 0
        self.queued = 0
        self.waiting = MailsWaiting()
        self.error: Exception | None = None
        self.waits: threading.Event | None = None
        self.stopped = False

    def work(self, *, stopping: Callable[[], bool]) -> MailReport:
        self.rounds += 1
        if self.error is not None:
            raise self.error
        report = MailReport(waiting=self.waiting)
        if self.queued:
            report.sent[MailKind.LOCKED] += self.queued
            self.queued = 0
        while self.waits is not None and not self.waits.wait(0.01):
            self.stopped = stopping()
            if self.stopped:
                break
        return report

    def tidy(self) -> None:
        pass


class Loop:
    """The loop at work."""

    def __init__(self) -> None:
        self.sender = FakeSender()
        self.metrics = Metrics(version="1")
        self.board = Board(version="1", started_at=START)
        self.mails = Mails(settings=MailSettings(host="smtp.example.com"), outbox=cast(Any, None), clock=FakeClock())
        runtime = SimpleNamespace(management=SimpleNamespace(mail_sender=self.sender, mails=self.mails))
        self.task = asyncio.create_task(
            mailer.run(cast(Runtime, runtime), board=self.board, metrics=self.metrics, stopping=lambda: False), name="mailer"
        )

    def sent(self) -> float:
        return self.metrics.registry.get_sample_value("syncd_mails_sent_total", {"kind": "locked"}) or 0.0

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def loop() -> AsyncIterator[Loop]:
    made = Loop()
    await until(lambda: made.sender.rounds == 1)
    yield made
    await made.end()


async def test_it_wakes_when_a_mail_is_made_and_looks_until_it_is_committed(loop: Loop) -> None:
    made = asyncio.get_running_loop().time()
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")
    await until(lambda: loop.sender.rounds >= 3)
    loop.sender.queued = 1
    await until(lambda: loop.sent() == 1)
    assert asyncio.get_running_loop().time() - made < mailer.EVERY / 2


async def test_a_database_that_is_down_is_said_once_and_ends_nothing(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "EVERY", 0.01)
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")
    with capture_logs() as logs:
        loop.sender.error = DatabaseUnavailableError()
        rounds = loop.sender.rounds
        await until(lambda: loop.sender.rounds > rounds + 6)
        assert [entry["log_level"] for entry in logs if entry["event"] == "mail not looked for"].count("warning") == 1
    loop.sender.error, loop.sender.queued = None, 2
    await until(lambda: loop.sent() == 2)


async def test_what_waits_is_on_the_board_and_in_the_metrics(loop: Loop) -> None:
    def oldest() -> float | None:
        return loop.metrics.registry.get_sample_value("syncd_mails_waiting_since_timestamp_seconds")

    assert (loop.board.mail, oldest()) == (MailsWaiting(), None)
    loop.sender.waiting = MailsWaiting(count=2, since=START)
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")
    await until(lambda: loop.board.mail == MailsWaiting(count=2, since=START))
    assert oldest() == START.timestamp()
    assert loop.metrics.registry.get_sample_value("syncd_mails_queued") == 2
    loop.sender.waiting = MailsWaiting()
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")
    await until(lambda: oldest() is None)


async def test_an_end_stops_the_round_under_way_and_forgets_the_loop(loop: Loop) -> None:
    loop.sender.waits = threading.Event()
    rounds = loop.sender.rounds
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")
    await until(lambda: loop.sender.rounds > rounds)
    await loop.end()
    await until(lambda: loop.sender.stopped)
    loop.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com")


async def test_without_mail_the_loop_sleeps() -> None:
    runtime = cast(Runtime, SimpleNamespace(management=SimpleNamespace(mail_sender=None)))
    board, metrics = Board(version="1", started_at=START), Metrics(version="1")
    board.mail = waiting = MailsWaiting(count=3, since=START)
    metrics.mails_wait(waiting)
    task = asyncio.create_task(mailer.run(runtime, board=board, metrics=metrics, stopping=lambda: False))
    done, _ = await asyncio.wait({task}, timeout=0.05)
    assert not done
    # of an earlier configuration with mail
    assert board.mail is None
    assert metrics.registry.get_sample_value("syncd_mails_queued") == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
