"""One configuration at work: its timers, workers and observer.

A reload makes a new generation and lets the old one end its runs; nothing is changed in place, so that no part can be left
with half of an old configuration. That two generations may be at work for a while is harmless: the lease keeps their runs
apart, as it does those of two processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, tzinfo
from functools import partial

import structlog

from syncd.daemon import announcing, exports, housekeeping, mailer, webhooks
from syncd.daemon.board import Board, DirectoryState
from syncd.daemon.live import Live
from syncd.daemon.observer import Observer
from syncd.daemon.parts import Runtime
from syncd.daemon.recovery import Recovery
from syncd.daemon.scheduler import Timer
from syncd.daemon.tasks import TaskSet
from syncd.daemon.timetable import parse_timetable
from syncd.daemon.worker import Worker
from syncd.errors import ConfigurationError, NotFoundError, SyncdError
from syncd.metrics import Metrics
from syncd.model.hold import HeldPlan
from syncd.model.run import Mode, Run, Trigger
from syncd.threads import Patient, in_thread

log = structlog.get_logger("syncd.daemon")

PARALLEL_RUNS = 2
REQUEST_TIMEOUT = 20.0


class Generation:
    """What works for one runtime. Made, then `prepare`d, then `start`ed; at the end `close`d."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        board: Board,
        metrics: Metrics,
        tasks: TaskSet,
        stopping: Callable[[], bool],
        zone: tzinfo,
    ) -> None:
        """`tasks`: where the loops run. Raises ConfigurationError for a schedule that is none."""
        self.runtime = runtime
        self._board = board
        self._metrics = metrics
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        # what to call at the end
        self._endings: list[Callable[[], None]] = []
        self._stopping = stopping
        self._replaced = False
        self._states = _states(runtime, zone=zone)
        slots = asyncio.Semaphore(PARALLEL_RUNS)
        self._workers = {
            name: Worker(state, sync=runtime.sync, slots=slots, stopping=stopping, finished=self._finished)
            for name, state in self._states.items()
        }
        self._lives = {
            name: Live(state, watches=runtime.watches, request=partial(self._ask, name))
            for name, state in self._states.items()
            if runtime.settings.directories[name].live and runtime.settings.directories[name].feed not in ("full", "timestamp")
        }
        self._observer = Observer(board, runtime=runtime, metrics=metrics, wake=self.wake, clock=runtime.clock)
        self._recovery = Recovery(self._states, lease=runtime.lease, busy=self._is_busy, request=self._ask)
        self._requests: Patient[tuple[Run, bool]] = Patient(name="request run", timeout=REQUEST_TIMEOUT)
        self._approvals: Patient[tuple[HeldPlan, Run]] = Patient(name="approve plan", timeout=REQUEST_TIMEOUT)

    async def start(self, openings: Mapping[str, Trigger]) -> None:
        """Take the board over and begin. The store is read once before, so that the timers know what went before them.

        `openings`: directories that get a run at once, and why.
        """
        for name in self._board.directories.keys() - self._states.keys():
            self._metrics.forget(name)
        for name in self._states:
            self._metrics.declare(name)
        self._expect_webhooks()
        self._endings.append(self.runtime.management.login_failures.on_lock(self._metrics.users_locked.inc))
        self._board.replace(self._states)
        await self._observer.once()
        for name, worker in self._workers.items():
            self._spawn(f"worker {name}", worker.run())
            worker.wake()
            self._spawn_beating(f"scheduler {name}", self._timer(name, openings.get(name)).run)
        for name, live in self._lives.items():
            self._spawn(f"live {name}", live.run())
        self._spawn_beating("observer", self._observer.run)
        self._spawn_beating("recovery", self._recovery.run)
        self._spawn("housekeeping", housekeeping.run(self.runtime, stopping=self._stopping))
        self._spawn("exports", exports.run(self.runtime, stopping=self._stopping))
        self._spawn("announcing", announcing.run(self.runtime, stopping=self._stopping))
        self._spawn_deliveries()

    async def request(
        self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "", since: datetime | None = None
    ) -> tuple[Run, bool]:
        """Queue a run and wake its worker. `since`: as of `RunStore.request`. Raises NotFoundError, StoreError."""
        if directory not in self._workers:
            raise NotFoundError(f"no directory is called {directory!r}")
        run, new = await self._requests.call(
            partial(self.runtime.sync.request, directory, mode=mode, trigger=trigger, actor=actor, since=since)
        )
        self.wake(directory)
        return run, new

    async def approve(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        """Approve a held plan and wake the worker for the run that applies it. Raises NotFoundError, PlanClosedError,
        StoreError."""
        plan, run = await self._approvals.call(partial(self.runtime.plans.approve, plan_id, actor=actor, reason=reason))
        self.wake(plan.directory)
        return plan, run

    async def request_all(self, *, mode: Mode, trigger: Trigger) -> None:
        """Queue a run of every directory; what cannot be queued is logged."""
        for name in self._workers:
            try:
                run, new = await self.request(name, mode=mode, trigger=trigger)
            except SyncdError as error:
                log.error("run not requested", directory=name, code=error.code, message=error.message, advice=error.hint)
            else:
                log.info("run requested", directory=name, run=run.id, trigger=trigger.value, new=new)

    def wake(self, directory: str) -> None:
        """There may be something queued."""
        worker = self._workers.get(directory)
        if worker is not None:
            worker.wake()

    async def stop_loops(self) -> None:
        """No further run begins; those at work go on. The board belongs to someone else from now on."""
        self._replaced = True
        for worker in self._workers.values():
            worker.close()
        quiet = [task for task in self._running if not task.get_name().startswith("worker ")]
        self._running = [task for task in self._running if task not in quiet]
        await in_thread(self.runtime.watches.close, name="end watches")
        await self._tasks.cancel(quiet)

    async def idle(self) -> None:
        """Wait for the end of the runs at work."""
        await asyncio.gather(*(worker.idle() for worker in self._workers.values()))

    @property
    def busy(self) -> tuple[str, ...]:
        """Directories whose run is at work."""
        return tuple(name for name, worker in self._workers.items() if worker.busy)

    async def interrupt(self) -> None:
        """End the reads that are waiting for their servers."""
        for name in self.busy:
            await in_thread(partial(self.runtime.sync.interrupt, name), name=f"interrupt {name}")

    async def close(self) -> None:
        """End what is left and give back the runtime's connections."""
        await self.stop_loops()
        await self._tasks.cancel(self._running)
        while self._endings:
            self._endings.pop()()
        for name in self._states.keys() - self._board.directories.keys():
            self._metrics.forget(name)
        await in_thread(self.runtime.close, name="close runtime")

    # ------------------------------------------------------------ inside
    def _spawn_deliveries(self) -> None:
        deliveries, metrics, stopping = self._board.deliveries, self._metrics, self._stopping
        for name in deliveries.webhooks:
            delivering = webhooks.run(self.runtime, name, deliveries=deliveries, metrics=metrics, stopping=stopping)
            self._spawn(f"webhook {name}", delivering)
        self._spawn("mailer", mailer.run(self.runtime, deliveries=deliveries, metrics=metrics, stopping=stopping))

    def _expect_webhooks(self) -> None:
        names = self.runtime.management.webhooks.names
        for name in self._board.deliveries.expect(names):
            self._metrics.forget_webhook(name)
        for name in names:
            self._metrics.declare_webhook(name)

    def _spawn(self, name: str, body: Coroutine[None, None, None]) -> None:
        self._running.append(self._tasks.start(name, body))

    def _spawn_beating(self, name: str, body: Callable[[Callable[[], None]], Coroutine[None, None, None]]) -> None:
        """Start a loop that gives signs of life."""

        def beat() -> None:
            self._board.beat(name, self.runtime.clock.monotonic())

        self._spawn(name, body(beat))

    def _timer(self, name: str, opening: Trigger | None) -> Timer:
        return Timer(
            self._states[name],
            clock=self.runtime.clock,
            request=partial(self._ask, name),
            refresh=self._observer.look,
            opening=opening,
        )

    async def _ask(self, directory: str, mode: Mode, trigger: Trigger) -> Run:
        # other daemons follow the same schedule: whoever comes second finds the first one's run
        since = self._states[directory].past.started if trigger is Trigger.SCHEDULE else None
        run, _ = await self.request(directory, mode=mode, trigger=trigger, since=since)
        return run

    def _is_busy(self, directory: str) -> bool:
        return self._workers[directory].busy

    async def _finished(self, run: Run) -> None:
        if run.directory in self._lives:
            self._lives[run.directory].run_finished(run)
        self._metrics.run_finished(run)
        if not self._replaced:
            await self._observer.once()


def _states(runtime: Runtime, *, zone: tzinfo) -> dict[str, DirectoryState]:
    states, problems = {}, []
    for name, settings in runtime.settings.directories.items():
        try:
            timetable = parse_timetable(settings.schedule, zone=zone, sweeps=settings.feed != "full")
        except ValueError as error:
            problems.append(f"directories.{name}.{error}")
        else:
            states[name] = DirectoryState(name, timetable, began=runtime.clock.now())
    if problems:
        raise ConfigurationError(problems=tuple(problems))
    return states
