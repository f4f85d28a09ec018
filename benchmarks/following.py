"""What following changes costs: runs with nothing to do, sweeps, and how long a change takes to reach the store."""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap

from benchmarks.company import BASE, person_dn
from syncd.bootstrap import Runtime, open_runtime
from syncd.model.run import Mode, Run, Trigger
from syncd.settings.load import load
from tests.servers.slapd import Slapd

DIRECTORY = "bench"
WARM_UP = 5


@contextmanager
def opened(config: Path) -> Iterator[Runtime]:
    runtime = open_runtime(load(config, dict(os.environ)).settings)
    try:
        yield runtime
    finally:
        runtime.close()


def one(runtime: Runtime, mode: Mode) -> tuple[float, Run]:
    """Seconds of one run, and the run."""
    runtime.sync.request(DIRECTORY, mode=mode, trigger=Trigger.CLI)
    started = time.perf_counter()
    run = runtime.sync.work(DIRECTORY)
    spent = time.perf_counter() - started
    assert run is not None
    assert run.outcome == "succeeded", run
    return spent, run


def nothing_to_do(config: Path, *, rounds: int) -> float:
    """Median milliseconds of a run for changes when nothing changed."""
    with opened(config) as runtime:
        one(runtime, Mode.CHANGES)
        spent = []
        for _ in range(rounds):
            seconds, run = one(runtime, Mode.CHANGES)
            assert run.feed == "syncrepl", run.feed_reason
            assert run.entries_read == 0, run
            spent.append(seconds)
    return 1000 * statistics.median(spent)


def sweep_ratio(config: Path, server: Slapd, *, rounds: int) -> float:
    """A sweep against ldapsearch's paged reads of the same attributes, alternating."""
    ratios = []
    with opened(config) as runtime:
        for _ in range(rounds):
            theirs = sum(_ldapsearch(server, base, wanted) for base, wanted in SWEPT)
            ours, run = one(runtime, Mode.SWEEP)
            assert run.feed == "sweep", run.feed_reason
            print(f"  sweep {ours:.2f} s, ldapsearch {theirs:.2f} s", flush=True)
            ratios.append(ours / theirs)
    return statistics.median(ratios)


SWEPT = ((f"ou=people,{BASE}", "(objectClass=inetOrgPerson)"), (f"ou=groups,{BASE}", "(objectClass=groupOfNames)"))


def _ldapsearch(server: Slapd, base: str, wanted: str) -> float:
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=1000/noprompt", "-H", server.url]
    command += ["-D", server.reader_dn, "-w", server.reader_password, "-b", base, wanted, "entryUUID", "entryCSN"]
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def live_latency(config: Path, database: Path, server: Slapd, *, edits: int) -> list[float]:
    """Milliseconds from the answer to a modification to the moment it is in the store, for each of so many edits; the daemon
    is a process of its own."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "syncd", "-c", str(config), "--log-format", "json", "run"], stderr=subprocess.PIPE, text=True
    )
    assert daemon.stderr is not None
    try:
        awaited = {"directory watched": 1, "run finished": 1}
        for line in daemon.stderr:
            for event in awaited:
                awaited[event] -= f'"{event}"' in line
            if max(awaited.values()) <= 0:
                break
        _drain(daemon)
        # the start overlaps with the first few: the opening run, and the look at what was missed before the watch stood
        return [_latency(database, server, number) for number in range(edits + WARM_UP)][WARM_UP:]
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=30)


def _drain(daemon: subprocess.Popen[str]) -> None:
    import threading

    assert daemon.stderr is not None
    threading.Thread(target=daemon.stderr.read, daemon=True).start()


def _latency(database: Path, server: Slapd, number: int) -> float:
    """One edit of somebody's title."""
    connection = ldap.initialize(server.url)
    connection.simple_bind_s(server.root_dn, server.root_password)
    wanted = f"Live {number}"
    connection.modify_s(person_dn(number), [(ldap.MOD_REPLACE, "title", [wanted.encode()])])
    changed = time.perf_counter()
    connection.unbind_s()
    _until(lambda: _title(database, number) == wanted, seconds=20)
    return 1000 * (time.perf_counter() - changed)


def _title(database: Path, number: int) -> str | None:
    with sqlite3.connect(database) as connection:
        row = connection.execute("SELECT title FROM users WHERE username_key = ?", (f"u{number:07}",)).fetchone()
    connection.close()
    return row[0] if row else None


def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError("the change did not reach the store")
        time.sleep(0.001)
