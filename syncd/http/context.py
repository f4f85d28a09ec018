"""What the routes may ask of the process that serves them.

The daemon implements it; a test brings a fake. Nothing here waits for a directory, and what waits for the database says so.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web
from pydantic import SecretStr

from syncd.metrics import Metrics
from syncd.model.run import Mode, Run
from syncd.services.health import HealthReport, Problem
from syncd.services.ports import RunStore


class Host(Protocol):
    """The process, as the routes see it."""

    def health(self) -> HealthReport:
        """From memory, at once."""

    def ready_problems(self) -> tuple[Problem, ...]:
        """What stands in the way of serving, from memory, at once; empty when ready."""

    @property
    def metrics(self) -> Metrics: ...

    @property
    def operator_token(self) -> SecretStr | None: ...

    @property
    def runs(self) -> RunStore:
        """Blocking: for `blocking.in_store` only."""

    async def request_run(self, directory: str, *, mode: Mode, actor: str) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). Raises NotFoundError, StoreError."""


HOST: web.AppKey[Host] = web.AppKey("host", Host)
