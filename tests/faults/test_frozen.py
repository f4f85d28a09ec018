"""R12: a server that freezes at the connection, at the bind or in the middle of a page freezes nothing of ours.

The run fails at its deadline, health goes on answering, the timers go on, and when the server thaws the next run is as if
nothing had been: nobody was removed.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import rig
from tests.faults.gate import Gate, Place
from tests.functional.daemon_process import Daemon, daemon
from tests.servers.slapd import Slapd

# seconds: of the connection and the bind, or of waiting for the next bytes; from one scheduled run to the next, so that a run
# is due while another one hangs
DEADLINE, INTERVAL = 3.0, 1.0
# what a busy machine may add
SLACK = 5.0


@pytest.fixture
def gate(make_slapd: Callable[..., Slapd]) -> Iterator[Gate]:
    slapd = make_slapd(stats=False)
    rig.fill(slapd)
    with Gate(slapd) as gate:
        yield gate


@pytest.mark.parametrize(
    ("place", "code"), [("connect", "connect_timeout"), ("bind", "connect_timeout"), ("page", "receive_timeout")]
)
def test_a_frozen_server_fails_the_run_and_stops_nothing_else(
    gate: Gate, sqlite_url: str, tmp_path: Path, place: Place, code: str
) -> None:
    config = rig.write_config(
        tmp_path / "syncd.toml", gate.slapd, sqlite_url, url=gate.url,
        directory=f"connect_timeout = {DEADLINE}\nreceive_timeout = {DEADLINE}",
        schedule=f'changes = "every {INTERVAL:.0f}s"\nfull = "never"',
    )  # fmt: skip
    with daemon(["-m", "syncd", "-c", str(config), "run"], folder=tmp_path) as running:
        running.until_logged("run finished")
        before = rig.content(sqlite_url)
        gate.freeze_at(place)
        assert gate.frozen.wait(60)
        times = health_until(running, lambda: bool(failed(running)))
        gate.thaw()
        running.until_logged("run finished", count=len(running.entries("run finished")) + 2)
        running.until_health(lambda health: health["status"] == "ok")
        number = failed(running)[0]

    runs = rig.runs_of(sqlite_url)
    run, following = (found for found in runs if found["id"] in (number, number + 1))
    took, pause = seconds(run["started_at"], run["finished_at"]), seconds(run["started_at"], following["requested_at"])
    print(
        f"frozen at {place}: {run['code']} after {took:.2f} s (deadline {DEADLINE} s); {len(times)} answers of health,", end=" "
    )
    print(f"p99 {percentile(times, 0.99) * 1000:.1f} ms, at most {max(times) * 1000:.1f} ms;", end=" ")
    print(f"the next run was asked for {pause:.2f} s after its start (schedule: {INTERVAL} s)")
    assert (run["outcome"], run["code"]) == ("failed", code)
    assert took < DEADLINE + SLACK
    assert percentile(times, 0.99) < 0.1, sorted(times)[-5:]
    # on time: while the other one still hung, and begun as soon as that had ended
    assert INTERVAL <= pause < took
    assert seconds(run["finished_at"], following["started_at"]) < SLACK
    assert "succeeded" in {found["outcome"] for found in runs if found["id"] > number}
    assert rig.differences(before, rig.content(sqlite_url)) == {}


def failed(running: Daemon) -> list[int]:
    """The runs that failed, oldest first."""
    return [entry["run"] for entry in running.entries("run finished") if entry["outcome"] == "failed"]


def health_until(running: Daemon, condition: Callable[[], bool]) -> list[float]:
    """Seconds that answers of /healthz took, one every 10 ms, until then."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=30)
    times: list[float] = []
    deadline = time.monotonic() + 60
    while len(times) < 100 or not condition():
        assert time.monotonic() < deadline, running.entries()
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append(time.perf_counter() - began)
        time.sleep(max(0.0, 0.01 - times[-1]))
    connection.close()
    return times


def seconds(begin: Any, end: Any) -> float:
    return float((end - begin).total_seconds())


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
