"""Whom a run never touches, whatever the directory says: break-glass accounts, and the last one who can administer.

A directory that fails, or that somebody has taken over, must not be able to lock out those who would repair it. What it would
have changed becomes an issue instead, which stays open as long as the directory says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from syncd.model.plan import ARRIVING, Action, Link, PersonChange, Plan
from syncd.model.records import Issue
from syncd.model.text import fold
from syncd.reconcile.waiting import waiting_for


def protect(
    plan: Plan,
    *,
    break_glass: frozenset[str],
    administrators: frozenset[str],
    administrator_roles: frozenset[str],
    open_issues: Mapping[str, Issue],
    dn_of: Callable[[str], str] = str,
) -> Plan:
    """The plan without what it must not do, and with an issue for each person of whom something was left out.

    `break_glass`: entry ids. `administrators`: entry ids of all who can administer, empty when the directory may lose all of
    them. `administrator_roles`: folded names of roles. `open_issues`: those of the store, by key. `dn_of(entry_id)`: the stored
    DN of a person of whom the plan may have no more than links.
    """
    plan = _spare_break_glass(plan, break_glass, open_issues, dn_of)
    keeper = _last_administrator(plan, administrators, administrator_roles)
    if keeper is None:
        return plan

    def is_spared(link: Link) -> bool:
        return link.entry_id == keeper and fold(link.target) in administrator_roles

    left = replace(plan, grants_removed=_without(plan.grants_removed, is_spared))
    message = "the directory would take away the last administrator; this person is kept until there is another one"
    issue = Issue(key=keeper, dn=_dn(plan, keeper, dn_of), code="last_administrator", message=message)
    disabled = {change.entry_id for change in plan.people if change.action is Action.DISABLE}
    return _leave_out(left, disabled & {keeper}, owners={keeper}, issues=[issue], open_issues=open_issues)


# ---------------------------------------------------------------- break-glass accounts
_PROTECTED = "the directory would {}; a break-glass account is never touched by a run"


def _spare_break_glass(
    plan: Plan, break_glass: frozenset[str], open_issues: Mapping[str, Issue], dn_of: Callable[[str], str]
) -> Plan:
    touched = {change.entry_id: _words(change) for change in plan.people if change.entry_id in break_glass}
    for verb, links in (("revoke", plan.grants_removed), ("grant", plan.grants_added)):
        for link in links:
            if link.entry_id in break_glass:
                touched.setdefault(link.entry_id, []).append(f"{verb} {link.target}")
    for verb, links in (("end", plan.memberships_removed), ("add", plan.memberships_added)):
        for entry_id, count in Counter(link.entry_id for link in links if link.entry_id in break_glass).items():
            touched.setdefault(entry_id, []).append(f"{verb} {count} membership{'s' * (count != 1)}")
    owners = {release.entry_id for release in plan.releases} & break_glass
    if not touched and not owners:
        return plan
    issues = [
        Issue(key=entry_id, dn=_dn(plan, entry_id, dn_of), code="protected", message=_PROTECTED.format(", ".join(parts)))
        for entry_id, parts in touched.items()
        if parts
    ]

    def is_theirs(link: Link) -> bool:
        return link.entry_id in break_glass

    left = replace(
        plan,
        memberships_added=_without(plan.memberships_added, is_theirs),
        memberships_removed=_without(plan.memberships_removed, is_theirs),
        grants_added=_without(plan.grants_added, is_theirs),
        grants_removed=_without(plan.grants_removed, is_theirs),
    )
    return _leave_out(left, set(touched), owners=owners, issues=issues, open_issues=open_issues)


def _words(change: PersonChange) -> list[str]:
    """What the change does, in words that are the same in the next run."""
    words = {Action.DISABLE: ["disable this person"], Action.RETURN: ["enable this person again"]}.get(change.action, [])
    return words + [f"change {name}" for name in sorted(change.fields)]


# ---------------------------------------------------------------- the last administrator
def _last_administrator(plan: Plan, administrators: frozenset[str], roles: frozenset[str]) -> str | None:
    """Who of them is kept; None when some remain anyway.

    Whoever loses one of several such roles counts as losing them: which others somebody has, no plan says.
    """
    disabled = {change.entry_id for change in plan.people if change.action is Action.DISABLE}
    losing = {link.entry_id for link in plan.grants_removed if fold(link.target) in roles}
    gaining = {link.entry_id for link in plan.grants_added if fold(link.target) in roles}
    if not administrators or gaining - disabled or not administrators <= disabled | losing:
        return None
    numbers = {change.entry_id: change.before.user_id for change in plan.people if change.before is not None}
    return min(administrators, key=lambda entry_id: (numbers.get(entry_id, float("inf")), entry_id))


# ---------------------------------------------------------------- leaving out
def _leave_out(
    plan: Plan, stopped: set[str], *, owners: Collection[str], issues: Iterable[Issue], open_issues: Mapping[str, Issue]
) -> Plan:
    """`stopped`: entry ids whose change is left out; `owners`: entry ids of those whose names are not released."""
    kept = [release for release in plan.releases if release.entry_id in owners]
    waiting = waiting_for(plan.people, stopped, kept)
    absent = {c.entry_id for c in plan.people if c.entry_id in waiting and c.action in ARRIVING}
    words = "this person takes a name that a protected account keeps, and waits for it"
    blocked = [
        Issue(key=change.entry_id, dn=change.after.dn, code="name_protected", message=words)
        for change in plan.people
        if change.entry_id in waiting and change.after is not None
    ]

    def is_absent(link: Link) -> bool:
        return link.entry_id in absent

    left = replace(
        plan,
        people=tuple(change for change in plan.people if change.entry_id not in stopped | waiting),
        releases=tuple(release for release in plan.releases if release.entry_id not in owners),
        memberships_added=_without(plan.memberships_added, is_absent),
        grants_added=_without(plan.grants_added, is_absent),
        # the next run must come to the same, or the issue would close
        relations_digest=None,
    )
    return _with_issues(left, [*issues, *blocked], open_issues)


def _with_issues(plan: Plan, issues: Iterable[Issue], open_issues: Mapping[str, Issue]) -> Plan:
    """Each takes the place of whatever else the plan says of the same key."""
    opened = {issue.key: issue for issue in plan.issues_opened}
    closed = list(plan.issues_closed)
    total = plan.issues_total
    for issue in issues:
        key, stored = issue.key, open_issues.get(issue.key)
        current = key in opened or (stored is not None and key not in closed)
        total += not current
        opened.pop(key, None)
        closed = [other for other in closed if other != key]
        if stored != issue:
            opened[key] = issue
            if stored is not None:
                closed.append(key)
    return replace(plan, issues_opened=tuple(opened.values()), issues_closed=tuple(closed), issues_total=total)


def _without(links: Iterable[Link], unwanted: Callable[[Link], bool]) -> tuple[Link, ...]:
    return tuple(link for link in links if not unwanted(link))


def _dn(plan: Plan, entry_id: str, dn_of: Callable[[str], str]) -> str:
    for change in plan.people:
        if change.entry_id == entry_id and change.before is not None:
            return change.before.dn
    return dn_of(entry_id)
