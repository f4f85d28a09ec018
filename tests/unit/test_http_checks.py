"""S26: a directory is checked over HTTP, as it is configured and nowhere else (S77)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestClient

from syncd.accounts.tokens import TokenKind, token_text
from syncd.http.handlers.checks import CHECKS, Checks
from syncd.model.caller import Caller
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.permission import Permission
from syncd.services.check import Checked
from tests.fakes.host import FakeHost, Serve

CHECK = "/api/v1/directories/corp/check"
URL = "ldap://ldap1.example.com"


class FakeChecks:
    """A check whose lines a test writes."""

    def __init__(self) -> None:
        self.settings = {"corp": object(), "other": object()}
        self.lines = [
            Checked("corp", URL, CheckLine(name="bind", status=CheckStatus.PASS, text="as cn=reader")),
            Checked("corp", "", CheckLine(name="sample", status=CheckStatus.PASS, text="uid=ada: email=ada@example.com")),
        ]
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[str] = []

    def check(self, name: str) -> Iterator[Checked]:
        self.asked.append(name)
        yield self.lines[0]
        self.gate.wait(30)
        yield from self.lines[1:]


@pytest.fixture
def checks() -> FakeChecks:
    return FakeChecks()


@pytest.fixture
async def client(serve: Serve, checks: FakeChecks) -> TestClient:
    host = FakeHost()
    host.management = SimpleNamespace(checks=checks)
    operator = frozenset({Permission.DIRECTORIES_CHECK.value})
    host.callers["o" * 43] = Caller(name="olga", user_id=1, permissions=operator)
    host.callers["n" * 43] = Caller(name="nobody", user_id=2)
    return await serve(host)


def bearer(letter: str = "") -> dict[str, str]:
    token = token_text(TokenKind.SESSION, 1, letter * 43) if letter else FakeHost.token
    return {"Authorization": f"Bearer {token}"}


async def test_s26_what_a_check_found_is_the_answer(client: TestClient) -> None:
    answer = await client.post(CHECK, headers=bearer())
    assert answer.status == 200
    assert await answer.json() == {
        "directory": "corp",
        "passed": True,
        "finished": True,
        "items": [
            {"server": URL, "name": "bind", "status": "pass", "text": "as cn=reader", "advice": ""},
            {"server": "", "name": "sample", "status": "pass", "text": "uid=ada: email=ada@example.com", "advice": ""},
        ],
    }


async def test_s26_a_check_that_failed_is_an_answer(client: TestClient, checks: FakeChecks) -> None:
    checks.lines[0] = Checked("corp", URL, CheckLine(name="tcp", status=CheckStatus.FAIL, text="refused", advice="Look."))
    answer = await client.post(CHECK, headers=bearer())
    assert (answer.status, (await answer.json())["passed"]) == (200, False)


@pytest.mark.parametrize("body", [{"host": "ldap.evil.example"}, {"urls": ["ldap://evil.example"]}, {"bind_dn": "cn=x"}])
async def test_s77_no_other_host_can_be_named(client: TestClient, checks: FakeChecks, body: dict[str, object]) -> None:
    answer = await client.post(CHECK, headers=bearer(), json=body)
    assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request")
    answer = await client.post(f"{CHECK}?url=ldap://evil.example", headers=bearer())
    assert answer.status == 422
    assert checks.asked == []


async def test_s26_it_needs_its_permission_and_people_are_shown_to_those_who_may_read_them(client: TestClient) -> None:
    assert (await client.post(CHECK)).status == 401
    assert (await client.post(CHECK, headers=bearer("n"))).status == 403
    answer = await client.post(CHECK, headers=bearer("o"))
    assert [item["text"] for item in (await answer.json())["items"]] == ["as cn=reader", "shown to those who may read users"]


async def test_s26_an_unknown_directory_is_404(client: TestClient) -> None:
    answer = await client.post("/api/v1/directories/nix/check", headers=bearer())
    assert answer.status == 404


async def test_s26_one_check_of_a_directory_at_a_time(client: TestClient, checks: FakeChecks) -> None:
    checks.gate.clear()
    first = asyncio.create_task(client.post(CHECK, headers=bearer()))
    async with asyncio.timeout(10):
        while not checks.asked:  # noqa: ASYNC110 - a thread brings it about
            await asyncio.sleep(0.005)
    second = await client.post(CHECK, headers=bearer())
    assert (second.status, (await second.json())["code"]) == (409, "conflict")
    checks.gate.set()
    assert (await first).status == 200
    assert (await client.post(CHECK, headers=bearer())).status == 200


async def test_s26_a_check_that_takes_too_long_answers_with_what_it_has_and_stays_under_way(checks: FakeChecks) -> None:
    checks.gate.clear()
    # long enough for the first line on a busy machine
    running = Checks(at_once=1, deadline=1)
    found, finished = await running.run("corp", lambda: checks.check("corp"))
    assert ([line.line.name for line in found], finished) == (["bind"], False)
    for directory, code in (("corp", "conflict"), ("other", "too_many_requests")):
        with pytest.raises(Exception) as caught:
            await running.run(directory, partial(checks.check, directory))
        assert getattr(caught.value, "code", None) == code
    checks.gate.set()
    async with asyncio.timeout(10):
        while running.busy:  # noqa: ASYNC110 - a thread brings it about
            await asyncio.sleep(0.005)
    running._deadline = 60
    assert (await running.run("corp", lambda: checks.check("corp")))[1]


async def test_s26_an_error_of_ours_frees_the_directory() -> None:
    running = Checks()

    def broken() -> Iterator[Checked]:
        raise ZeroDivisionError
        yield

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await running.run("corp", broken)


def test_the_application_has_one_of_them(client: TestClient) -> None:
    assert client.app is not None
    assert client.app[CHECKS].busy == frozenset()
