"""A run, from the request to its final record.

Nothing is written to people, organizations or roles before the read is complete, the plan is whole and the guard has
agreed. Whatever happens after the start of a run, its record ends in a final state that says why, in the words of the error
that ended it (invariant: a trigger always ends in a run with a final state).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from syncd.clock import Clock
from syncd.errors import IncompleteReadError, NotFoundError, StoppedError, SyncdError
from syncd.model.plan import Plan
from syncd.model.run import Mode, Outcome, Run, RunResult, Trigger
from syncd.reconcile.guard import Threshold, judge
from syncd.services.collect import Collector
from syncd.services.planning import Planner
from syncd.services.ports import Directory, DirectorySession, Lease, RunStore, SyncStore
from syncd.settings.directory import DirectorySettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.sync")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    directory: str
    # "connect", "read users", "read roles", "read units", "plan", "apply"
    phase: str
    # entries read, or changes applied
    done: int
    # changes to apply; None where nobody knows how many there will be
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and where it comes from: what a dry run shows and a real run applies."""

    plan: Plan
    server: str | None
    entries_read: int


ProgressSink = Callable[[Progress], None]


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
    clock: Clock
    _sessions: dict[str, DirectorySession] = field(default_factory=dict, init=False)
    _sessions_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def request(self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "") -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is a new one). Raises NotFoundError for a directory nobody configured."""
        self._known(directory)
        return self.runs.request(directory, mode=mode, trigger=trigger, at=self.clock.now(), actor=actor)

    def work(self, directory: str, *, stopping: Callable[[], bool] = _never, progress: ProgressSink = _ignore) -> Run | None:
        """Do the next queued run of a directory, to its final record; None when nothing is queued.

        Raises LeaseHeldError when another process is at it, and StoreError when even the record cannot be written.
        """
        self._known(directory)
        if self.runs.next_queued(directory) is None:
            return None
        with self.lease.hold(directory):
            for run_id in self.runs.abandon_running(directory, at=self.clock.now()):
                log.warning("run abandoned", run=run_id, directory=directory, advice="Its process died; this run heals it.")
            queued = self.runs.next_queued(directory)
            if queued is None:
                return None
            run = self.runs.start(queued.id, at=self.clock.now())
            result = self._execute(run, stopping=stopping, progress=progress)
            finished = self.runs.finish(run.id, result, at=self.clock.now())
        _log_end(finished)
        return finished

    def plan(
        self,
        directory: str,
        *,
        mode: Mode = Mode.FULL,
        stopping: Callable[[], bool] = _never,
        progress: ProgressSink = _ignore,
    ) -> Planned:
        """What a run would do now; writes nothing. Raises SyncdError."""
        settings = self._known(directory)
        planner = Planner(directory=directory, settings=settings, store=self.store)
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
            on_session=remember,
        )
        found = collector.collect()
        report("plan", 0)
        return Planned(plan=planner.full(found), server=found.server.url, entries_read=found.entries_read)

    def judge(self, planned: Planned) -> str | None:
        """The guard's objection to a plan as one sentence, or None."""
        objection = judge(planned.plan, max_removed_users=self._threshold(planned.plan.directory))
        return objection.message if objection else None

    def interrupt(self, directory: str) -> None:
        """End a read that is waiting for its server: close the session from outside. For an orderly stop."""
        with self._sessions_lock:
            session = self._sessions.get(directory)
        if session is not None:
            session.close()

    def purge(self, directory: str) -> int:
        """Delete people who have been missing longer than `safety.purge_after`; how many. Needs no directory."""
        settings = self._known(directory)
        now = self.clock.now()
        before = now - parse_duration(settings.safety.purge_after)
        with self.lease.hold(directory):
            purged = self.store.purge(directory, missing_before=before, run_id=None, at=now)
        if purged:
            log.info("people purged", directory=directory, people=purged, missing_since_before=before.isoformat())
        return purged

    # ------------------------------------------------------------ inside a run
    def _execute(self, run: Run, *, stopping: Callable[[], bool], progress: ProgressSink) -> RunResult:
        phases = _Phases(self.runs, run.id, progress)
        try:
            return self._plan_and_apply(run, stopping=stopping, progress=phases)
        except SyncdError as error:
            if stopping() and not isinstance(error, StoppedError):
                error = StoppedError("the run was asked to stop", advice="The next run completes it.")
            return _failure(error)
        except Exception as error:
            log.exception("run broken", run=run.id, directory=run.directory)
            reason = SyncdError(f"an error of syncd itself: {type(error).__name__}", advice="See the log; please report it.")
            return _failure(reason)

    def _plan_and_apply(self, run: Run, *, stopping: Callable[[], bool], progress: ProgressSink) -> RunResult:
        planned = self.plan(run.directory, mode=run.mode, stopping=stopping, progress=progress)
        plan = planned.plan
        counts = {**plan.counts, "users": plan.people_seen, "issues": plan.issues_total}
        objection = judge(plan, max_removed_users=self._threshold(run.directory))
        if objection is not None:
            return RunResult(
                outcome=Outcome.HELD,
                server=planned.server,
                entries_read=planned.entries_read,
                code=objection.code,
                message=f"Held: {objection.message}. Nothing was changed.",
                advice="Look at `syncd sync --dry-run` and `syncd check --connect`; if it is right, raise "
                "`safety.max_removed_users` for one run.",
                counts=counts,
            )
        total = sum(plan.counts.values())
        self.store.apply(
            plan,
            run_id=run.id,
            at=self.clock.now(),
            progress=lambda done: progress(Progress(run.directory, "apply", done, total)),
            stopping=stopping,
        )
        partial = plan.issues_total > 0
        return RunResult(
            outcome=Outcome.PARTIAL if partial else Outcome.SUCCEEDED,
            server=planned.server,
            entries_read=planned.entries_read,
            code="entries_unusable" if partial else None,
            message=f"{plan.issues_total} entries could not be used; all others are in the store." if partial else None,
            advice="`syncd runs show` lists them with their reasons." if partial else None,
            counts=counts,
        )

    def _known(self, directory: str) -> DirectorySettings:
        if directory not in self.settings:
            names = ", ".join(sorted(self.settings)) or "none"
            raise NotFoundError(f"no directory is called {directory!r}; configured: {names}")
        return self.settings[directory]

    def _threshold(self, directory: str) -> Threshold:
        return Threshold.parse(self.settings[directory].safety.max_removed_users)

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


def _failure(error: SyncdError) -> RunResult:
    code = error.cause_code if isinstance(error, IncompleteReadError) else error.code
    server, entries = error.context.get("server"), error.context.get("entries_read")
    return RunResult(
        outcome=Outcome.FAILED,
        server=str(server) if server else None,
        entries_read=int(entries or 0),
        code=code,
        message=error.message,
        advice=error.hint or None,
    )


def _log_end(run: Run) -> None:
    """The one closing line of a run."""
    duration = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    changes = {name: count for name, count in (run.counts or {}).items() if count}
    reason = {"code": run.code, "message": run.message, "advice": run.advice, "server": run.server}
    # an orderly stop is nobody's failure
    write = log.info if run.outcome.complete or run.code == StoppedError.code else log.error
    write(
        "run finished",
        directory=run.directory,
        run=run.id,
        mode=run.mode.value,
        outcome=run.outcome.value,
        seconds=round(duration, 3),
        entries=run.entries_read,
        **{name: text for name, text in reason.items() if text},
        **changes,
    )
