"""A process that was replaced commits nothing more (invariant 9): the fencing epoch, where it matters.

Its lease is taken from it while it stands between two transactions. On PostgreSQL the session that holds the lease is ended, as
a firewall or an administrator does it, and another process takes over and finishes; a lease on SQLite cannot get lost, so
somebody raises the epoch by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text, update

from syncd.errors import LeaseLostError, RunStateError
from syncd.store import schema as t
from tests.faults import rig
from tests.faults.child import AFTER, Fault, Point, Report, child, run_in_child
from tests.faults.site import Site, outcome
from tests.servers.postgres import PostgresServer
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("takeover") / "slapd", stats=False) as slapd:
        yield slapd


def undisturbed(site: Site) -> tuple[Report, rig.Content]:
    """A run that nothing happened to, and what the store contained after it."""
    store = site.fresh("known")
    report = run_in_child(site.config(store))
    assert outcome(report) == "succeeded", report
    return report, rig.content(store)


def edges(report: Report) -> list[Point]:
    """Between two transactions of applying: after the first, after each further one, after the last before the record."""
    return [point for point, phase in report.points if point[0] == AFTER and phase == "apply"][:-1]


def code(report: Report) -> str | None:
    """Why the run ended, whether its record could say so or not."""
    return report.code or (report.run.code if report.run else None)


@pytest.fixture(scope="module")
def on_postgres(postgres: PostgresServer, slapd: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("takeover")
    return Site(folder, rig.Stores(folder, postgres), slapd, empty=postgres.url("template_syncd"))


def test_who_was_replaced_between_two_transactions_commits_nothing_more(on_postgres: Site) -> None:
    site = on_postgres
    report, wanted = undisturbed(site)
    places = edges(report)
    for place in (places[0], places[len(places) // 2], places[-1]):
        replaced = replace(site, place, wanted)
        print(f"at {place}: {code(replaced)}: {replaced.message}")
        # after the last transaction there is only the record left to write, which the successor has closed
        expected = (LeaseLostError.code, RunStateError.code) if place == places[-1] else (LeaseLostError.code,)
        assert code(replaced) in expected, place


@pytest.mark.parametrize("phase", ["read users", "plan"])
def test_who_was_replaced_before_applying_applies_nothing(on_postgres: Site, phase: str) -> None:
    _, wanted = undisturbed(on_postgres)
    replaced = replace(on_postgres, (phase, 0), wanted)
    assert code(replaced) in (LeaseLostError.code, RunStateError.code)


def replace(site: Site, place: Point, wanted: rig.Content) -> Report:
    """How a run ended that another one replaced there, after which nothing of it may be found."""
    store = site.fresh("known")
    config = site.config(store)
    with child(config, fault=Fault(at=place, action="wait")) as running:
        running.until_there()
        assert end_lease_sessions(store) == 1
        successor = run_in_child(config)
        assert outcome(successor) == "succeeded", successor
        assert [run["outcome"] for run in rig.runs_of(store)][-2:] == ["abandoned", "succeeded"]
        before, runs = rig.content(store), rig.runs_of(store)
        assert rig.differences(wanted, before) == {}
        running.go_on()
        report = running.ended()
    assert rig.differences(before, rig.content(store)) == {}, place
    assert rig.runs_of(store) == runs, place
    assert rig.broken_rules(store) == []
    return report


def end_lease_sessions(store: str) -> int:
    """End the sessions that hold an advisory lock in this database; how many there were."""
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    locks = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = {here}"
    ending = text(f"SELECT pg_terminate_backend(pid, 10000) FROM ({locks}) AS lock")
    with rig.opened(store) as engine, engine.connect() as connection:
        return sum(connection.scalars(ending).all())


def test_a_newer_epoch_stops_a_run_on_sqlite_at_its_next_transaction(on_sqlite: Site) -> None:
    site = on_sqlite
    report, wanted = undisturbed(site)
    places = edges(report)
    for place in (places[0], places[len(places) // 2]):
        store = site.fresh("known")
        with child(site.config(store), fault=Fault(at=place, action="wait")) as running:
            running.until_there()
            raise_epoch(store)
            before = rig.content(store)
            running.go_on()
            assert code(running.ended()) == LeaseLostError.code, place
        assert rig.differences(before, rig.content(store)) == {}, place
        assert rig.differences(wanted, before) != {}
        assert outcome(run_in_child(site.config(store))) == "succeeded"
        assert rig.differences(wanted, rig.content(store)) == {}, place


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    with Slapd(tmp_path / "slapd", stats=False) as slapd:
        yield Site(tmp_path, rig.Stores(tmp_path), slapd, empty=f"sqlite:///{sqlite_template}")


def raise_epoch(store: str) -> None:
    with rig.opened(store) as engine, engine.begin() as connection:
        raised = connection.execute(update(t.leases).where(t.leases.c.directory == "corp").values(epoch=t.leases.c.epoch + 1))
        assert raised.rowcount == 1
