"""A creation that is repeated is answered like the first, over both databases and through the API."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from pydantic import Field, SecretStr
from sqlalchemy import Connection

from syncd.errors import DatabaseUnavailableError
from syncd.http.blocking import StoreCalls
from syncd.http.routing import Route, part_of
from syncd.http.schemas import Strict
from syncd.model.permission import Permission
from syncd.store.engine import Engine, read
from syncd.store.idempotency import SqlIdempotency
from tests.fakes.host import FakeHost, Serve
from tests.fakes.host import serve as serve

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Thing(Strict):
    name: str = Field(min_length=1)
    password: SecretStr | None = None


class Made:
    """Counts what a route makes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error: Exception | None = None

    def route(self, *, secret: bool = False) -> Route:
        async def make_thing(request: web.Request) -> web.Response:
            if self.error is not None:
                raise self.error
            self.names.append(part_of(request, Thing).name)
            headers = {"Location": f"/things/{len(self.names)}", "ETag": '"1"'}
            return web.json_response({"number": len(self.names)}, status=201, headers=headers)

        return Route(
            method="POST", path="/things", handler=make_thing, permission=Permission.RUNS_WRITE, summary="Make a thing",
            tag="things", body=Thing, idempotent=True, secret=secret, responses={201: ("Made.", Thing)},
        )  # fmt: skip


@pytest.fixture
def made() -> Made:
    return Made()


async def client_of(serve: Serve, engine: Engine, route: Route) -> Any:
    host = FakeHost()
    host.management = SimpleNamespace(idempotency=SqlIdempotency(engine))
    client = await serve(host, routes=[route])
    headers = {"Authorization": f"Bearer {host.token}", "Idempotency-Key": "order-1"}

    async def post(name: str, *, password: str | None = None, **more: str) -> web.Response:
        body = {"name": name} | ({"password": password} if password else {})
        return await client.post("/things", json=body, headers=headers | more)

    return post


async def test_a_repetition_is_answered_like_the_first_and_makes_nothing(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route())
    first, second = await post("a"), await post("a")
    assert made.names == ["a"]
    assert (first.status, second.status) == (201, 201)
    assert await first.json() == await second.json() == {"number": 1}
    assert second.headers["Location"] == "/things/1"
    assert second.headers["ETag"] == '"1"'


async def test_another_request_with_the_same_key_is_refused(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route())
    await post("a")
    answer = await post("b")
    assert (answer.status, (await answer.json())["code"]) == (409, "idempotency_conflict")
    assert made.names == ["a"]
    assert (await post("b", **{"Idempotency-Key": "order-2"})).status == 201


async def test_what_failed_may_be_tried_again(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route())
    made.error = web.HTTPBadRequest()
    assert (await post("a")).status == 400
    made.error = None
    assert (await post("a")).status == 201


async def test_what_took_too_long_may_be_done_yet_and_is_not_begun_again(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route())
    late = DatabaseUnavailableError("the database has not answered within 10 s")
    late.uncertain, made.error = True, late
    assert (await post("a")).status == 503
    made.error = None
    answer = await post("a")
    assert (answer.status, (await answer.json())["code"]) == (409, "idempotency_conflict")
    assert made.names == []


async def test_only_a_call_that_has_begun_may_be_done_though_nobody_waited() -> None:
    ended = threading.Event()
    calls = StoreCalls(at_once=1, timeout=0.05)
    try:
        for uncertain in (True, False):
            with pytest.raises(DatabaseUnavailableError) as late:
                await calls(ended.wait, name="slow")
            assert late.value.uncertain is uncertain
    finally:
        ended.set()


async def test_a_secret_is_not_kept_and_not_made_twice(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route(secret=True))
    assert (await post("a")).status == 201
    answer = await post("a")
    assert (answer.status, (await answer.json())["code"]) == (409, "idempotency_conflict")
    assert made.names == ["a"]


async def test_of_a_password_no_hash_is_kept(serve: Serve, engine: Engine, made: Made) -> None:
    """Two requests that differ in the password alone are the same: only that leaves nothing of it in the database."""
    post = await client_of(serve, engine, made.route())
    assert (await post("a", password="Lens-Cap-42")).status == 201
    assert (await post("a", password="Lens-Cap-43")).status == 201
    assert made.names == ["a"]


async def test_a_key_that_is_none_is_refused(serve: Serve, engine: Engine, made: Made) -> None:
    post = await client_of(serve, engine, made.route())
    assert (await post("a", **{"Idempotency-Key": "x" * 201})).status == 400
    assert made.names == []


def test_of_many_at_once_one_begins(engine: Engine) -> None:
    answers = SqlIdempotency(engine)
    begun: list[bool] = []
    barrier = threading.Barrier(8)

    def begin() -> None:
        barrier.wait()
        begun.append(answers.begin("user:1", "k", digest=b"d", at=AT) is None)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == [False] * 7 + [True]


def test_a_repetition_during_which_the_first_fails_begins_with_a_record_of_its_own(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = SqlIdempotency(engine)
    assert answers.begin("user:1", "k", digest=b"d", at=AT) is None

    def failing_first(of: Engine) -> AbstractContextManager[Connection]:
        monkeypatch.undo()
        answers.forget("user:1", "k")
        return read(of)

    monkeypatch.setattr("syncd.store.idempotency.read", failing_first)
    assert answers.begin("user:1", "k", digest=b"d", at=AT) is None
    third = answers.begin("user:1", "k", digest=b"d", at=AT)
    assert third is not None
    assert (third.same, third.status) == (True, None)


def test_another_caller_has_keys_of_their_own(engine: Engine) -> None:
    answers = SqlIdempotency(engine)
    assert answers.begin("user:1", "k", digest=b"d", at=AT) is None
    assert answers.begin("user:2", "k", digest=b"e", at=AT) is None


def test_old_keys_are_forgotten(engine: Engine) -> None:
    answers = SqlIdempotency(engine)
    answers.begin("user:1", "old", digest=b"d", at=AT)
    answers.begin("user:1", "new", digest=b"d", at=AT + timedelta(days=1))
    assert answers.prune(created_before=AT + timedelta(hours=1)) == 1
    assert answers.begin("user:1", "old", digest=b"x", at=AT) is None
    assert answers.begin("user:1", "new", digest=b"d", at=AT) is not None
