"""The process as the HTTP routes see it, and a fixture that serves the real application on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from syncd.accounts.tokens import Token
from syncd.errors import NotFoundError, UsageError
from syncd.http.app import make_app
from syncd.http.routing import Route
from syncd.http.table import ROUTES
from syncd.metrics import Metrics
from syncd.model.caller import Caller
from syncd.model.hold import HeldPlan
from syncd.model.run import Mode, Run, Trigger
from syncd.services.health import DaemonFacts, DirectoryFacts, HealthReport, RunningFacts, assess
from syncd.services.health_deliveries import DeliveryFacts
from tests.fakes.edge import START, FakePlans, FakeRuns


class FakeHost:
    """One directory called corp; what is known of it is what the test sets."""

    token = "operator-token-of-the-tests"

    def __init__(self) -> None:
        self.runs = FakeRuns()
        self.plans = FakePlans(self.runs)
        self.metrics = Metrics(version="1.2.3")
        self.operator_token: SecretStr | None = SecretStr(self.token)
        self.management: Any = None
        # secret of a token -> whose it is
        self.callers: dict[str, Caller] = {}
        self.requested: list[tuple[str, Mode]] = []
        self.complete: Run | None = None
        self.attempt: Run | None = None
        self.running: RunningFacts | None = None
        self.store_reachable: bool | None = True
        self.schema_current: bool | None = True
        self.stopping = False
        self.dead_loops: tuple[str, ...] = ()
        self.deliveries = DeliveryFacts()

    def _daemon(self) -> DaemonFacts:
        return DaemonFacts(
            version="1.2.3",
            started_at=START,
            ready=True,
            stopping=self.stopping,
            store_reachable=self.store_reachable,
            schema_current=self.schema_current,
            dead_loops=self.dead_loops,
        )

    def health(self) -> HealthReport:
        corp = DirectoryFacts(
            name="corp",
            last_complete=self.complete,
            last_attempt=self.attempt or self.complete,
            plan=self.plans.open("corp"),
            running=self.running,
            stale_before=START - timedelta(minutes=15),
        )
        return assess(START, self._daemon(), (corp,), self.deliveries)

    def require_directory(self, name: str | None) -> None:
        if name not in (None, "corp"):
            raise UsageError(f"no directory is called {name!r}")

    def now(self) -> datetime:
        return START

    async def resolve(self, token: Token, *, request_id: str) -> Caller | None:
        caller = self.callers.get(token.secret)
        return caller and replace(caller, request_id=request_id)

    async def request_run(self, directory: str, *, mode: Mode, actor: str) -> tuple[Run, bool]:
        if directory != "corp":
            raise NotFoundError(f"no directory is called {directory!r}")
        self.requested.append((directory, mode))
        return self.runs.request(directory, mode=mode, trigger=Trigger.API, at=START, actor=actor)

    async def approve_plan(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        return self.plans.approve(plan_id, actor=actor, reason=reason)


class Serve(Protocol):
    """Serves the application on a host."""

    async def __call__(self, host: FakeHost, *, routes: Sequence[Route] = ROUTES) -> TestClient: ...


@pytest.fixture
def serve(aiohttp_client: Callable[..., object]) -> Serve:
    async def start(host: FakeHost, *, routes: Sequence[Route] = ROUTES) -> TestClient[web.Request, web.Application]:
        return await aiohttp_client(make_app(host, routes=routes))  # type: ignore[misc, no-any-return]

    return start
