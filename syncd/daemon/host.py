"""The daemon as the HTTP routes see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pydantic import SecretStr

from syncd.accounts.tokens import Token
from syncd.clock import Clock
from syncd.daemon.board import Board
from syncd.daemon.generation import Generation
from syncd.errors import DatabaseUnavailableError
from syncd.http.blocking import StoreCalls
from syncd.http.context import Plans
from syncd.metrics import Metrics
from syncd.model.caller import Caller
from syncd.model.hold import HeldPlan
from syncd.model.run import Mode, Run, Trigger
from syncd.services.health import HealthReport, assess
from syncd.services.management import Management
from syncd.services.ports_runs import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonHost:
    """Answers from the board, and passes on what needs the generation at work."""

    board: Board
    clock: Clock
    metrics: Metrics
    # None before the first one has started
    generation: Callable[[], Generation | None]
    # of its own, so that requests that wait for the database keep nobody from being told that it is slow
    calls: StoreCalls = field(default_factory=StoreCalls)

    def health(self) -> HealthReport:
        now = self.clock.now()
        directories = tuple(state.facts(now) for state in self.board.directories.values())
        return assess(now, self.board.daemon_facts(self.clock.monotonic()), directories, self.board.deliveries.facts())

    @property
    def operator_token(self) -> SecretStr | None:
        generation = self.generation()
        return generation.runtime.settings.http.operator_token if generation else None

    @property
    def runs(self) -> RunStore:
        return self._working().runtime.runs

    @property
    def plans(self) -> Plans:
        return self._working().runtime.plans

    def require_directory(self, name: str | None) -> None:
        self._working().runtime.require_directory(name)

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def management(self) -> Management:
        return self._working().runtime.management

    async def resolve(self, token: Token, *, request_id: str) -> Caller | None:
        resolve = self.management.callers.resolve
        return await self.calls(partial(resolve, token, request_id=request_id), name="resolve token")

    async def request_run(self, directory: str, *, mode: Mode, actor: str) -> tuple[Run, bool]:
        return await self._working().request(directory, mode=mode, trigger=Trigger.API, actor=actor)

    async def approve_plan(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        return await self._working().approve(plan_id, actor=actor, reason=reason)

    def _working(self) -> Generation:
        generation = self.generation()
        if generation is None:
            raise DatabaseUnavailableError("syncd has not finished starting")
        return generation
