"""Is it alive, is it ready, is it well: three questions that are kept apart, each answered from memory.

/livez asks neither LDAP nor SQL, so that an outage of either never makes a supervisor kill a daemon that would heal by
itself. /readyz says whether requests can be served. /healthz says whether syncd does what it is there for; the rules are
in `syncd.services.health`.
"""

from __future__ import annotations

from aiohttp import web

from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.schemas import (
    DirectoryHealthResource,
    HealthResource,
    ProbeResource,
    ProblemItem,
    RunningSummary,
    RunSummary,
)
from syncd.model.run import Run
from syncd.services.health import DirectoryHealth, HealthReport, Problem, RunningFacts


async def livez(request: web.Request) -> web.Response:
    """The event loop runs: that it answers at all is the answer."""
    del request
    return json_response(ProbeResource(status="ok"))


async def readyz(request: web.Request) -> web.Response:
    """Whether requests can be served."""
    found = request.app[HOST].ready_problems()
    if not found:
        return json_response(ProbeResource(status="ok"))
    return json_response(ProbeResource(status="unavailable", problems=_problems(found)), status=503)


async def healthz(request: web.Request) -> web.Response:
    """Whether syncd does what it is there for."""
    report = request.app[HOST].health()
    return json_response(health_resource(report), status=report.http_status)


async def metrics(request: web.Request) -> web.Response:
    """The Prometheus exposition."""
    body, content_type = request.app[HOST].metrics.render(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


def health_resource(report: HealthReport) -> HealthResource:
    """The report as it goes over the wire."""
    return HealthResource(
        status=report.status.value,
        current=report.current,
        at=report.at,
        version=report.daemon.version,
        started_at=report.daemon.started_at,
        problems=_problems(report.problems),
        directories={directory.name: _directory(directory) for directory in report.directories},
    )


def _directory(health: DirectoryHealth) -> DirectoryHealthResource:
    facts = health.facts
    counts = (facts.last_complete.counts or {}) if facts.last_complete else {}
    return DirectoryHealthResource(
        status=health.status.value,
        current=health.current,
        last_complete=_summary(facts.last_complete),
        last_complete_age_seconds=None if health.age is None else round(health.age, 1),
        last_attempt=_summary(facts.last_attempt),
        running=_running(facts.running),
        queued=facts.queued,
        next_due=facts.next_due,
        issues=counts.get("issues"),
        problems=_problems(health.problems),
    )


def _summary(run: Run | None) -> RunSummary | None:
    if run is None:
        return None
    return RunSummary(
        run=run.id,
        outcome=run.outcome,
        started_at=run.started_at,
        finished_at=run.finished_at,
        server=run.server,
        entries_read=run.entries_read,
        code=run.code,
        message=run.message,
        advice=run.advice,
        counts=dict(run.counts) if run.counts is not None else None,
    )


def _running(facts: RunningFacts | None) -> RunningSummary | None:
    if facts is None:
        return None
    return RunningSummary(run=facts.run_id, started_at=facts.started_at, phase=facts.phase, done=facts.done, total=facts.total)


def _problems(problems: tuple[Problem, ...]) -> list[ProblemItem]:
    return [ProblemItem(code=item.code, message=item.message, advice=item.advice) for item in problems]
