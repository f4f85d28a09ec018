"""What the daemon knows of itself, in memory, so that health never waits for a database or a directory.

Only the event loop's thread writes here, with one exception: `DirectoryState.progress` is replaced by the thread of the
run, which is a single reference and needs no lock. Everybody may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.daemon.parts import OpenPlans
from syncd.daemon.timetable import Past, Timetable
from syncd.errors import (
    BindError,
    SchemaOutdatedError,
    StoppedError,
    StoreError,
    SyncdError,
    TlsError,
    TransientDirectoryError,
    class_of,
)
from syncd.model.hold import HeldPlan
from syncd.model.mail import MailsWaiting
from syncd.model.run import Mode, Outcome, Run
from syncd.model.webhook import WebhookStanding
from syncd.services.health import STALE_TICKS, DaemonFacts, DirectoryFacts, RunningFacts
from syncd.services.health_deliveries import DeliveryFacts
from syncd.services.planned import Progress
from syncd.services.ports import RunStore

# of a directory whose feed or settings leave nothing to watch
NOT_WATCHED = "changes are asked for on the schedule"
# seconds without a sign of life after which a loop counts as stuck; loops give one at least every 10 s
LOOP_SILENCE = 60.0
# seconds after which the last answer of the database says nothing about now
STORE_SILENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the store says of one directory's runs."""

    # newest first
    newest: tuple[Run, ...]
    last_complete: Run | None
    last_finished: Run | None
    # the newest full run that started, and the newest that swept at least; looked for far back only when asked to
    last_full: Run | None
    last_sweep: Run | None
    # the plan that is held or approved
    plan: HeldPlan | None


def observe(runs: RunStore, holds: OpenPlans, directory: str, *, far: bool = False) -> Observation:
    """Blocking: read the store once. `far` searches the history for the last full run too."""
    newest = tuple(runs.list(directory=directory, limit=5))
    return Observation(
        newest=newest,
        last_complete=runs.last_complete(directory),
        last_finished=runs.last_finished(directory),
        last_full=_newest(runs, directory, newest, Mode.FULL, far=far),
        last_sweep=_newest(runs, directory, newest, Mode.SWEEP, far=far),
        plan=holds.open(directory),
    )


def _newest(runs: RunStore, directory: str, newest: Iterable[Run], mode: Mode, *, far: bool) -> Run | None:
    """The newest run that started and read at least that much."""
    enough = (Mode.FULL,) if mode is Mode.FULL else (Mode.SWEEP, Mode.FULL)
    near = (run for run in newest if run.mode in enough and run.started_at is not None)
    return next(near, None) or (runs.last_started(directory, mode=mode) if far else None)


# what ends a run before a server has said whether it accepts the credentials
_NOTHING_SAID = (TransientDirectoryError, TlsError, StoreError, StoppedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How often in a row the servers did not accept the credentials."""

    count: int = 0
    # when the run began that met the last one
    at: datetime | None = None
    # the newest run looked at
    run_id: int = 0

    def after(self, run: Run) -> Refusals:
        """With one more finished run."""
        kind = class_of(run.code)
        if issubclass(kind, BindError) and kind.counts_towards_lockout:
            return Refusals(count=self.count + 1, at=run.started_at or run.requested_at, run_id=run.id)
        unknown = run.mode is Mode.ROLES or run.outcome is Outcome.ABANDONED or issubclass(kind, _NOTHING_SAID)
        return replace(self, run_id=run.id) if unknown else Refusals(run_id=run.id)


@dataclass(slots=True)
class DirectoryState:
    """One directory, as far as it is known."""

    name: str
    timetable: Timetable
    # when the timer began, which stands in for starts that nobody remembers
    began: datetime
    last_complete: Run | None = None
    last_finished: Run | None = None
    running: Run | None = None
    queued: Run | None = None
    plan: HeldPlan | None = None
    progress: Progress | None = None
    next_due: datetime | None = None
    # what kept the last run of this process from its record
    failure: SyncdError | None = None
    # (run id, time): the newest start; a request that is still queued counts from the time it was made
    started: tuple[int, datetime] | None = None
    full_started: tuple[int, datetime] | None = None
    sweep_started: tuple[int, datetime] | None = None
    # how the directory is watched for changes as they happen; "" when it is, else why not
    not_watched: str = NOT_WATCHED
    refusals: Refusals = field(default_factory=Refusals)

    def take(self, observation: Observation) -> None:
        """Believe the store."""
        self.last_complete = observation.last_complete
        self.last_finished = observation.last_finished
        self.plan = observation.plan
        self.queued = next((run for run in observation.newest if run.outcome is Outcome.QUEUED), None)
        self.running = next((run for run in observation.newest if run.outcome is Outcome.RUNNING), None)
        if self.running is None:
            self.progress = None
        for finished in reversed(observation.newest):
            if finished.outcome.final and finished.id > self.refusals.run_id:
                self.refusals = self.refusals.after(finished)
        for run in (*observation.newest, observation.last_sweep, observation.last_full):
            if run is not None and run.started_at is not None:
                self.note_start(run, run.started_at)

    def note_start(self, run: Run, at: datetime) -> None:
        """Remember that this run started, or was asked for, then. Runs that read nothing do not count."""
        if run.mode is Mode.ROLES:
            return
        self.started = _newer(self.started, run, at)
        if run.mode in (Mode.SWEEP, Mode.FULL):
            self.sweep_started = _newer(self.sweep_started, run, at)
        if run.mode is Mode.FULL:
            self.full_started = _newer(self.full_started, run, at)

    @property
    def past(self) -> Past:
        """What the timetable wants to know."""
        return Past(
            started=self.started[1] if self.started else self.began,
            full_started=self.full_started[1] if self.full_started else self.began,
            sweep_started=self.sweep_started[1] if self.sweep_started else self.began,
            refusals=self.refusals.count,
            refused=self.refusals.at,
        )

    def facts(self, now: datetime) -> DirectoryFacts:
        """What health wants to know."""
        return DirectoryFacts(
            name=self.name,
            last_complete=self.last_complete,
            last_attempt=self.last_finished,
            plan=self.plan,
            running=self._running_facts(),
            queued=self.queued is not None,
            next_due=self.next_due,
            not_watched=self.not_watched,
            unrecorded=self.failure,
            stale_before=self.timetable.stale_before(now - self.timetable.jitter, ticks=STALE_TICKS),
        )

    def _running_facts(self) -> RunningFacts | None:
        run, progress = self.running, self.progress
        if run is None:
            return None
        started = run.started_at or run.requested_at
        if progress is None:
            return RunningFacts(run_id=run.id, started_at=started, phase=run.phase)
        return RunningFacts(run_id=run.id, started_at=started, phase=progress.phase, done=progress.done, total=progress.total)


def _newer(known: tuple[int, datetime] | None, run: Run, at: datetime) -> tuple[int, datetime]:
    return known if known is not None and known[0] > run.id else (run.id, at)


@dataclass(slots=True, kw_only=True)
class Board:
    """The whole daemon, as far as it is known."""

    version: str
    started_at: datetime
    directories: dict[str, DirectoryState] = field(default_factory=dict)
    ready: bool = False
    stopping: bool = False
    # None until the first answer
    store_error: SyncdError | None = None
    # monotonic time of the last answer, good or bad
    store_answered: float | None = None
    # loop -> monotonic time of its last sign of life
    heartbeats: dict[str, float] = field(default_factory=dict)
    dead: tuple[str, ...] = ()
    # of the configured webhooks; None until one was looked at
    webhooks: dict[str, WebhookStanding | None] = field(default_factory=dict)
    # None: no mail is configured, or nothing was looked at yet
    mail: MailsWaiting | None = None

    def beat(self, loop: str, monotonic: float) -> None:
        """A loop is alive."""
        self.heartbeats[loop] = monotonic

    def store_answers(self, monotonic: float, error: SyncdError | None) -> None:
        """The database answered, or said why not."""
        self.store_answered, self.store_error = monotonic, error

    def silent_loops(self, monotonic: float) -> tuple[str, ...]:
        """Loops that show no sign of life."""
        return tuple(name for name, seen in self.heartbeats.items() if monotonic - seen > LOOP_SILENCE)

    def replace(self, states: Mapping[str, DirectoryState]) -> None:
        """Go over to another configuration's directories; what was known of those that stay is in `states` already."""
        self.directories = dict(states)
        self.heartbeats = {}

    def expect(self, webhooks: Iterable[str]) -> tuple[str, ...]:
        """Go over to another configuration's webhooks; those that are no longer there."""
        before, self.webhooks = self.webhooks, {name: self.webhooks.get(name) for name in webhooks}
        return tuple(before.keys() - self.webhooks.keys())

    def delivery_facts(self) -> DeliveryFacts:
        """What health wants to know of what goes out."""
        seen = tuple(standing for standing in self.webhooks.values() if standing is not None)
        return DeliveryFacts(webhooks=seen, mail=self.mail)

    def daemon_facts(self, monotonic: float) -> DaemonFacts:
        """What health wants to know of the process."""
        reachable: bool | None = None
        schema: bool | None = None
        error = self.store_error
        message = error.message if error else None
        if self.store_answered is not None and monotonic - self.store_answered <= STORE_SILENCE:
            # a database that answers with a schema that is not ours is there
            schema = not isinstance(error, SchemaOutdatedError)
            reachable = error is None or not schema
        elif self.store_answered is not None:
            message = f"The database has not answered for {monotonic - self.store_answered:.0f} s."
        return DaemonFacts(
            version=self.version,
            started_at=self.started_at,
            ready=self.ready,
            stopping=self.stopping,
            store_reachable=reachable,
            schema_current=schema if reachable else None,
            store_code=error.code if error else None,
            store_message=message,
            store_advice=error.hint if error else None,
            dead_loops=(*self.dead, *self.silent_loops(monotonic)),
        )
