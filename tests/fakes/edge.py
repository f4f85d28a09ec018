"""The daemon's surroundings without LDAP and SQL: a clock that stands still, runs in a list, a sync that a test steers."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

from syncd.clock import Clock, SystemClock
from syncd.errors import NotFoundError, PlanClosedError, SchemaOutdatedError, StoreError
from syncd.model.hold import ChangeRow, HeldPlan, Kind, Objection, PlanState
from syncd.model.records import DirectoryPresence
from syncd.model.run import Mode, Outcome, Run, RunResult, Trigger
from syncd.services.planned import Progress
from syncd.settings.root import RootSettings
from tests.fakes.runs import MemoryRunStore

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for what another thread or task brings about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - threads bring it about too
            await asyncio.sleep(0.005)


def now() -> datetime:
    """For what a real process shall find due."""
    return datetime.now(UTC)


class FakeClock:
    """Time as a test sets it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, **delta: float) -> None:
        self.at += timedelta(**delta)
        self.seconds += timedelta(**delta).total_seconds()


class FakeRuns(MemoryRunStore):
    """Runs with a past that a test writes, and a database that may be down."""

    def __init__(self) -> None:
        super().__init__()
        self.error: StoreError | None = None

    def add(self, directory: str = "corp", **fields: Any) -> Run:
        """A run of the past."""
        run, _ = super().request(directory, mode=Mode.CHANGES, trigger=Trigger.SCHEDULE, at=START)
        return self._put(replace(run, **fields))

    def complete(self, directory: str = "corp", *, at: datetime = START, mode: Mode = Mode.CHANGES) -> Run:
        """A run of the past that read everything and took a second."""
        counts = {"users": 300, "issues": 2, "users_created": 1}
        return self.add(
            directory, mode=mode, outcome=Outcome.SUCCEEDED, started_at=at - timedelta(seconds=1), finished_at=at,
            entries_read=300, counts=counts,
        )  # fmt: skip

    def failed(self, directory: str = "corp", *, at: datetime = START, code: str = "connect_timeout") -> Run:
        """A run of the past that failed."""
        return self.add(
            directory, outcome=Outcome.FAILED, started_at=at - timedelta(seconds=1), finished_at=at, code=code,
            message="ldap1 did not answer", advice="Check the route.",
        )  # fmt: skip

    def request(
        self,
        directory: str,
        *,
        mode: Mode,
        trigger: Trigger,
        at: datetime,
        actor: str = "",
        since: datetime | None = None,
    ) -> tuple[Run, bool]:
        if self.error is not None:
            raise self.error
        return super().request(directory, mode=mode, trigger=trigger, at=at, actor=actor)

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[Run]:
        if self.error is not None:
            raise self.error
        return super().list(directory=directory, limit=limit, before_id=before_id)


class FakeSync:
    """A SyncService whose runs end when and how the test says."""

    def __init__(self, runs: FakeRuns, clock: Clock, directories: Sequence[str]) -> None:
        self.runs = runs
        self.clock = clock
        self.directories = directories
        self.result = RunResult(outcome=Outcome.SUCCEEDED, entries_read=300, counts={"users": 300, "issues": 0})
        # cleared: runs wait in "read users" until it is set, they are stopped, or they are interrupted
        self.gate = threading.Event()
        self.gate.set()
        self.ignores_stop = False
        self.interrupted: list[str] = []
        self.at_work: list[str] = []
        self.most_at_work = 0
        self.purged: list[str] = []
        self.work_error: Exception | None = None
        self.purge_error: Exception | None = None

    def request(
        self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "", since: datetime | None = None
    ) -> tuple[Run, bool]:
        if directory not in self.directories:
            raise NotFoundError(f"no directory is called {directory!r}")
        return self.runs.request(directory, mode=mode, trigger=trigger, at=self.clock.now(), actor=actor)

    def work(
        self,
        directory: str,
        *,
        stopping: Callable[[], bool],
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Run | None:
        if self.work_error is not None:
            raise self.work_error
        queued = self.runs.next_queued(directory)
        if queued is None:
            return None
        run = self.runs.start(queued.id, at=self.clock.now())
        self.at_work.append(directory)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        try:
            progress(Progress(directory, "read users", 17))
            result = self._wait(directory, stopping)
        finally:
            self.at_work.remove(directory)
        return self.runs.finish(run.id, result, at=self.clock.now())

    def _wait(self, directory: str, stopping: Callable[[], bool]) -> RunResult:
        while not self.gate.wait(0.02):
            if (stopping() and not self.ignores_stop) or directory in self.interrupted:
                return RunResult(outcome=Outcome.FAILED, code="stopped", message="the run was asked to stop")
        return self.result

    def interrupt(self, directory: str) -> None:
        self.interrupted.append(directory)

    def purge(self, directory: str) -> int:
        if self.purge_error is not None:
            raise self.purge_error
        self.purged.append(directory)
        return 0


class FakePlans:
    """Held plans, as a test writes them: what the routes ask for, and what the observer does."""

    def __init__(self, runs: FakeRuns) -> None:
        self.runs = runs
        self.plans: dict[int, HeldPlan] = {}
        self.rows: dict[int, list[ChangeRow]] = {}
        self.error: StoreError | None = None

    def add(self, directory: str = "corp", *, rows: Sequence[ChangeRow] = (), **fields: Any) -> HeldPlan:
        """A plan, held unless `fields` say otherwise."""
        number = len(self.plans) + 1
        objection = Objection(
            code="too_many_removed", kind=Kind.USERS_DISABLED, message="120 of 300 people would be disabled, 30 are allowed",
            count=120, population=300, limit=30,
        )  # fmt: skip
        plan = HeldPlan(
            id=number, directory=directory, run_id=7, mode=Mode.FULL, digest="d" * 64, state=PlanState.HELD,
            objections=(objection,), counts={"users_disabled": 120}, changes=len(rows), created_at=START,
            expires_at=START + timedelta(days=3),
        )  # fmt: skip
        self.rows[number] = list(rows)
        self.plans[number] = replace(plan, **fields)
        return self.plans[number]

    def prune(self, *, decided_before: datetime) -> int:
        old = [number for number, plan in self.plans.items() if plan.decided_at and plan.decided_at < decided_before]
        for number in old:
            del self.plans[number]
        return len(old)

    def open(self, directory: str) -> HeldPlan | None:
        found = [plan for plan in self.plans.values() if plan.directory == directory and plan.state.open]
        return found[-1] if found else None

    def get(self, plan_id: int) -> HeldPlan:
        if self.error is not None:
            raise self.error
        if plan_id not in self.plans:
            raise NotFoundError(f"there is no plan {plan_id}")
        return self.plans[plan_id]

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        self.get(plan_id)
        yield from self.rows[plan_id]

    def samples(self, plan_id: int, limit: int = 20) -> Sequence[ChangeRow]:
        return sorted(self.changes(plan_id), key=lambda row: row.action not in ("disable", "remove"))[:limit]

    def approve(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        plan = self._decide(plan_id, PlanState.APPROVED, actor=actor, reason=reason)
        run, _ = self.runs.request(plan.directory, mode=plan.mode, trigger=Trigger.APPROVAL, at=START, actor=actor)
        return plan, run

    def reject(self, plan_id: int, *, actor: str, reason: str) -> HeldPlan:
        return self._decide(plan_id, PlanState.REJECTED, actor=actor, reason=reason)

    def _decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str) -> HeldPlan:
        plan = self.get(plan_id)
        if plan.state is not PlanState.HELD:
            raise PlanClosedError(f"plan {plan_id} is {plan.state}")
        self.plans[plan_id] = replace(plan, state=state, decided_at=START, decided_by=actor, reason=reason)
        return self.plans[plan_id]

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        newest = [plan for plan in reversed(self.plans.values()) if directory in (None, plan.directory)]
        return [plan for plan in newest if before_id is None or plan.id < before_id][:limit]


class FakeLease:
    """Leases that are held as long as a test says."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.asked: list[str] = []
        self.error: StoreError | None = None

    def free(self, directory: str) -> bool:
        if self.error is not None:
            raise self.error
        self.asked.append(directory)
        return directory not in self.held


class FakeWatches:
    """Watches what a test moves: `tell(directory)` says that something changed."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._told: dict[str, queue.SimpleQueue[bool]] = {}

    def tell(self, directory: str) -> None:
        self._queue(directory).put(True)

    def watch(self, directory: str, *, changed: Callable[[], None], watching: Callable[[], None]) -> str:
        watching()
        while self._queue(directory).get():
            changed()
        return "closed"

    def close(self) -> None:
        self.closed.set()
        for told in self._told.values():
            told.put(False)

    def _queue(self, directory: str) -> queue.SimpleQueue[bool]:
        return self._told.setdefault(directory, queue.SimpleQueue())


class FakeQueries:
    """Numbers of the store."""

    def people_by_presence(self, directory: str) -> Mapping[DirectoryPresence, int]:
        return {DirectoryPresence.ACTIVE: 290, DirectoryPresence.MISSING: 10}


class FakeRuntime:
    """What bootstrap gives."""

    def __init__(self, settings: RootSettings, *, clock: Clock | None = None, runs: FakeRuns | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.runs = runs or FakeRuns()
        self.sync = FakeSync(self.runs, self.clock, tuple(settings.directories))
        self.queries = FakeQueries()
        self.watches = FakeWatches()
        self.plans = self.holds = FakePlans(self.runs)
        self.lease = FakeLease()
        self.management: Any = MagicMock()
        # no export waits
        self.management.exports.work.return_value = None
        # no mail is configured
        self.management.mail_sender = None
        self.management.announcing.look.return_value = 0
        self.store_error: StoreError | None = None
        self.schema_error: SchemaOutdatedError | None = None
        self.schema_checks = 0
        self.closed = False

    def ping_store(self) -> None:
        if self.store_error is not None:
            raise self.store_error

    def check_schema(self) -> None:
        self.schema_checks += 1
        if self.schema_error is not None:
            raise self.schema_error

    def close(self) -> None:
        self.closed = True


def settings_of(*names: str, token: str | None = "operator-token-of-the-tests", **schedule: Any) -> RootSettings:
    """Settings with these directories, all on one schedule."""
    directory = {
        "urls": ["ldap://127.0.0.1:1"],
        "base_dn": "dc=example,dc=com",
        "feed": "full",
        "schedule": {"changes": "every 5m", "full": None, "jitter": 0} | schedule,
    }
    return RootSettings.model_validate(
        {"http": {"listen": "127.0.0.1:0", "operator_token": token}, "directories": dict.fromkeys(names, directory)}
    )
