"""Plans as a dry run shows them: counts for people, every change for programs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syncd.cli.output import Printer, Table
from syncd.cli.runviews import shown_changes, totals
from syncd.model.plan import Action, PersonChange, Plan, StructureChange

if TYPE_CHECKING:
    from syncd.services.sync import Planned

CHANGES = Table(
    keys=("directory", "kind", "action", "id", "name", "fields"),
    headings={"kind": "WHAT", "action": "CHANGE", "name": "WHO OR WHAT"},
)
_SHOWN = 20
_LINKS = {
    "memberships_added": ("membership", "add"),
    "memberships_removed": ("membership", "remove"),
    "grants_added": ("grant", "add"),
    "grants_removed": ("grant", "remove"),
}


def plan_json(planned: Planned, objection: str | None) -> dict[str, Any]:
    """A plan with its counts and changes. `objection`: why the guard would hold it; None when it would not."""
    plan = planned.plan
    return {
        "directory": plan.directory,
        "server": planned.server,
        "entries_read": planned.entries_read,
        "digest": plan.digest,
        "held": objection,
        "counts": plan.counts | {"users": plan.people_seen, "issues": plan.issues_total},
        "changes": list(changes(plan)),
    }


def changes(plan: Plan) -> Iterator[dict[str, Any]]:
    """Every change, each as an object with the same keys."""
    for kind, name in (("organization", "organizations"), ("unit", "units"), ("role_identifier", "role_identifiers")):
        for change in getattr(plan, name):
            yield _change(plan, (kind, change.action), change.key, _name(change))
    for role in plan.roles_created:
        yield _change(plan, ("role", Action.CREATE), None, role)
    for release in plan.releases:
        yield _change(plan, ("name", Action.REMOVE), release.entry_id, release.field)
    for person in plan.people:
        yield _change(plan, ("person", person.action), person.entry_id, _dn(person), fields=_fields(person))
    for attribute, (kind, action) in _LINKS.items():
        for link in getattr(plan, attribute):
            yield _change(plan, (kind, action), link.entry_id, link.target)
    for issue in plan.issues_opened:
        yield _change(plan, ("issue", "open"), issue.key, issue.dn, fields={"code": issue.code, "message": issue.message})
    for key in plan.issues_closed:
        yield _change(plan, ("issue", "close"), key, None)


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
    if plan["held"]:
        printer.text(f"  It would be held: {plan['held']}.")
    _print_notable(printer, plan)


def _print_notable(printer: Printer, plan: Mapping[str, Any]) -> None:
    """What deserves a look before it happens: who would be disabled, and what cannot be used."""
    notable = [
        change | {"why": (change["fields"] or {}).get("message", "") if change["kind"] == "issue" else ""}
        for change in plan["changes"]
        if (change["kind"], change["action"]) in (("person", "disable"), ("issue", "open"))
    ]
    if notable:
        headings = dict(CHANGES.headings) | {"why": "WHY"}
        printer.text()
        printer.rows(Table(keys=CHANGES.keys, headings=headings), notable[:_SHOWN])
    if len(notable) > _SHOWN:
        printer.text(f"… and {len(notable) - _SHOWN} more")
    printer.text("  Every change: --output json")


def _change(
    plan: Plan, what: tuple[str, str], key: str | None, name: str | None, *, fields: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`what`: kind and action."""
    kind, action = what
    values = (plan.directory, kind, str(action), key, name, fields)
    return dict(zip(CHANGES.keys, values, strict=True))


def _name(change: StructureChange[Any]) -> str:
    record = change.after or change.before
    return str(getattr(record, "identifier", None) or getattr(record, "name", ""))


def _dn(change: PersonChange) -> str:
    if change.after is not None:
        return change.after.dn
    return change.before.dn if change.before is not None else ""


def _fields(change: PersonChange) -> dict[str, dict[str, Any]]:
    return {name: {"before": _value(old), "after": _value(new)} for name, (old, new) in change.fields.items()}


def _value(value: Any) -> Any:
    """A field's value; of a photograph only its size and hash."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:16]}"
    return value
