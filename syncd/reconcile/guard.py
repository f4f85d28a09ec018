"""The last judgement on a plan before the first write.

A read can be complete by every rule of the protocol and still be wrong: an ACL that hides a subtree and a filter with a typo
both answer "success". What a directory really does in one run is small; so what takes away much is held, with the numbers.

Sites choose the limits, but not whether there are any: of ten or more, more than half is held whatever they say, and so is the
loss of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from syncd.model.hold import Kind, Objection
from syncd.model.plan import Action, PersonChange, Plan, T
from syncd.model.plan import StructureChange as Change
from syncd.model.records import ACCOUNT_FIELDS, FieldValue
from syncd.settings.directory import SafetySettings
from syncd.settings.limits import Limit, parse_limit

# kind -> how much of it may go; one for each kind but CONFIGURATION
Limits = Mapping[Kind, Limit]

# with so many or more, no setting allows more than half
CEILING_FROM = 10
# role identifiers are often small, and losing six of ten members is an ordinary day
MEMBERS_CEILING_FROM = 11
# role identifiers that are named one by one
MOST_IDENTIFIERS = 20


def limits_of(safety: SafetySettings) -> Limits:
    """What a site allows."""
    texts = {
        Kind.USERS_DISABLED: safety.max_removed_users,
        Kind.USERS_PURGED: safety.max_purged_users,
        Kind.ROLES_REMOVED: safety.max_removed_roles,
        Kind.UNITS_REMOVED: safety.max_removed_units,
        Kind.MEMBERS_LOST: safety.max_lost_members,
        Kind.GRANTS_REVOKED: safety.max_revoked_grants,
        Kind.VALUES_BLANKED: safety.max_blanked_values,
        Kind.IDS_REANCHORED: safety.max_reanchored_entries,
        Kind.USERNAMES_CHANGED: safety.max_renamed_users,
    }
    return {kind: parse_limit(text) for kind, text in texts.items()}


def allowed(limit: Limit, population: int, *, ceiling_from: int = CEILING_FROM) -> int:
    """How many of so many may go. `ceiling_from`: the smallest population of which never more than half may."""
    if population < limit.smallest:
        number = population
    else:
        # rounded, since 29 % of 100 are 28.999999999999996 in binary
        share = 0 if limit.share is None else int(round(limit.share * population, 6))
        number = max(limit.at_least, share)
        if limit.at_most is not None:
            number = min(number, limit.at_most)
    return min(number, population // 2) if population >= ceiling_from else number


def judge(plan: Plan, limits: Limits) -> tuple[Objection, ...]:
    """Everything that speaks against applying the plan unasked, in a stable order; empty when nothing does."""
    return tuple(objection for check in _CHECKS for objection in check(plan, limits))


def judge_purge(count: int, population: int, limit: Limit) -> Objection | None:
    """What speaks against deleting so many of so many people unasked."""
    counted = _Counted(Kind.USERS_PURGED, "too_many_purged", count, population)
    words = f"{count} of {population} people would be deleted for good"
    return next(counted.over(limit, words, where="in one purge"), None)


# changes of people whom the store has values of
_OF_KNOWN = (Action.UPDATE, Action.RETURN, Action.LINK)


def is_blanked(values: tuple[FieldValue, FieldValue]) -> bool:
    """Whether a field loses its value. `values`: old and new."""
    old, new = values
    return not _is_nothing(old) and _is_nothing(new)


def blanked_fields(change: PersonChange) -> list[str]:
    """The fields whose value a known person loses."""
    if change.action not in _OF_KNOWN:
        return []
    return [name for name, values in change.fields.items() if is_blanked(values) and not _may_end(name, values[0])]


def _may_end(name: str, old: FieldValue) -> bool:
    """Whether losing the value says nothing of a fault: a DN is replaced, locks and ends of accounts come and go. But when
    nobody can tell any more that an account is disabled, something is wrong.
    """
    return name == "dn" or (name in ACCOUNT_FIELDS and not (name == "account.disabled" and old is True))


def _known(plan: Plan) -> int:
    """How many people there were whose values the plan may change: the directory's, and whom it is linked with."""
    return plan.people_known + sum(change.action is Action.LINK for change in plan.people)


def renames(change: PersonChange) -> bool:
    """Whether a known person gets another username."""
    if change.action not in _OF_KNOWN or "username" not in change.fields:
        return False
    old, new = change.fields["username"]
    return not _is_nothing(old) and not _is_nothing(new)


def _is_nothing(value: FieldValue) -> bool:
    return value is None or value in ((), "")


@dataclass(frozen=True, slots=True)
class _Counted:
    """Something that goes, and of how many."""

    kind: Kind
    code: str
    count: int
    population: int
    of: str | None = None

    def over(
        self, limit: Limit, words: str, *, where: str = "in one run", ceiling_from: int = CEILING_FROM
    ) -> Iterator[Objection]:
        """An objection when it is more than allowed. `words`: what would happen, with the numbers."""
        most = allowed(limit, self.population, ceiling_from=ceiling_from)
        if self.count > most:
            yield self.objection(f"{words}, more than the {most} allowed {where}", limit=most)

    def objection(self, message: str, *, limit: int = 0, code: str | None = None) -> Objection:
        return Objection(
            code=code or self.code,
            kind=self.kind,
            message=message,
            count=self.count,
            population=self.population,
            limit=limit,
            of=self.of,
        )


# ---------------------------------------------------------------- what is counted
def _people(plan: Plan, limits: Limits) -> Iterator[Objection]:
    gone, known = _disabled(plan), plan.people_known
    counted = _Counted(Kind.USERS_DISABLED, "too_many_removed", gone, known)
    if known and not plan.people_seen:
        message = f"the directory shows nobody, though the store holds {known} of its people"
        yield counted.objection(message, code="empty_result")
    else:
        yield from counted.over(limits[counted.kind], f"{gone} of {known} people would be disabled")


def _roles(plan: Plan, limits: Limits) -> Iterator[Objection]:
    gone = _removed(plan.role_identifiers)
    counted = _Counted(Kind.ROLES_REMOVED, "roles_removed", gone, plan.populations.get("role_identifiers", gone))
    yield from _structure(counted, limits, "role identifiers")


def _units(plan: Plan, limits: Limits) -> Iterator[Objection]:
    gone = _removed(plan.units) + _removed(plan.organizations)
    counted = _Counted(Kind.UNITS_REMOVED, "units_removed", gone, plan.populations.get("units", gone))
    # those that people's values name go with the last person, and nobody is in them
    yield from _structure(counted, limits, "organizations and units", derived=not (plan.people_known or plan.people_seen))


def _structure(counted: _Counted, limits: Limits, name: str, *, derived: bool = False) -> Iterator[Objection]:
    gone, there = counted.count, counted.population
    if gone and gone >= there and not derived:
        message = f"the directory shows none of the {there} {name} that the store holds of it"
        yield counted.objection(message, code="empty_result")
    else:
        yield from counted.over(limits[counted.kind], f"{gone} of {there} {name} would be removed")


def _members(plan: Plan, limits: Limits) -> Iterator[Objection]:
    lost = Counter(link.target for link in plan.memberships_removed)
    found: list[Objection] = []
    for key, count in lost.items():
        identifier, before = plan.members_before.get(key, (key, count))
        counted = _Counted(Kind.MEMBERS_LOST, "members_lost", count, before, identifier)
        words = f"{identifier} would lose {count} of its {before} members"
        found += counted.over(limits[counted.kind], words, ceiling_from=MEMBERS_CEILING_FROM)
    found.sort(key=lambda o: (-o.count, str(o.of), o.population))
    shown, more = found[:MOST_IDENTIFIERS], len(found) - MOST_IDENTIFIERS
    if more > 0:
        shown[-1] = replace(shown[-1], message=f"{shown[-1].message}; so would {more} more role identifiers")
    yield from shown


def _grants(plan: Plan, limits: Limits) -> Iterator[Objection]:
    gone = len(plan.grants_removed)
    counted = _Counted(Kind.GRANTS_REVOKED, "grants_revoked", gone, plan.populations.get("grants", gone))
    yield from counted.over(limits[counted.kind], f"{gone} of {counted.population} grants of roles would be revoked")


def _values(plan: Plan, limits: Limits) -> Iterator[Objection]:
    blanked = Counter(name for change in plan.people for name in blanked_fields(change))
    for name, count in sorted(blanked.items()):
        population = plan.populations.get(f"field:{name}", plan.people_known) + _known(plan) - plan.people_known
        counted = _Counted(Kind.VALUES_BLANKED, "values_blanked", count, population, name)
        words = f"{count} of {population} people would lose their {name}"
        yield from counted.over(limits[counted.kind], words)


def _ids(plan: Plan, limits: Limits) -> Iterator[Objection]:
    count, known = len(plan.reanchored), plan.people_known
    counted = _Counted(Kind.IDS_REANCHORED, "ids_reanchored", count, known)
    words = f"{count} of {known} people come with a new entry id under the name (DN) they had"
    yield from counted.over(limits[counted.kind], words)


def _usernames(plan: Plan, limits: Limits) -> Iterator[Objection]:
    count, known = sum(1 for change in plan.people if renames(change)), _known(plan)
    counted = _Counted(Kind.USERNAMES_CHANGED, "usernames_changed", count, known)
    yield from counted.over(limits[counted.kind], f"{count} of {known} people would get another username")


def _configuration(plan: Plan, limits: Limits) -> Iterator[Objection]:
    del limits
    if not plan.config_changed:
        return
    removals = {
        "people disabled": _disabled(plan),
        "organizations removed": _removed(plan.organizations),
        "units removed": _removed(plan.units),
        "role identifiers removed": _removed(plan.role_identifiers),
        "memberships removed": len(plan.memberships_removed),
        "grants revoked": len(plan.grants_removed),
        "values blanked": sum(len(blanked_fields(change)) for change in plan.people),
    }
    parts = [f"{name}: {count}" for name, count in removals.items() if count]
    if parts:
        counted = _Counted(Kind.CONFIGURATION, "configuration_changed", sum(removals.values()), plan.people_known)
        yield counted.objection(f"the configuration has changed, and this run would take something away ({', '.join(parts)})")


_CHECKS: tuple[Callable[[Plan, Limits], Iterator[Objection]], ...] = (
    _people, _roles, _units, _members, _grants, _values, _ids, _usernames, _configuration,
)  # fmt: skip


def _disabled(plan: Plan) -> int:
    return sum(1 for change in plan.people if change.action is Action.DISABLE)


def _removed(changes: tuple[Change[T], ...]) -> int:
    return sum(1 for change in changes if change.action is Action.REMOVE)
