"""Webhooks over both databases, with a real receiver: at least once, in order, one at a time, repeated as they were."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, delete, insert, select

from syncd.errors import NotFoundError, UsageError, WebhookError, WebhookNotBlockedError
from syncd.model.caller import ITSELF, Caller
from syncd.model.signature import key_of, signature
from syncd.model.webhook import Message
from syncd.notify.webhooks import HttpCourier
from syncd.services import webhooks
from syncd.services.events import EventService, parse_cursor
from syncd.services.webhooks import WebhookService
from syncd.settings.accounts import WebhookSettings
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.events import SqlEvents
from syncd.store.journal import Journal
from syncd.store.trail import PRUNED_THROUGH
from syncd.store.webhooks import SqlWebhooks
from tests.fakes.edge import FakeClock
from tests.servers.receiver import SECRET, Receiver
from tests.servers.tls import Authority


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class Post:
    """One webhook, `hr`, and what makes events."""

    def __init__(self, engine: Engine, receiver: Receiver, **settings: object) -> None:
        self.engine = engine
        # of each try, whether the receiver has taken it
        self.tried: list[bool] = []
        # signatures are judged by the real time
        self.clock = FakeClock(datetime.now(UTC))
        values = {"url": receiver.url, "secret": SecretStr(SECRET), **settings}
        self.service = WebhookService(
            settings={"hr": WebhookSettings.model_validate(values), "off": WebhookSettings()},
            store=SqlWebhooks(engine),
            events=EventService(SqlEvents(engine)),
            courier=HttpCourier(),
            clock=self.clock,
        )

    def begun(self) -> Post:
        assert self.work() is None
        return self

    def work(self) -> datetime | None:
        return self.service.work("hr", stopping=lambda: False, tried=self.tried.append)

    def change(self, *users: int, action: str = "user.updated") -> None:
        with write(self.engine) as connection:
            for number in users:
                Journal(connection, caller=ITSELF, at=self.clock.now()).note(action, "user", number)


def subjects(receiver: Receiver) -> list[int]:
    return [event["subject"]["id"] for event in receiver.taken]


def test_a_new_webhook_begins_now(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver)
    post.change(1, 2)
    post.begun()
    assert receiver.deliveries == []
    post.change(3, 4)
    assert post.work() is None
    (delivery,) = receiver.deliveries
    assert subjects(receiver) == [3, 4]
    assert delivery.signed
    assert delivery.path == "/hook?key=abc"
    assert delivery.body["type"] == "events"
    assert delivery.body["data"]["webhook"] == "hr"
    assert parse_cursor(delivery.body["data"]["cursor"]) == delivery.events[-1]["id"]
    assert delivery.headers["content-type"] == "application/json"
    assert post.service.list()[0].state == "current"


def test_large_numbers_come_in_batches_in_order(engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BATCH", 10)
    post = Post(engine, receiver).begun()
    post.change(*range(35))
    assert post.work() is None
    assert [len(delivery.events) for delivery in receiver.deliveries] == [10, 10, 10, 5]
    assert subjects(receiver) == list(range(35))


def test_a_failure_is_repeated_as_it_was_and_never_passed(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver, max_delay="15s").begun()
    post.change(1)
    receiver.answers = [500, 503, 302, 404]
    pauses = []
    for _ in range(4):
        again = post.work()
        assert again is not None
        pauses.append((again - post.clock.now()).total_seconds())
        # before its time nothing is sent
        assert post.work() == again
        post.change(2)
        post.clock.at = again
    assert pauses == [5, 10, 15, 15]
    (view,) = post.service.list()
    assert (view.state, view.failures, view.last_error) == ("failing", 4, "the receiver answered 404")
    assert post.work() is None
    first, *repeated = receiver.deliveries[:5]
    assert {d.headers["webhook-id"] for d in repeated} == {first.headers["webhook-id"]}
    assert all(d.body == first.body and d.signed for d in repeated)
    assert subjects(receiver) == [1, 2, 2, 2, 2]
    (view,) = post.service.list()
    assert (view.state, view.failures, view.last_error, view.url) == ("current", 0, None, receiver.url.partition("?")[0])


def test_what_waits_is_counted_and_dated(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver, types=["user.updated"]).begun()
    receiver.answers = [500]
    first = post.clock.now()
    post.change(1)
    post.clock.advance(seconds=30)
    post.change(2, 3)
    post.change(4, action="user.locked")
    standing = post.service.standing("hr")
    assert (standing.pending, standing.pending_since, standing.failures) == (3, first, 0)
    post.clock.at = post.work() or post.clock.at
    standing = post.service.standing("hr", before=standing)
    assert (standing.pending, standing.pending_since, standing.failures) == (3, first, 1)
    (view,) = post.service.list()
    assert (view.state, view.pending, view.pending_since) == ("failing", 3, first)
    assert post.work() is None
    standing = post.service.standing("hr", before=standing)
    assert (standing.pending, standing.pending_since, standing.failures, standing.last_error) == (0, None, 0, None)
    assert post.tried == [False, True]
    (view,) = post.service.list()
    assert (view.state, view.last_event_id) == ("current", receiver.taken[-1]["id"])


def test_a_delivery_that_blocks_is_given_up_with_a_reason(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver).begun()
    caller = Caller(name="root", everything=True)
    with pytest.raises(WebhookNotBlockedError):
        post.service.skip("hr", reason="nothing fails", caller=caller)
    receiver.answers = [500]
    post.change(1, 2)
    assert post.work() is not None
    blocked = receiver.deliveries[0].events
    post.change(3)
    with pytest.raises(UsageError):
        post.service.skip("hr", reason=" ", caller=caller)
    with pytest.raises(NotFoundError):
        post.service.skip("off", reason="for the test", caller=caller)
    skipped = post.service.skip("hr", reason="the receiver refuses it", caller=caller)
    assert (skipped.name, skipped.through_id) == ("hr", blocked[-1]["id"])
    # at once, and what comes after it
    assert post.work() is None
    assert subjects(receiver) == [3]
    with read(engine) as connection:
        (row,) = connection.execute(select(t.audit_events).where(t.audit_events.c.action == "webhook.skipped"))
    assert (row.actor, row.reason, row.before["failures"]) == ("root", "the receiver refuses it", 1)
    assert row.after == {"name": "hr", "last_event_id": blocked[-1]["id"]}
    with pytest.raises(WebhookNotBlockedError):
        post.service.skip("hr", reason="once more", caller=caller)


def test_a_try_that_was_given_up_meanwhile_changes_nothing(engine: Engine, receiver: Receiver) -> None:
    """The delivery is skipped by another process while it is under way."""
    post = Post(engine, receiver).begun()
    receiver.answers = [500]
    post.change(1)
    again = post.work()
    assert again is not None
    post.clock.at = again

    class Slow:
        def deliver(self, message: Message) -> None:
            post.service.skip("hr", reason="it takes too long", caller=ITSELF)
            raise WebhookError("no answer")

    during = replace(post.service, courier=Slow())
    assert during.work("hr", stopping=lambda: False) is None
    (view,) = post.service.list()
    assert (view.state, view.failures, view.pending) == ("current", 0, 0)


def test_redirects_are_not_followed(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver).begun()
    receiver.answers = [307]
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    post.change(1)
    assert post.work() is not None
    assert [delivery.path for delivery in receiver.deliveries] == ["/hook?key=abc"]


def test_a_receiver_that_hangs_or_is_away_is_a_failure(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver, timeout="1s").begun()
    receiver.delay = 5
    post.change(1)
    assert post.work() is not None
    assert post.service.list()[0].last_error == "no answer within 1 s"
    receiver.close()
    again = post.work()
    assert again is not None
    post.clock.at = again
    assert post.work() is not None
    assert (post.service.list()[0].last_error or "").startswith("cannot connect")


def test_only_what_is_wanted_is_sent(engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "UNNOTED", 20)
    post = Post(engine, receiver, types=["access.*"]).begun()
    began = post.service.store.get("hr")
    post.change(*range(5))
    assert post.work() is None
    assert post.service.store.get("hr") == began
    post.change(*range(50))
    assert post.work() is None
    moved = post.service.store.get("hr")
    assert began is not None
    assert moved is not None
    assert moved.position > began.position
    post.change(7, action="access.granted")
    assert post.work() is None
    assert [(e["type"], e["subject"]["id"]) for e in receiver.taken] == [("access.granted", 7)]
    assert len(receiver.deliveries) == 1


def test_two_processes_deliver_each_event_once(engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BATCH", 3)
    posts = [Post(engine, receiver) for _ in range(4)]
    posts[0].begun()
    receiver.delay = 0.01
    posts[0].change(*range(30))
    ended = threading.Event()

    def work(post: Post) -> None:
        while not ended.is_set():
            post.work()

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work, post) for post in posts]
        receiver.until(lambda: len(receiver.taken) >= 30)
        ended.set()
        for each in working:
            each.result()
    assert subjects(receiver) == list(range(30))


def test_whoever_dies_while_sending_is_followed_by_another(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver).begun()
    post.change(1)
    state = post.service.store.get("hr")
    assert state is not None
    (event,) = post.service.events.page().items
    at = post.clock.now()
    until = at + timedelta(seconds=15)
    assert post.service.store.claim("hr", position=state.position, through=event.position, at=at, until=until)
    post.change(2)
    assert post.work() == until
    assert receiver.deliveries == []
    post.clock.at = until
    assert post.work() is None
    assert subjects(receiver) == [1, 2]
    # the batch as it was claimed
    assert [len(delivery.events) for delivery in receiver.deliveries] == [1, 1]


def test_other_types_in_the_configuration_stop_nothing(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver).begun()
    post.change(1, 2)
    receiver.answers = [500]
    again = post.work()
    assert again is not None
    changed = Post(engine, receiver, types=["role.*"])
    changed.clock.at = again
    post.change(3, action="role.created")
    assert changed.work() is None
    assert [event["type"] for event in receiver.taken] == ["role.created"]


def test_pruned_events_are_passed_over(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver).begun()
    post.change(1, 2, 3)
    with write(engine) as connection:
        connection.execute(delete(t.audit_events).where(t.audit_events.c.subject_id < 3))
        last = connection.execute(t.audit_events.select()).one().id
        connection.execute(insert(t.facts).values(name=PRUNED_THROUGH, value=last - 1))
    assert post.work() is None
    assert subjects(receiver) == [3]


def test_only_those_with_somewhere_to_send_to_are_at_work(engine: Engine, receiver: Receiver) -> None:
    post = Post(engine, receiver)
    assert post.service.names == ("hr",)
    assert [(view.name, view.state, view.cursor) for view in post.service.list()] == [("hr", "new", None)]


def test_a_certificate_that_nobody_knows_is_refused(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "https://")
    with pytest.raises(WebhookError) as refused:
        HttpCourier().deliver(Message(url=url, headers={}, body=b"{}", timeout=5, ca_file=None))
    assert "key=abc" not in refused.value.message


@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 Taken\r\nConnection: close\r\n\r\n", b""], ids=["taken", "silent"])
def test_a_receiver_that_says_no_goodbye_is_left_all_the_same(authority: Authority, answer: bytes) -> None:
    """Nor is it left to the garbage collection to close the connection."""
    certificate = authority.issue("127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.cert_file, certificate.key_file)
    over = threading.Event()

    def take(listener: socket.socket) -> None:
        with suppress(OSError), tls.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(10_000)
            connection.sendall(answer)
            over.wait(30)

    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        message = Message(url=url, headers={}, body=b"{}", timeout=30 if answer else 1, ca_file=str(authority.ca_file))
        server = threading.Thread(target=take, args=(listener,))
        server.start()
        if answer:
            HttpCourier().deliver(message)
        else:
            with pytest.raises(WebhookError, match="no answer within 1 s"):
                HttpCourier().deliver(message)
        over.set()
        server.join(30)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


# ---------------------------------------------------------------- signature
def test_signatures_are_those_of_standard_webhooks() -> None:
    """The example of its specification's test vectors: secret in base64, three parts joined by dots."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    key = key_of(secret)
    assert key == base64.b64decode(secret.removeprefix("whsec_"))
    body = b'{"test": 2432232314}'
    made = signature(key, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert key_of("whsec_?") is None
    assert key_of(SECRET) == SECRET.encode()
    other = hmac.new(b"other", body, hashlib.sha256).hexdigest()
    assert other not in made
