"""Is it alive, is it ready, is it well: three questions that are kept apart, each answered from memory.

/livez asks neither LDAP nor SQL, so that an outage of either never makes a supervisor kill a daemon that would heal by
itself. /readyz says whether what is served can be relied on, and what stands in the way. /healthz says the same with all that
is known of each directory; the rules of both are in `syncd.services.health`.
"""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.schemas_health import (
    DirectoryHealthResource,
    DirectoryReadyResource,
    HealthResource,
    HeldPlanSummary,
    MailHealthResource,
    ProbeResource,
    ProblemItem,
    ReadyResource,
    RunningSummary,
    RunSummary,
    WebhookHealthResource,
)
from syncd.model.hold import HeldPlan
from syncd.model.run import Run
from syncd.services.health import DirectoryHealth, HealthReport, RunningFacts
from syncd.services.health_deliveries import MailHealth, WebhookHealth
from syncd.services.problem import Problem, Status


async def livez(request: web.Request) -> web.Response:
    """The event loop runs: that it answers at all is the answer."""
    del request
    return json_response(ProbeResource(status="ok"))


async def readyz(request: web.Request) -> web.Response:
    """Whether what is served can be relied on: 503 whenever /healthz is."""
    report = request.app[HOST].health()
    return json_response(ready_resource(report), status=report.http_status)


async def healthz(request: web.Request) -> web.Response:
    """Whether syncd does what it is there for."""
    report = request.app[HOST].health()
    return json_response(health_resource(report), status=report.http_status)


async def metrics(request: web.Request) -> web.Response:
    """The Prometheus exposition."""
    body, content_type = request.app[HOST].metrics.render(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


def ready_resource(report: HealthReport) -> ReadyResource:
    """What stands in the way, by directory; what is a problem and does not, too."""
    # what goes out has no part in it: whoever asks here is served as well as ever
    degraded = any(directory.status is not Status.OK for directory in report.directories)
    status: Literal["ok", "degraded", "unavailable"] = "degraded" if degraded else "ok"
    return ReadyResource(
        status=status if report.http_status == 200 else "unavailable",
        problems=_problems(report.problems),
        directories={
            directory.name: DirectoryReadyResource(current=directory.current, problems=_problems(directory.problems))
            for directory in report.directories
        },
    )


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
        webhooks={webhook.standing.name: _webhook(webhook) for webhook in report.webhooks},
        mail=_mail(report.mail) if report.mail else None,
    )


def _webhook(health: WebhookHealth) -> WebhookHealthResource:
    standing, state = health.standing, health.standing.state
    return WebhookHealthResource(
        status="degraded" if health.problems else "ok",
        pending=standing.pending,
        pending_since=standing.pending_since,
        failures=standing.failures,
        last_error=standing.last_error,
        next_try_at=state.next_try_at if state else None,
        delivered_at=state.delivered_at if state else None,
        problems=_problems(health.problems),
    )


def _mail(health: MailHealth) -> MailHealthResource:
    return MailHealthResource(
        status="degraded" if health.problems else "ok",
        waiting=health.waiting.count,
        waiting_since=health.waiting.since,
        problems=_problems(health.problems),
    )


def _directory(health: DirectoryHealth) -> DirectoryHealthResource:
    facts = health.facts
    counts = (facts.last_complete.counts or {}) if facts.last_complete else {}
    return DirectoryHealthResource(
        status=health.status.value,
        current=health.current,
        last_complete=_summary(facts.last_complete),
        last_complete_age_seconds=None if health.age is None else round(health.age, 1),
        cursor_lag_seconds=None if health.cursor_lag is None else round(health.cursor_lag, 1),
        last_attempt=_summary(facts.last_attempt),
        held_plan=_plan(facts.plan),
        running=_running(facts.running),
        queued=facts.queued,
        next_due=facts.next_due,
        watched=not facts.not_watched,
        not_watched=facts.not_watched or None,
        issues=counts.get("issues"),
        problems=_problems(health.problems),
    )


def _summary(run: Run | None) -> RunSummary | None:
    if run is None:
        return None
    return RunSummary(
        run=run.id,
        outcome=run.outcome,
        verdict=run.verdict,
        started_at=run.started_at,
        finished_at=run.finished_at,
        server=run.server,
        entries_read=run.entries_read,
        code=run.code,
        message=run.message,
        advice=run.advice,
        counts=dict(run.counts) if run.counts is not None else None,
        feed=run.feed,
        feed_reason=run.feed_reason,
    )


def _plan(plan: HeldPlan | None) -> HeldPlanSummary | None:
    if plan is None:
        return None
    return HeldPlanSummary(
        id=plan.id,
        state=plan.state,
        since=plan.created_at,
        expires=plan.expires_at,
        objections=[objection.message for objection in plan.objections],
    )


def _running(facts: RunningFacts | None) -> RunningSummary | None:
    if facts is None:
        return None
    return RunningSummary(run=facts.run_id, started_at=facts.started_at, phase=facts.phase, done=facts.done, total=facts.total)


def _problems(problems: tuple[Problem, ...]) -> list[ProblemItem]:
    return [ProblemItem(code=item.code, message=item.message, advice=item.advice) for item in problems]
