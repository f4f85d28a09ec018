"""A run, from the request to its final record.

Nothing is written to people, organizations or roles before the read is complete, the plan is whole and the guard has
agreed. Whatever happens after the start of a run, its record ends in a final state that says why, in the words of the error
that ended it (invariant: a trigger always ends in a run with a final state).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from syncd.clock import Clock
from syncd.errors import HeldError, LeaseLostError, NotFoundError, RunStateError, StoppedError, SyncdError
from syncd.model.hold import Kind, Objection
from syncd.model.run import Mode, Run, RunResult, Trigger
from syncd.reconcile.guard import judge, judge_purge, limits_of
from syncd.services.collect import Collector
from syncd.services.holding import Holding
from syncd.services.linking import Linking
from syncd.services.planned import Planned, Progress, ProgressSink
from syncd.services.planning import Planner
from syncd.services.ports_directory import Directory, DirectorySession
from syncd.services.ports_runs import HoldStore, Lease, RunStore
from syncd.services.ports_store import SyncStore
from syncd.services.pushed import PushedChanges
from syncd.services.results import ended, failure, log_end
from syncd.services.retries import RUN_RECORD
from syncd.settings.directory import DirectorySettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.sync")


def _ignore(progress: Progress) -> None:
    del progress


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class SyncService:
    """The use cases of syncing."""

    directories: Mapping[str, Directory]
    settings: Mapping[str, DirectorySettings]
    custom_fields: Mapping[str, str]
    store: SyncStore
    runs: RunStore
    lease: Lease
    holds: HoldStore
    clock: Clock
    # names of the roles of the store that make somebody an administrator
    administrator_roles: Collection[str] = ()
    # what watches of this process were told
    pushed: PushedChanges = field(default_factory=PushedChanges)
    _sessions: dict[str, DirectorySession] = field(default_factory=dict, init=False)
    _sessions_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def request(
        self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "", since: datetime | None = None
    ) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is a new one). `since`: as of `RunStore.request`. Raises NotFoundError for a
        directory nobody configured."""
        self._known(directory)
        return self.runs.request(directory, mode=mode, trigger=trigger, at=self.clock.now(), actor=actor, since=since)

    def work(self, directory: str, *, stopping: Callable[[], bool] = _never, progress: ProgressSink = _ignore) -> Run | None:
        """Do the next queued run of a directory, to its final record; None when nothing is queued.

        Raises LeaseHeldError when another process is at it, LeaseLostError when one took over meanwhile, and StoreError when
        even the record cannot be written.
        """
        self._known(directory)
        if self.runs.next_queued(directory) is None:
            return None
        with self.lease.hold(directory) as epoch:
            for run_id in self.runs.abandon_running(directory, at=self.clock.now()):
                log.warning("run abandoned", run=run_id, directory=directory, advice="Its process died; this run heals it.")
            queued = self.runs.next_queued(directory)
            if queued is None:
                return None
            run = self.runs.start(queued.id, at=self.clock.now())
            result = self._execute(run, epoch=epoch, stopping=stopping, progress=progress)
            finish = RUN_RECORD.retrying(stopping=stopping)
            finished = finish(self.runs.finish, run.id, result, at=self.clock.now())
        log_end(finished)
        return finished

    def plan(
        self,
        directory: str,
        *,
        mode: Mode = Mode.FULL,
        stopping: Callable[[], bool] = _never,
        progress: ProgressSink = _ignore,
    ) -> Planned:
        """What a run would do now; writes nothing. Raises SyncdError.

        The guard judges what everything shows: a plan made of changes that it objects to is made again from a full read, and
        as long as one is held, or was rejected and stands, everything is read.
        """
        waiting = mode in (Mode.CHANGES, Mode.SWEEP) and Holding(holds=self.holds).is_waiting(directory, at=self.clock.now())
        because = "a held plan is open or was rejected, and follows from everything" if waiting else ""
        planned = self._plan(directory, mode=mode, whole_because=because, stopping=stopping, progress=progress)
        if planned.plan.incremental and self.judge(planned):
            because = "the guard objected to what changed, so everything was read to make sure"
            planned = self._plan(directory, mode=mode, whole_because=because, stopping=stopping, progress=progress)
        return planned

    def _plan(
        self, directory: str, *, mode: Mode, whole_because: str, stopping: Callable[[], bool], progress: ProgressSink
    ) -> Planned:
        settings = self._known(directory)
        linking = Linking(directory=directory, settings=self.settings, store=self.store)
        planner = Planner(
            directory=directory,
            settings=settings,
            store=self.store,
            linking=linking,
            administrator_roles=self.administrator_roles,
        )
        if mode is Mode.ROLES:
            return Planned(plan=planner.roles_only(), server=None, entries_read=0)

        def report(phase: str, done: int) -> None:
            progress(Progress(directory, phase, done))

        def remember(session: DirectorySession | None) -> None:
            self._remember(directory, session)

        collector = Collector(
            directory=self.directories[directory],
            settings=settings,
            custom_fields=self.custom_fields,
            store=self.store,
            progress=report,
            stopping=stopping,
            now=self.clock.now(),
            mode=mode,
            whole_because=whole_because,
            pushed=self.pushed,
            precedence=linking.precedence.text(directory),
            on_session=remember,
        )
        found = collector.collect()
        report("plan", 0)
        return Planned(
            plan=planner.plan(found),
            server=found.server.url,
            entries_read=found.entries_read,
            feed=found.feed,
            feed_reason=found.feed_reason,
        )

    def judge(self, planned: Planned) -> tuple[Objection, ...]:
        """What the guard has to say against a plan."""
        return judge(planned.plan, limits_of(self.settings[planned.plan.directory].safety))

    def interrupt(self, directory: str) -> None:
        """End a read that is waiting for its server: close the session from outside. For an orderly stop."""
        with self._sessions_lock:
            session = self._sessions.get(directory)
        if session is not None:
            session.close()

    def purge(self, directory: str, *, confirmed: int | None = None) -> int:
        """Delete people who have been missing longer than `safety.purge_after`; how many. Needs no directory.

        More than `safety.max_purged_users` are deleted only when `confirmed` is exactly their number. Raises HeldError.
        """
        settings = self._known(directory)
        now = self.clock.now()
        before = now - parse_duration(settings.safety.purge_after)
        with self.lease.hold(directory) as epoch:
            self._judge_purge(directory, before, confirmed=confirmed)
            purged = self.store.purge(directory, missing_before=before, run_id=None, at=now, epoch=epoch)
        if purged:
            log.info("people purged", directory=directory, people=purged, missing_since_before=before.isoformat())
        return purged

    def _judge_purge(self, directory: str, before: datetime, *, confirmed: int | None) -> None:
        count = self.store.purgeable(directory, missing_before=before)
        if not count or count == confirmed:
            return
        limit = limits_of(self.settings[directory].safety)[Kind.USERS_PURGED]
        objection = judge_purge(count, len(self.store.identities(directory)), limit)
        if objection is not None:
            raise HeldError(
                f"{directory}: {objection.message}; nobody was deleted.",
                advice=f"If that is right: `syncd purge {directory} --confirm {count}`.",
            )

    # ------------------------------------------------------------ inside a run
    def _execute(self, run: Run, *, epoch: int, stopping: Callable[[], bool], progress: ProgressSink) -> RunResult:
        phases = _Phases(self.runs, run.id, progress)
        try:
            return self._plan_and_apply(run, epoch=epoch, stopping=stopping, progress=phases)
        except (LeaseLostError, RunStateError) as error:
            # whoever took over has ended the run's record
            message = f"run {run.id} of {run.directory} was taken over by another process: {error.message}"
            raise LeaseLostError(message, run=run.id, directory=run.directory) from error
        except SyncdError as error:
            if stopping() and not isinstance(error, StoppedError):
                error = StoppedError("the run was asked to stop", advice="The next run completes it.")
            return failure(error, at=self.clock.now())
        except Exception as error:
            log.exception("run broken", run=run.id, directory=run.directory)
            reason = SyncdError(f"an error of syncd itself: {type(error).__name__}", advice="See the log; please report it.")
            return failure(reason, at=self.clock.now())

    def _plan_and_apply(self, run: Run, *, epoch: int, stopping: Callable[[], bool], progress: ProgressSink) -> RunResult:
        planned = self.plan(run.directory, mode=run.mode, stopping=stopping, progress=progress)
        objections = self.judge(planned)
        holding = Holding(holds=self.holds)
        settled = holding.settle(run, planned.plan, objections, settings=self.settings[run.directory], at=self.clock.now())
        if settled.held is None or not settled.plan.is_empty:
            total = sum(settled.plan.counts.values())
            self.store.apply(
                settled.plan,
                run_id=run.id,
                epoch=epoch,
                at=self.clock.now(),
                progress=lambda done: progress(Progress(run.directory, "apply", done, total)),
                stopping=stopping,
            )
        holding.applied(settled, run, at=self.clock.now())
        return ended(planned, settled)

    def _known(self, directory: str) -> DirectorySettings:
        if directory not in self.settings:
            names = ", ".join(sorted(self.settings)) or "none"
            raise NotFoundError(f"no directory is called {directory!r}; configured: {names}")
        return self.settings[directory]

    def _remember(self, directory: str, session: DirectorySession | None) -> None:
        with self._sessions_lock:
            if session is None:
                self._sessions.pop(directory, None)
            else:
                self._sessions[directory] = session


@dataclass(slots=True)
class _Phases:
    """Passes progress on and writes each new phase into the run's record."""

    runs: RunStore
    run_id: int
    sink: ProgressSink
    phase: str = ""

    def __call__(self, progress: Progress) -> None:
        if progress.phase != self.phase:
            self.phase = progress.phase
            self.runs.set_phase(self.run_id, progress.phase)
        self.sink(progress)
