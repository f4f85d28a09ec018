"""The daemon's life in one process, on fakes: start, reload, a dead loop, and a stop in each phase."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from syncd.daemon import observer, recovery, reload, runtime
from syncd.daemon.runtime import Daemon
from syncd.daemon.systemd import Notifier
from syncd.errors import ConfigurationError, DatabaseUnavailableError, SchemaOutdatedError
from syncd.model.run import Mode, Outcome, Trigger
from syncd.settings.root import RootSettings
from tests.fakes.edge import FakeRuns, FakeRuntime, settings_of, until


class Rig:
    """A daemon whose configuration and surroundings a test changes."""

    def __init__(self, *names: str, **schedule: Any) -> None:
        self.settings: RootSettings | Exception = settings_of(*names, **schedule)
        self.runs = FakeRuns()
        self.opened: list[FakeRuntime] = []
        self.open_error: Exception | None = None
        self.prepare: Callable[[FakeRuntime], None] = lambda runtime: None
        self.daemon = Daemon(load=self.load, open_runtime=self.open, notifier=Notifier({}), zone=UTC)

    def load(self) -> RootSettings:
        if isinstance(self.settings, Exception):
            raise self.settings
        return self.settings

    def open(self, settings: RootSettings) -> FakeRuntime:
        if self.open_error is not None:
            raise self.open_error
        runtime = FakeRuntime(settings, runs=self.runs)
        self.prepare(runtime)
        self.opened.append(runtime)
        return runtime

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[int]]:
        task = asyncio.create_task(self.daemon.run())
        try:
            await until(lambda: self.daemon.board.ready or task.done())
            yield task
        finally:
            self.daemon.signals.stop.set()
            await task

    async def get(self, path: str) -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.get(self.daemon.http.url + path) as answer:
            return answer.status, await answer.json()

    async def until_ready(self) -> None:
        """Until every directory was read whole, and that was seen."""
        async with asyncio.timeout(60):
            while (await self.get("/readyz"))[0] != 200:  # noqa: ASYNC110 - nothing tells but the answer
                await asyncio.sleep(0.01)

    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(run.directory, run.trigger.value, run.outcome.value) for run in reversed(self.runs.list())]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are seconds in earnest."""
    monkeypatch.setattr(observer, "INTERVAL", 0.05)
    monkeypatch.setattr(runtime, "GRACE", 0.3)
    monkeypatch.setattr(runtime, "GRACE_AFTER_INTERRUPT", 0.3)


# ---------------------------------------------------------------- start
async def test_a_start_syncs_each_directory_and_serves() -> None:
    rig = Rig("corp", "hq")
    async with rig.running():
        await until(lambda: sorted(rig.outcomes()) == [("corp", "start", "succeeded"), ("hq", "start", "succeeded")])
        await until(lambda: rig.daemon.board.directories["hq"].last_complete is not None)
        status, health = await rig.get("/healthz")
        await rig.until_ready()
        status, health = await rig.get("/healthz")
        assert (status, health["status"], sorted(health["directories"])) == (200, "ok", ["corp", "hq"])


async def test_without_on_start_nothing_is_synced_and_health_says_so() -> None:
    rig = Rig("corp", on_start=False)
    async with rig.running():
        for path in ("/healthz", "/readyz"):
            status, health = await rig.get(path)
            assert (status, health["directories"]["corp"]["problems"][0]["code"]) == (503, "never_complete")
        assert (await rig.get("/livez"))[0] == 200
    assert rig.outcomes() == []


async def test_the_schedule_asks_for_runs_by_itself() -> None:
    rig = Rig("corp", changes="every 1s", on_start=False)
    async with rig.running():
        await until(lambda: rig.outcomes().count(("corp", "schedule", "succeeded")) >= 2)


async def test_a_row_that_another_process_queued_is_done() -> None:
    rig = Rig("corp", on_start=False)
    async with rig.running():
        rig.runs.request("corp", mode=Mode.CHANGES, trigger=Trigger.CLI, at=rig.daemon.clock.now())
        await until(lambda: rig.outcomes() == [("corp", "cli", "succeeded")])


async def test_a_sync_asked_for_over_http_is_done() -> None:
    rig = Rig("corp", on_start=False)
    async with rig.running(), aiohttp.ClientSession() as session:
        token = {"Authorization": "Bearer operator-token-of-the-tests"}
        url, seconds = f"{rig.daemon.http.url}/api/v1/directories/corp/sync", []
        for _ in range(5):
            began = time.perf_counter()
            async with session.post(url, headers=token, json={"mode": "full"}) as answer:
                assert answer.status == 202
            seconds.append(time.perf_counter() - began)
        assert sorted(seconds)[2] < 0.2
        await until(lambda: set(rig.outcomes()) == {("corp", "api", "succeeded")})
        assert rig.runs.get(1).mode is Mode.FULL
        assert rig.runs.get(1).actor == "operator"


async def test_a_plan_approved_over_http_is_followed_by_a_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "INTERVAL", 60.0)
    rig = Rig("corp", on_start=False)
    async with rig.running(), aiohttp.ClientSession() as session:
        rig.opened[0].plans.add()
        token = {"Authorization": "Bearer operator-token-of-the-tests"}
        url = f"{rig.daemon.http.url}/api/v1/plans/1/approve"
        async with session.post(url, headers=token, json={"reason": "the office was sold"}) as answer:
            assert (answer.status, answer.headers["Location"]) == (202, "/api/v1/runs/1")
        await until(lambda: rig.outcomes() == [("corp", "approval", "succeeded")])


async def test_a_run_whose_process_died_is_healed_by_a_daemon_that_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "INTERVAL", 0.1)
    rig = Rig("corp", on_start=False)
    async with rig.running():
        rig.runs.add(outcome=Outcome.RUNNING, started_at=rig.daemon.clock.now(), mode=Mode.FULL)
        rig.opened[0].lease.held.add("corp")
        await until(lambda: len(rig.opened[0].lease.asked) > 3)
        assert rig.outcomes() == [("corp", "schedule", "running")]
        rig.opened[0].lease.held.clear()
        await until(lambda: ("corp", "recovery", "succeeded") in rig.outcomes())
        assert next(run.mode for run in rig.runs.list() if run.trigger is Trigger.RECOVERY) is Mode.FULL


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError(problems=("a is wrong", "b is wrong")), 78),
        (SchemaOutdatedError(), 78),
        (DatabaseUnavailableError(), 75),
    ],
)
async def test_what_prevents_a_start_is_told_and_gives_the_exit_code(error: Exception, code: int) -> None:
    rig = Rig("corp")
    if isinstance(error, ConfigurationError):
        rig.settings = error
    rig.open_error = error
    with capture_logs() as logs:
        assert await asyncio.wait_for(rig.daemon.run(), 60) == code
    if isinstance(error, ConfigurationError):
        assert [entry["problem"] for entry in logs if "problem" in entry] == ["a is wrong", "b is wrong"]
    else:
        assert next(entry["code"] for entry in logs if entry["event"] == "cannot start") == error.code  # type: ignore[attr-defined]


async def test_a_port_in_use_ends_the_start_before_anything_is_synced() -> None:
    first, second = Rig("corp"), Rig("corp")
    async with first.running():
        port = first.daemon.http.url.rpartition(":")[2]
        assert isinstance(second.settings, RootSettings)
        http = second.settings.http.model_copy(update={"listen": f"127.0.0.1:{port}"})
        second.settings = second.settings.model_copy(update={"http": http})
        assert await asyncio.wait_for(second.daemon.run(), 60) == 75
    assert second.outcomes() == []
    assert second.opened[0].closed


# ---------------------------------------------------------------- a dead loop
async def test_a_loop_that_dies_stops_the_daemon_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig("corp")

    def die(directory: str, **_: object) -> None:
        raise ZeroDivisionError("a bug")

    rig.prepare = lambda runtime: monkeypatch.setattr(runtime.sync, "work", die)
    with capture_logs() as logs:
        assert await asyncio.wait_for(rig.daemon.run(), 60) == 1
    dead = [entry for entry in logs if entry["log_level"] == "critical"]
    assert {entry["task"] for entry in dead} == {"worker corp"}
    assert rig.opened[0].closed


# ---------------------------------------------------------------- stop
async def test_a_stop_while_a_run_is_at_work_ends_it_at_its_next_edge() -> None:
    rig = Rig("corp")
    rig.prepare = lambda runtime: runtime.sync.gate.clear()
    async with rig.running() as task:
        await until(lambda: rig.opened[0].sync.at_work == ["corp"])
        rig.daemon.signals.stop.set()
        assert await asyncio.wait_for(task, 60) == 0
    assert rig.runs.get(1).code == "stopped"
    assert rig.opened[0].closed
    assert rig.opened[0].sync.interrupted == []


async def test_a_run_that_waits_for_its_server_is_cut_off() -> None:
    rig = Rig("corp")

    def stubborn(runtime: FakeRuntime) -> None:
        runtime.sync.gate.clear()
        runtime.sync.ignores_stop = True

    rig.prepare = stubborn
    async with rig.running() as task:
        await until(lambda: rig.opened[0].sync.at_work == ["corp"])
        rig.daemon.signals.stop.set()
        assert await asyncio.wait_for(task, 60) == 0
    assert rig.opened[0].sync.interrupted == ["corp"]
    assert rig.runs.get(1).outcome is Outcome.FAILED


async def test_a_run_that_nothing_can_end_is_left_behind_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, release = Rig("corp"), threading.Event()
    started = threading.Event()

    def hang(directory: str, **_: object) -> None:
        started.set()
        release.wait(60)

    rig.prepare = lambda runtime: monkeypatch.setattr(runtime.sync, "work", hang)
    with capture_logs() as logs:
        async with rig.running() as task:
            await until(started.is_set)
            began = time.monotonic()
            rig.daemon.signals.stop.set()
            assert await asyncio.wait_for(task, 60) == 0
            assert time.monotonic() - began < 4
    release.set()
    left = [entry for entry in logs if entry["event"].startswith("runs left behind")]
    assert [entry["directories"] for entry in left] == [["corp"]]


async def test_not_ready_from_the_first_moment_of_a_stop() -> None:
    rig = Rig("corp")
    rig.prepare = lambda runtime: runtime.sync.gate.clear()
    async with rig.running() as task:
        await until(lambda: rig.opened[0].sync.at_work == ["corp"])
        rig.opened[0].sync.ignores_stop = True
        rig.daemon.signals.stop.set()
        await until(lambda: rig.daemon.board.stopping)
        status, body = await rig.get("/readyz")
        assert (status, body["problems"][0]["code"]) == (503, "stopping")
        rig.opened[0].sync.gate.set()
        assert await asyncio.wait_for(task, 60) == 0


async def test_a_stop_while_the_store_is_being_opened() -> None:
    rig, release, opening = Rig("corp"), threading.Event(), threading.Event()

    def hang(runtime: FakeRuntime) -> None:
        opening.set()
        release.wait(60)

    rig.prepare = hang
    task = asyncio.create_task(rig.daemon.run())
    await until(opening.is_set)
    rig.daemon.signals.stop.set()
    assert await asyncio.wait_for(task, 60) == 0
    release.set()


# ---------------------------------------------------------------- reload
def _with(settings: RootSettings | Exception, **changes: Any) -> RootSettings:
    assert isinstance(settings, RootSettings)
    return settings.model_copy(update=changes)


@pytest.fixture
def hup() -> Callable[[Rig], Awaitable[bool]]:
    async def reload_now(rig: Rig) -> bool:
        return await asyncio.wait_for(reload.once(rig.daemon), 60)

    return reload_now


async def test_a_reload_takes_over_new_directories_and_syncs_only_those(hup: Callable[[Rig], Awaitable[bool]]) -> None:
    rig = Rig("corp")
    async with rig.running():
        await until(lambda: len(rig.outcomes()) == 1)
        rig.settings = settings_of("corp", "hq")
        assert await hup(rig)
        await until(lambda: ("hq", "configuration", "succeeded") in rig.outcomes())
        assert [outcome for outcome in rig.outcomes() if outcome[0] == "corp"] == [("corp", "start", "succeeded")]
        assert sorted((await rig.get("/healthz"))[1]["directories"]) == ["corp", "hq"]
        await until(lambda: rig.opened[0].closed)
        assert not rig.opened[1].closed


async def test_a_directory_that_was_taken_out_is_gone_from_health_and_metrics(
    hup: Callable[[Rig], Awaitable[bool]],
) -> None:
    rig = Rig("corp", "hq")
    async with rig.running():
        await until(lambda: len(rig.outcomes()) == 2)
        rig.settings = settings_of("corp")
        assert await hup(rig)
        assert sorted((await rig.get("/healthz"))[1]["directories"]) == ["corp"]
        await until(lambda: rig.opened[0].closed)
        text = rig.daemon.metrics.render("")[0].decode()
        assert 'directory="corp"' in text
        assert 'directory="hq"' not in text


async def test_a_bad_configuration_is_told_in_full_and_the_old_one_stays(
    hup: Callable[[Rig], Awaitable[bool]],
) -> None:
    rig = Rig("corp")
    async with rig.running():
        await until(lambda: len(rig.outcomes()) == 1)
        rig.settings = ConfigurationError(problems=("urls is missing", "base_dn is no DN"))
        with capture_logs() as logs:
            assert not await hup(rig)
        assert [entry["problem"] for entry in logs if "problem" in entry] == ["urls is missing", "base_dn is no DN"]
        assert rig.daemon.generation is not None
        assert rig.daemon.generation.runtime is rig.opened[0]
        await rig.until_ready()


@pytest.mark.parametrize("error", [DatabaseUnavailableError("no answer"), ZeroDivisionError("a bug")])
async def test_a_store_that_cannot_be_opened_leaves_the_old_configuration(
    hup: Callable[[Rig], Awaitable[bool]], error: Exception
) -> None:
    rig = Rig("corp")
    async with rig.running():
        rig.settings, rig.open_error = settings_of("corp", "hq"), error
        with capture_logs() as logs:
            assert not await hup(rig)
        told = [entry for entry in logs if entry["event"] == "configuration not taken over, the old one stays"]
        assert [entry.get("advice") for entry in told] == [getattr(error, "hint", None)]
        await rig.until_ready()
        assert sorted((await rig.get("/readyz"))[1]["directories"]) == ["corp"]


async def test_an_address_that_cannot_be_had_leaves_the_old_configuration(
    hup: Callable[[Rig], Awaitable[bool]],
) -> None:
    rig = Rig("corp")
    async with rig.running():
        assert isinstance(rig.settings, RootSettings)
        http = rig.settings.http.model_copy(update={"listen": "192.0.2.1:8080"})
        rig.settings = _with(rig.settings, http=http)
        assert not await hup(rig)
        assert rig.opened[1].closed
        assert not rig.opened[0].closed
        await rig.until_ready()


async def test_a_new_address_and_a_new_token_are_in_force_after_a_reload(hup: Callable[[Rig], Awaitable[bool]]) -> None:
    rig = Rig("corp")
    async with rig.running():
        old = rig.daemon.http.url
        rig.settings = settings_of("corp", token="another-token-of-the-tests")
        http = rig.settings.http.model_copy(update={"listen": "[::1]:0"})
        rig.settings = _with(rig.settings, http=http)
        assert await hup(rig)
        assert rig.daemon.http.url != old
        async with aiohttp.ClientSession() as session:
            token = {"Authorization": "Bearer another-token-of-the-tests"}
            async with session.get(f"{rig.daemon.http.url}/api/v1/runs", headers=token) as answer:
                assert answer.status == 200


async def test_the_same_configuration_changes_nothing(hup: Callable[[Rig], Awaitable[bool]]) -> None:
    rig = Rig("corp")
    async with rig.running():
        assert not await hup(rig)
        assert len(rig.opened) == 1


async def test_a_run_at_work_goes_on_through_a_reload_and_its_connections_are_closed_after_it(
    hup: Callable[[Rig], Awaitable[bool]],
) -> None:
    rig = Rig("corp")
    rig.prepare = lambda runtime: runtime.sync.gate.clear()
    async with rig.running():
        old = rig.opened[0] if rig.opened else None
        assert old is not None
        await until(lambda: old.sync.at_work == ["corp"])
        rig.settings = settings_of("corp", changes="every 7m")
        rig.prepare = lambda runtime: None
        assert await hup(rig)
        assert not old.closed
        old.sync.gate.set()
        await until(lambda: old.closed)
        assert rig.runs.get(1).outcome is Outcome.SUCCEEDED
        await until(lambda: ("corp", "configuration", "succeeded") in rig.outcomes())


async def test_a_wrong_schedule_is_a_problem_with_its_place(hup: Callable[[Rig], Awaitable[bool]]) -> None:
    rig = Rig("corp")
    async with rig.running():
        settings = settings_of("corp")
        schedule = settings.directories["corp"].schedule.model_copy(update={"changes": "sometimes"})
        corp = settings.directories["corp"].model_copy(update={"schedule": schedule})
        rig.settings = _with(settings, directories={"corp": corp})
        with capture_logs() as logs:
            assert not await hup(rig)
        problems = [entry["problem"] for entry in logs if "problem" in entry]
        assert len(problems) == 1
        assert problems[0].startswith("directories.corp.schedule.changes: 'sometimes'")
        assert rig.opened[1].closed


# ---------------------------------------------------------------- signals as events
async def test_usr1_queues_a_run_of_every_directory() -> None:
    rig = Rig("corp", "hq", on_start=False)
    async with rig.running():
        rig.daemon.signals.sync_now.set()
        await until(lambda: sorted(rig.outcomes()) == [("corp", "signal", "succeeded"), ("hq", "signal", "succeeded")])


async def test_hup_reloads() -> None:
    rig = Rig("corp", on_start=False)
    async with rig.running():
        rig.settings = settings_of("corp", "hq", on_start=False)
        rig.daemon.signals.reload.set()
        await until(lambda: sorted(rig.daemon.board.directories) == ["corp", "hq"])
