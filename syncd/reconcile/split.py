"""The part of a plan that waits for somebody's approval, and the part that does not.

When anything in the plan takes away too much, all that takes away waits: nobody can tell which of the removals are the wrong
ones. What adds and updates goes on, except what rests on the part that waits. A person's change moves as a whole: applying half
of it would write a fingerprint, and the next run would no longer see the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from syncd.model.hold import Kind, Objection
from syncd.model.plan import ARRIVING, Action, PersonChange, Plan, StructureChange, T
from syncd.reconcile.guard import blanked_fields, renames
from syncd.reconcile.waiting import waiting_for

Item = TypeVar("Item")


def split(plan: Plan, objections: Sequence[Objection]) -> tuple[Plan, Plan]:
    """What may be applied now, and what is held; the whole plan and an empty one when nothing speaks against it."""
    if not objections:
        return plan, Plan(directory=plan.directory)
    held_ids = _held_people(plan, objections)
    # nothing can be given to people who are not there
    absent = {c.entry_id for c in plan.people if c.entry_id in held_ids and c.action in ARRIVING}
    people, held_people = _parted(plan.people, lambda change: change.entry_id in held_ids)
    organizations, held_organizations = _parted(plan.organizations, _removes)
    units, held_units = _parted(plan.units, _removes)
    identifiers, held_identifiers = _parted(plan.role_identifiers, _removes)
    memberships, held_memberships = _parted(plan.memberships_added, lambda link: link.entry_id in absent)
    grants, held_grants = _parted(plan.grants_added, lambda link: link.entry_id in absent)
    held = replace(
        plan,
        organizations=held_organizations,
        units=held_units,
        role_identifiers=held_identifiers,
        people=held_people,
        memberships_added=held_memberships,
        grants_added=held_grants,
        roles_created=(),
        issues_opened=(),
        issues_closed=(),
        issues_total=0,
        relations_digest=None,
        config_digest=None,
        versions={},
        groups_version=None,
        cursor=None,
        extra_counts={},
    )
    safe = replace(
        plan,
        organizations=organizations,
        units=units,
        role_identifiers=identifiers,
        releases=(),
        people=people,
        memberships_added=memberships,
        memberships_removed=(),
        grants_added=grants,
        grants_removed=(),
        # the next run looks at everything again, and compares with the configuration that was last applied whole
        relations_digest=None,
        config_digest=None,
        groups_version=None,
        cursor=None,
    )
    return safe, held


def _held_people(plan: Plan, objections: Iterable[Objection]) -> set[str]:
    """Entry ids of those whose change is held."""
    suspects = _Suspects.of(plan, objections)
    held = {change.entry_id for change in plan.people if suspects.include(change)}
    return held | waiting_for(plan.people, held, plan.releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suspects:
    """Whose changes are what the guard objects to."""

    # fields that too many people lose
    fields: frozenset[str]
    # whether no field may be lost
    any_field: bool
    usernames: bool
    dn_keys: frozenset[str]

    @classmethod
    def of(cls, plan: Plan, objections: Iterable[Objection]) -> _Suspects:
        kinds = {objection.kind for objection in objections}
        # a DN whose holder moves away is used again, and nobody's id is another
        moved = {change.before.dn_key for change in plan.people if change.before is not None and _moves(change)}
        return cls(
            fields=frozenset(o.of for o in objections if o.kind is Kind.VALUES_BLANKED and o.of is not None),
            any_field=Kind.CONFIGURATION in kinds,
            usernames=Kind.USERNAMES_CHANGED in kinds,
            dn_keys=plan.reanchored - moved if Kind.IDS_REANCHORED in kinds else frozenset(),
        )

    def include(self, change: PersonChange) -> bool:
        if change.action is Action.DISABLE:
            return True
        blanked = blanked_fields(change)
        if (blanked and self.any_field) or not self.fields.isdisjoint(blanked) or (self.usernames and renames(change)):
            return True
        comes = change.action in ARRIVING
        return comes and change.after is not None and change.after.dn_key in self.dn_keys


def _moves(change: PersonChange) -> bool:
    if change.action is not Action.UPDATE or change.before is None or change.after is None:
        return False
    return change.before.dn_key != change.after.dn_key


def _parted(items: Iterable[Item], held: Callable[[Item], bool]) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """What is not held and what is, each in the order it had."""
    parts: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        parts[held(item)].append(item)
    return tuple(parts[0]), tuple(parts[1])


def _removes(change: StructureChange[T]) -> bool:
    return change.action is Action.REMOVE
