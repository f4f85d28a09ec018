"""A hundred requests at once, from several processes: one run (one run at a time, over all processes)."""

from __future__ import annotations

from sqlalchemy import Engine

from syncd.model.run import Mode
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
