"""What the guard needs to know beside the plan itself: how many there were, and whether they are the same ones.

Looked up only for plans that have something to judge, so that a run with nothing to do asks the store nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from syncd.model.plan import ARRIVING, Action, Link, Plan
from syncd.model.records import RoleIdentifierRecord, StoredIdentity
from syncd.model.text import fold
from syncd.reconcile.guard import blanked_fields
from syncd.reconcile.protect import protect
from syncd.services.ports_store import StoredStructure, SyncStore


def counted(links: Iterable[Link], counts: Counter[str]) -> Iterator[Link]:
    """The links as they are, counted by target as they pass."""
    for link in links:
        counts[link.target] += 1
        yield link


def members_before(
    removed: Iterable[Link], members: Mapping[str, int], identifiers: Mapping[str, RoleIdentifierRecord]
) -> dict[str, tuple[str, int]]:
    """Plan.members_before for these removals; `members`: how many each role identifier had."""
    losing = {link.target for link in removed}
    return {key: (identifiers[key].identifier if key in identifiers else key, members.get(key, 0)) for key in losing}


def with_populations(plan: Plan, stored: StoredStructure, store: SyncStore, *, grants: int) -> Plan:
    """The plan with what was there before. `grants`: how many this directory had given."""
    populations = {
        "users": plan.people_known,
        "role_identifiers": len(stored.role_identifiers),
        "units": len(stored.units) + len(stored.organizations),
        "grants": grants,
    }
    if fields := {name for change in plan.people for name in blanked_fields(change)}:
        found = store.field_populations(plan.directory, fields)
        populations |= {f"field:{name}": count for name, count in found.items()}
    return replace(plan, populations=populations, reanchored=_reanchored(plan))


def _reanchored(plan: Plan) -> frozenset[str]:
    """DN keys of people who leave while somebody with another entry id arrives under the same name."""
    leaving = {change.before.dn_key for change in plan.people if change.action is Action.DISABLE and change.before is not None}
    if not leaving:
        return frozenset()
    return frozenset(
        change.after.dn_key
        for change in plan.people
        if change.action in ARRIVING and change.after is not None and change.after.dn_key in leaving
    )


def without_protected(
    plan: Plan, store: SyncStore, known: Mapping[str, StoredIdentity], *, administrator_roles: Collection[str]
) -> Plan:
    """The plan without what it would do to people whom no run may touch; each of those becomes an issue."""
    if not (plan.people or plan.memberships_removed or plan.grants_removed):
        return plan
    # who administers is a long question, asked only when somebody may lose it
    losing = bool(plan.grants_removed) or any(change.action is Action.DISABLE for change in plan.people)
    protected = store.protected(plan.directory, administrator_roles=administrator_roles if losing else ())
    if not (protected.break_glass or protected.administrators):
        return plan
    return protect(
        plan,
        break_glass=protected.break_glass,
        administrators=protected.administrators,
        administrator_roles=frozenset(map(fold, administrator_roles)),
        open_issues=store.open_issues(plan.directory),
        dn_of=lambda entry_id: known[entry_id].dn,
    )
