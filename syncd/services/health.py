"""Whether syncd does what it is there for, as a pure function of facts, so that the answer cannot lie.

Three rules keep it honest. Unknown is not ok: a directory that was never read whole, or a store that has not answered
lately, counts against health. Only a *complete* run counts: a daemon that fails every five minutes looks busy and is not
well. And freshness is judged against the schedule: when more than `STALE_TICKS` scheduled times have gone by without a
complete run, the store no longer shows the directory as it is, whatever the last outcome was.

| status | means | HTTP status of /healthz |
| --- | --- | --- |
| ok | every directory's picture is current and its last run was complete | 200 |
| degraded | every picture is current, but a last run failed or was held: look before it gets stale | 200 |
| degraded | a picture is stale, or there never was one | 503 |
| failed | a background loop is dead or stuck, the store does not answer, or syncd is starting or stopping | 503 |

So the HTTP status alone says whether the data can be relied on, for monitors that read nothing else; the status word and
the problems say what to look at. Entries that could not be used (outcome `partial`) are shown as a count of issues and do
not degrade: nearly every real directory has some, and an alarm that always rings is not heard.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model.run import Run

STALE_TICKS = 3


class Status(enum.StrEnum):
    """How well it is, of the whole or of one directory."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


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
    running: RunningFacts | None = None
    queued: bool = False
    # None when nothing is scheduled
    next_due: datetime | None = None
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
    store_message: str | None = None
    # names of background loops that ended or show no sign of life
    dead_loops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to look at."""

    # a code of the errors, or: never_complete, stale, held, loop_dead, store_unknown, starting, stopping
    code: str
    message: str
    advice: str = ""


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
    problems: tuple[Problem, ...]

    @property
    def http_status(self) -> int:
        """200 or 503, by the table at the head of this module."""
        return 200 if self.current and self.status is not Status.FAILED else 503


def assess(now: datetime, daemon: DaemonFacts, directories: tuple[DirectoryFacts, ...]) -> HealthReport:
    """The report for these facts."""
    problems = tuple(_daemon_problems(daemon))
    reports = tuple(assess_directory(now, facts) for facts in directories)
    if problems:
        status = Status.FAILED
    elif any(report.status is not Status.OK for report in reports):
        status = Status.DEGRADED
    else:
        status = Status.OK
    current = all(report.current for report in reports)
    return HealthReport(at=now, status=status, current=current, daemon=daemon, directories=reports, problems=problems)


def ready_problems(daemon: DaemonFacts) -> tuple[Problem, ...]:
    """Why requests should go elsewhere: what stands in the way of serving, and nothing about the directories."""
    return tuple(_daemon_problems(daemon))


def assess_directory(now: datetime, facts: DirectoryFacts) -> DirectoryHealth:
    """The report for one directory."""
    freshness = _freshness_problem(facts)
    attempt = _attempt_problem(facts.last_attempt)
    problems = tuple(problem for problem in (freshness, attempt) if problem)
    return DirectoryHealth(
        name=facts.name,
        status=Status.DEGRADED if problems else Status.OK,
        current=freshness is None,
        facts=facts,
        age=_age(now, facts.last_complete),
        problems=problems,
    )


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
        message = daemon.store_message or "The database is not reachable."
        yield Problem(code="database_unavailable", message=message, advice="Check that the database runs.")


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


def _attempt_problem(attempt: Run | None) -> Problem | None:
    if attempt is None or attempt.outcome.complete:
        return None
    return Problem(
        code=attempt.code or str(attempt.outcome),
        message=attempt.message or f"The last run ended as {attempt.outcome}.",
        advice=attempt.advice or "",
    )


def _age(now: datetime, run: Run | None) -> float | None:
    if run is None or run.finished_at is None:
        return None
    return max(timedelta(0), now - run.finished_at).total_seconds()
