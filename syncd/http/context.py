"""What the routes may ask of the process that serves them.

The daemon implements it; a test brings a fake. Nothing here waits for a directory, and what waits for the database says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from aiohttp import web
from pydantic import SecretStr

from syncd.accounts.tokens import Token
from syncd.metrics import Metrics
from syncd.model.caller import Caller
from syncd.model.hold import ChangeRow, HeldPlan
from syncd.model.run import Mode, Run
from syncd.services.health import HealthReport
from syncd.services.management import Management
from syncd.services.ports_runs import RunStore


class Plans(Protocol):
    """The use cases of held plans. Everything blocks."""

    def get(self, plan_id: int) -> HeldPlan:
        """Raises NotFoundError."""

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        """Every change the plan would make. Raises NotFoundError."""

    def samples(self, plan_id: int, limit: int = 20) -> Sequence[ChangeRow]:
        """Some of them, removals first. Raises NotFoundError."""

    def approve(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        """Approve, and queue the run that applies it. Raises NotFoundError, PlanClosedError."""

    def reject(self, plan_id: int, *, actor: str, reason: str) -> HeldPlan:
        """Raises NotFoundError, PlanClosedError."""

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        """Newest first."""


class Host(Protocol):
    """The process, as the routes see it."""

    def health(self) -> HealthReport:
        """From memory, at once."""

    @property
    def metrics(self) -> Metrics: ...

    @property
    def operator_token(self) -> SecretStr | None: ...

    @property
    def runs(self) -> RunStore:
        """Blocking: for `blocking.StoreCalls` only."""

    @property
    def plans(self) -> Plans:
        """Blocking: for `blocking.StoreCalls` only."""

    def require_directory(self, name: str | None) -> None:
        """Blocking: for `blocking.StoreCalls` only. Raises UsageError for a directory that is not known, StoreError."""

    def now(self) -> datetime:
        """The time, with its zone."""

    @property
    def management(self) -> Management:
        """Blocking: for `blocking.StoreCalls` only. Raises StoreError before the daemon has started."""

    async def resolve(self, token: Token, *, request_id: str) -> Caller | None:
        """Whose session or key this is; None when it is nobody's, or its owner cannot log in now. Raises StoreError."""

    async def request_run(self, directory: str, *, mode: Mode, actor: str) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). Raises NotFoundError, StoreError."""

    async def approve_plan(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        """Approve a plan; (the plan, the queued run that applies it). Raises NotFoundError, PlanClosedError, StoreError."""


HOST: web.AppKey[Host] = web.AppKey("host", Host)
