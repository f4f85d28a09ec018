"""The observer and the board: what the store says, what other processes do, and a database that does not answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from syncd.daemon import observer as observer_module
from syncd.daemon.board import LOOP_SILENCE, STORE_SILENCE, Board, DirectoryState, observe
from syncd.daemon.observer import Observer
from syncd.daemon.timetable import parse_timetable
from syncd.errors import DatabaseUnavailableError, SchemaOutdatedError
from syncd.metrics import Metrics
from syncd.model.hold import PlanState
from syncd.model.run import Mode, Outcome
from syncd.services.health import DaemonFacts
from syncd.services.planned import Progress
from tests.fakes.edge import START, FakeClock, FakePlans, FakeRuns, FakeRuntime, settings_of


class Desk:
    """An observer over a fake store."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.runtime = FakeRuntime(settings_of("corp"), clock=self.clock)
        self.runs = self.runtime.runs
        self.board = Board(version="1", started_at=START)
        table = parse_timetable(self.runtime.settings.directories["corp"].schedule, zone=START.tzinfo)  # type: ignore[arg-type]
        self.state = DirectoryState("corp", table, began=START)
        self.board.replace({"corp": self.state})
        self.board.ready = True
        self.metrics = Metrics(version="1")
        self.woken: list[str] = []
        self.observer = Observer(
            self.board, runtime=self.runtime, metrics=self.metrics, wake=self.woken.append, clock=self.clock
        )

    def sample(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"directory": "corp"})

    @property
    def facts(self) -> DaemonFacts:
        return self.board.daemon_facts(self.clock.monotonic())


async def test_the_past_of_the_store_is_known_after_one_look() -> None:
    desk = Desk()
    complete = desk.runs.complete(at=START - timedelta(minutes=10))
    failed = desk.runs.failed(at=START - timedelta(minutes=5))
    assert await desk.observer.once()
    assert desk.state.last_complete == complete
    assert desk.state.last_finished == failed
    assert desk.state.past.started == START - timedelta(minutes=5, seconds=1)
    assert desk.sample("syncd_last_complete_timestamp_seconds") == (START - timedelta(minutes=10)).timestamp()
    assert desk.sample("syncd_last_run_failed") == 1
    assert desk.sample("syncd_issues") == 2


async def test_the_last_full_run_is_found_far_back() -> None:
    desk = Desk()
    full_at = START - timedelta(days=1)
    desk.runs.complete(at=full_at, mode=Mode.FULL)
    for minute in range(700, 0, -1):
        desk.runs.complete(at=START - timedelta(minutes=minute))
    await desk.observer.once()
    assert desk.state.past.full_started == full_at - timedelta(seconds=1)
    assert observe(desk.runs, desk.runtime.holds, "corp").last_full is None


async def test_a_run_of_another_process_is_seen_with_its_phase() -> None:
    desk = Desk()
    run = desk.runs.add(outcome=Outcome.RUNNING, started_at=START, phase="read users")
    await desk.observer.once()
    running = desk.state.facts(START).running
    assert running is not None
    assert (running.run_id, running.phase, running.done) == (run.id, "read users", None)
    assert desk.sample("syncd_run_in_progress") == 1


async def test_progress_of_our_own_run_is_shown_finer() -> None:
    desk = Desk()
    desk.runs.add(outcome=Outcome.RUNNING, started_at=START, phase="connect")
    await desk.observer.once()
    desk.state.progress = Progress("corp", "apply", 40, 100)
    running = desk.state.facts(START).running
    assert running is not None
    assert (running.phase, running.done, running.total) == ("apply", 40, 100)


async def test_a_row_that_another_process_queued_wakes_the_worker() -> None:
    desk = Desk()
    desk.runs.add()
    await desk.observer.once()
    assert desk.woken == ["corp"]
    assert desk.state.facts(START).queued


async def test_people_are_counted_once_after_each_complete_run_whoever_did_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, counted = Desk(), []
    count = desk.runtime.queries.people_by_presence
    monkeypatch.setattr(desk.runtime.queries, "people_by_presence", lambda name: counted.append(name) or count(name))
    desk.runs.failed()
    await desk.observer.once()
    assert counted == []
    desk.runs.complete()
    await desk.observer.once()
    await desk.observer.once()
    assert counted == ["corp"]
    assert desk.metrics.registry.get_sample_value("syncd_users", {"directory": "corp", "presence": "active"}) == 290


@pytest.mark.parametrize("code", ["invalid_credentials", "account_locked", "bind_password_expired", "bind_failed"])
async def test_refusals_in_a_row_are_counted(code: str) -> None:
    desk = Desk()
    for _ in range(2):
        desk.runs.failed(code=code)
        await desk.observer.once()
    await desk.observer.once()
    past = desk.state.past
    assert (past.refusals, past.refused) == (2, desk.runs.last_finished("corp").started_at)  # type: ignore[union-attr]


@pytest.mark.parametrize("code", ["connection_refused", "receive_timeout", "tls_failed", "database_unavailable", "stopped"])
async def test_what_says_nothing_of_the_credentials_neither_counts_nor_forgives(code: str) -> None:
    desk = Desk()
    desk.runs.failed(code="invalid_credentials")
    await desk.observer.once()
    before = desk.state.past
    # more than one look at the store shows
    for _ in range(7):
        desk.runs.failed(code=code)
        await desk.observer.once()
    assert (desk.state.past.refusals, desk.state.past.refused) == (1, before.refused)


@pytest.mark.parametrize("code", ["no_such_base", "stronger_auth_required", "size_limit_exceeded", None])
async def test_a_run_for_which_the_credentials_did_forgets_the_refusals(code: str | None) -> None:
    desk = Desk()
    desk.runs.failed(code="invalid_credentials")
    if code is None:
        desk.runs.complete()
    else:
        desk.runs.failed(code=code)
    await desk.observer.once()
    assert (desk.state.past.refusals, desk.state.past.refused) == (0, None)


async def test_a_database_that_goes_and_comes_is_told_at_each_change() -> None:
    desk = Desk()
    with capture_logs() as logs:
        for error in (None, DatabaseUnavailableError("refused"), DatabaseUnavailableError("refused"), None):
            desk.runtime.store_error = error
            await desk.observer.once()
    assert [entry["event"] for entry in logs] == ["database not reachable", "database reachable again"]


async def test_a_database_that_is_down_is_said_to_be_and_the_past_is_kept() -> None:
    desk = Desk()
    desk.runs.complete()
    await desk.observer.once()
    desk.runtime.store_error = DatabaseUnavailableError("refused by 10.0.0.5")
    assert not await desk.observer.once()
    assert (desk.facts.store_reachable, desk.facts.store_message) == (False, "refused by 10.0.0.5")
    assert desk.state.last_complete is not None
    assert desk.metrics.registry.get_sample_value("syncd_store_up") == 0


async def test_a_database_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer_module, "TIMEOUT", 0.05)
    desk = Desk()
    answer = threading.Event()
    monkeypatch.setattr(desk.runtime, "ping_store", answer.wait)
    assert not await desk.observer.once()
    assert not await desk.observer.once()
    waiting = [thread for thread in threading.enumerate() if thread.name == "syncd:observe store"]
    assert len(waiting) == 1
    assert desk.facts.store_reachable is False
    desk.observer._patient._timeout = 60
    answer.set()
    assert await desk.observer.once()
    assert desk.facts.store_reachable is True


def test_a_store_that_was_never_asked_is_unknown() -> None:
    assert Desk().facts.store_reachable is None


async def test_an_old_answer_of_the_store_says_nothing_about_now() -> None:
    desk = Desk()
    await desk.observer.once()
    desk.clock.advance(seconds=STORE_SILENCE + 1)
    assert desk.facts.store_reachable is None
    assert "not answered for 21 s" in (desk.facts.store_message or "")


def test_a_loop_without_a_sign_of_life_is_dead() -> None:
    desk = Desk()
    desk.board.beat("scheduler corp", desk.clock.monotonic())
    desk.clock.advance(seconds=LOOP_SILENCE)
    assert desk.facts.dead_loops == ()
    desk.clock.advance(seconds=1)
    assert desk.facts.dead_loops == ("scheduler corp",)


async def test_a_directory_that_was_taken_out_of_the_configuration_is_passed_over() -> None:
    desk = Desk()
    desk.runs.add()
    desk.board.replace({})
    assert await desk.observer.once()
    assert desk.woken == []


def test_the_runs_of_a_store() -> None:
    runs = FakeRuns()
    plans = FakePlans(runs)
    assert observe(runs, plans, "corp", far=True) == observe(runs, plans, "corp")


# ---------------------------------------------------------------- schema
async def test_the_schema_is_looked_at_first_and_then_now_and_again() -> None:
    desk = Desk()
    assert desk.facts.schema_current is None
    for _ in range(2 * observer_module.SCHEMA_EVERY + 1):
        await desk.observer.once()
    assert desk.runtime.schema_checks == 3
    assert desk.facts.schema_current is True
    assert desk.metrics.registry.get_sample_value("syncd_schema_current") == 1


async def test_a_schema_of_another_version_is_told_as_such_until_it_is_mended() -> None:
    desk = Desk()
    await desk.observer.once()
    desk.runtime.store_error = DatabaseUnavailableError("restarted for the upgrade")
    await desk.observer.once()
    assert (desk.facts.schema_current, desk.facts.store_code) == (None, "database_unavailable")
    desk.runtime.store_error, desk.runtime.schema_error = None, SchemaOutdatedError("at revision 0009")
    with capture_logs() as logs:
        for _ in range(3):
            assert not await desk.observer.once()
    assert [entry["code"] for entry in logs] == ["schema_outdated"]
    facts = desk.facts
    assert (facts.store_reachable, facts.schema_current, facts.store_message) == (True, False, "at revision 0009")
    assert "syncd db upgrade" in (facts.store_advice or "")
    value = desk.metrics.registry.get_sample_value
    assert (value("syncd_store_up"), value("syncd_schema_current")) == (1, 0)
    desk.runtime.schema_error = None
    assert await desk.observer.once()
    assert (desk.facts.schema_current, desk.facts.store_code) == (True, None)


async def test_a_database_that_does_not_answer_says_nothing_of_its_schema() -> None:
    desk = Desk()
    desk.runtime.store_error = DatabaseUnavailableError("refused")
    await desk.observer.once()
    assert (desk.facts.store_reachable, desk.facts.schema_current) == (False, None)


# ---------------------------------------------------------------- plans and verdicts
async def test_a_held_plan_is_on_the_board_and_in_the_metrics_until_it_is_decided() -> None:
    desk = Desk()
    plan = desk.runtime.plans.add()
    await desk.observer.once()
    assert desk.state.facts(START).plan == plan
    assert desk.sample("syncd_plan_held") == 1
    assert desk.sample("syncd_plan_held_since_timestamp_seconds") == START.timestamp()
    desk.runtime.plans.plans[plan.id] = approved = replace(plan, state=PlanState.APPROVED)
    await desk.observer.once()
    assert desk.state.facts(START).plan == approved
    assert desk.sample("syncd_plan_held") == 0
    assert desk.sample("syncd_plan_held_since_timestamp_seconds") is None
    desk.runtime.plans.plans.clear()
    await desk.observer.once()
    assert desk.state.facts(START).plan is None


async def test_how_the_last_run_ended_is_one_series_at_a_time() -> None:
    desk = Desk()

    def series() -> list[dict[str, str]]:
        return [
            sample.labels
            for family in desk.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "syncd_last_run_info"
        ]

    desk.runs.add(outcome=Outcome.FAILED, started_at=START, finished_at=START, verdict="partial", code="time_limit_exceeded")
    await desk.observer.once()
    corp = {"directory": "corp"}
    assert series() == [corp | {"outcome": "failed", "verdict": "partial", "code": "time_limit_exceeded"}]
    assert desk.sample("syncd_last_run_verdict_complete") == 0
    desk.runs.add(outcome=Outcome.HELD, started_at=START, finished_at=START, verdict="complete", code="too_many_removed")
    await desk.observer.once()
    assert series() == [corp | {"outcome": "held", "verdict": "complete", "code": "too_many_removed"}]
    assert desk.sample("syncd_last_run_verdict_complete") == 1
    desk.runs.add(outcome=Outcome.SUCCEEDED, mode=Mode.ROLES, started_at=START, finished_at=START)
    await desk.observer.once()
    assert series() == [corp | {"outcome": "succeeded", "verdict": "", "code": ""}]
    assert desk.sample("syncd_last_run_verdict_complete") == 1
    desk.runs.failed(code="connection_refused")
    await desk.observer.once()
    assert desk.sample("syncd_last_run_verdict_complete") == 0
    desk.metrics.forget("corp")
    assert series() == []
