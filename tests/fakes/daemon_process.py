"""The daemon as a process, on fakes: `python -m tests.fakes.daemon_process CONFIG [HOW]`.

It reads a real configuration file; directories and the database are fakes. HOW is what its runs do: `end` at once, `wait`
until they are told to stop, `hang` whatever they are told; or `stick`: the event
loop itself hangs when it is to stop, and the last resort is nearer.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import structlog

from syncd import logs
from syncd.daemon import housekeeping, observer, signals
from syncd.daemon.runtime import serve
from syncd.http.server import HttpServer
from syncd.settings.load import load
from syncd.settings.root import LogSettings, RootSettings
from tests.fakes.edge import FakeRuns, FakeRuntime


def main(config: str, how: str = "end") -> int:
    runs = FakeRuns()

    def read() -> RootSettings:
        return load(Path(config), {}).settings

    def open_runtime(settings: RootSettings) -> FakeRuntime:
        runtime = FakeRuntime(settings, runs=runs)
        if how in ("wait", "hang"):
            runtime.sync.gate.clear()
        if how == "hang":
            runtime.sync.work = _hang  # type: ignore[method-assign]
        return runtime

    logs.configure(LogSettings(format="json", level="info"), sys.stderr)
    if how == "stick":
        signals.LAST_RESORT = 1.0
        HttpServer.stop = _stick  # type: ignore[method-assign]
    observer.INTERVAL = 0.05
    housekeeping.FIRST_AFTER = 3600.0
    return serve(load=read, open_runtime=open_runtime)


def _hang(directory: str, **_: object) -> None:
    structlog.get_logger("tests").info("hanging", directory=directory)
    time.sleep(120)


async def _stick(server: HttpServer) -> None:
    time.sleep(120)  # noqa: ASYNC251 - what it is about


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
