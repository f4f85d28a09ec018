"""Health cannot lie: what is unknown is not ok, only complete runs count, and freshness is judged against the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.model.hold import HeldPlan, Kind, Objection, PlanState
from syncd.model.mail import MailsWaiting
from syncd.model.run import Mode, Outcome, Run, Trigger
from syncd.model.webhook import WebhookStanding, WebhookState
from syncd.services.health import DaemonFacts, DirectoryFacts, HealthReport, assess
from syncd.services.health_deliveries import DeliveryFacts
from syncd.services.problem import Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def run(outcome: Outcome, *, minutes_ago: float, seconds: float = 1, **fields: Any) -> Run:
    finished = NOON - timedelta(minutes=minutes_ago)
    return Run(
        id=1, directory="corp", mode=Mode.CHANGES, trigger=Trigger.SCHEDULE, outcome=outcome, requested_at=finished,
        started_at=finished - timedelta(seconds=seconds), finished_at=finished, **fields,
    )  # fmt: skip


def daemon(**fields: Any) -> DaemonFacts:
    known: dict[str, Any] = {
        "version": "1", "started_at": NOON, "ready": True, "store_reachable": True, "schema_current": True,
    }  # fmt: skip
    return DaemonFacts(**known | fields)


def corp(
    complete: Run | None, attempt: Run | None = None, *, interval: float | None = 5, plan: HeldPlan | None = None
) -> DirectoryFacts:
    stale_before = NOON - timedelta(minutes=3 * interval) if interval else None
    return DirectoryFacts(
        name="corp", last_complete=complete, last_attempt=attempt or complete, stale_before=stale_before, plan=plan
    )


def held(state: PlanState = PlanState.HELD, *, expires_in: float = 60) -> HeldPlan:
    objections = tuple(
        Objection(code="x", kind=Kind.USERS_DISABLED, message=message, count=120, population=300, limit=30)
        for message in ("120 of 300 people would be disabled", "role staff would lose all of its members")
    )
    return HeldPlan(
        id=41, directory="corp", run_id=7, mode=Mode.FULL, digest="d", state=state, objections=objections, counts={},
        changes=1, created_at=NOON - timedelta(minutes=30), expires_at=NOON + timedelta(minutes=expires_in),
    )  # fmt: skip


def report(*directories: DirectoryFacts, **facts: Any) -> HealthReport:
    return assess(NOON, daemon(**facts), directories)


def codes(found: HealthReport) -> list[str]:
    return [problem.code for directory in found.directories for problem in directory.problems]


def test_a_fresh_complete_run_is_ok() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=2)))
    assert (found.status, found.current, found.http_status) == (Status.OK, True, 200)
    assert found.directories[0].age == 120


def test_entries_that_could_not_be_used_do_not_degrade() -> None:
    found = report(corp(run(Outcome.PARTIAL, minutes_ago=2, code="entries_unusable")))
    assert (found.status, found.http_status, codes(found)) == (Status.OK, 200, [])


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.HELD, Outcome.ABANDONED])
def test_a_run_that_was_not_complete_degrades_while_the_picture_is_fresh(outcome: Outcome) -> None:
    attempt = run(outcome, minutes_ago=1, code="connect_timeout", message="ldap1 did not answer", advice="Check it.")
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt))
    assert (found.status, found.current, found.http_status) == (Status.DEGRADED, True, 200)
    problem = found.directories[0].problems[0]
    assert (problem.code, problem.message, problem.advice) == ("connect_timeout", "ldap1 did not answer", "Check it.")


def test_an_outcome_without_a_code_still_says_what_it_was() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), run(Outcome.ABANDONED, minutes_ago=1)))
    assert codes(found) == ["abandoned"]


@pytest.mark.parametrize(("minutes_ago", "stale"), [(14.9, False), (15.1, True)])
def test_a_picture_older_than_three_intervals_is_stale(minutes_ago: float, stale: bool) -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=minutes_ago)))
    assert found.current is not stale
    assert found.http_status == (503 if stale else 200)
    assert codes(found) == (["stale"] if stale else [])


def test_failing_often_does_not_look_busy() -> None:
    attempt = run(Outcome.FAILED, minutes_ago=0.1, code="connection_refused")
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=20), attempt))
    assert (found.status, found.http_status) == (Status.DEGRADED, 503)
    assert codes(found) == ["stale", "connection_refused"]


def test_a_run_longer_than_its_interval_is_not_late_while_the_next_is_as_long() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=20, seconds=20 * 60)))
    assert found.http_status == 200


def test_a_directory_never_read_whole_is_not_ok() -> None:
    found = report(corp(None))
    assert (found.status, found.http_status, codes(found)) == (Status.DEGRADED, 503, ["never_complete"])
    assert found.directories[0].age is None


def test_without_a_schedule_a_picture_does_not_get_stale() -> None:
    assert report(corp(run(Outcome.SUCCEEDED, minutes_ago=100_000), interval=None)).http_status == 200


def test_one_bad_directory_is_enough() -> None:
    good = corp(run(Outcome.SUCCEEDED, minutes_ago=1))
    assert report(good, corp(None)).http_status == 503


def test_no_directory_at_all_is_ok() -> None:
    assert report().http_status == 200


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"ready": False}, "starting"),
        ({"stopping": True}, "stopping"),
        ({"dead_loops": ("scheduler corp",)}, "loop_dead"),
        ({"store_reachable": None}, "store_unknown"),
        ({"store_reachable": False}, "database_unavailable"),
        ({"store_reachable": False, "store_code": "database_full"}, "database_full"),
        ({"schema_current": False}, "schema_outdated"),
    ],
)
def test_a_process_that_cannot_work_has_failed_however_fresh_the_picture(facts: dict[str, Any], code: str) -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=1)), **facts)
    assert (found.status, found.http_status) == (Status.FAILED, 503)
    assert [problem.code for problem in found.problems] == [code]


def test_what_the_database_said_is_passed_on() -> None:
    found = report(store_reachable=False, store_code="database_full", store_message="no room", store_advice="Make room.")
    assert (found.problems[0].message, found.problems[0].advice) == ("no room", "Make room.")
    found = report(schema_current=False, store_message="at revision 0001, 0002 is needed", store_advice="Run it.")
    assert (found.problems[0].message, found.problems[0].advice) == ("at revision 0001, 0002 is needed", "Run it.")


# ---------------------------------------------------------------- held plans
def test_a_held_plan_degrades_and_says_why_and_how_to_decide() -> None:
    attempt = run(Outcome.HELD, minutes_ago=1, code="too_many_removed", plan_id=41, verdict="complete")
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt, plan=held()))
    assert (found.status, found.current, found.http_status) == (Status.DEGRADED, True, 200)
    assert codes(found) == ["plan_held"]
    problem = found.directories[0].problems[0]
    assert "120 of 300 people would be disabled; role staff would lose all of its members" in problem.message
    assert "held since 2026-03-02 11:30 UTC" in problem.message
    assert "until 2026-03-02 13:00 UTC" in problem.message
    for command in ("syncd plan show 41", "syncd plan approve 41", "syncd plan reject 41"):
        assert f"`{command}`" in problem.advice


def test_a_held_plan_degrades_though_the_last_run_was_complete() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=1), plan=held()))
    assert (found.status, found.http_status, codes(found)) == (Status.DEGRADED, 200, ["plan_held"])


def test_a_plan_nobody_decided_in_time_is_still_a_problem_and_says_what_comes() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=1), plan=held(expires_in=0)))
    problem = found.directories[0].problems[0]
    assert (problem.code, found.status) == ("plan_held", Status.DEGRADED)
    assert "the next run asks anew" in problem.message
    assert "approve" not in problem.advice


def test_a_held_plan_does_not_keep_a_picture_from_getting_stale() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=20), run(Outcome.HELD, minutes_ago=1, plan_id=41), plan=held()))
    assert (found.http_status, codes(found)) == (503, ["stale", "plan_held"])


def test_an_approved_plan_is_no_problem() -> None:
    attempt = run(Outcome.HELD, minutes_ago=1, code="too_many_removed", plan_id=41)
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt, plan=held(PlanState.APPROVED)))
    assert (found.status, codes(found)) == (Status.OK, [])


def test_a_failure_after_an_approval_is_one() -> None:
    attempt = run(Outcome.FAILED, minutes_ago=1, code="connect_timeout", plan_id=41)
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt, plan=held(PlanState.APPROVED)))
    assert codes(found) == ["connect_timeout"]


def test_a_run_held_for_a_plan_that_was_rejected_says_so_itself() -> None:
    attempt = run(Outcome.HELD, minutes_ago=1, code="too_many_removed", plan_id=40)
    assert codes(report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt))) == ["too_many_removed"]
    assert codes(report(corp(run(Outcome.SUCCEEDED, minutes_ago=6), attempt, plan=held()))) == ["plan_held", "too_many_removed"]


# ---------------------------------------------------------------- times
def test_the_lag_is_counted_from_the_start_of_the_last_complete_run() -> None:
    found = report(corp(run(Outcome.SUCCEEDED, minutes_ago=2, seconds=30), run(Outcome.FAILED, minutes_ago=1)))
    assert (found.directories[0].age, found.directories[0].cursor_lag) == (120, 150)
    assert report(corp(None)).directories[0].cursor_lag is None


def test_a_clock_that_was_set_back_gives_no_negative_age() -> None:
    assert report(corp(run(Outcome.SUCCEEDED, minutes_ago=-5))).directories[0].age == 0


# ---------------------------------------------------------------- what goes out
def webhook(*, minutes_ago: float | None, failures: int = 3) -> WebhookStanding:
    state = WebhookState(
        name="hr", position=3, tried_through=9, failures=failures, next_try_at=None, claimed_until=None,
        last_error="the receiver answered 500", delivered_at=None,
    )  # fmt: skip
    since = None if minutes_ago is None else NOON - timedelta(minutes=minutes_ago)
    return WebhookStanding(name="hr", state=state, newest=9, pending=int(since is not None), pending_since=since)


def delivering(facts: DeliveryFacts, **daemon_facts: Any) -> HealthReport:
    return assess(NOON, daemon(**daemon_facts), (corp(run(Outcome.SUCCEEDED, minutes_ago=2)),), facts)


@pytest.mark.parametrize(
    ("minutes_ago", "failures", "status"),
    [
        (16, 3, Status.DEGRADED),
        (15, 3, Status.OK),
        # it has only just begun with what is old
        (600, 0, Status.OK),
        (None, 0, Status.OK),
    ],
)
def test_a_webhook_that_fails_for_long_degrades_and_never_fails(
    minutes_ago: float | None, failures: int, status: Status
) -> None:
    found = delivering(DeliveryFacts(webhooks=(webhook(minutes_ago=minutes_ago, failures=failures),)))
    assert (found.status, found.http_status, found.current) == (status, 200, True)
    problems = found.webhooks[0].problems
    assert [problem.code for problem in problems] == (["webhook_failing"] if status is Status.DEGRADED else [])
    assert all("the receiver answered 500" in each.message and "syncd webhooks skip hr" in each.advice for each in problems)


@pytest.mark.parametrize(("minutes_ago", "status"), [(16, Status.DEGRADED), (15, Status.OK), (None, Status.OK)])
def test_mail_that_waits_for_long_degrades_and_never_fails(minutes_ago: float | None, status: Status) -> None:
    since = None if minutes_ago is None else NOON - timedelta(minutes=minutes_ago)
    found = delivering(DeliveryFacts(mail=MailsWaiting(count=2, since=since)))
    assert found.mail is not None
    assert (found.status, found.http_status, found.mail.status) == (status, 200, status)
    assert [problem.code for problem in found.mail.problems] == (["mail_waiting"] if status is Status.DEGRADED else [])


def test_a_failed_daemon_stays_failed_whatever_goes_out() -> None:
    found = delivering(DeliveryFacts(webhooks=(webhook(minutes_ago=60),)), store_reachable=False)
    assert (found.status, found.http_status) == (Status.FAILED, 503)
