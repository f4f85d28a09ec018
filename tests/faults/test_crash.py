"""SIGKILL anywhere in a run: the next run heals it with nothing done by hand, and nobody can tell afterwards.

Killed are real processes over a real slapd: while they read and plan, and on both sides of every commit, from the start of
the run to its final record.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults import rig
from tests.faults.child import AFTER, BEFORE, Fault, Point, run_in_child
from tests.faults.site import Site, outcome
from tests.functional.cli import process
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("crash")
    stores = rig.Stores(folder)
    if request.param == "postgresql":
        stores.postgres = request.getfixturevalue("postgres")
        empty = stores.postgres.url("template_syncd")
    else:
        empty = f"sqlite:///{request.getfixturevalue('sqlite_template')}"
    with Slapd(folder / "slapd", stats=False) as slapd:
        yield Site(folder, stores, slapd, empty=empty)


def chosen(site: Site, points: list[tuple[Point, str]]) -> list[Point]:
    """All commits, and each phase at its first and last report. PostgreSQL takes longer to make a store: there one side of the
    commits that are made while applying, since what is before one and after the one before it are the same to the store."""
    last = dict(point for point, _ in points)
    both = site.stores.postgres is None
    return [
        point
        for point, phase in points
        if (point[0] in (BEFORE, AFTER) and both)
        or (point[0] == BEFORE and phase == "apply")
        or point in ((point[0], 0), (point[0], last[point[0]]))
    ]


@pytest.mark.parametrize("before", ["empty", "known"])
def test_a_run_killed_at_any_edge_is_healed_by_the_next(site: Site, before: str) -> None:
    undisturbed = site.fresh(before)
    report = run_in_child(site.config(undisturbed))
    assert outcome(report) == "succeeded", report
    wanted = rig.content(undisturbed)
    points = chosen(site, report.points)
    applying = [point for point, phase in report.points if point[0] in (BEFORE, AFTER) and phase == "apply"]
    assert len(applying) >= 20, "too few transactions to say anything"
    applying = [point for point in points if point in applying]
    states: Counter[str] = Counter()
    slowest = 0.0
    for point in points:
        state, seconds = killed_and_healed(site, before, point, wanted)
        states[state] += 1
        slowest = max(slowest, seconds)
    print(f"{before}: killed at {len(points)} of {len(report.points)} points, left behind {dict(states)};", end=" ")
    print(f"{len(applying)} points while applying; the next run was through within {slowest:.2f} s")
    assert {point[0] for point in points} >= {"read users", "read roles", "plan", BEFORE, AFTER}
    # all but after the commit of the record
    assert states["running"] >= len(applying) - 1
    assert slowest < 60


def killed_and_healed(site: Site, before: str, point: Point, wanted: rig.Content) -> tuple[str, float]:
    """What the killed run's record said, and how long the next process took to make good."""
    store = site.fresh(before)
    config = site.config(store)
    assert run_in_child(config, fault=Fault(at=point)).exit_code == -signal.SIGKILL
    assert rig.broken_rules(store) == [], point
    killed = rig.runs_of(store)[-1]

    began = time.monotonic()
    healing = run_in_child(config)
    seconds = time.monotonic() - began
    assert outcome(healing) == "succeeded", (point, healing)
    runs = rig.runs_of(store)
    after = next(run for run in runs if run["id"] == killed["id"])
    # a request that nobody had begun is what the next process does; a record that was finished stays as it is
    expected = {"running": "abandoned", "queued": "succeeded", "succeeded": "succeeded"}[killed["outcome"]]
    assert after["outcome"] == expected, point
    assert runs[-1]["outcome"] == "succeeded", point
    assert rig.broken_rules(store) == [], point
    assert rig.differences(wanted, rig.content(store)) == {}, point
    site.stores.drop(store)
    return killed["outcome"], seconds


def test_the_command_line_shows_and_heals_it_too(site: Site) -> None:
    store = site.fresh("known")
    config = site.config(store)
    killed = run_in_child(config, fault=Fault(at=(AFTER, 12)))
    assert killed.exit_code == -signal.SIGKILL
    assert rig.runs_of(store)[-1]["phase"] == "apply"
    check = process("-c", config, "db", "check")
    assert check.code == 0, check.out
    sync = process("-c", config, "sync", "corp")
    assert sync.code == 0, sync.err
    runs = process("-c", config, "--output", "json", "runs", "list").json()["items"]
    assert [run["outcome"] for run in runs[:2]] == ["succeeded", "abandoned"]
    assert runs[1]["advice"]
