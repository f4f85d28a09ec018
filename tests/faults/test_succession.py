"""A daemon is killed in the middle of its run: another one, which nobody asks for anything, puts that right by itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.faults import rig
from tests.faults.cluster import start
from tests.faults.gate import Gate
from tests.servers.slapd import Slapd


def test_a_daemon_killed_in_its_run_is_followed_by_another(
    make_slapd: Callable[..., Slapd], store_url: str, tmp_path: Path
) -> None:
    """The other one has nothing to do for an hour."""
    slapd = make_slapd(stats=False)
    rig.fill(slapd)
    with Gate(slapd) as gate, ExitStack() as stack:
        gate.freeze_at("page")
        killed = start(stack, tmp_path / "killed", slapd, store_url, url=gate.url)
        assert gate.frozen.wait(60)
        schedule = f"{rig.NEVER}\non_start = false"
        other = start(stack, tmp_path / "other", slapd, store_url, schedule=schedule)
        killed.signal(signal.SIGKILL)
        killed.ended()
        gate.thaw()
        began = time.monotonic()
        rig.until(lambda: finished(store_url) == 2, "the dead run abandoned and the next one done", within=60)
        print(f"{store_url.partition(':')[0]}: taken over and done within {time.monotonic() - began:.1f} s")
        other.until_health(lambda health: health["status"] == "ok")
    assert [run["outcome"] for run in rig.runs_of(store_url)] == ["abandoned", "succeeded"]


def finished(store_url: str) -> int:
    return sum(run["finished_at"] is not None for run in rig.runs_of(store_url))
