"""R14: the interval of a schedule holds for all daemons of a database together, not for each of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from tests.faults import rig
from tests.faults.cluster import daemons
from tests.servers.slapd import Slapd

# seconds from one scheduled run to the next, and how many are watched
INTERVAL, SCHEDULED = 1.0, 5


def test_the_interval_holds_for_three_daemons_together(
    make_slapd: Callable[..., Slapd], store_url: str, tmp_path: Path
) -> None:
    slapd = make_slapd(stats=False)
    rig.fill(slapd)
    schedule = f'changes = "every {INTERVAL:.0f}s"\nfull = "never"'
    with daemons(tmp_path, slapd, store_url, schedule=schedule):
        last = rig.runs_of(store_url)[-1]["id"]
        rig.until(lambda: rig.runs_of(store_url)[-1]["id"] > last + SCHEDULED, "some more runs")
    runs = [run for run in rig.runs_of(store_url) if run["id"] >= last and run["started_at"]]
    gaps = [(two["started_at"] - one["started_at"]).total_seconds() for one, two in itertools.pairwise(runs)]
    print(f"every {INTERVAL} s by three: {[round(gap, 2) for gap in gaps]}")
    assert {run["trigger"] for run in runs[1:]} == {"schedule"}
    assert min(gaps) > INTERVAL * 0.9
