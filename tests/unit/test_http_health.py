"""The probes and the metrics: each question has its own answer, and none of them asks a database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from syncd.model.hold import PlanState
from syncd.model.mail import MailsWaiting
from syncd.model.records import DirectoryPresence
from syncd.model.run import Outcome
from syncd.model.webhook import WebhookStanding, WebhookState
from syncd.services.health import RunningFacts
from syncd.services.health_deliveries import DeliveryFacts
from tests.fakes.edge import START
from tests.fakes.host import FakeHost, Serve


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


async def test_live_even_with_everything_broken(host: FakeHost, client: TestClient) -> None:
    host.store_reachable = False
    host.dead_loops = ("observer",)
    answer = await client.get("/livez")
    assert (answer.status, await answer.json()) == (200, {"status": "ok", "problems": []})


async def test_ready_when_the_store_answers_and_every_picture_is_current(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START - timedelta(minutes=2))
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (
        200, {"status": "ok", "problems": [], "directories": {"corp": {"current": True, "problems": []}}},
    )  # fmt: skip


@pytest.mark.parametrize(("minutes_ago", "code"), [(None, "never_complete"), (16, "stale")])
async def test_not_ready_while_a_picture_is_stale_or_missing(
    host: FakeHost, client: TestClient, minutes_ago: int | None, code: str
) -> None:
    if minutes_ago is not None:
        host.complete = host.runs.complete(at=START - timedelta(minutes=minutes_ago))
    for path in ("/readyz", "/healthz"):
        answer = await client.get(path)
        corp = (await answer.json())["directories"]["corp"]
        assert (answer.status, corp["current"], [problem["code"] for problem in corp["problems"]]) == (503, False, [code])


async def test_ready_but_degraded_while_a_plan_is_held_or_a_run_failed(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START - timedelta(minutes=2))
    host.attempt = host.runs.failed(at=START - timedelta(minutes=1))
    host.plans.add()
    for path in ("/readyz", "/healthz"):
        answer = await client.get(path)
        body = await answer.json()
        assert (answer.status, body["status"]) == (200, "degraded")
        codes = [problem["code"] for problem in body["directories"]["corp"]["problems"]]
        assert codes == ["plan_held", "connect_timeout"]


async def test_neither_ready_nor_well_with_a_schema_of_another_version(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START)
    host.schema_current = False
    for path in ("/readyz", "/healthz"):
        answer = await client.get(path)
        body = await answer.json()
        assert (answer.status, [problem["code"] for problem in body["problems"]]) == (503, ["schema_outdated"])
    assert (await client.get("/livez")).status == 200


async def test_health_shows_the_plan_that_waits_and_the_verdict_and_the_lag(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START - timedelta(minutes=2))
    host.attempt = host.runs.add(
        outcome=Outcome.FAILED, started_at=START, finished_at=START, verdict="partial", code="size_limit_exceeded",
        message="cut short after 500 entries",
    )  # fmt: skip
    host.plans.add(state=PlanState.APPROVED)
    corp = (await (await client.get("/healthz")).json())["directories"]["corp"]
    assert corp["held_plan"] == {
        "id": 1, "state": "approved", "since": "2026-03-02T12:00:00Z", "expires": "2026-03-05T12:00:00Z",
        "objections": ["120 of 300 people would be disabled, 30 are allowed"],
    }  # fmt: skip
    attempt = corp["last_attempt"]
    assert (attempt["verdict"], attempt["code"], attempt["message"]) == (
        "partial", "size_limit_exceeded", "cut short after 500 entries",
    )  # fmt: skip
    assert corp["cursor_lag_seconds"] == 121


@pytest.mark.parametrize("reachable", [False, None])
async def test_not_ready_while_the_store_does_not_or_is_not_known_to(
    host: FakeHost, client: TestClient, reachable: bool | None
) -> None:
    host.store_reachable = reachable
    answer = await client.get("/readyz")
    body = await answer.json()
    assert (answer.status, body["status"]) == (503, "unavailable")
    assert len(body["problems"]) == 1


async def test_not_ready_while_stopping(host: FakeHost, client: TestClient) -> None:
    host.stopping = True
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["problems"][0]["code"] == "stopping"


async def test_health_tells_everything_about_a_directory(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START - timedelta(minutes=2))
    host.attempt = host.runs.failed(at=START - timedelta(minutes=1))
    host.running = RunningFacts(run_id=9, started_at=START, phase="apply", done=40, total=100)
    answer = await client.get("/healthz")
    body = await answer.json()
    assert (answer.status, body["status"], body["current"]) == (200, "degraded", True)
    corp = body["directories"]["corp"]
    assert corp["last_complete"]["outcome"] == "succeeded"
    assert corp["last_complete"]["counts"]["users_created"] == 1
    assert corp["last_complete_age_seconds"] == 120
    assert corp["last_attempt"] | {"run": None} == {
        "run": None, "feed": None, "feed_reason": None, "outcome": "failed", "verdict": None,
        "started_at": "2026-03-02T11:58:59Z",
        "finished_at": "2026-03-02T11:59:00Z",
        "server": None, "entries_read": 0, "code": "connect_timeout", "message": "ldap1 did not answer",
        "advice": "Check the route.", "counts": None,
    }  # fmt: skip
    assert corp["running"] == {
        "run": 9, "started_at": "2026-03-02T12:00:00Z", "phase": "apply", "done": 40, "total": 100,
    }  # fmt: skip
    assert corp["issues"] == 2
    assert [problem["code"] for problem in corp["problems"]] == ["connect_timeout"]


async def test_health_of_a_directory_never_synced_is_503(client: TestClient) -> None:
    answer = await client.get("/healthz")
    body = await answer.json()
    assert (answer.status, body["status"]) == (503, "degraded")
    assert body["directories"]["corp"]["problems"][0]["code"] == "never_complete"


async def test_health_with_a_dead_loop_has_failed(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete()
    host.dead_loops = ("scheduler corp",)
    answer = await client.get("/healthz")
    body = await answer.json()
    assert (answer.status, body["status"]) == (503, "failed")
    assert body["problems"][0]["code"] == "loop_dead"


async def test_probes_take_what_monitors_add_to_an_address(client: TestClient) -> None:
    assert (await client.get("/livez?_=1234567")).status == 200


async def test_probes_answer_head(client: TestClient) -> None:
    answer = await client.head("/livez")
    assert (answer.status, await answer.read()) == (200, b"")


async def test_metrics_in_the_text_format(host: FakeHost, client: TestClient) -> None:
    host.metrics.run_finished(host.runs.complete())
    host.metrics.people_counted("corp", {DirectoryPresence.ACTIVE: 290, DirectoryPresence.MISSING: 10})
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse_text(await answer.text())
        for sample in family.samples
    }
    corp = ("directory", "corp")
    assert samples["syncd_runs_total", corp, ("mode", "changes"), ("outcome", "succeeded")] == 1
    assert samples["syncd_users", corp, ("presence", "missing")] == 10
    assert samples["syncd_entries_read_total", corp] == 300
    assert samples["syncd_changes_total", corp, ("kind", "users_created")] == 1
    assert samples["syncd_run_duration_seconds_count", corp] == 1


async def test_metrics_in_openmetrics_when_asked_for(client: TestClient) -> None:
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_openmetrics(await answer.text())}
    assert {"syncd_runs", "syncd_build_info", "process_resident_memory_bytes"} <= names


async def test_no_probe_touches_the_store(host: FakeHost, client: TestClient) -> None:
    host.runs.error = AssertionError("the store was asked")  # type: ignore[assignment]
    for path in ("/livez", "/readyz", "/healthz", "/metrics"):
        assert (await client.get(path)).status in (200, 503)


async def test_no_secret_is_in_a_health_answer(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START)
    host.attempt = host.runs.add(outcome=Outcome.FAILED, started_at=START, finished_at=START)
    text = json.dumps(await (await client.get("/healthz")).json()) + await (await client.get("/metrics")).text()
    assert host.token not in text


# ---------------------------------------------------------------- what goes out
def failing_webhook() -> WebhookStanding:
    state = WebhookState(
        name="hr", position=3, tried_through=9, failures=3, next_try_at=START, claimed_until=None,
        last_error="the receiver answered 500", delivered_at=None,
    )  # fmt: skip
    return WebhookStanding(name="hr", state=state, newest=9, pending=4, pending_since=START - timedelta(hours=1))


async def test_health_tells_of_webhooks_and_mail_and_readiness_stays(host: FakeHost, client: TestClient) -> None:
    host.complete = host.runs.complete(at=START - timedelta(minutes=2))
    waiting = MailsWaiting(count=2, since=START - timedelta(hours=1))
    host.deliveries = DeliveryFacts(webhooks=(failing_webhook(),), mail=waiting)
    answer = await client.get("/healthz")
    body = await answer.json()
    assert (answer.status, body["status"], body["current"], body["problems"]) == (200, "degraded", True, [])
    hr = body["webhooks"]["hr"]
    assert [problem["code"] for problem in hr.pop("problems")] == ["webhook_failing"]
    assert hr == {
        "status": "degraded", "pending": 4, "pending_since": "2026-03-02T11:00:00Z", "failures": 3,
        "last_error": "the receiver answered 500", "next_try_at": "2026-03-02T12:00:00Z", "delivered_at": None,
    }  # fmt: skip
    assert [problem["code"] for problem in body["mail"].pop("problems")] == ["mail_waiting"]
    assert body["mail"] == {"status": "degraded", "waiting": 2, "waiting_since": "2026-03-02T11:00:00Z"}
    answer = await client.get("/readyz")
    assert (answer.status, (await answer.json())["status"]) == (200, "ok")


async def test_metrics_of_a_webhook_begin_at_zero_and_go_with_it(host: FakeHost, client: TestClient) -> None:
    host.metrics.declare_webhook("hr")
    host.metrics.webhook_tried("hr", taken=False)
    host.metrics.webhook_seen(failing_webhook())
    text = await (await client.get("/metrics")).text()
    for line in (
        'syncd_webhook_deliveries_total{result="delivered",webhook="hr"} 0.0',
        'syncd_webhook_deliveries_total{result="failed",webhook="hr"} 1.0',
        'syncd_webhook_pending_events{webhook="hr"} 4.0',
        'syncd_webhook_pending_since_timestamp_seconds{webhook="hr"}',
    ):
        assert line in text
    host.metrics.webhook_seen(replace(failing_webhook(), pending=0, pending_since=None))
    text = await (await client.get("/metrics")).text()
    assert 'syncd_webhook_pending_events{webhook="hr"} 0.0' in text
    assert "syncd_webhook_pending_since_timestamp_seconds{" not in text
    host.metrics.forget_webhook("hr")
    assert 'webhook="hr"' not in await (await client.get("/metrics")).text()


async def test_metrics_of_logins_and_locks_begin_at_zero(host: FakeHost, client: TestClient) -> None:
    text = await (await client.get("/metrics")).text()
    for result in ("granted", "refused", "expired", "unavailable", "limited"):
        assert f'syncd_logins_total{{result="{result}"}} 0.0' in text
    assert "syncd_users_locked_total 0.0" in text
    assert "\nsyncd_mails_waiting_since_timestamp_seconds " not in text
    host.metrics.mails_wait(MailsWaiting(count=1, since=START))
    text = await (await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})).text()
    families = {family.name: family.samples for family in parse_openmetrics(text)}
    assert [sample.value for sample in families["syncd_mails_waiting_since_timestamp_seconds"]] == [START.timestamp()]
