"""What becomes of a plan that the guard objects to.

The part that takes something away is kept until somebody decides, the rest is applied. An approval is for one plan: the run
that follows makes its plan anew, and only when its held part is the very same is everything applied. When it is another one,
the approval is void and the new plan is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from syncd.model.hold import HeldPlan, NewHold, Objection, PlanState
from syncd.model.plan import Plan
from syncd.model.run import Run
from syncd.reconcile.render import rows, rules_of
from syncd.reconcile.split import split
from syncd.services.ports_runs import HoldStore
from syncd.settings.directory import DirectorySettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.guard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a run may do, and what it must not."""

    # to be applied now
    plan: Plan
    # what is kept for a decision, None when nothing is
    held: HeldPlan | None = None
    # the approved plan that is a part of `plan`
    approved: HeldPlan | None = None


@dataclass(slots=True, kw_only=True)
class Holding:
    """The held plans of the store, as a run sees them."""

    holds: HoldStore

    def settle(
        self, run: Run, plan: Plan, objections: Sequence[Objection], *, settings: DirectorySettings, at: datetime
    ) -> Settled:
        """Decide what of the plan is applied now; keeps the rest. Raises StoreError."""
        waiting = self._open(run.directory, at=at)
        if not objections:
            return self._without_objection(run, plan, waiting or self._refused(run.directory, at=at), at=at)
        safe, held = split(plan, objections)
        if waiting is not None and waiting.state is PlanState.APPROVED:
            if waiting.digest == held.digest:
                log.warning("approved plan is applied", directory=run.directory, plan=waiting.id, by=waiting.decided_by)
                return Settled(plan=plan, approved=waiting)
            self._supersede(waiting, run, at=at, reason="the directory or the configuration changed after the approval")
        kept = self.holds.hold(
            NewHold(
                directory=run.directory,
                run_id=run.id,
                mode=run.mode,
                digest=held.digest,
                objections=tuple(objections),
                counts={name: count for name, count in held.counts.items() if count},
                created_at=at,
                expires_at=at + parse_duration(settings.safety.hold_expires),
            ),
            rows(held, rules_of(settings)),
        )
        return Settled(plan=safe, held=kept)

    def is_waiting(self, directory: str, *, at: datetime) -> bool:
        """Whether a plan is open, or was rejected and that stands."""
        return self.holds.open(directory) is not None or self._refused(directory, at=at) is not None

    def applied(self, settled: Settled, run: Run, *, at: datetime) -> None:
        """The plan was applied whole."""
        if settled.approved is not None:
            self.holds.close(settled.approved.id, PlanState.APPLIED, at=at, run_id=run.id)

    def _without_objection(self, run: Run, plan: Plan, standing: HeldPlan | None, *, at: datetime) -> Settled:
        """What was held stays held as long as it is the same, though the guard no longer objects: newcomers, who were let in
        meanwhile, make the same loss a smaller share."""
        if standing is None:
            return Settled(plan=plan)
        safe, held = split(plan, standing.objections)
        same = held.digest == standing.digest
        if same and standing.state is not PlanState.APPROVED:
            return Settled(plan=safe, held=standing)
        if same:
            return Settled(plan=plan, approved=standing)
        if standing.state.open:
            self._supersede(standing, run, at=at, reason="a later run found nothing to hold")
        return Settled(plan=plan)

    def _refused(self, directory: str, *, at: datetime) -> HeldPlan | None:
        """The newest plan, if somebody rejected it and that still stands."""
        newest = next(iter(self.holds.list(directory=directory, limit=1)), None)
        return newest if newest is not None and newest.state is PlanState.REJECTED and at < newest.expires_at else None

    def _open(self, directory: str, *, at: datetime) -> HeldPlan | None:
        plan = self.holds.open(directory)
        if plan is not None and at >= plan.expires_at:
            self.holds.close(plan.id, PlanState.EXPIRED, at=at, reason="nobody decided in time")
            return None
        return plan

    def _supersede(self, plan: HeldPlan, run: Run, *, at: datetime, reason: str) -> None:
        log.warning("held plan is void", directory=run.directory, plan=plan.id, state=plan.state.value, reason=reason)
        self.holds.close(plan.id, PlanState.SUPERSEDED, at=at, reason=reason, run_id=run.id)


def held_message(plan: HeldPlan) -> str:
    """Why, in one sentence or two."""
    reasons = "; ".join(objection.message for objection in plan.objections)
    kept = f"Plan {plan.id} keeps what was not done; the rest of the run was applied."
    if plan.state is PlanState.REJECTED:
        kept = f"Plan {plan.id} was rejected by {plan.decided_by}: {plan.reason!r}; the rest of the run was applied."
    return f"Held: {reasons}. {kept}"


def held_advice(plan: HeldPlan) -> str:
    """What to do about it."""
    if plan.state is PlanState.REJECTED:
        return "Mend the directory or the configuration: the same plan is asked about again only after it has expired."
    return (
        f"Look at `syncd plan show {plan.id}` and at `syncd check --connect`; if it is right, "
        f"`syncd plan approve {plan.id} --reason TEXT`, else `syncd plan reject {plan.id} --reason TEXT`. "
        f"It can be decided until {plan.expires_at:%Y-%m-%d %H:%M} UTC."
    )
