"""The daemon's life: start, reload, stop, each in an order that leaves nothing half done.

Start: signals, configuration, store, HTTP (not ready), loops, ready. Stop: not ready, no new runs, the runs at work to
their next safe edge, HTTP, store. The stop has a budget of seconds in all its parts, and a last resort that needs nothing
but a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import tzinfo

import structlog

import syncd
from syncd.clock import Clock, SystemClock
from syncd.daemon import pulse, reload
from syncd.daemon.board import Board
from syncd.daemon.generation import Generation
from syncd.daemon.host import DaemonHost
from syncd.daemon.localzone import local_zone
from syncd.daemon.parts import OpenRuntime, Runtime
from syncd.daemon.signals import Signals
from syncd.daemon.systemd import Notifier
from syncd.daemon.tasks import TaskSet
from syncd.errors import ConfigurationError, SyncdError
from syncd.http.app import make_app
from syncd.http.server import HttpServer
from syncd.metrics import Metrics
from syncd.model.run import Mode, Trigger
from syncd.settings.root import RootSettings
from syncd.threads import in_thread, still_busy

log = structlog.get_logger("syncd.daemon")

# A run that computes gives up the interpreter this often (seconds), and an answer of HTTP needs it several times. Beside a
# first import of 100,000 people the median of /healthz was 4 ms with this and 9 ms with Python's own 5 ms.
SWITCH_INTERVAL = 0.001

# seconds of a stop: for runs to reach a safe edge by themselves, for those whose server had to be cut off, for the rest
GRACE, GRACE_AFTER_INTERRUPT, GRACE_CLOSE = 1.0, 4.0, 1.0


def serve(*, load: Callable[[], RootSettings], open_runtime: OpenRuntime) -> int:
    """Run the daemon until a signal ends it; the exit code.

    `load` reads the configuration, now and at each HUP; it raises ConfigurationError. 0 after TERM or INT, 1 when a
    background loop died, else the code of the error that prevented the start.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    code = asyncio.run(_run(load, open_runtime))
    if still_busy():
        # a thread that hangs in a library must not be met by the interpreter's own clean-up
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _run(load: Callable[[], RootSettings], open_runtime: OpenRuntime) -> int:
    return await Daemon(load=load, open_runtime=open_runtime).run()


class Daemon:
    """One process."""

    def __init__(
        self,
        *,
        load: Callable[[], RootSettings],
        open_runtime: OpenRuntime,
        notifier: Notifier | None = None,
        clock: Clock | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        self.load = load
        self.open_runtime = open_runtime
        self.clock = clock or SystemClock()
        self.notifier = notifier or Notifier()
        self.signals = Signals()
        self.tasks = TaskSet()
        self.metrics = Metrics(version=syncd.__version__)
        self.board = Board(version=syncd.__version__, started_at=self.clock.now())
        self.generation: Generation | None = None
        # generations that a reload replaced and whose runs have not ended
        self.retiring: set[Generation] = set()
        self._zone = zone or local_zone()
        self._cancel_runs = threading.Event()
        host = DaemonHost(board=self.board, clock=self.clock, metrics=self.metrics, generation=lambda: self.generation)
        self.http = HttpServer(make_app(host))

    async def run(self) -> int:
        """From the start to the exit code."""
        self.signals.install()
        try:
            return await self._live()
        except ConfigurationError as error:
            log_problems("the configuration is not usable", error)
            return error.exit_code
        except SyncdError as error:
            log.critical("cannot start", code=error.code, message=error.message, advice=error.hint or None)
            return error.exit_code
        finally:
            self.signals.arm()
            try:
                await self._stop()
            finally:
                self.signals.uninstall()

    def new_generation(self, runtime: Runtime) -> Generation:
        """One for this runtime, not started. Raises ConfigurationError."""
        return Generation(
            runtime,
            board=self.board,
            metrics=self.metrics,
            tasks=self.tasks,
            stopping=self._cancel_runs.is_set,
            zone=self._zone,
        )

    async def _live(self) -> int:
        if not await self._unless_stopped(self._start()):
            return 0
        self.tasks.start("reload", reload.run(self))
        self.tasks.start("sync now", self._sync_now())
        self.tasks.start("pulse", pulse.run(self.board, notifier=self.notifier, clock=self.clock))
        self.board.ready = True
        self.notifier.ready()
        log.info("syncd is running", version=syncd.__version__, url=self.http.url, directories=sorted(self.board.directories))
        return 0 if await self._unless_stopped(self._until_failure()) is None else 1

    async def _start(self) -> bool:
        settings = await in_thread(self.load, name="load configuration")
        runtime = await in_thread(lambda: self.open_runtime(settings), name="open store")
        self.generation = self.new_generation(runtime)
        await self.http.start(settings.http.listen)
        await self.generation.start(
            {name: Trigger.START for name, directory in settings.directories.items() if directory.schedule.on_start}
        )
        return True

    async def _until_failure(self) -> bool:
        name = await self.tasks.failed()
        self.board.dead = (name,)
        log.critical("stopping, since a background task is dead", task=name)
        return True

    async def _unless_stopped(self, body: Coroutine[None, None, bool]) -> bool | None:
        """What `body` returns or raises; None when a signal to stop came first."""
        task = asyncio.create_task(body, name="main")
        stop = asyncio.create_task(self.signals.stop.wait(), name="stop signal")
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.wait({task, stop}, timeout=GRACE_CLOSE)

    async def _sync_now(self) -> None:
        while True:
            await self.signals.sync_now.wait()
            self.signals.sync_now.clear()
            if self.generation is not None:
                await self.generation.request_all(mode=Mode.CHANGES, trigger=Trigger.SIGNAL)

    # ------------------------------------------------------------ stop
    async def _stop(self) -> None:
        self.board.stopping, self.board.ready = True, False
        self.notifier.stopping()
        self._cancel_runs.set()
        generations = {*self.retiring, *({self.generation} if self.generation else ())}
        for generation in generations:
            await generation.stop_loops()
        await self._end_runs(generations)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_CLOSE * 2):
                await self.http.stop()
                await asyncio.gather(*(generation.close() for generation in generations))
        await self.tasks.cancel()
        log.info("syncd has stopped")

    async def _end_runs(self, generations: set[Generation]) -> None:
        """Let the runs at work reach their next safe edge; cut off those that wait for their server."""
        if await _idle(generations, timeout=GRACE):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_CLOSE):
                await asyncio.gather(*(generation.interrupt() for generation in generations))
        if not await _idle(generations, timeout=GRACE_AFTER_INTERRUPT):
            busy = sorted(name for generation in generations for name in generation.busy)
            log.warning("runs left behind, the next start heals them", directories=busy)


async def _idle(generations: set[Generation], *, timeout: float) -> bool:  # noqa: ASYNC109 - the caller's budget
    """Whether all runs ended in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await asyncio.gather(*(generation.idle() for generation in generations))
            return True
    return False


def log_problems(event: str, error: ConfigurationError) -> None:
    """All mistakes of a configuration, one line each."""
    for problem in error.problems or (error.message,):
        log.error("configuration problem", problem=problem)
    log.error(event, problems=len(error.problems) or 1)
