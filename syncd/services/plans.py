"""Held plans as people see them: look, approve, reject.

An approval changes nothing by itself: it asks for a run, which makes the plan anew and applies it only if it is still the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from syncd.clock import Clock
from syncd.model.hold import ChangeRow, HeldPlan, PlanState
from syncd.model.run import Run, Trigger
from syncd.services.ports_runs import HoldStore, RunStore
from syncd.services.reasons import reason_text

# what takes something away, the gravest first
_REMOVALS = ("disable", "remove")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanService:
    """The use cases of held plans."""

    holds: HoldStore
    runs: RunStore
    clock: Clock

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        """Newest first; the next page begins before the last id of this one."""
        return self.holds.list(directory=directory, limit=limit, before_id=before_id)

    def get(self, plan_id: int) -> HeldPlan:
        """Raises NotFoundError."""
        return self.holds.get(plan_id)

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        """Every change the plan would make. Raises NotFoundError."""
        return self.holds.changes(plan_id)

    def samples(self, plan_id: int, limit: int = 20) -> Sequence[ChangeRow]:
        """Some of the changes, those that take people or things away first. Raises NotFoundError."""
        first: list[ChangeRow] = []
        others: list[ChangeRow] = []
        for row in self.holds.changes(plan_id):
            kept = first if row.action in _REMOVALS else others
            if len(kept) < limit:
                kept.append(row)
            if len(first) == limit:
                break
        return (first + others)[:limit]

    def approve(self, plan_id: int, *, actor: str, reason: str) -> tuple[HeldPlan, Run]:
        """Agree to exactly this plan, and ask for the run that applies it. Raises SyncdError: plan_closed, not_found, usage."""
        plan = self._decide(plan_id, PlanState.APPROVED, actor=actor, reason=reason)
        run, _ = self.runs.request(plan.directory, mode=plan.mode, trigger=Trigger.APPROVAL, at=self.clock.now(), actor=actor)
        return plan, run

    def reject(self, plan_id: int, *, actor: str, reason: str) -> HeldPlan:
        """Say no: the same plan is not asked about again until it expires. Raises SyncdError: plan_closed, not_found, usage."""
        return self._decide(plan_id, PlanState.REJECTED, actor=actor, reason=reason)

    def _decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str) -> HeldPlan:
        text = reason_text(reason)
        return self.holds.decide(plan_id, state, actor=actor, reason=text, at=self.clock.now())
