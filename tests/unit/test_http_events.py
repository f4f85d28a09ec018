"""The event feed over HTTP: what it answers, and how it waits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from syncd.errors import CursorExpiredError, DatabaseUnavailableError, WebhookNotBlockedError
from syncd.http import waiting
from syncd.http.waiting import NEW_EVENTS, NewEvents
from syncd.model.caller import Caller
from syncd.model.events import Event, EventPage, wanted
from syncd.model.permission import Permission
from syncd.model.webhook import WebhookSkip, WebhookView
from syncd.services.events import cursor_of, parse_cursor
from tests.fakes.edge import START, until
from tests.fakes.host import FakeHost, Serve
from tests.fakes.management import logged_in

EVENTS = "/api/v1/events"
READER = Caller(name="hr", user_id=5, permissions=frozenset({Permission.EVENTS_READ.value}))


def event(position: int, type_: str = "user.updated") -> Event:
    return Event(
        position=position, type=type_, at=START, actor_kind="api", actor="anna", subject_type="user", subject_id=position,
        directory=None, run_id=None, request_id="r", changes={"title": (None, "x")}, reasons=(), reason=None,
    )  # fmt: skip


@dataclass
class FakeEvents:
    """A feed in memory that counts what it is asked."""

    told: list[Event] = field(default_factory=list)
    heard: list[Callable[[], None]] = field(default_factory=list)
    pages: int = 0
    looks: int = 0
    expired: bool = False
    error: Exception | None = None

    def page(self, *, after: str | None = None, types: Collection[str] = (), limit: int = 100) -> EventPage:
        self.pages += 1
        if self.expired:
            raise CursorExpiredError("Events that followed this cursor are no longer kept.")
        newest = self.told[-1].position if self.told else 0
        position = newest if after == "now" else 0 if after is None else parse_cursor(after)
        found = [e for e in self.told if e.position > position]
        chosen = tuple(e for e in found[:limit] if wanted(e.type, types))
        end = found[:limit][-1].position if found else position
        return EventPage(items=chosen, position=end, more=end < newest)

    def newest(self) -> int:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.told[-1].position if self.told else 0

    def on_new(self, heard: Callable[[], None]) -> Callable[[], None]:
        self.heard.append(heard)
        return lambda: self.heard.remove(heard)

    def add(self, *events: Event, silently: bool = False) -> None:
        self.told += events
        if not silently:
            for heard in tuple(self.heard):
                heard()


@pytest.fixture
def feed() -> FakeEvents:
    return FakeEvents()


@pytest.fixture
def host(feed: FakeEvents) -> FakeHost:
    host = FakeHost()
    host.management = SimpleNamespace(events=feed)
    return host


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


@pytest.fixture
def reader(host: FakeHost) -> dict[str, str]:
    return logged_in(host, READER)


Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def ask(client: TestClient, reader: dict[str, str]) -> Ask:
    async def get(**query: object) -> dict[str, Any]:
        answer = await client.get(EVENTS, params={name: str(value) for name, value in query.items()}, headers=reader)
        told: dict[str, Any] = await answer.json()
        assert answer.status == 200, told
        return told

    return get


# ---------------------------------------------------------------- answers
async def test_a_client_reads_page_by_page(ask: Ask, feed: FakeEvents) -> None:
    feed.add(*(event(number) for number in range(1, 6)))
    found, cursor, more = [], None, True
    while more:
        page = await ask(limit=2, **({} if cursor is None else {"after": cursor}))
        found += [item["id"] for item in page["items"]]
        cursor, more = page["cursor"], page["more"]
    assert found == [1, 2, 3, 4, 5]
    assert (await ask(after=cursor))["items"] == []


async def test_an_event_has_everything(ask: Ask, feed: FakeEvents) -> None:
    feed.add(event(8))
    (item,) = (await ask())["items"]
    assert item == {
        "id": 8, "cursor": cursor_of(8), "type": "user.updated", "at": item["at"], "subject": {"type": "user", "id": 8},
        "directory": None, "changes": {"title": {"before": None, "after": "x"}}, "reasons": [], "reason": None,
        "actor": {"kind": "api", "name": "anna"}, "run_id": None, "request_id": "r",
    }  # fmt: skip


async def test_an_expired_cursor_says_what_to_do(client: TestClient, feed: FakeEvents, reader: dict[str, str]) -> None:
    feed.expired = True
    answer = await client.get(EVENTS, params={"after": "MTox"}, headers=reader)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (410, "cursor_expired")
    assert "after=now" in problem["advice"]


@pytest.mark.parametrize("query", ["wait=61", "limit=0", "limit=1001", "types=user", "types=a.b,", "wait=-1", "before=1"])
async def test_wrong_questions_are_refused(client: TestClient, reader: dict[str, str], query: str) -> None:
    assert (await client.get(f"{EVENTS}?{query}", headers=reader)).status == 422


async def test_events_need_the_permission(client: TestClient, host: FakeHost) -> None:
    nobody = logged_in(host, Caller(name="ben", user_id=6))
    for path in (EVENTS, "/api/v1/webhooks"):
        assert (await client.get(path, headers=nobody)).status == 403
        assert (await client.get(path)).status == 401


# ---------------------------------------------------------------- waiting
async def heard(ask: Ask, feed: FakeEvents, number: int, *, write: Callable[[Any], object]) -> float:
    """After how many seconds somebody who waits hears of the event with this number."""
    looks = feed.looks
    waits = asyncio.create_task(ask(after=cursor_of(number - 1), wait=30))
    await until(lambda: feed.looks > looks)
    began = time.monotonic()
    write(event(number))
    page = await waits
    assert ([item["id"] for item in page["items"]], page["cursor"]) == ([number], cursor_of(number))
    return time.monotonic() - began


async def test_a_wait_ends_at_once_with_a_write_of_this_process(ask: Ask, feed: FakeEvents) -> None:
    def write(one: Any) -> None:
        threading.Thread(target=feed.add, args=(one,)).start()

    seconds = [await heard(ask, feed, number, write=write) for number in (1, 2, 3)]
    assert sorted(seconds)[1] < 0.5, seconds


async def test_a_wait_ends_soon_with_a_write_of_another_process(ask: Ask, feed: FakeEvents) -> None:
    seconds = [await heard(ask, feed, number, write=lambda one: feed.add(one, silently=True)) for number in (1, 2, 3)]
    assert sorted(seconds)[1] < 2, seconds


async def test_a_wait_without_events_ends_with_its_time(ask: Ask, feed: FakeEvents) -> None:
    page = await ask(after="MTow", wait=1)
    assert (page["items"], page["cursor"]) == ([], cursor_of(0))
    assert feed.looks <= 3
    await until(lambda: feed.heard == [])


async def test_a_wait_goes_on_over_events_of_other_types(ask: Ask, feed: FakeEvents) -> None:
    waits = asyncio.create_task(ask(after="MTow", wait=30, types="access.revoked"))
    await until(lambda: feed.looks > 0)
    feed.add(event(1))
    await until(lambda: feed.pages >= 2)
    feed.add(event(2, "access.revoked"))
    page = await waits
    assert ([item["id"] for item in page["items"]], page["cursor"]) == ([2], cursor_of(2))


async def test_now_does_not_wait(ask: Ask, feed: FakeEvents) -> None:
    feed.add(event(7))
    assert await ask(after="now", wait=60) == {"items": [], "cursor": cursor_of(7), "more": False}


async def test_many_who_wait_take_neither_threads_nor_places(client: TestClient, ask: Ask, feed: FakeEvents) -> None:
    """Ninety wait; others are answered meanwhile, and all of them share what the store is asked."""
    before = threading.active_count()
    waits = [asyncio.create_task(ask(after="MTow", wait=30)) for _ in range(90)]
    await until(lambda: len(client.server.app[NEW_EVENTS]._waiting) == 90)
    await asyncio.sleep(0)
    assert threading.active_count() <= before + 2
    async with asyncio.timeout(10):
        await ask(after="now")
    asked = feed.pages
    feed.add(event(1))
    pages = await asyncio.gather(*waits)
    assert {page["cursor"] for page in pages} == {cursor_of(1)}
    assert feed.pages - asked < 20
    assert feed.looks < 120
    await until(lambda: feed.heard == [])


async def test_more_than_can_wait_are_told_to_come_again(
    client: TestClient, ask: Ask, reader: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 1)
    first = asyncio.create_task(ask(after="MTow", wait=2))
    await until(lambda: len(client.server.app[NEW_EVENTS]._waiting) == 1)
    answer = await client.get(EVENTS, params={"after": "MTow", "wait": 2}, headers=reader)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
    await first


async def test_a_wait_survives_a_database_that_is_away(host: FakeHost, feed: FakeEvents) -> None:
    events = NewEvents(host, every=0.01)
    feed.error = DatabaseUnavailableError("down")
    waits = asyncio.create_task(events.after(0, seconds=10))
    await until(lambda: feed.looks > 2)
    feed.error = None
    feed.add(event(1))
    assert await waits


async def test_after_a_reload_the_new_store_is_listened_to(host: FakeHost, feed: FakeEvents) -> None:
    events = NewEvents(host, every=0.01)
    waits = asyncio.create_task(events.after(0, seconds=10))
    await until(lambda: feed.looks > 0)
    host.management.events = other = FakeEvents()
    await until(lambda: bool(other.heard))
    assert feed.heard == []
    other.add(event(1))
    assert await waits


async def test_a_stop_lets_everybody_go(client: TestClient, ask: Ask) -> None:
    waits = asyncio.create_task(ask(after="MTow", wait=60))
    await until(lambda: len(client.server.app[NEW_EVENTS]._waiting) == 1)
    async with asyncio.timeout(30):
        await client.server.app[NEW_EVENTS].close(client.server.app)
        assert (await waits)["items"] == []
    assert await client.server.app[NEW_EVENTS].after(0, seconds=5) is False


# ---------------------------------------------------------------- webhooks
async def test_webhooks_are_listed(client: TestClient, host: FakeHost, reader: dict[str, str]) -> None:
    view = WebhookView(
        name="hr", url="https://hr.example.com/", types=("user.*",), state="failing", cursor=cursor_of(3), last_event_id=3,
        pending=4, pending_since=START, failures=2, next_try_at=START,
        last_error="the receiver answered 500", delivered_at=None,
    )  # fmt: skip
    host.management.webhooks = SimpleNamespace(list=lambda: [view])
    (item,) = (await (await client.get("/api/v1/webhooks", headers=reader)).json())["items"]
    assert (item["name"], item["state"], item["failures"], item["last_error"], item["last_event_id"], item["pending"]) == (
        "hr", "failing", 2, "the receiver answered 500", 3, 4,
    )  # fmt: skip
    assert item["pending_since"] == "2026-03-02T12:00:00Z"


async def test_a_delivery_is_given_up_by_whoever_may_and_with_a_reason(
    client: TestClient, host: FakeHost, reader: dict[str, str]
) -> None:
    asked: list[tuple[str, str, str]] = []

    def skip(name: str, *, reason: str, caller: Caller) -> WebhookSkip:
        asked.append((name, reason, caller.name))
        if len(asked) > 1:
            raise WebhookNotBlockedError
        return WebhookSkip(name=name, after_id=3, through_id=9)

    host.management.webhooks = SimpleNamespace(skip=skip)
    path, body = "/api/v1/webhooks/hr/skip", {"reason": "the receiver refuses it"}
    assert (await client.post(path, json=body, headers=reader)).status == 403
    administrator = logged_in(host, Caller(name="root", user_id=1, everything=True))
    assert (await client.post(path, json={}, headers=administrator)).status == 422
    answer = await client.post(path, json=body, headers=administrator)
    assert (answer.status, await answer.json()) == (200, {"name": "hr", "after_id": 3, "through_id": 9})
    answer = await client.post(path, json=body, headers=administrator)
    assert (answer.status, (await answer.json())["code"]) == (409, "webhook_not_blocked")
    assert asked == [("hr", "the receiver refuses it", "root")] * 2
