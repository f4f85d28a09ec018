"""Plans as people and programs see them: of a dry run, and held ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syncd.cli.output import Printer, Table
from syncd.cli.runviews import shown_changes, totals
from syncd.model.hold import ChangeRow, HeldPlan, objection_json
from syncd.reconcile.render import rows, rules_of
from syncd.reconcile.split import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.model.hold import Objection
    from syncd.services.planned import Planned
    from syncd.settings.directory import DirectorySettings

CHANGES = Table(
    keys=("directory", "held", *ChangeRow._fields),
    headings={"kind": "WHAT", "action": "CHANGE", "name": "WHO OR WHAT", "field": "FIELD", "before": "OLD", "after": "NEW"},
    empty="no change",
)
_NOTABLE = Table(keys=CHANGES.keys, headings={"kind": "WHAT", "action": "CHANGE", "name": "WHO OR WHAT", "after": "WHY"})
_SHOWN = 20

PLANS = Table(
    keys=("id", "directory", "state", "created_at", "expires_at", "changes", "run_id", "decided_by", "reason", "why"),
    headings={
        "id": "PLAN",
        "directory": "DIRECTORY",
        "state": "STATE",
        "created_at": "SINCE",
        "expires_at": "UNTIL",
        "changes": "CHANGES",
        "why": "WHY",
    },
    numbers=frozenset({"id", "changes"}),
    empty="no plan is or was held",
)


# ---------------------------------------------------------------- of a dry run
def plan_json(planned: Planned, objections: Sequence[Objection], settings: DirectorySettings) -> dict[str, Any]:
    """A plan with its counts and changes, each of which says whether it would be held."""
    plan = planned.plan
    safe, held = split(plan, objections)
    rules = rules_of(settings)
    changes = [
        change_json(plan.directory, row, held=kept) for part, kept in ((safe, False), (held, True)) for row in rows(part, rules)
    ]
    return {
        "directory": plan.directory,
        "server": planned.server,
        "entries_read": planned.entries_read,
        "digest": plan.digest,
        "held": [objection_json(objection) for objection in objections],
        "held_digest": held.digest if objections else None,
        "counts": plan.counts | {"users": plan.people_seen, "issues": plan.issues_total},
        "changes": changes,
    }


def change_json(directory: str, row: ChangeRow, *, held: bool) -> dict[str, Any]:
    """One change with the keys of CHANGES."""
    return {"directory": directory, "held": held, **row._asdict()}


def print_plan(printer: Printer, plan: Mapping[str, Any]) -> None:
    """A plan for people."""
    if "error" in plan:
        printer.text(f"{plan['directory']}: no plan could be made: {plan['error']['message']}")
        if plan["error"]["advice"]:
            printer.text(f"  {plan['error']['advice']}")
        return
    if not plan["changes"]:
        printer.text(f"{plan['directory']}: nothing would change{totals(plan['counts'])}")
        return
    printer.text(f"{plan['directory']}: this would change{totals(plan['counts'])}")
    for name, count in shown_changes(plan["counts"]):
        printer.text(f"  {count:>9}  {name}")
    held = sum(change["held"] for change in plan["changes"])
    if plan["held"]:
        printer.text(f"  {held} of these changes would be held for a decision; the others would be made:")
    for objection in plan["held"]:
        printer.text(f"  - {objection['message']}")
    _print_notable(printer, plan["changes"])


def _print_notable(printer: Printer, changes: Iterable[Mapping[str, Any]]) -> None:
    """What deserves a look before it happens: who would be disabled, and what cannot be used."""
    notable = [change for change in changes if (change["kind"], change["action"]) in (("person", "disable"), ("issue", "open"))]
    if notable:
        printer.text()
        printer.rows(_NOTABLE, [{**change, "after": change["after"] or change["rule"]} for change in notable[:_SHOWN]])
    if len(notable) > _SHOWN:
        printer.text(f"… and {len(notable) - _SHOWN} more")
    printer.text("  Every change: --output json")


# ---------------------------------------------------------------- held ones
def held_json(plan: HeldPlan) -> dict[str, Any]:
    """A held plan with the keys of the API's resource."""
    return {
        "id": plan.id,
        "directory": plan.directory,
        "run_id": plan.run_id,
        "mode": plan.mode.value,
        "digest": plan.digest,
        "state": plan.state.value,
        "objections": [objection_json(objection) for objection in plan.objections],
        "counts": dict(plan.counts),
        "changes": plan.changes,
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "decided_at": plan.decided_at,
        "decided_by": plan.decided_by,
        "reason": plan.reason,
    }


def held_row(plan: HeldPlan) -> dict[str, Any]:
    """A held plan for a table."""
    return held_json(plan) | {"why": "; ".join(objection.message for objection in plan.objections)}


def held_changes(plan: HeldPlan, found: Iterable[ChangeRow]) -> Iterator[dict[str, Any]]:
    """Its changes, one at a time."""
    return (change_json(plan.directory, row, held=True) for row in found)


def print_held(printer: Printer, plan: HeldPlan, samples: Sequence[Mapping[str, Any]]) -> None:
    """A held plan for people."""
    printer.text(f"Plan {plan.id} of {plan.directory}: {plan.state.value}, found by run {plan.run_id}")
    printer.text(
        f"  held since {plan.created_at:%Y-%m-%d %H:%M} UTC, can be decided until {plan.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    if plan.decided_at is not None:
        who = f" by {plan.decided_by}" if plan.decided_by else ""
        why = f": {plan.reason}" if plan.reason else ""
        printer.text(f"  {plan.state.value} at {plan.decided_at:%Y-%m-%d %H:%M} UTC{who}{why}")
    printer.text("  Why it is held:")
    for objection in plan.objections:
        printer.text(f"  - {objection.message}")
    printer.text("  What it would do:")
    for name, count in shown_changes(plan.counts):
        printer.text(f"  {count:>9}  {name}")
    printer.text()
    printer.rows(CHANGES, samples)
    if plan.changes > len(samples):
        printer.text(f"… and {plan.changes - len(samples)} more: syncd plan show {plan.id} --changes, or --output csv")
