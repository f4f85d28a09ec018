"""A second process that shares the store: `python -m tests.fakes.store_child request|hold URL …`.

`hold NAME` prints "held" or "refused: …" and keeps the lease until its input ends or it is killed. `request NAME CALLS THREADS`
prints "ready", waits for a line of input, asks for that many runs at once and prints "ID NEW" for each.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from syncd.errors import LeaseHeldError
from syncd.model.run import Mode, Trigger
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.lease import SqlLease
from syncd.store.runs import SqlRunStore

ROOT = Path(__file__).parents[2]


def spawn(*arguments: str) -> subprocess.Popen[str]:
    """Start a child; kill and wait for it when done."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.store_child", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def hold(url: str, name: str) -> None:
    engine = open_engine(StoreSettings(url=url))
    try:
        with SqlLease(engine).hold(name):
            print("held", flush=True)
            sys.stdin.read()
    except LeaseHeldError as error:
        print(f"refused: {error}", flush=True)
    engine.dispose()


def request(url: str, name: str, calls: str, threads: str) -> None:
    engine = open_engine(StoreSettings(url=url))
    runs = SqlRunStore(engine)

    def ask(number: int) -> str:
        mode = Mode.FULL if number % 10 == 9 else Mode.CHANGES
        run, new = runs.request(name, mode=mode, trigger=Trigger.API, at=datetime.now(UTC))
        return f"{run.id} {new}"

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(int(threads)) as pool:
        print("\n".join(pool.map(ask, range(int(calls)))), flush=True)
    engine.dispose()


if __name__ == "__main__":
    {"hold": hold, "request": request}[sys.argv[1]](*sys.argv[2:])
