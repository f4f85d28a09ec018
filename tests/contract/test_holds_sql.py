"""What only held plans in a database have: audit events, several processes, documents larger than memory, and damage."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from syncd.errors import PlanClosedError, StoreError
from syncd.model.hold import PlanState
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.changerows import pack, unpack
from syncd.store.engine import open_engine
from syncd.store.holds import SqlHoldStore
from tests.contract.company import rows
from tests.contract.test_holds import CHANGES, decide, later, new


def test_each_step_is_audited_with_who_and_why(engine: Engine) -> None:
    holds = SqlHoldStore(engine)
    first = holds.hold(new("d1"), CHANGES)
    decide(holds, first, PlanState.APPROVED)
    holds.close(first.id, PlanState.APPLIED, at=later(2), reason="", run_id=9)
    second = decide(holds, holds.hold(new("d2"), CHANGES), PlanState.REJECTED)
    third = holds.hold(new("d3", run=10), [])
    fourth = holds.hold(new("d4", run=11), [])
    fifth = holds.hold(new("d4", run=12, at=24), [])
    # what changes nothing leaves no event
    holds.hold(new("d4", run=13, at=25), [])
    holds.close(first.id, PlanState.EXPIRED, at=later(26))
    with pytest.raises(PlanClosedError):
        decide(holds, first, PlanState.REJECTED)
    events = rows(engine, t.audit_events)
    assert {(event.subject_type, event.directory) for event in events} == {("plan", "corp")}
    assert [(e.action, e.subject_id, e.actor, e.run_id, (e.before or {}).get("state"), e.reason) for e in events] == [
        ("plan.held", first.id, "run", 7, None, None),
        ("plan.approved", first.id, "ana", None, "held", "the branch was sold"),
        ("plan.applied", first.id, "run", 9, "approved", None),
        ("plan.held", second.id, "run", 7, None, None),
        ("plan.rejected", second.id, "ana", None, "held", "the branch was sold"),
        ("plan.held", third.id, "run", 10, None, None),
        ("plan.superseded", third.id, "run", 11, "held", "run 11 has another plan"),
        ("plan.held", fourth.id, "run", 11, None, None),
        ("plan.expired", fourth.id, "run", 12, "held", "nobody decided in time"),
        ("plan.held", fifth.id, "run", 12, None, None),
    ]
    assert events[0].after == {"state": "held", "digest": "d1", "changes": len(CHANGES)}
    assert events[1].after == {"state": "approved"}
    assert events[1].at == later(1)


def test_a_step_that_cannot_be_audited_is_not_taken(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = SqlHoldStore(engine)
    plan = holds.hold(new(), CHANGES)

    def fail(*_arguments: object) -> None:
        raise StoreError("no room for events")

    monkeypatch.setattr("syncd.store.holds.write_changed", fail)
    with pytest.raises(StoreError, match="no room"):
        decide(holds, plan, PlanState.APPROVED)
    with pytest.raises(StoreError, match="no room"):
        holds.close(plan.id, PlanState.EXPIRED, at=later(1))
    with pytest.raises(StoreError, match="no room"):
        holds.hold(new("d2"), [])
    assert holds.list() == [plan]


def test_of_plans_held_at_once_one_is_open(engine: Engine) -> None:
    holds, together, failures = SqlHoldStore(engine), threading.Barrier(4), list[BaseException]()

    def work(number: int) -> None:
        together.wait()
        try:
            for turn in range(5):
                holds.hold(new(f"d{number}.{turn}", run=number), CHANGES)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    plans = holds.list()
    assert len(plans) == 20
    assert [plan.state for plan in plans if plan.state is not PlanState.SUPERSEDED] == [PlanState.HELD]


def test_many_changes_never_stand_in_memory_as_text(sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    holds, count = SqlHoldStore(engine), 30_000
    # what is made once and kept, such as compiled statements, is not what this is about
    assert list(holds.changes(holds.hold(new("d0"), CHANGES).id)) == CHANGES
    made = (CHANGES[0]._replace(id=f"e{n}", name=f"uid=person{n},ou=people,dc=example,dc=com") for n in range(count))
    gc.collect()
    tracemalloc.start()
    try:
        plan = holds.hold(new(), made)
        assert sum(1 for _ in holds.changes(plan.id)) == plan.changes == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        engine.dispose()
    # as text they are 3 MB, as rows 15 MB
    assert peak < 1_500_000


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: b"no zlib at all",
        lambda whole: zlib.compress(zlib.decompress(whole)[:-1]),
        lambda whole: zlib.compress(b"[1, 2]\n"),
        lambda whole: zlib.compress(b'["person","update",null,null,null,{"what":1},null,""]\n'),
        lambda whole: zlib.compress(b"{\n"),
    ],
)
def test_damaged_changes_are_said_to_be_damaged(harm: Callable[[bytes], bytes]) -> None:
    whole, count = pack(CHANGES)
    assert len(list(unpack(whole))) == count
    with pytest.raises(StoreError, match="damaged"):
        list(unpack(harm(whole)))
