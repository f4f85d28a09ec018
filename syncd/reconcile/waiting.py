"""Who cannot change yet because somebody else does not: a name is free only when its holder lets go of it.

Names are usernames and emails, which the store keeps unique, and the DNs and login names by which groups name their members:
two people under one DN would share the roles of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from syncd.model.plan import Action, NameRelease, PersonChange
from syncd.model.records import PersonRecord, StoredPerson
from syncd.model.text import fold
from syncd.reconcile.names import claims_of

# the name space ("username", "email", "dn", "member") and the folded name
Name = tuple[str, str]


def waiting_for(changes: Sequence[PersonChange], stopped: Collection[str], releases: Iterable[NameRelease] = ()) -> set[str]:
    """Entry ids of those among `changes` who take a name that is not free as long as others do not change.

    `stopped`: entry ids of changes that do not happen; `releases`: the releases that do not.
    """
    freed = {change.entry_id: names for change in changes if (names := _freed_by(change))}
    kept = [name for release in releases for name in _spaces(release.field, release.key)]
    wanted = set(kept).union(*freed.values())
    claimants: dict[Name, list[str]] = {}
    for change in changes:
        for name in _taken_by(change) & wanted:
            claimants.setdefault(name, []).append(change.entry_id)
    waiting: set[str] = set()
    queue = kept + [name for entry_id in stopped for name in freed.get(entry_id, ())]
    while queue:
        for entry_id in claimants.get(queue.pop(), ()):
            if entry_id not in waiting and entry_id not in stopped:
                waiting.add(entry_id)
                queue += freed.get(entry_id, ())
    return waiting


def _freed_by(change: PersonChange) -> set[Name]:
    """The names that are free after the change and were not before."""
    before, after = change.before, change.after
    if before is None:
        return set()
    names = _names_of(before)
    if after is None:
        return names
    for field in ("username", "email"):
        if field not in after.fields:
            # the directory does not manage it: it stays
            names -= set(_spaces(field, before.fields.get(field)))
    return names - _after(change)


def _taken_by(change: PersonChange) -> set[Name]:
    """The names a person has after the change and may not have had before. Whoever returns may have lost theirs meanwhile."""
    if change.before is None or change.action is not Action.UPDATE:
        return _after(change)
    return _after(change) - _names_of(change.before)


def _after(change: PersonChange) -> set[Name]:
    if change.after is None:
        return set()
    return {(claim.space, claim.key) for claim in claims_of(change)} | _addresses(change.after)


def _names_of(person: StoredPerson) -> set[Name]:
    fields = person.fields
    names = {name for field in ("username", "email") for name in _spaces(field, fields.get(field))}
    return names | _addresses(person)


def _addresses(person: PersonRecord | StoredPerson) -> set[Name]:
    """What groups may call the person."""
    names = {("dn", person.dn_key)}
    return names if person.member_key is None else names | {("member", person.member_key)}


def _spaces(field: str, value: object) -> list[Name]:
    """A username that looks like an email is a name among the emails too."""
    if not isinstance(value, str) or not value:
        return []
    key = fold(value)
    return [(field, key), ("email", key)] if field == "username" and "@" in key else [(field, key)]
