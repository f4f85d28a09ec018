"""One run in a process of its own that stops, or kills itself, exactly where a test says.

    child = start(config, fault=Fault(at=("before commit", 3), action="die"))
    child.ended().exit_code == -9

The process is forked from a server that has imported everything, which makes it quick; it shares nothing else with the test.
Nothing in syncd knows of this: the places are the progress a run reports and the commits of the transactions that write.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import ldap3  # noqa: F401 - loaded once in the server, not by each child
import psycopg  # noqa: F401 - likewise
import structlog
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, event

from syncd.bootstrap import Runtime, open_runtime
from syncd.errors import LeaseHeldError, SyncdError
from syncd.model.run import Mode, Run, Trigger
from syncd.services.sync import Progress
from syncd.settings.load import load
from syncd.store.engine import WRITING

# (what, the how manieth): a phase of the run at each of its reports, "before commit" and "after commit" of what is written
Point = tuple[str, int]

BEFORE, AFTER = "before commit", "after commit"
PATIENCE = 60.0
# changes in a transaction: few, so that there are many transactions
BATCH = 7
_context = get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens at one point. `wait`: the test is told and says when to go on. `lose`, after a commit: likewise, and then
    the answer to the commit does not arrive, unless the connection has outlived what the test did."""

    at: Point
    action: Literal["die", "wait", "lose"] = "die"


@dataclass(slots=True, kw_only=True)
class Report:
    """How a child ended."""

    exit_code: int | None = None
    run: Run | None = None
    # of the error that kept it from a result
    code: str | None = None
    message: str = ""
    # all points it came by, with the phase it was in
    points: list[tuple[Point, str]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)


class Child:
    """The test's end of it."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self._pipe = pipe

    def until_there(self) -> None:
        """Wait until it stands at its point."""
        assert self._pipe.poll(PATIENCE), "the child did not come to its point"
        said = self._pipe.recv()
        assert said == "there", f"the child ended before its point: {said}"

    def go_on(self) -> None:
        self._pipe.send("go on")

    def ended(self) -> Report:
        report = Report()
        with suppress(EOFError):
            assert self._pipe.poll(PATIENCE), "the child does not end"
            report = self._pipe.recv()
        self.process.join(PATIENCE)
        report.exit_code = self.process.exitcode
        assert report.exit_code in (0, -signal.SIGKILL), f"the child broke: {report}"
        return report

    def close(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join(PATIENCE)
        self.process.close()
        self._pipe.close()


@contextmanager
def child(config: Path, *, fault: Fault | None = None, pages: int | None = None) -> Iterator[Child]:
    """A process that asks for a full run and does it, `BATCH` changes in a transaction. `pages`: how many an SQLite database
    may have at most."""
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_main, args=(str(config), fault, pages, theirs))
    with mock.patch.dict(vars(sys.modules["__main__"])) as main:
        # the test runner's own module, which each child would import anew
        main.pop("__file__", None)
        process.start()
    theirs.close()
    running = Child(process, ours)
    try:
        yield running
    finally:
        running.close()


def run_in_child(config: Path, *, fault: Fault | None = None, pages: int | None = None) -> Report:
    """The same, to its end."""
    with child(config, fault=fault, pages=pages) as running:
        return running.ended()


# ---------------------------------------------------------------- inside the process
def _main(config: str, fault: Fault | None, pages: int | None, pipe: Connection) -> None:
    report = Report()
    structlog.configure(processors=[lambda _, __, entry: _collect(report.log, entry)], cache_logger_on_first_use=False)
    _shrink_batches()
    if pages is not None:
        event.listen(Engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}").close())
    try:
        with ExitStack() as stack:
            runtime = open_runtime(load(Path(config), {}).settings)
            stack.callback(runtime.close)
            runtime.sync.request("corp", mode=Mode.FULL, trigger=Trigger.CLI)
            places = _Places(fault, pipe, report)
            _watch_commits(runtime.engine, places)
            report.run = _work(runtime, places.progress)
    except SyncdError as error:
        report.code, report.message = error.code, error.message
    pipe.send(report)


def _collect(entries: list[dict[str, Any]], entry: Any) -> Any:
    entries.append({name: value for name, value in entry.items() if isinstance(value, str | int | float | None)})
    raise structlog.DropEvent


def _work(runtime: Runtime, progress: Callable[[Progress], None]) -> Run | None:
    """The next run. A lease that a killed process has not let go of yet is waited for, as the daemon does."""
    deadline = time.monotonic() + PATIENCE / 2
    while True:
        try:
            return runtime.sync.work("corp", progress=progress)
        except LeaseHeldError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _shrink_batches() -> None:
    """In place of the thousands that syncd takes."""
    from syncd.store import apply_context

    for name, module in list(sys.modules.items()):
        if name.startswith("syncd.store.apply") and hasattr(module, "BATCH"):
            module.BATCH = BATCH  # type: ignore[attr-defined]
    apply_context.batches.__defaults__ = (BATCH,)


class _Places:
    """Counts the points as the run comes by them, and does what is to be done at one."""

    def __init__(self, fault: Fault | None, pipe: Connection, report: Report) -> None:
        self._fault = fault
        self._pipe = pipe
        self._report = report
        self._counts: dict[str, int] = {}
        self.phase = "start"

    def progress(self, progress: Progress) -> None:
        self.phase = progress.phase
        self.visit(progress.phase)

    def visit(self, what: str) -> bool:
        """Whether the answer is to be lost."""
        point = (what, self._counts.get(what, 0))
        self._counts[what] = point[1] + 1
        self._report.points.append((point, self.phase))
        fault = self._fault
        if fault is None or fault.at != point:
            return False
        if fault.action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        self._pipe.send("there")
        self._pipe.recv()
        return fault.action == "lose"


def _watch_commits(engine: Engine, places: _Places) -> None:
    """Make a point of both sides of each commit of a transaction that writes."""
    do_commit = engine.dialect.do_commit
    writing = False

    def before(connection: SqlConnection) -> None:
        nonlocal writing
        writing = bool(connection.get_execution_options().get(WRITING))
        if writing:
            places.visit(BEFORE)

    def commit(connection: Any) -> None:
        do_commit(connection)
        if writing and places.visit(AFTER):
            # what the driver would have raised, had the connection broken a moment earlier
            connection.cursor().execute("SELECT 1")

    event.listen(engine, "commit", before)
    engine.dialect.do_commit = commit  # type: ignore[method-assign, assignment]
