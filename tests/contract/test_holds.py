"""HoldStore: one suite over SQLite, PostgreSQL and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from syncd.errors import NotFoundError, PlanClosedError
from syncd.model.hold import ChangeRow, HeldPlan, Kind, NewHold, Objection, PlanState
from syncd.model.run import Mode
from syncd.services.ports_runs import HoldStore
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.holds import SqlHoldStore
from tests.fakes.holds import MemoryHoldStore

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))
OBJECTIONS = (
    Objection(code="too_many_removed", kind=Kind.USERS_DISABLED, message="12 of 40 people are gone", count=12, population=40,
              limit=10),
    Objection(code="members_lost", kind=Kind.MEMBERS_LOST, message="Ünits lost 7", count=7, population=9, limit=4, of="Ünits"),
)  # fmt: skip
CHANGES = [
    ChangeRow("person", "disable", "e1", "uid=a,dc=x", None, None, None, "not found"),
    ChangeRow("person", "update", "e2", "uid=b,dc=x", "title", "Ünï\u2028\ncode", None, "title = title"),
    ChangeRow("person", "update", "e2", "uid=b,dc=x", "birthday", date(1990, 2, 28), date(1990, 3, 1), "birthday = x"),
    ChangeRow("person", "update", "e2", "uid=b,dc=x", "avatar", b"\x00\xff", b"", "avatar = jpegPhoto"),
    ChangeRow("person", "update", "e2", "uid=b,dc=x", "emails", ("a@x", "b@x"), (), "emails = mail"),
    ChangeRow("person", "update", "e2", None, "custom.since", datetime(2026, 3, 1, tzinfo=EAST), 7, "x"),
    ChangeRow("person", "update", "e2", None, "custom.on", True, False, ""),
    ChangeRow("role", "create", None, "dc=\udcff", None, None, None, "roles.map"),
]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def holds(request: pytest.FixtureRequest) -> Iterator[HoldStore]:
    if request.param == "memory":
        yield MemoryHoldStore()
        return
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    engine = open_engine(StoreSettings(url=url))
    yield SqlHoldStore(engine)
    engine.dispose()


def later(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def new(digest: str = "d1", *, directory: str = "corp", run: int = 7, mode: Mode = Mode.FULL, at: float = 0) -> NewHold:
    """Made at that hour after noon, to be decided within a day."""
    return NewHold(
        directory=directory, run_id=run, mode=mode, digest=digest, objections=OBJECTIONS, counts={"users_disabled": 12},
        created_at=later(at), expires_at=later(at + 24),
    )  # fmt: skip


def decide(holds: HoldStore, plan: HeldPlan, state: PlanState, *, at: float = 1) -> HeldPlan:
    return holds.decide(plan.id, state, actor="ana", reason="the branch was sold", at=later(at))


def untouched() -> Iterator[ChangeRow]:
    pytest.fail("the changes were read though nothing new is kept")
    yield from ()


# ---------------------------------------------------------------- holding
def test_a_held_plan_is_kept_with_everything_that_was_said(holds: HoldStore) -> None:
    plan = holds.hold(new(), iter(CHANGES))
    assert plan == HeldPlan(
        id=plan.id, directory="corp", run_id=7, mode=Mode.FULL, digest="d1", state=PlanState.HELD, objections=OBJECTIONS,
        counts={"users_disabled": 12}, changes=len(CHANGES), created_at=NOON, expires_at=later(24),
    )  # fmt: skip
    assert holds.get(plan.id) == holds.open("corp") == plan
    assert holds.list() == [plan]
    assert holds.open("branch") is None


def test_the_changes_come_back_as_they_were_and_as_often_as_one_likes(holds: HoldStore) -> None:
    plan = holds.hold(new(), iter(CHANGES))
    for _ in range(2):
        told = list(holds.changes(plan.id))
        assert told == CHANGES
        assert [(type(row), type(row.before), type(row.after)) for row in told] == [
            (ChangeRow, type(row.before), type(row.after)) for row in CHANGES
        ]
    empty = holds.hold(new(directory="branch"), [])
    assert (empty.changes, list(holds.changes(empty.id))) == (0, [])


def test_the_same_question_is_not_asked_twice(holds: HoldStore) -> None:
    plan = holds.hold(new(), CHANGES)
    assert holds.hold(new(run=8, at=1), untouched()) == plan
    approved = decide(holds, plan, PlanState.APPROVED)
    assert holds.hold(new(run=9, at=2), untouched()) == approved
    assert holds.list() == [approved]


def test_a_rejected_plan_stays_rejected_until_it_expires(holds: HoldStore) -> None:
    rejected = decide(holds, holds.hold(new(), CHANGES), PlanState.REJECTED)
    assert holds.hold(new(run=8, at=23), untouched()) == rejected
    assert holds.open("corp") is None
    again = holds.hold(new(run=9, at=24), CHANGES)
    assert again.state is PlanState.HELD
    assert again.id > rejected.id
    assert holds.get(rejected.id) == rejected


def test_another_plan_supersedes_the_open_one_of_its_directory_alone(holds: HoldStore) -> None:
    first, other = holds.hold(new("d1"), CHANGES), holds.hold(new("d1", directory="branch"), CHANGES)
    decide(holds, first, PlanState.APPROVED)
    second = holds.hold(new("d2", run=8, at=2), [])
    gone = holds.get(first.id)
    assert gone.state is PlanState.SUPERSEDED
    assert (gone.decided_by, gone.decided_at, gone.reason) == ("ana", later(1), "the branch was sold; run 8 has another plan")
    assert holds.open("corp") == second
    assert holds.open("branch") == other
    # what was superseded is asked anew when it comes again
    third = holds.hold(new("d1", run=9, at=3), CHANGES)
    assert (third.state, holds.get(second.id).state) == (PlanState.HELD, PlanState.SUPERSEDED)
    assert third.id not in (first.id, second.id)


def test_the_same_changes_by_another_mode_are_another_plan(holds: HoldStore) -> None:
    full = holds.hold(new(mode=Mode.FULL), CHANGES)
    roles = holds.hold(new(mode=Mode.ROLES, at=1), CHANGES)
    assert roles.id != full.id
    assert holds.get(full.id).state is PlanState.SUPERSEDED


def test_a_rejected_plan_that_comes_again_supersedes_the_one_in_between(holds: HoldStore) -> None:
    rejected = decide(holds, holds.hold(new("d1"), CHANGES), PlanState.REJECTED)
    between = holds.hold(new("d2", at=2), CHANGES)
    assert holds.hold(new("d1", at=3), untouched()) == rejected
    assert holds.get(between.id).state is PlanState.SUPERSEDED
    assert holds.open("corp") is None


@pytest.mark.parametrize("digest", ["d1", "d2"])
@pytest.mark.parametrize("approved", [False, True])
def test_an_open_plan_past_its_expiry_is_closed_as_expired_and_the_question_asked_anew(
    holds: HoldStore, digest: str, approved: bool
) -> None:
    plan = holds.hold(new("d1"), CHANGES)
    if approved:
        decide(holds, plan, PlanState.APPROVED)
    fresh = holds.hold(new(digest, run=8, at=24), CHANGES)
    assert fresh.id != plan.id
    assert holds.get(plan.id).state is PlanState.EXPIRED
    assert holds.open("corp") == fresh


def test_an_open_plan_is_found_whatever_its_expiry_says(holds: HoldStore) -> None:
    plan = holds.hold(replace(new(), expires_at=NOON), CHANGES)
    assert holds.open("corp") == plan


# ---------------------------------------------------------------- deciding
@pytest.mark.parametrize("state", [PlanState.APPROVED, PlanState.REJECTED])
def test_a_decision_is_kept_with_who_when_and_why(holds: HoldStore, state: PlanState) -> None:
    plan = holds.hold(new(), CHANGES)
    decided = decide(holds, plan, state)
    assert decided == replace(plan, state=state, decided_at=later(1), decided_by="ana", reason="the branch was sold")
    assert holds.get(plan.id) == decided
    assert holds.open("corp") == (decided if state is PlanState.APPROVED else None)


@pytest.mark.parametrize("first", [state for state in PlanState if state is not PlanState.HELD])
@pytest.mark.parametrize("second", [PlanState.APPROVED, PlanState.REJECTED])
def test_a_plan_is_decided_once(holds: HoldStore, first: PlanState, second: PlanState) -> None:
    plan = holds.hold(new(), CHANGES)
    if first in (PlanState.APPROVED, PlanState.REJECTED):
        decide(holds, plan, first)
    else:
        holds.close(plan.id, first, at=later(1))
    before = holds.get(plan.id)
    with pytest.raises(PlanClosedError, match=f"plan {plan.id} is {first}") as caught:
        decide(holds, plan, second)
    assert caught.value.hint
    assert holds.get(plan.id) == before


def test_after_its_expiry_a_plan_cannot_be_decided(holds: HoldStore) -> None:
    plan = holds.hold(new(), CHANGES)
    with pytest.raises(PlanClosedError):
        decide(holds, plan, PlanState.APPROVED, at=24)
    assert holds.get(plan.id) == plan
    assert decide(holds, plan, PlanState.APPROVED, at=23.999).state is PlanState.APPROVED


@pytest.mark.parametrize("state", [PlanState.HELD, PlanState.APPLIED, PlanState.SUPERSEDED, PlanState.EXPIRED])
def test_what_is_no_decision_is_refused(holds: HoldStore, state: PlanState) -> None:
    plan = holds.hold(new(), CHANGES)
    with pytest.raises(ValueError, match="no decision"):
        decide(holds, plan, state)
    assert holds.get(plan.id) == plan


def test_of_deciders_at_once_one_wins_and_the_others_are_told(holds: HoldStore) -> None:
    plan = holds.hold(new(), CHANGES)
    together, won, lost = threading.Barrier(4), list[PlanState](), list[PlanClosedError]()

    def work(state: PlanState) -> None:
        together.wait()
        try:
            won.append(decide(holds, plan, state).state)
        except PlanClosedError as error:
            lost.append(error)

    states = [PlanState.APPROVED, PlanState.REJECTED] * 2
    threads = [threading.Thread(target=work, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 3)
    assert holds.get(plan.id).state is won[0]


# ---------------------------------------------------------------- closing
@pytest.mark.parametrize("state", [PlanState.APPLIED, PlanState.SUPERSEDED, PlanState.EXPIRED])
def test_an_open_plan_is_closed_once_and_its_approval_stays_on_record(holds: HoldStore, state: PlanState) -> None:
    plan = holds.hold(new(), CHANGES)
    decide(holds, plan, PlanState.APPROVED)
    holds.close(plan.id, state, at=later(2), reason="run 9", run_id=9)
    closed = holds.get(plan.id)
    assert (closed.state, closed.decided_by, closed.decided_at) == (state, "ana", later(1))
    assert closed.reason == "the branch was sold; run 9"
    for again in (PlanState.APPLIED, PlanState.SUPERSEDED, PlanState.EXPIRED):
        holds.close(plan.id, again, at=later(3), reason="later")
    assert holds.get(plan.id) == closed
    assert holds.open("corp") is None


def test_a_plan_nobody_decided_is_closed_by_syncd_itself(holds: HoldStore) -> None:
    plan = holds.hold(new(), CHANGES)
    holds.close(plan.id, PlanState.EXPIRED, at=later(30), reason="nobody decided in time")
    closed = replace(plan, state=PlanState.EXPIRED, decided_at=later(30), reason="nobody decided in time")
    assert holds.get(plan.id) == closed


def test_closing_leaves_rejected_and_unknown_plans_alone(holds: HoldStore) -> None:
    rejected = decide(holds, holds.hold(new(), CHANGES), PlanState.REJECTED)
    holds.close(rejected.id, PlanState.SUPERSEDED, at=later(2))
    assert holds.get(rejected.id) == rejected
    holds.close(4711, PlanState.EXPIRED, at=later(2))
    assert holds.list() == [rejected]


@pytest.mark.parametrize("state", [PlanState.HELD, PlanState.APPROVED, PlanState.REJECTED])
def test_what_is_no_end_is_refused(holds: HoldStore, state: PlanState) -> None:
    plan = holds.hold(new(), CHANGES)
    with pytest.raises(ValueError, match="no end"):
        holds.close(plan.id, state, at=later(1))
    assert holds.get(plan.id) == plan


# ---------------------------------------------------------------- looking
def test_unknown_plans_are_not_found(holds: HoldStore) -> None:
    with pytest.raises(NotFoundError, match="4711"):
        holds.get(4711)
    with pytest.raises(NotFoundError, match="4711"):
        holds.changes(4711)
    with pytest.raises(NotFoundError, match="4711"):
        holds.decide(4711, PlanState.APPROVED, actor="ana", reason="", at=NOON)


def test_plans_are_listed_newest_first_in_parts(holds: HoldStore) -> None:
    made = [holds.hold(new(f"d{n}", directory=("corp", "branch")[n % 2], at=n), []).id for n in range(6)]
    assert [plan.id for plan in holds.list()] == made[::-1]
    assert [plan.id for plan in holds.list(directory="branch")] == made[5::-2]
    part = holds.list(directory="corp", limit=2)
    assert [plan.id for plan in part] == [made[4], made[2]]
    assert [plan.id for plan in holds.list(directory="corp", limit=2, before_id=part[-1].id)] == [made[0]]


def test_old_closed_plans_are_pruned_and_open_ones_never(holds: HoldStore) -> None:
    rejected = decide(holds, holds.hold(new("d1"), CHANGES), PlanState.REJECTED, at=1)
    expired = holds.hold(new("d2"), CHANGES)
    holds.close(expired.id, PlanState.EXPIRED, at=later(2))
    young = holds.hold(new("d3"), CHANGES)
    holds.close(young.id, PlanState.APPLIED, at=later(10))
    held, approved = holds.hold(new("d4"), CHANGES), holds.hold(new("d5", directory="branch"), CHANGES)
    decide(holds, approved, PlanState.APPROVED, at=1)
    assert holds.prune(decided_before=later(5)) == 2
    assert [plan.id for plan in holds.list()] == [approved.id, held.id, young.id]
    for gone in (rejected, expired):
        with pytest.raises(NotFoundError):
            holds.changes(gone.id)
    assert holds.prune(decided_before=later(5)) == 0
    assert holds.hold(new("d6"), []).id > approved.id
