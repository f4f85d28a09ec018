"""PostgreSQL goes away under a run and comes back: nothing is half done, the next run heals, and the daemon lives on.

The server is a real one that is stopped at once and recovers from its log, while the run stands at an exact place.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import rig
from tests.faults.child import AFTER, BEFORE, Fault, Report, child, run_in_child
from tests.faults.gate import Gate
from tests.faults.site import Site, outcome
from tests.functional.daemon_process import Daemon, daemon
from tests.servers.fixtures_sql import migrated
from tests.servers.postgres import PostgresServer
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

# what was committed must be there after a crash: the server's process ends, the machine does not
SETTINGS = ("fsync=off", "synchronous_commit=on", "max_connections=60", "logging_collector=off")
UNAVAILABLE = "database_unavailable"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(settings=SETTINGS)
    migrated(server.create("empty"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("restart") / "slapd", stats=False) as slapd:
        yield slapd


@pytest.fixture(scope="module")
def site(server: PostgresServer, slapd: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("restart")
    return Site(folder, rig.Stores(folder, server), slapd, empty=server.url("empty"))


def fresh(site: Site, server: PostgresServer) -> str:
    store = site.fresh("known")
    server.checkpoint()
    return store


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> tuple[Report, rig.Content]:
    """A run that nothing happened to, and what the store contained after it."""
    store = site.fresh("known")
    report = run_in_child(site.config(store))
    assert outcome(report) == "succeeded", report
    return report, rig.content(store)


def places(report: Report) -> dict[str, Fault]:
    """Where the database goes away."""
    applying = [point[1] for point, phase in report.points if point[0] == AFTER and phase == "apply"]
    first, middle, last, record = applying[0], applying[len(applying) // 2], applying[-2], applying[-1]
    assert first < middle < last < record
    return {
        "reading": Fault(at=("read users", 0), action="wait"),
        "planning": Fault(at=("plan", 0), action="wait"),
        "after the first transaction": Fault(at=(AFTER, first), action="wait"),
        "between two transactions": Fault(at=(AFTER, middle), action="wait"),
        "inside a transaction": Fault(at=(BEFORE, middle), action="wait"),
        "after the last transaction": Fault(at=(AFTER, last), action="wait"),
        "the answer to a commit is lost": Fault(at=(AFTER, middle), action="lose"),
        "the answer to the record's commit is lost": Fault(at=(AFTER, record), action="lose"),
    }


@pytest.mark.parametrize(
    ("place", "endings"),
    [
        # every transaction asks for a connection that works, so a run that was in none may well go on
        ("reading", {"succeeded", "failed"}),
        ("planning", {"succeeded", "failed"}),
        ("after the first transaction", {"succeeded", "failed"}),
        ("between two transactions", {"succeeded", "failed"}),
        ("after the last transaction", {"succeeded", "failed"}),
        ("inside a transaction", {"failed"}),
        ("the answer to a commit is lost", {"failed"}),
        ("the answer to the record's commit is lost", {"succeeded"}),
    ],
)
def test_a_restart_under_a_run_is_healed_by_the_next(
    site: Site, server: PostgresServer, undisturbed: tuple[Report, rig.Content], place: str, endings: set[str]
) -> None:
    store = fresh(site, server)
    config = site.config(store)
    with child(config, fault=places(undisturbed[0])[place]) as running:
        running.until_there()
        server.crash()
        server.restart()
        assert rig.broken_rules(store) == []
        running.go_on()
        report = running.ended()
    disturbed = rig.runs_of(store)[-1]
    print(f"{place}: {disturbed['outcome']} {disturbed['code'] or ''} {disturbed['message'] or report.message}")
    assert disturbed["outcome"] in endings
    assert disturbed["code"] in (None, UNAVAILABLE)
    assert_healed(site, store, undisturbed[1])


def test_a_database_that_stays_away_leaves_a_run_that_the_next_one_abandons(
    site: Site, server: PostgresServer, undisturbed: tuple[Report, rig.Content]
) -> None:
    store = fresh(site, server)
    with child(site.config(store), fault=places(undisturbed[0])["between two transactions"]) as running:
        running.until_there()
        server.crash()
        running.go_on()
        report = running.ended()
    server.restart()
    assert report.code == UNAVAILABLE, report
    left = rig.runs_of(store)[-1]
    assert left["outcome"] == "running"
    assert_healed(site, store, undisturbed[1])
    assert [run["outcome"] for run in rig.runs_of(store)][-2:] == ["abandoned", "succeeded"]


def assert_healed(site: Site, store: str, wanted: rig.Content) -> None:
    """The next run finds nothing in its way, and makes the store what it would have been."""
    healing = run_in_child(site.config(store))
    assert outcome(healing) == "succeeded", healing
    assert rig.broken_rules(store) == []
    assert rig.differences(wanted, rig.content(store)) == {}


def test_the_daemon_lives_on_and_health_tells(
    site: Site, server: PostgresServer, slapd: Slapd, undisturbed: tuple[Report, rig.Content], tmp_path: Path
) -> None:
    store = fresh(site, server)
    with Gate(slapd) as gate:
        schedule = 'changes = "every 2s"\nfull = "never"'
        config = rig.write_config(tmp_path / "syncd.toml", slapd, store, url=gate.url, schedule=schedule)
        gate.freeze_at("page")
        with daemon(["-m", "syncd", "-c", str(config), "run"], folder=tmp_path) as running:
            assert gate.frozen.wait(60)
            running.until_health(lambda health: health["directories"]["corp"]["running"] is not None)
            server.crash()
            health = running.until_health(lambda health: UNAVAILABLE in codes(health))
            assert (health["status"], running.get("/healthz")[0], running.get("/readyz")[0]) == ("failed", 503, 503)
            assert running.get("/livez")[0] == 200
            gate.thaw()
            server.restart()
            running.until_health(lambda health: health["status"] == "ok")
            assert running.get("/readyz")[0] == 200
            running.signal(signal.SIGTERM)
            assert running.ended() == 0
            assert shown(running) == ["database not reachable", "database reachable again"]
    runs = rig.runs_of(store)
    print(f"the run that the database left: {runs[1]['outcome']} {runs[1]['code'] or ''}")
    assert "succeeded" in {run["outcome"] for run in runs}
    assert all(run["outcome"] in ("succeeded", "failed", "abandoned") for run in runs[:-1])
    assert rig.broken_rules(store) == []
    assert rig.differences(undisturbed[1], rig.content(store)) == {}


def codes(health: dict[str, Any]) -> set[str]:
    return {problem["code"] for problem in health["problems"]}


def shown(running: Daemon) -> list[str]:
    return [entry["event"] for entry in running.entries() if entry["event"].startswith("database ")]
