"""The event feed and webhooks of the daemon as it is installed: killed in the middle, and nothing is lost or told twice."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.model.caller import ITSELF
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine, write
from syncd.store.journal import Journal
from tests.functional.daemon_process import ROOT, TOKEN, Daemon
from tests.functional.test_daemon_real import PEOPLE, Site, synced
from tests.servers.process import refusing_port
from tests.servers.receiver import SECRET, Receiver
from tests.servers.slapd import Slapd

WEBHOOK = '[webhooks.hr]\nurl = "{url}"\nsecret = "{secret}"\ntimeout = "10s"\nmax_delay = "1s"\n'


class EventSite(Site):
    """With a webhook."""

    def __init__(self, folder: Path, slapd: Slapd, stack: ExitStack, receiver: Receiver) -> None:
        self.receiver = receiver
        # of its people
        self.dns: list[str] = []
        super().__init__(folder, slapd, stack)

    def write_config(self, **options: Any) -> None:
        super().write_config(**options)
        with self.config.open("a") as file:
            file.write(WEBHOOK.format(url=self.receiver.url, secret=SECRET))

    def journal(self, user_id: int, *, at: datetime) -> None:
        """An event of then."""
        engine = open_engine(StoreSettings(url=f"sqlite:///{self.folder / 'syncd.db'}"))
        with write(engine) as connection:
            Journal(connection, caller=ITSELF, at=at).note("user.updated", "user", user_id)
        engine.dispose()

    def status(self, *words: str) -> int:
        """The exit code of a call."""
        argv = [sys.executable, "-m", "syncd", "--config", str(self.config), *words]
        return subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, timeout=60).returncode

    def tail(self, *options: str) -> list[dict[str, Any]]:
        """Every event, straight from the store."""
        text = self.cli("--output", "json", "events", "tail", "--once", "--after", "start", *options)
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def site(tmp_path: Path, make_slapd: Callable[..., Slapd], receiver: Receiver) -> Iterator[EventSite]:
    server = make_slapd()
    dns = server.add_people(PEOPLE, parent=server.add_ou("people"))
    with ExitStack() as stack:
        site = EventSite(tmp_path, server, stack, receiver)
        site.dns = dns
        yield site


class Client:
    """Another system: follows the feed by long polls, keeps its cursor, and outlives the daemon."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        # when each came
        self.times: list[float] = []
        self.cursor: str | None = None
        self.url = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self, url: str) -> None:
        self.url = url
        self._thread.start()

    def _follow(self) -> None:
        while not self._ended.is_set():
            after = f"&after={self.cursor}" if self.cursor else ""
            request = urllib.request.Request(f"{self.url}/api/v1/events?wait=20&limit=7{after}", headers=AUTHORIZED)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    page = json.load(answer)
            except urllib.error.HTTPError as error:
                error.close()
                self._ended.wait(0.05)
                continue
            except (OSError, http.client.HTTPException):
                # the daemon ended, before its answer or in the middle of it
                self._ended.wait(0.05)
                continue
            # whoever sees an event sees when it came
            self.times += [time.monotonic()] * len(page["items"])
            self.events += page["items"]
            self.cursor = page["cursor"]

    def until(self, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition(self.events):
            assert time.monotonic() < deadline, [event["type"] for event in self.events]
            time.sleep(0.01)

    def end(self) -> None:
        self._ended.set()


AUTHORIZED = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def act(running: Daemon, user_id: int, action: str) -> None:
    """Have an administrator act on somebody."""
    body = json.dumps({"reason": "for the test"}).encode()
    url = f"{running.url}/api/v1/users/{user_id}/{action}"
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=AUTHORIZED), timeout=30) as answer:
        assert answer.status == 200


def access(events: list[dict[str, Any]], type_: str) -> Counter[int]:
    return Counter(event["subject"]["id"] for event in events if event["type"] == type_)


def test_a_kill_loses_nothing_and_tells_nothing_twice(site: EventSite, receiver: Receiver) -> None:
    client = Client()
    running = site.start()
    client.start(running.url)
    # in the middle of the first import, as like as not
    running.until_logged("syncd is running")
    client.until(lambda events: len(events) > 0)
    running.process.kill()
    running.process.wait()
    running = site.start()
    client.url = running.url
    synced(running)
    people = list(access(site.tail(), "access.granted"))
    assert len(people) == PEOPLE
    for number, user_id in enumerate(people[:20]):
        if number == 10:
            running.process.kill()
            running.process.wait()
            running = site.start()
            client.url = running.url
        act(running, user_id, "disable")
    client.until(lambda events: len(access(events, "access.revoked")) == 20)
    told = site.tail()
    client.until(lambda events: len(events) >= len(told))
    client.end()
    assert client.events == told
    assert access(told, "access.revoked") == dict.fromkeys(people[:20], 1)
    receiver.until(lambda: bool(receiver.taken) and receiver.taken[-1]["id"] == told[-1]["id"])
    # at least once, in order: what comes twice is what was under way
    ids = [event["id"] for event in receiver.taken]
    known = [event["id"] for event in told]
    assert list(dict.fromkeys(ids)) == known[known.index(ids[0]) :]
    assert all(delivery.signed for delivery in receiver.deliveries)
    running.signal(signal.SIGTERM)
    assert running.ended(within=15) == 0


def test_a_run_that_finds_people_gone_revokes_each_once(site: EventSite, receiver: Receiver) -> None:
    running = site.start()
    synced(running)
    client = Client()
    client.start(running.url)
    client.until(lambda events: len(access(events, "access.granted")) == PEOPLE)
    for dn in site.dns[:3]:
        site.slapd.delete(dn)
    for run in (2, 3):
        site.cli("sync", "corp", "--mode", "full")
        synced(running, run=run)
    client.until(lambda events: len(access(events, "access.revoked")) == 3)
    told = site.tail("--types", "access.revoked")
    assert [event["reasons"] for event in told] == [["directory_missing:corp"]] * 3
    assert [event["actor"]["kind"] for event in told] == ["run"] * 3
    receiver.until(lambda: len(access(receiver.taken, "access.revoked")) == 3)
    assert access(receiver.taken, "access.revoked") == access(told, "access.revoked")
    client.end()


def test_a_long_poll_hears_of_others_soon(site: EventSite) -> None:
    running = site.start()
    synced(running)
    client = Client()
    client.start(running.url)
    client.until(lambda events: len(access(events, "access.granted")) == PEOPLE)
    (user_id, *_) = access(client.events, "access.granted")

    def heard(change: Callable[[], object], type_: str) -> float:
        known = access(client.events, type_).total()
        change()
        done = time.monotonic()
        client.until(lambda events: access(events, type_).total() > known)
        return max(at for event, at in zip(client.events, client.times, strict=False) if event["type"] == type_) - done

    def enable() -> None:
        argv = [sys.executable, "-m", "syncd", "--config", str(site.config), "users", "enable", f"id:{user_id}"]
        subprocess.run(argv, check=True, cwd=ROOT, capture_output=True, timeout=60)

    of_this, of_another = [], []
    for _ in range(3):
        of_this.append(heard(lambda: act(running, user_id, "disable"), "access.revoked"))
        of_another.append(heard(enable, "access.granted"))
    assert sorted(of_this)[1] < 0.5, of_this
    assert sorted(of_another)[1] < 2, of_another
    client.end()


def test_a_receiver_that_is_down_shows_until_it_is_back(site: EventSite, receiver: Receiver) -> None:
    """In health, metrics and on the command line; readiness stays, and a delivery can be given up."""
    running = site.start()
    synced(running)
    running.until_health(lambda health: "hr" in health["webhooks"])
    site.journal(1_000, at=datetime.now(UTC))
    # with everything that the import has brought
    receiver.until(lambda: bool(receiver.taken) and receiver.taken[-1]["subject"]["id"] == 1_000)
    running.until_health(lambda health: health["webhooks"]["hr"]["pending"] == 0)
    receiver.close()
    with refusing_port(port=receiver.port):
        site.journal(1, at=datetime.now(UTC) - timedelta(hours=1))
        health = running.until_health(lambda health: health["webhooks"]["hr"]["status"] == "degraded")
        assert (health["status"], health["current"], health["webhooks"]["hr"]["pending"]) == ("degraded", True, 1)
        (problem,) = health["webhooks"]["hr"]["problems"]
        assert (problem["code"], "syncd webhooks skip hr" in problem["advice"]) == ("webhook_failing", True)
        assert (running.get("/healthz")[0], running.get("/readyz")[0], running.get("/readyz")[1]["status"]) == (200, 200, "ok")
        metrics = running.text("/metrics")
        assert 'syncd_webhook_pending_since_timestamp_seconds{webhook="hr"}' in metrics
        assert 'syncd_webhook_deliveries_total{result="failed",webhook="hr"} 0.0' not in metrics
        assert problem["advice"] in site.cli("status")

        site.journal(2, at=datetime.now(UTC) - timedelta(hours=1))
        skipped = json.loads(site.cli("--output", "json", "webhooks", "skip", "hr", "--reason", "the receiver refuses it"))
        assert skipped["name"] == "hr"
        (told,) = json.loads(site.cli("--output", "json", "audit", "list", "--action", "webhook.skipped"))["items"]
        assert (told["reason"], told["after"]["last_event_id"]) == ("the receiver refuses it", skipped["through_id"])
        back = Receiver(port=receiver.port)

    try:
        back.until(lambda: bool(back.taken))
        # the one that was given up did not come
        assert [event["subject"]["id"] for event in back.taken] == [2]
        health = running.until_health(lambda health: health["status"] == "ok")
        assert health["webhooks"]["hr"] | {"delivered_at": None} == {
            "status": "ok", "pending": 0, "pending_since": None, "failures": 0, "last_error": None, "next_try_at": None,
            "delivered_at": None, "problems": [],
        }  # fmt: skip
        metrics = running.text("/metrics")
        assert 'syncd_webhook_pending_events{webhook="hr"} 0.0' in metrics
        assert "syncd_webhook_pending_since_timestamp_seconds{" not in metrics
        assert site.status("webhooks", "skip", "hr", "--reason", "nothing fails") == 1
    finally:
        back.close()
    # a webhook that a reload removes is forgotten
    text = site.config.read_text()
    site.config.write_text(text[: text.index("[webhooks.hr]")])
    running.signal(signal.SIGHUP)
    running.until_logged("configuration taken over")
    assert 'webhook="hr"' not in running.text("/metrics")
    assert running.get("/healthz")[1]["webhooks"] == {}


def test_events_and_webhooks_on_the_command_line(site: EventSite) -> None:
    running = site.start()
    synced(running)
    told = site.tail("--types", "user.created")
    assert len(told) == PEOPLE
    rest = site.cli("events", "tail", "--once", "--after", told[-2]["cursor"], "--types", "user.created")
    assert len(rest.splitlines()) == 1
    assert f"user {told[-1]['subject']['id']}" in rest
    csv = site.cli("--output", "csv", "events", "tail", "--once", "--after", "start", "--types", "user.created").splitlines()
    assert (len(csv), csv[0].split(",")[0]) == (PEOPLE + 1, "cursor")
    (webhook,) = json.loads(site.cli("--output", "json", "webhooks", "list"))["items"]
    assert (webhook["name"], webhook["url"], webhook["failures"]) == ("hr", site.receiver.url.partition("?")[0], 0)
    assert "hr" in site.cli("webhooks", "list")
    status, page = running.get("/api/v1/webhooks", token=True)
    assert (status, page["items"][0]["name"]) == (200, "hr")
