"""Whether syncd does what it is there for, as a pure function of facts, so that the answer cannot lie.

Three rules keep it honest. Unknown is not ok: a directory that was never read whole, or a store that has not answered
lately, counts against health. Only a *complete* run counts: a daemon that fails every five minutes looks busy and is not
well. And freshness is judged against the schedule: when more than `STALE_TICKS` scheduled times have gone by without a
complete run, the store no longer shows the directory as it is, whatever the last outcome was.

| status | means | HTTP status of /healthz and /readyz |
| --- | --- | --- |
| ok | every directory's picture is current and its last run was complete | 200 |
| degraded | every picture is current, but a last run failed or a plan is held: look before it gets stale | 200 |
| degraded | every picture is current, but a webhook or mail has been failing for long (`health_deliveries`) | 200 |
| degraded | a picture is stale, or there never was one | 503 |
| failed | a background loop is dead or stuck, the store is out of reach or not of this version, a start or a stop | 503 |

So the HTTP status alone says whether the data can be relied on, for monitors that read nothing else; the status word and
the problems say what to look at. Entries that could not be used (outcome `partial`) are shown as a count of issues and do
not degrade: nearly every real directory has some, and an alarm that always rings is not heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.errors import SyncdError
from syncd.model.hold import HeldPlan, PlanState
from syncd.model.run import Outcome, Run
from syncd.services.health_deliveries import DeliveryFacts, MailHealth, WebhookHealth, assess_mail, assess_webhook
from syncd.services.problem import Problem, Status

STALE_TICKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningFacts:
    """A run in progress."""

    run_id: int | None
    started_at: datetime
    phase: str | None
    # entries or changes done in this phase, and how many there are where that is known
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryFacts:
    """What is known of one directory."""

    name: str
    last_complete: Run | None = None
    # the last run that ended, whichever way
    last_attempt: Run | None = None
    # the plan that waits: for a decision, or (approved) for the run that applies it
    plan: HeldPlan | None = None
    running: RunningFacts | None = None
    queued: bool = False
    # None when nothing is scheduled
    next_due: datetime | None = None
    # why nobody is told of changes as they happen; "" when somebody is
    not_watched: str = ""
    # what kept a run of this process from its record, so that no record tells of it: a full disk, say
    unrecorded: SyncdError | None = None
    # the time that lies STALE_TICKS scheduled times back; None when nothing is scheduled, or that far back
    stale_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """What is known of the process."""

    version: str
    started_at: datetime
    # everything was started once, and stopping has not begun
    ready: bool
    stopping: bool = False
    # None while it is not known: not asked yet, or no answer for too long
    store_reachable: bool | None = None
    # whether the database has the schema of this version; None while it is not known
    schema_current: bool | None = None
    # what the database's last error says, if it was one
    store_code: str | None = None
    store_message: str | None = None
    store_advice: str | None = None
    # names of background loops that ended or show no sign of life
    dead_loops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryHealth:
    """How one directory is."""

    name: str
    status: Status
    # the store shows this directory as it is, within the schedule's tolerance
    current: bool
    facts: DirectoryFacts
    # seconds since the last complete run ended
    age: float | None
    # seconds by which the store may be behind the directory. As long as no feed keeps a cursor, the age of the last complete
    # run that read stands for it, counted from its start: what changed since then may not be in the store
    cursor_lag: float | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """How all of it is, at one moment."""

    at: datetime
    status: Status
    # False: what the store says should not be taken for what the directories say
    current: bool
    daemon: DaemonFacts
    directories: tuple[DirectoryHealth, ...]
    webhooks: tuple[WebhookHealth, ...]
    mail: MailHealth | None
    problems: tuple[Problem, ...]

    @property
    def http_status(self) -> int:
        """200 or 503, by the table at the head of this module."""
        return 200 if self.current and self.status is not Status.FAILED else 503


def assess(
    now: datetime,
    daemon: DaemonFacts,
    directories: tuple[DirectoryFacts, ...],
    deliveries: DeliveryFacts = DeliveryFacts(),  # noqa: B008 - frozen
) -> HealthReport:
    """The report for these facts."""
    problems = tuple(_daemon_problems(daemon))
    reports = tuple(assess_directory(now, facts) for facts in directories)
    webhooks = tuple(assess_webhook(now, standing) for standing in deliveries.webhooks)
    mail = assess_mail(now, deliveries.mail)
    words = {part.status for part in reports} | {part.status for part in webhooks} | ({mail.status} if mail else set())
    if problems:
        status = Status.FAILED
    elif words - {Status.OK}:
        status = Status.DEGRADED
    else:
        status = Status.OK
    current = all(report.current for report in reports)
    return HealthReport(
        at=now,
        status=status,
        current=current,
        daemon=daemon,
        directories=reports,
        webhooks=webhooks,
        mail=mail,
        problems=problems,
    )


def assess_directory(now: datetime, facts: DirectoryFacts) -> DirectoryHealth:
    """The report for one directory."""
    freshness = _freshness_problem(facts)
    found = (
        freshness,
        _plan_problem(now, facts.plan),
        _attempt_problem(facts.last_attempt, plan=facts.plan),
        _unrecorded_problem(facts.unrecorded),
    )
    problems = tuple(problem for problem in found if problem)
    complete = facts.last_complete
    return DirectoryHealth(
        name=facts.name,
        status=Status.DEGRADED if problems else Status.OK,
        current=freshness is None,
        facts=facts,
        age=_seconds_since(complete.finished_at if complete else None, now=now),
        cursor_lag=_seconds_since(complete.started_at or complete.finished_at if complete else None, now=now),
        problems=problems,
    )


def _unrecorded_problem(error: SyncdError | None) -> Problem | None:
    if error is None:
        return None
    return Problem(code=error.code, message=f"A run could not be recorded: {error.message}", advice=error.hint)


def _daemon_problems(daemon: DaemonFacts) -> Iterator[Problem]:
    if daemon.stopping:
        yield Problem(code="stopping", message="syncd is stopping.")
    elif not daemon.ready:
        yield Problem(code="starting", message="syncd has not finished starting.")
    for name in daemon.dead_loops:
        yield Problem(code="loop_dead", message=f"The background loop {name!r} is not running.", advice="Restart syncd.")
    if daemon.store_reachable is None:
        yield Problem(code="store_unknown", message=daemon.store_message or "The database has not answered yet.")
    elif not daemon.store_reachable:
        yield Problem(
            code=daemon.store_code or "database_unavailable",
            message=daemon.store_message or "The database is not reachable.",
            advice=daemon.store_advice or "Check that the database runs.",
        )
    elif daemon.schema_current is False:
        yield Problem(
            code="schema_outdated",
            message=daemon.store_message or "The database schema is not the one this version needs.",
            advice=daemon.store_advice or "Run `syncd db upgrade`.",
        )


def _freshness_problem(facts: DirectoryFacts) -> Problem | None:
    complete = facts.last_complete
    if complete is None or complete.finished_at is None:
        return Problem(code="never_complete", message="This directory has not been read whole yet.")
    # a run that takes longer than its interval is not late while the next one is at work as long as that
    tolerance = complete.finished_at - (complete.started_at or complete.finished_at)
    if facts.stale_before is None or complete.finished_at + tolerance >= facts.stale_before:
        return None
    return Problem(
        code="stale",
        message=f"The last complete run ended at {complete.finished_at:%Y-%m-%d %H:%M:%S} UTC; "
        f"more than {STALE_TICKS} scheduled times have passed since.",
    )


def _plan_problem(now: datetime, plan: HeldPlan | None) -> Problem | None:
    """A plan that waits for a decision; one that was approved waits for nobody."""
    if plan is None or plan.state is not PlanState.HELD:
        return None
    reasons = "; ".join(objection.message for objection in plan.objections)
    since = f"Plan {plan.id} is held since {plan.created_at:%Y-%m-%d %H:%M} UTC: {reasons}."
    if not plan.open_at(now):
        return Problem(
            code="plan_held",
            message=f"{since} The time to decide ended at {plan.expires_at:%Y-%m-%d %H:%M} UTC; the next run asks anew.",
            advice=f"`syncd plan show {plan.id}` shows what it would have done; `syncd sync {plan.directory}` asks anew.",
        )
    return Problem(
        code="plan_held",
        message=f"{since} It can be decided until {plan.expires_at:%Y-%m-%d %H:%M} UTC.",
        advice=f"Look at `syncd plan show {plan.id}`, then `syncd plan approve {plan.id}` or `syncd plan reject {plan.id}`.",
    )


def _attempt_problem(attempt: Run | None, *, plan: HeldPlan | None) -> Problem | None:
    """Why the last run was not complete, unless the plan that it left behind says so already."""
    if attempt is None or attempt.outcome.complete:
        return None
    if attempt.outcome is Outcome.HELD and plan is not None and attempt.plan_id in (plan.id, None):
        return None
    return Problem(
        code=attempt.code or str(attempt.outcome),
        message=attempt.message or f"The last run ended as {attempt.outcome}.",
        advice=attempt.advice or "",
    )


def _seconds_since(moment: datetime | None, *, now: datetime) -> float | None:
    return None if moment is None else max(timedelta(0), now - moment).total_seconds()
