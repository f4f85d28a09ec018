"""HoldStore in memory, for tests of what stands above it. It passes the contract suite of the real one."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime

from syncd.errors import NotFoundError, PlanClosedError
from syncd.model.hold import ChangeRow, HeldPlan, NewHold, PlanState


class MemoryHoldStore:
    """HoldStore of one process."""

    def __init__(self) -> None:
        self._plans: dict[int, HeldPlan] = {}
        self._changes: dict[int, tuple[ChangeRow, ...]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def hold(self, new: NewHold, changes: Iterable[ChangeRow]) -> HeldPlan:
        with self._lock:
            found = self.open(new.directory)
            if found is not None and found.expires_at <= new.created_at:
                self.close(found.id, PlanState.EXPIRED, at=new.created_at, reason="nobody decided in time", run_id=new.run_id)
                found = None
            known = next((plan for plan in self._newest_first(new.directory) if _asks_the_same(plan, new)), None)
            if found is not None and found is not known:
                reason = f"run {new.run_id} has another plan"
                self.close(found.id, PlanState.SUPERSEDED, at=new.created_at, reason=reason, run_id=new.run_id)
            return known or self._keep(new, tuple(changes))

    def _keep(self, new: NewHold, changes: tuple[ChangeRow, ...]) -> HeldPlan:
        number = next(self._numbers)
        told = {field.name: getattr(new, field.name) for field in fields(NewHold)}
        self._plans[number] = HeldPlan(id=number, state=PlanState.HELD, changes=len(changes), **told)
        self._changes[number] = changes
        return self._plans[number]

    def decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str, at: datetime) -> HeldPlan:
        if state not in (PlanState.APPROVED, PlanState.REJECTED):
            raise ValueError(f"{state} is no decision")
        with self._lock:
            plan = self.get(plan_id)
            if not plan.open_at(at):
                raise PlanClosedError(f"plan {plan_id} is {plan.state} already, or past its time")
            self._plans[plan_id] = replace(plan, state=state, decided_at=at, decided_by=actor, reason=reason)
            return self._plans[plan_id]

    def close(self, plan_id: int, state: PlanState, *, at: datetime, reason: str = "", run_id: int | None = None) -> None:
        if state.open or state is PlanState.REJECTED:
            raise ValueError(f"{state} is no end of a plan")
        with self._lock:
            plan = self._plans.get(plan_id)
            if plan is not None and plan.state.open:
                reasons = "; ".join(filter(None, (plan.reason, reason)))
                self._plans[plan_id] = replace(plan, state=state, decided_at=plan.decided_at or at, reason=reasons)

    def get(self, plan_id: int) -> HeldPlan:
        if plan_id not in self._plans:
            raise NotFoundError(f"there is no plan {plan_id}")
        return self._plans[plan_id]

    def open(self, directory: str) -> HeldPlan | None:
        return next((plan for plan in self._newest_first(directory) if plan.state.open), None)

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        self.get(plan_id)
        return iter(self._changes[plan_id])

    def prune(self, *, decided_before: datetime) -> int:
        with self._lock:
            old = [
                plan.id
                for plan in self._newest_first(None)
                if not plan.state.open and plan.decided_at is not None and plan.decided_at < decided_before
            ]
            for number in old:
                del self._plans[number], self._changes[number]
            return len(old)

    def _newest_first(self, directory: str | None) -> list[HeldPlan]:
        return [plan for _, plan in sorted(self._plans.items(), reverse=True) if directory in (None, plan.directory)]

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        return [plan for plan in self._newest_first(directory) if before_id is None or plan.id < before_id][:limit]


def _asks_the_same(plan: HeldPlan, new: NewHold) -> bool:
    undecided = plan.state.open or plan.state is PlanState.REJECTED
    return undecided and (plan.digest, plan.mode) == (new.digest, new.mode) and plan.expires_at > new.created_at
