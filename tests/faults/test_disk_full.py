"""A full disk under the database: the run says so, nothing is half done, and with room again the next run heals.

SQLite lies on a small file system whole, PostgreSQL has a tablespace there: its log is elsewhere, since a server without room
for its log stops, which is what test_database_restart is about.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults import rig
from tests.faults.child import Report, run_in_child
from tests.faults.disk import KIBIBYTE, MEBIBYTE, Disk
from tests.faults.site import Site, outcome
from tests.functional.daemon_process import daemon
from tests.servers.postgres import PostgresServer
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

FULL = "database_full"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system of a few MB")


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("disk")
    with Slapd(folder / "slapd", stats=False) as slapd:
        yield Site(folder, rig.Stores(folder), slapd, empty=f"sqlite:///{sqlite_template}")


@pytest.fixture(scope="module")
def wanted(site: Site) -> dict[str, rig.Content]:
    """What a store contains after a run with room, by what it contained before."""
    return {before: content_after_a_run(site, site.fresh(before)) for before in ("empty", "known")}


def content_after_a_run(site: Site, store: str) -> rig.Content:
    assert outcome(run_in_child(site.config(store))) == "succeeded"
    return rig.content(store)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Disk(tmp_path / "disk", size=12 * MEBIBYTE) as disk:
        yield disk


def on_disk(store: str, disk: Disk) -> str:
    """The SQLite database, moved there."""
    file = shutil.copy(store.removeprefix("sqlite:///"), disk.folder / "syncd.db")
    return f"sqlite:///{file}"


@root_only
def test_a_full_disk_fails_the_run_and_the_next_one_heals_it(site: Site, disk: Disk, wanted: dict[str, rig.Content]) -> None:
    """SQLite: however much room there is, from none to nearly enough."""
    found = Found()
    for room in range(0, 400, 40):
        store = on_disk(site.fresh("known"), disk)
        disk.fill(room=room * KIBIBYTE)
        report = run_in_child(site.config(store))
        disk.make_room()
        found.take(site, store, report, wanted["known"])
    print(f"SQLite: {found}")
    found.judge()


def test_a_database_at_its_largest_size_fails_the_run_in_the_same_way(site: Site, wanted: dict[str, rig.Content]) -> None:
    """SQLite's own limit, for whoever may not mount. There is room for the record, which takes no page of its own."""
    found = Found()
    for more in range(0, 14, 2):
        store = site.fresh("empty")
        with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
            ((pages,),) = connection.execute("PRAGMA page_count")
        report = run_in_child(site.config(store), pages=pages + more)
        found.take(site, store, report, wanted["empty"])
    print(f"SQLite, limited: {found}")
    found.judge(unrecorded=0)


@root_only
def test_a_full_tablespace_fails_the_run_and_the_next_one_heals_it(
    site: Site, postgres: PostgresServer, wanted: dict[str, rig.Content]
) -> None:
    """PostgreSQL: from hardly enough for the run's record to nearly enough for all."""
    found = Found()
    with tablespace(postgres) as disk:
        for room in range(160, 580, 60):
            with database_there(postgres) as store:
                disk.fill(room=room * KIBIBYTE)
                report = run_in_child(site.config(store))
                disk.make_room()
                found.take(site, store, report, wanted["empty"])
    print(f"PostgreSQL: {found}")
    found.judge()


@root_only
def test_the_daemon_says_that_the_disk_is_full_and_goes_on_when_there_is_room(
    site: Site, disk: Disk, wanted: dict[str, rig.Content], tmp_path: Path
) -> None:
    """Not even the record of a run can be written, since what is free goes to whoever asks first."""
    store = on_disk(site.fresh("known"), disk)
    config = site.config(store, schedule='changes = "every 1s"\nfull = "never"\non_start = false')
    with daemon(["-m", "syncd", "-c", str(config), "run"], folder=tmp_path) as running:
        running.until_logged("syncd is running")
        disk.fill(room=0)
        rig.until(lambda: FULL in {entry.get("code") for entry in running.entries()}, "the log names the full disk")
        running.until_health(lambda health: FULL in codes(health) and running.get("/healthz")[0] == 503)
        assert running.get("/livez")[0] == 200
        disk.make_room()
        running.until_health(lambda health: health["status"] == "ok")
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
    runs = rig.runs_of(store)
    print([(run["outcome"], run["code"]) for run in runs])
    assert all(run["outcome"] in ("succeeded", "failed", "abandoned") for run in runs[:-1])
    assert rig.broken_rules(store) == []
    assert rig.differences(wanted["known"], rig.content(store)) == {}


def codes(health: dict[str, Any]) -> set[str]:
    """Of all problems, the daemon's and the directory's."""
    return {problem["code"] for found in (health, health["directories"]["corp"]) for problem in found["problems"]}


@dataclass(slots=True)
class Found:
    """How runs ended for want of room, and how often."""

    recorded: int = 0
    halfway: int = 0
    # not even the record could be written
    unrecorded: int = 0
    unharmed: int = 0

    def take(self, site: Site, store: str, report: Report, wanted: rig.Content) -> None:
        """With room again: see what is there, and let the next run heal it."""
        assert rig.broken_rules(store) == []
        runs = rig.runs_of(store)
        if report.run is None:
            # what SQLite wants beside its file, and PostgreSQL at a connection, fails without saying what for
            assert report.code in (FULL, "database_unavailable"), report
            self.unrecorded += 1
        elif report.run.outcome.complete:
            self.unharmed += 1
        else:
            assert (runs[-1]["outcome"], runs[-1]["code"]) == ("failed", FULL)
            assert runs[-1]["advice"]
            self.recorded += 1
        self.halfway += bool(runs) and runs[-1]["phase"] == "apply" and runs[-1]["outcome"] != "succeeded"
        assert outcome(run_in_child(site.config(store))) == "succeeded"
        assert all(run["outcome"] in ("succeeded", "failed", "abandoned") for run in rig.runs_of(store))
        assert rig.broken_rules(store) == []
        assert rig.differences(wanted, rig.content(store)) == {}

    def judge(self, *, unrecorded: int = 1) -> None:
        """Whether the sweep saw all there is to see."""
        assert self.recorded >= 2
        assert self.halfway >= 1
        assert self.unrecorded >= unrecorded


@contextmanager
def tablespace(postgres: PostgresServer) -> Iterator[Disk]:
    """A tablespace `small` on a disk of its own."""
    owner = pwd.getpwnam("postgres").pw_uid
    with Disk(postgres.folder / "small", size=40 * MEBIBYTE, owner=owner) as disk, session(postgres) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        yield disk
        connection.execute("DROP TABLESPACE small")


@contextmanager
def database_there(postgres: PostgresServer) -> Iterator[str]:
    """An empty, migrated database in it."""
    with session(postgres) as connection:
        connection.execute("CREATE DATABASE on_small TEMPLATE template_syncd TABLESPACE small")
        yield postgres.url("on_small")
        connection.execute("DROP DATABASE on_small WITH (FORCE)")


def session(postgres: PostgresServer) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(postgres.url("postgres"), autocommit=True)
