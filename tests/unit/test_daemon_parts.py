"""The daemon's small parts: guarded tasks, threads, the service manager's socket, the daily tidying."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.daemon import housekeeping, pulse
from syncd.daemon.board import LOOP_SILENCE, Board, DirectoryState
from syncd.daemon.systemd import Notifier
from syncd.daemon.tasks import TaskSet
from syncd.daemon.timetable import Timetable
from syncd.errors import DatabaseUnavailableError, LeaseHeldError
from syncd.model.run import Outcome
from syncd.services.planned import Progress
from syncd.threads import Patient, in_thread, still_busy
from tests.fakes.edge import START, FakeClock, FakeRuntime, settings_of, until


# ---------------------------------------------------------------- tasks
async def _die() -> None:
    raise ZeroDivisionError("a bug")


async def _end() -> None:
    pass


async def _last() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("body", [_die, _end])
async def test_a_task_that_ends_without_being_asked_is_found_out(body: object) -> None:
    tasks = TaskSet()
    with capture_logs() as logs:
        tasks.start("healthy", _last())
        tasks.start("scheduler corp", body())  # type: ignore[operator]
        assert await asyncio.wait_for(tasks.failed(), 60) == "scheduler corp"
    assert tasks.dead == ("scheduler corp",)
    assert tasks.names == ("healthy",)
    assert [(entry["log_level"], entry["task"]) for entry in logs] == [("critical", "scheduler corp")]
    await tasks.cancel()


async def test_a_task_that_died_before_anyone_asked_is_found_out_too() -> None:
    tasks = TaskSet()
    with capture_logs():
        tasks.start("early", _die())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(tasks.failed(), 60) == "early"
    await tasks.cancel()


async def test_a_task_that_is_stopped_is_not_dead() -> None:
    tasks = TaskSet()
    stopped = tasks.start("stopped", _last())
    await tasks.cancel([stopped])
    assert (tasks.dead, tasks.names) == ((), ())


async def test_a_passing_task_may_end_and_its_error_is_told() -> None:
    tasks = TaskSet()
    with capture_logs() as logs:
        await asyncio.gather(tasks.start("passing", _end(), eternal=False))
        failing = tasks.start("failing", _die(), eternal=False)
        await asyncio.wait({failing})
        await asyncio.sleep(0)
    assert tasks.dead == ()
    assert [(entry["log_level"], entry["task"]) for entry in logs] == [("error", "failing")]


# ---------------------------------------------------------------- threads
async def test_a_call_in_a_thread_gives_back_what_it_returns_or_raises() -> None:
    assert await in_thread(lambda: 42, name="answer") == 42
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, name="error")


async def test_threads_that_hang_are_known_by_name_and_do_not_hold_up_others() -> None:
    release = threading.Event()
    hanging = [asyncio.create_task(in_thread(release.wait, name=f"hang {number}")) for number in range(40)]
    await until(lambda: len(still_busy()) >= 40)
    assert await asyncio.wait_for(in_thread(lambda: "quick", name="quick"), 60) == "quick"
    assert {f"hang {number}" for number in range(40)} <= set(still_busy())
    release.set()
    await asyncio.gather(*hanging)


async def test_whoever_stops_waiting_for_a_thread_is_not_told_its_result() -> None:
    release, done = threading.Event(), threading.Event()

    def slow() -> None:
        release.wait(30)
        done.set()

    task = asyncio.create_task(in_thread(slow, name="slow"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    release.set()
    await until(done.is_set)
    assert task.cancelled()


async def test_a_patient_call_is_waited_for_so_long_and_its_thread_is_the_only_one() -> None:
    patient: Patient[bool] = Patient(name="patient", timeout=0.05)
    release = threading.Event()
    for _ in range(3):
        with pytest.raises(DatabaseUnavailableError, match=r"within 0\.05 s"):
            await patient.call(release.wait)
    assert [name for name in still_busy() if name == "patient"] == ["patient"]
    patient._timeout = 60
    release.set()
    assert await patient.call(lambda: False) is False


async def test_an_error_of_a_call_that_nobody_waits_for_is_not_raised_later() -> None:
    patient: Patient[int] = Patient(name="late", timeout=0.05)
    release = threading.Event()

    def late() -> int:
        release.wait(30)
        raise ValueError("late")

    with pytest.raises(DatabaseUnavailableError):
        await patient.call(late)
    patient._timeout = 60
    release.set()
    assert await patient.call(lambda: 7) == 7


# ---------------------------------------------------------------- service manager
@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def received(manager: socket.socket) -> list[str]:
    manager.setblocking(False)
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_each_message_of_the_protocol(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    notifier.reloading()
    notifier.alive()
    notifier.status("corp: failed\nhq: ok")
    notifier.status("corp: failed hq: ok")
    notifier.stopping()
    ready, reloading, alive, status, stopping = received(manager)
    assert (ready, alive, stopping) == ("READY=1", "WATCHDOG=1", "STOPPING=1")
    first, second = reloading.split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert int(second.partition("=")[2]) > 0
    assert status == "STATUS=corp: failed hq: ok"


def test_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + f"syncd-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@syncd-test-{os.getpid()}"}).ready()
        assert received(receiver) == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_service_manager_nothing_happens(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready()
    assert notifier.watchdog is None


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({"WATCHDOG_USEC": "30000000"}, 30.0), ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
     ({"WATCHDOG_USEC": "soon"}, None), ({"WATCHDOG_USEC": "0"}, None)],
)  # fmt: skip
def test_the_watchdog_is_fed_when_it_is_meant_for_us(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environment).watchdog == seconds


def test_the_watchdog_starves_when_a_loop_shows_no_sign_of_life(manager: socket.socket) -> None:
    clock = FakeClock()
    board = Board(version="1", started_at=START)
    board.beat("scheduler corp", clock.monotonic())
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"})
    pulse.once(board, notifier=notifier, clock=clock)
    assert received(manager) == ["WATCHDOG=1", "STATUS=no directory configured"]
    clock.advance(seconds=LOOP_SILENCE + 1)
    pulse.once(board, notifier=notifier, clock=clock)
    board.beat("scheduler corp", clock.monotonic())
    board.dead = ("observer",)
    pulse.once(board, notifier=notifier, clock=clock)
    assert received(manager) == []


def test_the_status_line_says_how_each_directory_is() -> None:
    board = Board(version="1", started_at=START)
    runs = FakeRuntime(settings_of()).runs
    table = Timetable(changes=None, full=None)
    states = {name: DirectoryState(name, table, began=START) for name in ("new", "good", "bad", "busy")}
    states["good"].last_finished = runs.complete()
    states["bad"].last_finished = runs.failed()
    states["busy"].progress = Progress("busy", "apply", 1, 2)
    board.replace(states)
    board.store_answers(0, DatabaseUnavailableError())
    assert pulse.status_line(board) == (
        "database: database_unavailable; new: not synced yet; good: succeeded at 2026-03-02 12:00:00 UTC; "
        "bad: failed (connect_timeout) at 2026-03-02 12:00:00 UTC; busy: syncing (apply)"
    )


# ---------------------------------------------------------------- housekeeping
def _tidy(runtime: FakeRuntime, *, stopping: bool = False) -> bool:
    return housekeeping.tidy(runtime, clock=runtime.clock, stopping=lambda: stopping)


def test_tidying_purges_every_directory_and_the_old_runs() -> None:
    runtime = FakeRuntime(settings_of("corp", "hq"), clock=FakeClock())
    runtime.runs.failed(at=START - timedelta(days=91))
    kept = runtime.runs.failed(at=START - timedelta(days=89))
    assert _tidy(runtime)
    assert runtime.sync.purged == ["corp", "hq"]
    assert [run.id for run in runtime.runs.list()] == [kept.id]


@pytest.mark.parametrize("error", [LeaseHeldError(), DatabaseUnavailableError()])
def test_what_cannot_be_tidied_is_tried_again(error: Exception) -> None:
    runtime = FakeRuntime(settings_of("corp"), clock=FakeClock())
    runtime.sync.purge_error = error
    assert not _tidy(runtime)
    runtime.sync.purge_error = None
    assert _tidy(runtime)


def test_tidying_lets_passwords_age_and_tries_again_when_it_cannot() -> None:
    runtime = FakeRuntime(settings_of("corp"), clock=FakeClock())
    look = runtime.management.password_age.expire_and_warn
    look.side_effect = DatabaseUnavailableError()
    assert not _tidy(runtime)
    look.side_effect = None
    assert _tidy(runtime)
    assert [call.args for call in look.call_args_list] == [(START,), (START,)]


def test_tidying_stops_when_the_daemon_does() -> None:
    runtime = FakeRuntime(settings_of("corp"), clock=FakeClock())
    assert not _tidy(runtime, stopping=True)
    assert runtime.sync.purged == []


async def test_the_tidying_loop_tidies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "FIRST_AFTER", 0.0)
    runtime = FakeRuntime(settings_of("corp"), clock=FakeClock())
    runtime.runs.add(outcome=Outcome.RUNNING, started_at=START)
    task = asyncio.create_task(housekeeping.run(runtime, stopping=lambda: False))
    await until(lambda: runtime.sync.purged == ["corp"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
