"""What every answer has, whatever was asked: an id, headers, a problem instead of a page, a line in the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from syncd.http.middleware import SECURITY_HEADERS
from syncd.http.routing import Permission, Route
from syncd.http.table import ROUTES
from tests.fakes.host import FakeHost, Serve


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


@pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/livez/", "/%00", "/..%2f..%2fetc/passwd"])
async def test_an_unknown_address_is_a_problem_document(client: TestClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert (await answer.json())["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/livez", "GET,HEAD"), ("GET", "/api/v1/directories/corp/sync", "POST"), ("TRACE", "/livez", "GET,HEAD")],
)
async def test_an_unknown_method_is_a_problem_document_that_names_the_known(
    client: TestClient, method: str, path: str, allow: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.content_type) == (405, "application/problem+json")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/api/v1/runs"])
async def test_every_answer_has_the_headers_and_no_version(client: TestClient, path: str) -> None:
    answer = await client.get(path)
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["Server"] == "syncd"


async def test_a_request_id_is_taken_over(client: TestClient) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": "ticket-4711"})
    assert answer.headers["X-Request-ID"] == "ticket-4711"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ä", '"quoted"'])
async def test_a_request_id_that_would_spoil_the_log_is_replaced(client: TestClient, given: str) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_each_request_is_logged_without_its_query(host: FakeHost, client: TestClient) -> None:
    with capture_logs() as logs:
        await client.get("/api/v1/runs?directory=very-secret")
    line = next(entry for entry in logs if entry["event"] == "request")
    assert (line["method"], line["path"], line["status"], line["log_level"]) == ("GET", "/api/v1/runs", 401, "info")
    assert "very-secret" not in json.dumps(logs)


async def test_probes_do_not_drown_the_log(client: TestClient) -> None:
    with capture_logs() as logs:
        await client.get("/healthz")
    assert [entry["log_level"] for entry in logs] == ["debug"]


async def test_a_wrong_token_is_logged_without_the_token(client: TestClient) -> None:
    with capture_logs() as logs:
        await client.get("/api/v1/runs", headers={"Authorization": "Bearer guess-number-one"})
    assert "wrong token" in [entry["event"] for entry in logs]
    assert "guess-number-one" not in json.dumps(logs)


async def test_requests_are_counted_by_route_and_not_by_address(host: FakeHost, client: TestClient) -> None:
    for number in range(3):
        await client.get(f"/api/v1/runs/{number}")
        await client.get(f"/nothing/{number}")
        await client.request("PROPFIND", "/livez")
    value = host.metrics.registry.get_sample_value
    labels = {"method": "GET", "route": "/api/v1/runs/{id}", "status": "401"}
    assert value("syncd_http_requests_total", labels) == 3
    assert value("syncd_http_requests_total", {"method": "GET", "route": "unmatched", "status": "404"}) == 3
    assert value("syncd_http_requests_total", {"method": "OTHER", "route": "unmatched", "status": "405"}) == 3
    assert "nothing" not in host.metrics.render("")[0].decode()


async def test_a_fault_of_our_own_tells_nothing_but_an_id_that_the_log_has(host: FakeHost, serve: Serve) -> None:
    async def broken(request: web.Request) -> web.Response:
        raise ZeroDivisionError("bind password is hunter2")

    route = Route(method="GET", path="/broken", handler=broken, permission=Permission.PUBLIC, summary="", tag="", query=None)
    client = await serve(host, routes=(route,))
    with capture_logs() as logs:
        answer = await client.get("/broken")
    body = await answer.json()
    assert (answer.status, body["code"]) == (500, "internal_error")
    assert "hunter2" not in json.dumps(body)
    assert any(entry["event"] == "request broken" and entry["log_level"] == "error" for entry in logs)


async def test_what_is_no_http_gets_no_version_either(client: TestClient) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"\x16\x03\x01 GET / nonsense\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Server: syncd\r\n" in answer
    assert b"Python" not in answer


LOGIN = b"POST /api/v1/sessions HTTP/1.1\r\nContent-Type: application/json\r\n"


async def exchange(client: TestClient, request: bytes) -> tuple[bytes, dict[str, Any]]:
    """What is answered to a request that no client library would send: its first line, and the problem."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    problem = json.loads(await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return head.splitlines()[0], problem


@pytest.mark.parametrize(
    "head",
    [LOGIN + b"Content-Encoding: gzip", b"GET /livez HTTP/1.1\r\nContent-Encoding: gzip"],
)
async def test_a_body_that_is_not_encoded_as_it_says_is_the_clients_fault(client: TestClient, head: bytes) -> None:
    with capture_logs() as logs:
        line, problem = await exchange(client, head + b"\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert (line, problem["code"]) == (b"HTTP/1.1 400 Bad Request", "malformed_body")
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_what_nobody_can_expect_is_a_problem_document(client: TestClient) -> None:
    line, problem = await exchange(client, LOGIN + b"Host: x\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n")
    assert (line, problem["code"]) == (b"HTTP/1.1 417 Expectation Failed", "expectation_failed")
    head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 0\r\n\r\n"
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(head)
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 417 ")
    writer.close()
    await writer.wait_closed()
    answer = await client.post("/api/v1/sessions", json={}, expect100=True)
    assert answer.status == 422


# ---------------------------------------------------------------- the table and the document
def test_no_password_of_a_request_is_ever_written_out() -> None:
    """What is not a secret of pydantic's stands in logs, and in the digest that an idempotency key keeps."""
    fields = [
        (route.path, name, field)
        for route in ROUTES
        if route.body is not None
        for name, field in route.body.model_json_schema().get("properties", {}).items()
        if "password" in name or name == "token"
    ]
    assert len(fields) >= 6
    assert [(path, name) for path, name, field in fields if not _is_secret(field)] == []


def _is_secret(field: dict[str, Any]) -> bool:
    return any(each.get("writeOnly") for each in (field, *field.get("anyOf", ())))


def test_every_route_but_the_probes_needs_a_permission() -> None:
    public = {route.path for route in ROUTES if route.permission is Permission.PUBLIC}
    assert public == {
        "/livez",
        "/readyz",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/api/v1/reference",
        "/password",
        "/api/v1/passwords/change",
        "/api/v1/passwords/forgot",
        "/api/v1/passwords/policy",
        "/api/v1/passwords/redeem",
        "/api/v1/passwords/suggestion",
        "/api/v1/sessions",
    }


async def test_the_document_has_every_route_with_its_permission(client: TestClient) -> None:
    document = await (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path): operation["x-permission"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {(route.method, route.path): route.permission.value for route in ROUTES}
    guarded = [route for route in ROUTES if route.permission is not Permission.PUBLIC]
    for route in guarded:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["security"] == [{"bearer": []}]
        assert {"401", "403"} <= operation["responses"].keys()


async def test_every_reference_of_the_document_leads_somewhere(client: TestClient) -> None:
    document = await (await client.get("/openapi.json")).json()
    references = set(_references(document))
    schemas = document["components"]["schemas"]
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


async def test_operations_have_names_of_their_own(client: TestClient) -> None:
    document = await (await client.get("/openapi.json")).json()
    names = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
