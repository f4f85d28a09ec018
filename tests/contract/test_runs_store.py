"""RunStore: one suite over SQLite, PostgreSQL and the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from syncd.errors import NotFoundError, RunStateError
from syncd.model.run import Mode, Outcome, Run, RunResult, Trigger
from syncd.services.ports_runs import RunStore
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.runs import SqlRunStore
from tests.fakes.runs import MemoryRunStore

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SUCCESS = RunResult(outcome=Outcome.SUCCEEDED, server="ldap://one", entries_read=7, counts={"users_created": 7})
FAILURE = RunResult(outcome=Outcome.FAILED, code="connection_lost", message="It went away.", advice="Look.")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def runs(request: pytest.FixtureRequest) -> Iterator[RunStore]:
    if request.param == "memory":
        yield MemoryRunStore()
        return
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    engine = open_engine(StoreSettings(url=url))
    yield SqlRunStore(engine)
    engine.dispose()


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def ask(runs: RunStore, directory: str = "corp", *, mode: Mode = Mode.FULL, at: datetime = NOON, actor: str = "") -> Run:
    return runs.request(directory, mode=mode, trigger=Trigger.API, at=at, actor=actor)[0]


def done(
    runs: RunStore, result: RunResult = SUCCESS, *, directory: str = "corp", mode: Mode = Mode.FULL, at: datetime = NOON
) -> Run:
    run = ask(runs, directory, mode=mode, at=at)
    runs.start(run.id, at=at)
    return runs.finish(run.id, result, at=at)


# ---------------------------------------------------------------- asking
def test_a_request_queues_a_run_of_a_directory_nobody_has_heard_of(runs: RunStore) -> None:
    run, new = runs.request("corp", mode=Mode.CHANGES, trigger=Trigger.CLI, at=NOON, actor="root")
    assert new
    expected = Run(
        id=run.id, directory="corp", mode=Mode.CHANGES, trigger=Trigger.CLI, outcome=Outcome.QUEUED, requested_at=NOON,
        actor="root",
    )  # fmt: skip
    assert run == expected
    assert runs.get(run.id) == expected
    assert runs.next_queued("corp") == expected
    assert runs.next_queued("other") is None


def test_a_second_request_joins_the_queued_run_and_leaves_who_asked_first(runs: RunStore) -> None:
    first = ask(runs, actor="anna")
    second, new = runs.request("corp", mode=Mode.FULL, trigger=Trigger.SCHEDULE, at=later(1), actor="bert")
    assert not new
    assert second == first


def test_a_queued_run_does_what_the_widest_of_its_requests_asks(runs: RunStore) -> None:
    for queued, asked, expected in (
        (Mode.CHANGES, Mode.FULL, Mode.FULL),
        (Mode.FULL, Mode.CHANGES, Mode.FULL),
        (Mode.ROLES, Mode.CHANGES, Mode.CHANGES),
        (Mode.ROLES, Mode.FULL, Mode.FULL),
        (Mode.FULL, Mode.ROLES, Mode.FULL),
    ):
        directory = f"{queued}-{asked}"
        first = ask(runs, directory, mode=queued)
        second, new = runs.request(directory, mode=asked, trigger=Trigger.API, at=later(1))
        assert (second.id, second.mode, new) == (first.id, expected, False)
        assert runs.get(first.id).mode is expected


def test_a_request_during_a_run_queues_another(runs: RunStore) -> None:
    running = ask(runs)
    runs.start(running.id, at=NOON)
    queued, new = runs.request("corp", mode=Mode.CHANGES, trigger=Trigger.API, at=later(1))
    assert new
    assert queued.id > running.id
    assert runs.get(running.id).mode is Mode.FULL


def test_each_directory_has_its_own_queue(runs: RunStore) -> None:
    assert ask(runs, "corp").id != ask(runs, "branch").id


# ---------------------------------------------------------------- doing
def test_a_run_goes_from_queued_over_running_to_its_end(runs: RunStore) -> None:
    run = ask(runs)
    started = runs.start(run.id, at=later(1))
    assert (started.outcome, started.started_at) == (Outcome.RUNNING, later(1))
    assert runs.next_queued("corp") is None
    runs.set_phase(run.id, "read users")
    assert runs.get(run.id).phase == "read users"
    finished = runs.finish(run.id, SUCCESS, at=later(2))
    assert finished == runs.get(run.id)
    assert finished.outcome is Outcome.SUCCEEDED
    assert (finished.started_at, finished.finished_at) == (later(1), later(2))
    assert (finished.server, finished.entries_read, finished.counts) == ("ldap://one", 7, {"users_created": 7})


def test_a_failure_keeps_its_code_message_and_advice(runs: RunStore) -> None:
    run = done(runs, FAILURE)
    assert (run.code, run.message, run.advice, run.counts) == ("connection_lost", "It went away.", "Look.", None)


def test_no_step_starts_from_a_finished_run(runs: RunStore) -> None:
    run = done(runs)
    for step in ("start", "phase", "finish"):
        with pytest.raises(RunStateError, match="succeeded"):
            take(runs, step, run.id)
    assert runs.get(run.id) == run


def test_a_run_that_was_not_started_cannot_go_on(runs: RunStore) -> None:
    run = ask(runs)
    for step in ("phase", "finish"):
        with pytest.raises(RunStateError, match="queued"):
            take(runs, step, run.id)


def test_a_step_of_an_unknown_run_is_not_found(runs: RunStore) -> None:
    for step in ("start", "phase", "finish"):
        with pytest.raises(NotFoundError, match="4711"):
            take(runs, step, 4711)


def take(runs: RunStore, step: str, run_id: int) -> None:
    if step == "start":
        runs.start(run_id, at=NOON)
    elif step == "phase":
        runs.set_phase(run_id, "plan")
    else:
        runs.finish(run_id, FAILURE, at=NOON)


def test_a_run_starts_once(runs: RunStore) -> None:
    run = ask(runs)
    runs.start(run.id, at=NOON)
    with pytest.raises(RunStateError, match="running"):
        runs.start(run.id, at=NOON)


def test_a_run_cannot_end_as_running(runs: RunStore) -> None:
    run = ask(runs)
    runs.start(run.id, at=NOON)
    with pytest.raises(ValueError, match="no end"):
        runs.finish(run.id, RunResult(outcome=Outcome.RUNNING), at=NOON)


def test_what_says_running_without_anybody_running_it_is_abandoned(runs: RunStore) -> None:
    dead, other = ask(runs), ask(runs, "branch")
    runs.start(dead.id, at=NOON)
    runs.start(other.id, at=NOON)
    queued = ask(runs)
    assert runs.abandon_running("corp", at=later(5)) == [dead.id]
    assert runs.abandon_running("corp", at=later(6)) == []
    found = runs.get(dead.id)
    assert (found.outcome, found.finished_at, found.code) == (Outcome.ABANDONED, later(5), "abandoned")
    assert found.message
    assert runs.get(other.id).outcome is Outcome.RUNNING
    assert runs.next_queued("corp") == queued
    with pytest.raises(RunStateError, match="abandoned"):
        runs.finish(dead.id, SUCCESS, at=later(7))


# ---------------------------------------------------------------- looking
def test_runs_are_listed_newest_first_in_pages(runs: RunStore) -> None:
    ids = [done(runs, directory=name).id for name in ("corp", "branch", "corp", "corp")]
    assert [run.id for run in runs.list()] == ids[::-1]
    corp = [ids[0], ids[2], ids[3]]
    first = runs.list(directory="corp", limit=2)
    assert [run.id for run in first] == [corp[2], corp[1]]
    assert [run.id for run in runs.list(directory="corp", limit=2, before_id=first[-1].id)] == [corp[0]]
    assert runs.list(directory="nowhere") == []


def test_only_a_read_that_was_complete_counts_as_last_complete(runs: RunStore) -> None:
    assert runs.last_complete("corp") is None
    partial = done(runs, RunResult(outcome=Outcome.PARTIAL), mode=Mode.CHANGES)
    assert runs.last_complete("corp") == partial
    for result in (FAILURE, RunResult(outcome=Outcome.HELD), RunResult(outcome=Outcome.ABANDONED)):
        done(runs, result)
    done(runs, mode=Mode.ROLES)
    done(runs, directory="branch")
    ask(runs)
    assert runs.last_complete("corp") == partial


def test_last_finished_is_the_last_that_ended_in_any_way(runs: RunStore) -> None:
    assert runs.last_finished("corp") is None
    done(runs)
    failed = done(runs, FAILURE)
    runs.start(ask(runs).id, at=NOON)
    ask(runs)
    assert runs.last_finished("corp") == failed


def test_pruning_keeps_the_young_the_unfinished_and_the_last_complete_run(runs: RunStore) -> None:
    old_complete = done(runs, at=later(0))
    last_complete = done(runs, at=later(1))
    old_failure = done(runs, FAILURE, at=later(2))
    roles_only = done(runs, mode=Mode.ROLES, at=later(3))
    other = done(runs, directory="branch", at=later(0))
    young = done(runs, FAILURE, at=later(60))
    queued = ask(runs, at=later(0))
    assert runs.prune(finished_before=later(30)) == 3
    assert [run.id for run in runs.list()] == sorted([last_complete.id, other.id, young.id, queued.id], reverse=True)
    for gone in (old_complete, old_failure, roles_only):
        with pytest.raises(NotFoundError):
            runs.get(gone.id)
    assert runs.prune(finished_before=later(30)) == 0


def test_what_the_verdict_was_and_which_plan_was_held_stays_on_record(runs: RunStore) -> None:
    held = RunResult(outcome=Outcome.HELD, code="too_many_removed", verdict="complete", plan_id=3)
    run = done(runs, held)
    assert (run.verdict, run.plan_id) == ("complete", 3)
    assert runs.get(run.id) == run
    unread = done(runs, FAILURE)
    assert (unread.verdict, unread.plan_id) == (None, None)


def test_numbers_of_pruned_runs_are_not_given_again(runs: RunStore) -> None:
    failed = done(runs, FAILURE)
    assert runs.prune(finished_before=later(1)) == 1
    assert ask(runs).id > failed.id
