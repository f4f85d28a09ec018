"""Held plans over HTTP: looking at them in any size, and deciding about exactly one."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from syncd.errors import DatabaseUnavailableError
from syncd.http.handlers.plans import STEP
from syncd.http.middleware import SECURITY_HEADERS
from syncd.model.hold import ChangeRow, PlanState
from syncd.model.run import Trigger
from tests.fakes.host import FakeHost, Serve

PLANS = "/api/v1/plans"
WHY = {"reason": "The Lisbon office was sold, ticket 4711."}


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


@pytest.fixture
def token(host: FakeHost) -> dict[str, str]:
    return {"Authorization": f"Bearer {host.token}"}


def row(number: int, action: str = "disable", **fields: Any) -> ChangeRow:
    plain = ChangeRow("person", action, f"id-{number}", f"uid=u{number},dc=x", "enabled", True, False, "not in the directory")
    return plain._replace(**fields)


# ---------------------------------------------------------------- who may
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PLANS), ("GET", f"{PLANS}/1"), ("GET", f"{PLANS}/1/changes"), ("POST", f"{PLANS}/1/approve"),
     ("POST", f"{PLANS}/1/reject")],
)  # fmt: skip
async def test_without_the_token_nothing_is_shown_or_decided(
    host: FakeHost, client: TestClient, method: str, path: str
) -> None:
    host.plans.add()
    answer = await client.request(method, path, json=WHY if method == "POST" else None)
    assert (answer.status, (await answer.json())["code"]) == (401, "unauthorized")
    assert host.plans.get(1).state is PlanState.HELD


# ---------------------------------------------------------------- looking
async def test_pages_of_plans_follow_one_another_and_keep_the_filter(
    host: FakeHost, client: TestClient, token: dict[str, str]
) -> None:
    for number in range(7):
        host.plans.add(state=PlanState.SUPERSEDED if number % 2 else PlanState.REJECTED)
    host.plans.add("hq")
    seen: list[int] = []
    address: str | None = f"{PLANS}?directory=corp&state=rejected&limit=2"
    while address:
        answer = await client.get(address, headers=token)
        page = await answer.json()
        seen += [plan["id"] for plan in page["items"]]
        address = page["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == [7, 5, 3, 1]


async def test_a_rare_state_is_found_far_back(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add(state=PlanState.APPLIED)
    for _ in range(STEP + 1):
        host.plans.add(state=PlanState.SUPERSEDED)
    page = await (await client.get(f"{PLANS}?state=applied", headers=token)).json()
    assert ([plan["id"] for plan in page["items"]], page["next"]) == ([1], None)


async def test_a_plan_in_full(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    rows = [row(0, "update"), *(row(number) for number in range(1, 30))]
    host.plans.add(rows=rows)
    body = await (await client.get(f"{PLANS}/1", headers=token)).json()
    samples = body.pop("samples")
    assert body == {
        "id": 1, "directory": "corp", "run_id": 7, "mode": "full", "digest": "d" * 64, "state": "held",
        "objections": [
            {"code": "too_many_removed", "kind": "users_disabled", "count": 120, "population": 300, "limit": 30, "of": None,
             "message": "120 of 300 people would be disabled, 30 are allowed"}
        ],
        "counts": {"users_disabled": 120}, "changes": 30, "created_at": "2026-03-02T12:00:00Z",
        "expires_at": "2026-03-05T12:00:00Z", "decided_at": None, "decided_by": "", "reason": "",
    }  # fmt: skip
    assert [sample["id"] for sample in samples] == [f"id-{number}" for number in range(1, 21)]
    assert samples[0] == {
        "kind": "person", "action": "disable", "id": "id-1", "name": "uid=u1,dc=x", "field": "enabled", "before": True,
        "after": False, "rule": "not in the directory",
    }  # fmt: skip


async def test_pages_of_changes_are_numbered_and_whole(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add(rows=[row(number) for number in range(1, 6)])
    seen: list[tuple[int, str]] = []
    address: str | None = f"{PLANS}/1/changes?limit=2"
    while address:
        answer = await client.get(address, headers=token)
        page = await answer.json()
        seen += [(item["row"], item["id"]) for item in page["items"]]
        address = page["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == [(number, f"id-{number}") for number in range(1, 6)]
    beyond = await (await client.get(f"{PLANS}/1/changes?after=5", headers=token)).json()
    assert beyond == {"items": [], "next": None}


async def test_values_of_every_type_as_json(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    values: list[Any] = [None, "text", 7, True, date(2026, 3, 2), noon, ("a", "b")]
    host.plans.add(rows=[row(1, before=value, after=value) for value in values])
    page = await (await client.get(f"{PLANS}/1/changes", headers=token)).json()
    found = [item["before"] for item in page["items"]]
    assert found == [None, "text", 7, True, "2026-03-02", "2026-03-02T12:00:00Z", ["a", "b"]]
    assert found[3] is True


# ---------------------------------------------------------------- CSV
async def test_all_changes_as_csv(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    count = 2 * STEP + 1
    host.plans.add(rows=[row(number) for number in range(count)])
    answer = await client.get(f"{PLANS}/1/changes?format=csv", headers=token)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="plan-1.csv"'
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert len(answer.headers["X-Request-ID"]) == 32
    lines = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    assert [line["id"] for line in lines] == [f"id-{number}" for number in range(count)]
    assert lines[0] == {
        "kind": "person", "action": "disable", "id": "id-0", "name": "uid=u0,dc=x", "field": "enabled", "before": "true",
        "after": "false", "rule": "not in the directory",
    }  # fmt: skip


async def test_a_plan_without_changes_is_a_header(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add()
    text = await (await client.get(f"{PLANS}/1/changes?format=csv", headers=token)).text()
    assert text == "kind,action,id,name,field,before,after,rule\r\n"


async def test_no_cell_becomes_a_formula(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    evil = '=HYPERLINK("http://x")'
    columns = ("id", "name", "field", "before", "after", "rule")
    host.plans.add(rows=[row(1, **dict.fromkeys(columns, evil)), row(2, before=("+1", "b"), after=-7)])
    text = await (await client.get(f"{PLANS}/1/changes?format=csv", headers=token)).text()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert {first[name] for name in columns} == {"'" + evil}
    assert (second["before"], second["after"]) == ("'+1; b", "-7")


@pytest.mark.parametrize(("query", "pointers"), [("after=1", ["/after"]), ("limit=5&after=0", ["/after", "/limit"])])
async def test_a_csv_has_no_pages(
    host: FakeHost, client: TestClient, token: dict[str, str], query: str, pointers: list[str]
) -> None:
    host.plans.add()
    answer = await client.get(f"{PLANS}/1/changes?format=csv&{query}", headers=token)
    assert answer.status == 422
    assert [error["pointer"] for error in (await answer.json())["errors"]] == pointers


async def test_a_csv_that_breaks_off_does_not_look_whole(
    host: FakeHost, client: TestClient, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host.plans.add()

    def broken(plan_id: int) -> Iterator[ChangeRow]:
        yield from (row(number) for number in range(STEP))
        raise DatabaseUnavailableError("restarted")

    monkeypatch.setattr(host.plans, "changes", broken)
    with capture_logs() as logs:
        answer = await client.get(f"{PLANS}/1/changes?format=csv", headers=token)
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert "answer broken off" in [entry["event"] for entry in logs]
    assert (await client.get("/livez")).status == 200


async def test_a_csv_that_cannot_begin_is_a_problem(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.error = DatabaseUnavailableError("refused")
    answer = await client.get(f"{PLANS}/1/changes?format=csv", headers=token)
    assert (answer.status, (await answer.json())["code"]) == (503, "database_unavailable")


async def test_a_client_that_goes_away_leaves_nothing_behind(
    host: FakeHost, client: TestClient, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host.plans.add()
    gone, ended = threading.Event(), threading.Event()

    def endless(plan_id: int) -> Iterator[ChangeRow]:
        try:
            for number in range(10_000_000):
                if number == STEP:
                    gone.wait(60)
                yield row(number)
        finally:
            ended.set()

    monkeypatch.setattr(host.plans, "changes", endless)
    answer = await client.get(f"{PLANS}/1/changes?format=csv", headers=token)
    answer.close()
    gone.set()
    assert (await client.get("/livez")).status == 200
    assert await _in_time(ended)


async def _in_time(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, 60)


async def test_a_head_of_a_csv_has_its_head_only(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add(rows=[row(1)])
    answer = await client.head(f"{PLANS}/1/changes?format=csv", headers=token)
    assert (answer.status, answer.content_type, await answer.read()) == (200, "text/csv", b"")


# ---------------------------------------------------------------- what is not there, what is wrong
@pytest.mark.parametrize("path", ["9", "0", "-1", "latest", "99999999999999999999999"])
@pytest.mark.parametrize("rest", ["", "/changes", "/changes?format=csv"])
async def test_a_plan_that_does_not_exist(client: TestClient, token: dict[str, str], path: str, rest: str) -> None:
    answer = await client.get(f"{PLANS}/{path}{rest}", headers=token)
    assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [(f"{PLANS}?state=open", "/state"), (f"{PLANS}?limit=0", "/limit"), (f"{PLANS}?limit=501", "/limit"),
     (f"{PLANS}?before=0", "/before"), (f"{PLANS}?after=1", "/after"), (f"{PLANS}/1?limit=1", "/limit"),
     (f"{PLANS}/1/changes?format=xml", "/format"), (f"{PLANS}/1/changes?after=-1", "/after"),
     (f"{PLANS}/1/changes?after=99999999999999999999", "/after"), (f"{PLANS}/1/changes?limit=1001", "/limit")],
)  # fmt: skip
async def test_a_wrong_query_is_refused(
    host: FakeHost, client: TestClient, token: dict[str, str], path: str, pointer: str
) -> None:
    host.plans.add()
    answer = await client.get(path, headers=token)
    assert answer.status == 422
    assert [error["pointer"] for error in (await answer.json())["errors"]] == [pointer]


# ---------------------------------------------------------------- deciding
async def test_an_approval_queues_the_run_that_applies_the_plan(
    host: FakeHost, client: TestClient, token: dict[str, str]
) -> None:
    host.plans.add()
    answer = await client.post(f"{PLANS}/1/approve", headers=token, json={"reason": f"  {WHY['reason']} "})
    body = await answer.json()
    assert (answer.status, body["state"], body["decided_by"], body["reason"]) == (202, "approved", "operator", WHY["reason"])
    run = await (await client.get(answer.headers["Location"], headers=token)).json()
    assert (run["directory"], run["mode"], run["trigger"], run["actor"], run["outcome"]) == (
        "corp", "full", Trigger.APPROVAL, "operator", "queued",
    )  # fmt: skip


async def test_a_rejection_queues_nothing(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add()
    answer = await client.post(f"{PLANS}/1/reject", headers=token, json=WHY)
    body = await answer.json()
    assert (answer.status, body["state"], body["reason"]) == (200, "rejected", WHY["reason"])
    assert host.runs.list() == []


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_a_plan_is_decided_once(host: FakeHost, client: TestClient, token: dict[str, str], verb: str) -> None:
    host.plans.add(state=PlanState.SUPERSEDED)
    answer = await client.post(f"{PLANS}/1/{verb}", headers=token, json=WHY)
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "plan_closed")
    assert "syncd plan list" in body["advice"]
    assert host.runs.list() == []


@pytest.mark.parametrize("verb", ["approve", "reject"])
@pytest.mark.parametrize(
    "body",
    [{}, {"reason": ""}, {"reason": "ok"}, {"reason": "      "}, {"reason": " ok "}, {"reason": "x" * 501}, {"reason": 4711},
     {"reason": "nul\u0000byte"}, {"reason": "two\nlines"}, {"reason": "fine by me", "force": True}, {"Reason": "fine by me"}],
)  # fmt: skip
async def test_nobody_decides_without_a_reason(
    host: FakeHost, client: TestClient, token: dict[str, str], verb: str, body: dict[str, Any]
) -> None:
    host.plans.add()
    answer = await client.post(f"{PLANS}/1/{verb}", headers=token, json=body)
    assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request")
    assert host.plans.get(1).state is PlanState.HELD


async def test_a_decision_without_a_body_is_refused(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.plans.add()
    assert (await client.post(f"{PLANS}/1/approve", headers=token)).status == 422
    assert host.plans.get(1).state is PlanState.HELD


@pytest.mark.parametrize("reason", ["yes", "x" * 500, "größer als gedacht", "a b"])
async def test_reasons_that_are_taken(host: FakeHost, client: TestClient, token: dict[str, str], reason: str) -> None:
    host.plans.add()
    assert (await client.post(f"{PLANS}/1/reject", headers=token, json={"reason": reason})).status == 200


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_a_plan_that_is_not_there_cannot_be_decided(client: TestClient, token: dict[str, str], verb: str) -> None:
    answer = await client.post(f"{PLANS}/9/{verb}", headers=token, json=WHY)
    assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


# ---------------------------------------------------------------- the document
async def test_the_document_says_what_the_routes_need(client: TestClient) -> None:
    paths = (await (await client.get("/openapi.json")).json())["paths"]
    approve = paths["/api/v1/plans/{id}/approve"]["post"]
    assert approve["x-permission"] == "plans:decide"
    assert approve["requestBody"]["required"] is True
    assert {"202", "404", "409", "422"} <= approve["responses"].keys()
    changes = paths["/api/v1/plans/{id}/changes"]["get"]
    assert changes["x-permission"] == "plans:read"
    assert set(changes["responses"]["200"]["content"]) == {"application/json", "text/csv"}
    assert paths["/api/v1/directories/{directory}/sync"]["post"]["requestBody"]["required"] is False
