"""The operator's API: who may, what comes back, what is refused and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from syncd.errors import DatabaseUnavailableError
from syncd.http import blocking
from syncd.model.run import Mode
from tests.fakes.edge import START
from tests.fakes.host import FakeHost, Serve

SYNC = "/api/v1/directories/corp/sync"
RUNS = "/api/v1/runs"


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


@pytest.fixture
def token(host: FakeHost) -> dict[str, str]:
    return {"Authorization": f"Bearer {host.token}"}


async def problem(answer: Any) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = await answer.json()
    assert body["status"] == answer.status
    assert body["type"] == f"urn:syncd:problem:{body['code']}"
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


# ---------------------------------------------------------------- who may
@pytest.mark.parametrize(("method", "path"), [("POST", SYNC), ("GET", RUNS), ("GET", f"{RUNS}/1")])
@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong-token-of-someone"},
     {"Authorization": "Basic b3BlcmF0b3I6eA=="}],
)  # fmt: skip
async def test_without_the_token_nothing_is_done(
    host: FakeHost, client: TestClient, method: str, path: str, header: dict[str, str]
) -> None:
    answer = await client.request(method, path, headers=header)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="syncd"'
    assert (await problem(answer))["code"] == "unauthorized"
    assert host.requested == []


async def test_the_scheme_is_not_case_sensitive(host: FakeHost, client: TestClient) -> None:
    answer = await client.get(RUNS, headers={"Authorization": f"bearer {host.token}"})
    assert answer.status == 200


async def test_a_token_in_the_address_does_not_count(host: FakeHost, client: TestClient) -> None:
    assert (await client.get(f"{RUNS}?access_token={host.token}")).status == 401


async def test_without_a_configured_token_the_routes_are_closed_and_say_how_to_open_them(
    host: FakeHost, client: TestClient
) -> None:
    host.operator_token = None
    answer = await client.post(SYNC, headers={"Authorization": "Bearer anything-at-all-here"})
    assert answer.status == 401
    body = await problem(answer)
    assert body["code"] == "unauthorized"
    assert "http.operator_token" in body["advice"]


# ---------------------------------------------------------------- asking for a run
async def test_a_sync_is_queued_and_its_run_can_be_followed(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    answer = await client.post(SYNC, headers=token)
    assert answer.status == 202
    body = await answer.json()
    assert (body["directory"], body["mode"], body["trigger"], body["outcome"]) == ("corp", "changes", "api", "queued")
    followed = await client.get(answer.headers["Location"], headers=token)
    assert await followed.json() == body
    assert host.requested == [("corp", Mode.CHANGES)]


async def test_a_second_request_is_given_the_run_that_is_queued(client: TestClient, token: dict[str, str]) -> None:
    first = await client.post(SYNC, headers=token)
    second = await client.post(SYNC, headers=token, json={"mode": "full"})
    assert (first.status, second.status) == (202, 202)
    assert first.headers["Location"] == second.headers["Location"]
    assert (await second.json())["mode"] == "full"


@pytest.mark.parametrize("body", [{}, {"mode": "changes"}])
async def test_the_body_may_be_empty_or_say_what_it_says_anyway(
    client: TestClient, token: dict[str, str], body: dict[str, str]
) -> None:
    answer = await client.post(SYNC, headers=token, json=body)
    assert (await answer.json())["mode"] == "changes"


async def test_a_directory_that_nobody_configured_is_not_found(client: TestClient, token: dict[str, str]) -> None:
    answer = await client.post("/api/v1/directories/crop/sync", headers=token)
    assert answer.status == 404
    assert "crop" in (await problem(answer))["detail"]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b'{"mode": "sideways"}', "application/json", 422, "invalid_request"),
        (b'{"mode": "full", "force": true}', "application/json", 422, "invalid_request"),
        (b'["full"]', "application/json", 422, "invalid_request"),
        (b"null", "application/json", 422, "invalid_request"),
        (b'{"mode": ', "application/json", 400, "malformed_body"),
        (b'{"mode": "\xff"}', "application/json", 400, "malformed_body"),
        (b"[" * 50_000, "application/json", 400, "malformed_body"),
        (b"mode=full", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b" " * 70_000, "application/json", 413, "body_too_large"),
    ],
)
async def test_a_wrong_body_is_refused(
    host: FakeHost,
    client: TestClient,
    token: dict[str, str],
    content: bytes,
    content_type: str,
    status: int,
    code: str,
) -> None:
    answer = await client.post(SYNC, headers=token | {"Content-Type": content_type}, data=content)
    assert answer.status == status
    assert (await problem(answer))["code"] == code
    assert host.requested == []


async def test_each_wrong_field_is_named_and_what_was_sent_is_not_repeated(client: TestClient, token: dict[str, str]) -> None:
    answer = await client.post(SYNC, headers=token, json={"mode": "hunter2", "pass": "hunter2"})
    body = await problem(answer)
    assert sorted(error["pointer"] for error in body["errors"]) == ["/mode", "/pass"]
    assert "hunter2" not in await answer.text()


# ---------------------------------------------------------------- looking at runs
async def test_pages_of_runs_follow_one_another_to_the_end(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    for _ in range(5):
        host.runs.complete()
    seen: list[int] = []
    address: str | None = f"{RUNS}?limit=2"
    while address:
        answer = await client.get(address, headers=token)
        page = await answer.json()
        seen += [run["id"] for run in page["items"]]
        address = page["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == [5, 4, 3, 2, 1]


async def test_runs_of_one_directory(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    host.runs.complete("corp")
    host.runs.complete("hq")
    host.runs.complete("hq")
    page = await (await client.get(f"{RUNS}?directory=hq&limit=1", headers=token)).json()
    assert [run["directory"] for run in page["items"]] == ["hq"]
    assert page["next"] == f"{RUNS}?directory=hq&limit=1&before=3"


@pytest.mark.parametrize("path", ["runs", "plans"])
async def test_a_directory_that_is_mistyped_is_not_one_without_any(
    client: TestClient, token: dict[str, str], path: str
) -> None:
    assert (await (await client.get(f"/api/v1/{path}?directory=corp", headers=token)).json())["items"] == []
    answer = await client.get(f"/api/v1/{path}?directory=crop", headers=token)
    assert (answer.status, (await problem(answer))["detail"]) == (400, "no directory is called 'crop'")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "/limit"), ("limit=501", "/limit"), ("limit=ten", "/limit"), ("before=0", "/before"),
     ("before=99999999999999999999", "/before"), ("outcome=failed", "/outcome"), ("limit=1&limit=2", "/limit"),
     ("directory=", "/directory")],
)  # fmt: skip
async def test_a_wrong_query_is_refused(client: TestClient, token: dict[str, str], query: str, pointer: str) -> None:
    answer = await client.get(f"{RUNS}?{query}", headers=token)
    assert answer.status == 422
    assert [error["pointer"] for error in (await problem(answer))["errors"]] == [pointer]


async def test_a_query_where_there_is_none_is_refused(client: TestClient, token: dict[str, str]) -> None:
    assert (await client.post(f"{SYNC}?mode=full", headers=token)).status == 422


@pytest.mark.parametrize("run_id", ["7", "0", "-1", "1.5", "latest", "99999999999999999999999"])
async def test_a_run_that_does_not_exist(client: TestClient, token: dict[str, str], run_id: str) -> None:
    answer = await client.get(f"{RUNS}/{run_id}", headers=token)
    assert answer.status == 404
    assert (await problem(answer))["code"] == "not_found"


async def test_a_run_in_full(host: FakeHost, client: TestClient, token: dict[str, str]) -> None:
    run = host.runs.failed()
    body = await (await client.get(f"{RUNS}/{run.id}", headers=token)).json()
    assert body == {
        "id": run.id, "directory": "corp", "mode": "changes", "trigger": "schedule", "actor": "", "outcome": "failed",
        "requested_at": "2026-03-02T12:00:00Z", "started_at": "2026-03-02T11:59:59Z",
        "finished_at": "2026-03-02T12:00:00Z", "phase": None, "server": None, "entries_read": 0,
        "code": "connect_timeout", "message": "ldap1 did not answer", "advice": "Check the route.", "counts": None,
        "verdict": None, "plan_id": None, "feed": None, "feed_reason": None,
    }  # fmt: skip


# ---------------------------------------------------------------- the database
async def test_a_database_that_is_down_is_503_and_says_when_to_come_again(
    host: FakeHost, client: TestClient, token: dict[str, str]
) -> None:
    host.runs.error = DatabaseUnavailableError("refused")
    answer = await client.get(RUNS, headers=token)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await problem(answer))["code"] == "database_unavailable"


async def test_a_database_that_hangs_costs_so_many_threads_and_no_more(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking.StoreCalls.__init__, "__kwdefaults__", {"at_once": 2, "timeout": 0.05})
    host, release = FakeHost(), threading.Event()
    host.runs.complete(at=START)
    monkeypatch.setattr(host.runs, "get", _wait_before(host.runs.get, release))
    client = await serve(host)
    token = {"Authorization": f"Bearer {host.token}"}
    statuses = [(await client.get(f"{RUNS}/1", headers=token)).status for _ in range(4)]
    assert statuses == [503] * 4
    assert sum(thread.name == "syncd:http get run" for thread in threading.enumerate()) == 2
    assert (await client.get("/livez")).status == 200
    client.server.app[blocking.STORE_CALLS]._timeout = 60
    release.set()
    assert (await client.get(f"{RUNS}/1", headers=token)).status == 200


def _wait_before(function: Callable[[int], Any], event: threading.Event) -> Callable[[int], Any]:
    def slow(run_id: int) -> Any:
        event.wait(30)
        return function(run_id)

    return slow
