"""`syncd run` as it is installed, against a real slapd and SQLite: a first import, a frozen server, crashes, signals."""

from __future__ import annotations

import http.client
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.migrate import upgrade
from tests.functional.daemon_process import ROOT, TOKEN, Daemon, daemon
from tests.servers.slapd import Slapd

PEOPLE = 50


class Site:
    """A directory, a configuration and as many daemons as a test starts."""

    def __init__(self, folder: Path, slapd: Slapd, stack: ExitStack) -> None:
        self.folder = folder
        self.slapd = slapd
        self.config = folder / "syncd.toml"
        self._stack = stack
        self._count = 0
        self.write_config()
        engine = open_engine(StoreSettings(url=f"sqlite:///{folder / 'syncd.db'}"))
        upgrade(engine)
        engine.dispose()

    def write_config(self, *, connect_timeout: float = 60, organization: str = "Example") -> None:
        self.config.write_text(
            f'[store]\nurl = "sqlite:///{self.folder / "syncd.db"}"\n'
            f'[http]\nlisten = "127.0.0.1:0"\noperator_token = "{TOKEN}"\n[log]\nformat = "json"\n'
            f'[directories.corp]\nurls = ["{self.slapd.url}"]\nbase_dn = "{self.slapd.base_dn}"\n'
            f'bind_dn = "{self.slapd.reader_dn}"\nbind_password = "{self.slapd.reader_password}"\n'
            f'organization = "{organization}"\nconnect_timeout = {connect_timeout}\npage_size = 20\n'
            '[directories.corp.schedule]\nchanges = "every 1h"\nfull = "never"\njitter = 0\n'
        )
        self.config.chmod(0o600)

    def cli(self, *words: str) -> str:
        argv = [sys.executable, "-m", "syncd", "--config", str(self.config), *words]
        done = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> Daemon:
        self._count += 1
        folder = self.folder / f"daemon{self._count}"
        folder.mkdir()
        argv = ["-m", "syncd", "--config", str(self.config), "run"]
        return self._stack.enter_context(daemon(argv, folder=folder))


@pytest.fixture
def site(tmp_path: Path, make_slapd: Callable[..., Slapd]) -> Iterator[Site]:
    server = make_slapd()
    server.add_people(PEOPLE, parent=server.add_ou("people"))
    with ExitStack() as stack:
        yield Site(tmp_path, server, stack)


def corp(health: dict[str, Any]) -> dict[str, Any]:
    directory: dict[str, Any] = health["directories"]["corp"]
    return directory


def synced(running: Daemon, *, run: int = 1) -> dict[str, Any]:
    """Wait for a complete run with that id or a later one; what health says of it."""
    health = running.until_health(lambda found: (corp(found)["last_complete"] or {"run": 0})["run"] >= run)
    return corp(health)


def stop(running: Daemon) -> float:
    """Stop by TERM, in good order; how many seconds it took."""
    began = time.monotonic()
    running.signal(signal.SIGTERM)
    assert running.ended(within=60) == 0
    return time.monotonic() - began


def test_from_the_first_import_to_the_stop(site: Site) -> None:
    running = site.start()
    found = synced(running)
    assert (found["last_complete"]["entries_read"], found["last_complete"]["counts"]["users"]) == (PEOPLE, PEOPLE)
    assert running.get("/healthz")[0] == 200

    site.slapd.add_people(1, parent=f"ou=people,{site.slapd.base_dn}", first=PEOPLE)
    status, run = running.get("/api/v1/directories/corp/sync", method="POST", token=True)
    assert (status, run["outcome"]) == (202, "queued")
    assert synced(running, run=run["id"])["last_complete"]["counts"]["users"] == PEOPLE + 1

    site.cli("sync", "corp")
    assert synced(running, run=3)["last_attempt"]["outcome"] == "succeeded"

    site.write_config(organization="Renamed")
    running.signal(signal.SIGHUP)
    running.until_logged("configuration taken over")
    # another configuration, and the organization of the old name would go
    held = corp(running.until_health(lambda found: corp(found)["held_plan"] is not None))["held_plan"]
    assert running.get(f"/api/v1/plans/{held['id']}", token=True)[1]["state"] == "held"
    site.cli("plan", "approve", str(held["id"]), "--reason", "the company has a new name")
    synced(running, run=5)

    runs = running.get("/api/v1/runs", token=True)[1]["items"]
    assert [(run["trigger"], run["outcome"]) for run in runs] == [
        ("approval", "succeeded"),
        ("configuration", "held"),
        *((trigger, "succeeded") for trigger in ("cli", "api", "start")),
    ]
    assert stop(running) < 5
    assert site.slapd.reader_password not in str(running.entries())


def test_a_frozen_server_freezes_neither_health_nor_the_stop(site: Site) -> None:
    site.write_config(connect_timeout=5)
    running = site.start()
    synced(running)
    site.slapd.pause()
    running.signal(signal.SIGUSR1)
    running.until_health(lambda health: corp(health)["running"] is not None)
    # while it hangs, again where the machine was busy with something else
    rounds: list[float] = []
    while min(rounds, default=1) >= 0.1 and corp(running.get("/healthz")[1])["running"] is not None:
        rounds.append(percentile(health_times(running, count=150), 0.99))
    assert min(rounds) < 0.1, rounds

    health = running.until_health(lambda found: corp(found)["last_attempt"]["outcome"] == "failed")
    attempt = corp(health)["last_attempt"]
    assert (health["status"], attempt["code"]) == ("degraded", "connect_timeout")
    assert attempt["advice"]

    site.write_config(connect_timeout=60)
    running.signal(signal.SIGHUP)
    running.until_logged("configuration taken over")
    running.until_health(lambda health: corp(health)["running"] is not None)
    assert stop(running) < 10
    site.slapd.resume()


def test_a_crash_during_a_run_is_healed_by_the_next_start(site: Site) -> None:
    site.slapd.pause()
    running = site.start()
    running.until_health(lambda health: corp(health)["running"] is not None)
    running.signal(signal.SIGKILL)
    assert running.ended() == -signal.SIGKILL
    site.slapd.resume()
    again = site.start()
    assert synced(again)["last_complete"]["counts"]["users"] == PEOPLE
    runs = again.get("/api/v1/runs", token=True)[1]["items"]
    assert [run["outcome"] for run in runs] == ["succeeded", "abandoned"]


def test_two_daemons_on_one_store_never_sync_at_once_and_both_are_well(site: Site) -> None:
    first, second = site.start(), site.start()
    synced(first)
    synced(second)
    for running in (first, second):
        running.signal(signal.SIGUSR1)
    synced(first, run=2)
    runs = first.get("/api/v1/runs", token=True)[1]["items"]
    finished = [run for run in runs if run["finished_at"]]
    spans = sorted((run["started_at"], run["finished_at"]) for run in finished)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
    assert {run["outcome"] for run in finished} == {"succeeded"}
    assert stop(first) < 5
    assert stop(second) < 5


def health_times(running: Daemon, *, count: int) -> list[float]:
    """Seconds that answers of /healthz took, over one connection."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=10)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append(time.perf_counter() - began)
    connection.close()
    return times


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
