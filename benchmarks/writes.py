"""What people's administration feels like while a first import is being applied: writes over HTTP on the real daemon."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from tests.fakes.people_rows import Rows
from tests.functional.daemon_process import TOKEN, Daemon, daemon

CLIENTS = 4
USERS = 200
# seconds between two writes of one client
PAUSE = 0.02
PASSWORD = "Correct-horse-7"


@dataclass
class Writes:
    """What was written while the plan was applied."""

    # (when it began, seconds, kind, status)
    done: list[tuple[float, float, str, int]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def during(self, kind: str | None = None) -> list[tuple[float, int]]:
        """(milliseconds, status) of the writes that began while people were applied."""
        return [
            (1000 * spent, status)
            for at, spent, what, status in self.done
            if self.began <= at <= self.ended and kind in (None, what)
        ]


def while_importing(config: Path, url: str, folder: Path) -> Writes:
    """Run the daemon's first import, and administer people meanwhile."""
    engine = open_engine(StoreSettings(url=url))
    place = _place(engine)
    engine.dispose()
    environment = {"SYNCD_HTTP__OPERATOR_TOKEN": TOKEN, "SYNCD_LOG__FORMAT": "json"}
    folder.mkdir()
    with daemon(["-m", "syncd", "--config", str(config), "run"], folder=folder, environment=environment) as running:
        return _measure(running, place)


@dataclass(frozen=True)
class Place:
    """Where the people that are administered are."""

    organization: int
    unit: int
    role: int
    users: tuple[int, ...]


def _place(engine: Engine) -> Place:
    rows = Rows(engine)
    organization = rows.organization("Partners")
    unit, role = rows.unit(organization, "Main"), rows.role("partner")
    users = tuple(rows.user(f"partner{number}", manual=True) for number in range(USERS))
    for user in users:
        rows.access(user, organization, unit)
        rows.grant(user, role)
    return Place(organization, unit, role, users)


def _measure(running: Daemon, place: Place) -> Writes:
    writes, ended = Writes(), threading.Event()
    address = urlsplit(running.url)
    assert address.hostname is not None
    clients = [_Client(address.hostname, address.port or 0, place, writes, number) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.work, args=(ended,)) for client in clients]
    for thread in threads:
        thread.start()
    watcher = _Client(address.hostname, address.port or 0, place, Writes(), CLIENTS)
    while not writes.ended:
        run = json.loads(watcher.ask("GET", "/api/v1/runs/1")[1])
        if run.get("phase") == "apply" and not writes.began:
            writes.began = time.perf_counter()
        if run.get("finished_at"):
            assert run["outcome"] == "succeeded", run
            writes.ended = time.perf_counter()
        time.sleep(0.1)
    ended.set()
    for thread in threads:
        thread.join()
    return writes


class _Client:
    """One administrator."""

    def __init__(self, host: str, port: int, place: Place, writes: Writes, number: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=60)
        self._place = place
        self._writes = writes
        self._number = number
        self._random = random.Random(number)
        self._users = dict.fromkeys(place.users[number::CLIENTS], True) if number < CLIENTS else {}

    def work(self, ended: threading.Event) -> None:
        count = 0
        while not ended.wait(PAUSE):
            count += 1
            at = time.perf_counter()
            if count % 10 == 0:
                kind, status = "create", self._create(count)
            else:
                kind, status = self._switch()
            self._writes.done.append((at, time.perf_counter() - at, kind, status))

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        content = None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body)
        self._connection.request(method, path, body=content, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def _switch(self) -> tuple[str, int]:
        user = self._random.choice(list(self._users))
        kind = "disable" if self._users[user] else "enable"
        self._users[user] = not self._users[user]
        return kind, self.ask("POST", f"/api/v1/users/{user}/{kind}", {"reason": "measured"})[0]

    def _create(self, count: int) -> int:
        name = f"new{self._number}x{count}"
        body = {
            "username": name, "first_name": "New", "last_name": name, "email": f"{name}@partners.example.com",
            "enabled": True, "role_ids": [self._place.role], "password": PASSWORD,
            "access": [{"organization_id": self._place.organization, "unit_ids": [self._place.unit]}],
        }  # fmt: skip
        return self.ask("POST", "/api/v1/users", body)[0]
