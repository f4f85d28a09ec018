"""Requests of several processes at once: one run (one run at a time, over all processes)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event

from syncd.model.run import Mode, Outcome, Trigger
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.runs import SqlRunStore
from tests.fakes.store_child import spawn

PROCESSES = 3


def test_a_hundred_requests_from_three_processes_get_the_same_run(engine: Engine, store_url: str) -> None:
    children = [spawn("request", store_url, "corp", calls, "12") for calls in ("34", "33", "33")]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        answers = [line.split() for child in children for line in child.communicate(timeout=60)[0].splitlines()]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert [child.returncode for child in children] == [0] * PROCESSES
    assert len(answers) == 100
    runs = SqlRunStore(engine).list()
    assert {number for number, _ in answers} == {str(run.id) for run in runs}
    assert [new for _, new in answers].count("True") == len(runs) == 1
    assert runs[0].mode is Mode.FULL


def test_a_run_that_is_queued_and_started_between_two_looks_counts_for_who_asks(engine: Engine, store_url: str) -> None:
    """PostgreSQL lets others commit between the statements of a request; SQLite only before the first of them."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    second = open_engine(StoreSettings(url=store_url))
    other, theirs = SqlRunStore(second), []

    @event.listens_for(engine, "before_cursor_execute")
    def interfere(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not theirs and statement.startswith("UPDATE runs" if engine.name == "postgresql" else "SELECT"):
            run, _ = other.request("corp", mode=Mode.CHANGES, trigger=Trigger.SCHEDULE, at=noon)
            theirs.append(other.start(run.id, at=noon + timedelta(seconds=1)))

    try:
        run, new = SqlRunStore(engine).request("corp", mode=Mode.CHANGES, trigger=Trigger.SCHEDULE, at=noon, since=noon)
    finally:
        event.remove(engine, "before_cursor_execute", interfere)
        second.dispose()
    assert (run, new) == (theirs[0], False)
    assert [kept.outcome for kept in SqlRunStore(engine).list()] == [Outcome.RUNNING]
