"""Which people must change together, because one takes the name that another gives up.

Usernames and emails are unique at every moment, not only at the end of a transaction. People who swap or pass on names are
therefore written in one transaction, in two steps: first all of them let go of their keys, then each takes the new one.
Everybody else goes in batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from syncd.model.plan import Action, PersonChange
from syncd.model.text import fold

# unique in the store, each with a column NAME_key
NAMES = ("username", "email")
# (field, folded name)
Name = tuple[str, str]


def split(changes: Sequence[PersonChange], released: Iterable[Name]) -> tuple[list[PersonChange], list[PersonChange]]:
    """The people who must change in one transaction, and the others.

    `released`: names that absent people give up in this plan.
    """
    # more than one gives up a name when one of them returns, whose name went to another meanwhile
    given_up: dict[Name, set[str]] = {name: {""} for name in spaces(released)}
    for change in changes:
        for name in spaces(given_up_by(change)):
            given_up.setdefault(name, set()).add(change.entry_id)
    if not given_up:
        return [], list(changes)
    together: set[str] = set()
    for change in changes:
        for name in spaces(claimed_by(change)):
            if given_up.get(name, set()) - {change.entry_id}:
                together |= {change.entry_id, *given_up[name]}
    return [c for c in changes if c.entry_id in together], [c for c in changes if c.entry_id not in together]


def spaces(names: Iterable[Name]) -> list[Name]:
    """The names, and those among the emails that are usernames: no username may be somebody else's primary address."""
    found = list(names)
    return found + [("email", key) for field, key in found if field == "username" and "@" in key]


def given_up_by(change: PersonChange) -> list[Name]:
    """The names a known person has no longer after the change."""
    if change.action not in (Action.UPDATE, Action.RETURN, Action.LINK):
        return []
    values = ((field, change.fields[field]) for field in NAMES if field in change.fields)
    keys = ((field, key_of(old), key_of(new)) for field, (old, new) in values)
    return [(field, old) for field, old, new in keys if old is not None and old != new]


def claimed_by(change: PersonChange) -> list[Name]:
    """The names a person takes with the change. Who returns takes back what they had."""
    if change.action is Action.DISABLE:
        return []
    if change.action is Action.UPDATE:
        values: list[tuple[str, object]] = [
            (field, change.fields[field][1] if field in change.fields else None) for field in NAMES
        ]
    else:
        values = list(zip(NAMES, final_names(change), strict=True))
    return [(field, key) for field, key in ((field, key_of(value)) for field, value in values) if key is not None]


def final_names(change: PersonChange) -> list[object]:
    """What NAMES are after the change, also where the directory does not manage them."""
    record = change.after
    assert record is not None
    known: Mapping[str, object] = change.before.fields if change.before else {}
    return [record.fields[field] if field in record.fields else known.get(field) for field in NAMES]


def final_name(change: PersonChange, field: str) -> object:
    """One of them."""
    return final_names(change)[NAMES.index(field)]


def key_of(value: object) -> str | None:
    """The folded name, None for no name."""
    return (fold(value) or None) if isinstance(value, str) else None
