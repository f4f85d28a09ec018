"""The difference in who has what: role identifiers from the directory, roles of the store that follow from them.

Always additions and removals of single links, never "replace all" (a half-resolved group must not revoke the rest), and
only for people who are present: whoever is missing keeps what they had until they return or are purged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from syncd.model.plan import Link

NOTHING: frozenset[str] = frozenset()


class LinkChanges(NamedTuple):
    """Links to add and to remove, each in a stable order."""

    added: tuple[Link, ...]
    removed: tuple[Link, ...]


def diff_links(people: Iterable[str], desired: Callable[[str], frozenset[str]], stored: Iterable[Link]) -> LinkChanges:
    """`people`: entry ids of those present after the run; `desired`: what each of them should have."""
    existing: dict[str, set[str]] = {}
    for entry_id, target in stored:
        existing.setdefault(entry_id, set()).add(target)
    added: list[Link] = []
    removed: list[Link] = []
    for entry_id in sorted(people):
        want = desired(entry_id)
        have = existing.get(entry_id)
        if have is None:
            added += [Link(entry_id, target) for target in sorted(want)]
        elif have != want:
            added += [Link(entry_id, target) for target in sorted(want - have)]
            removed += [Link(entry_id, target) for target in sorted(have - want)]
    return LinkChanges(tuple(added), tuple(removed))


def keeping(
    memberships: Mapping[str, frozenset[str]],
    held: Iterable[Link],
    *,
    identifiers: Collection[str],
    people: Collection[str],
) -> Mapping[str, frozenset[str]]:
    """The memberships, with those held before that nobody can deny: of these identifiers, and of these people."""
    if not (identifiers or people):
        return memberships
    kept: dict[str, set[str]] = {}
    for entry_id, key in held:
        if key in identifiers or entry_id in people:
            kept.setdefault(entry_id, set()).add(key)
    return {**memberships, **{entry_id: memberships.get(entry_id, NOTHING) | keys for entry_id, keys in kept.items()}}


def grants_from(
    memberships: Mapping[str, frozenset[str]],
    identifiers: Mapping[str, str],
    roles_for: Callable[[frozenset[str]], frozenset[str]],
) -> Callable[[str], frozenset[str]]:
    """Entry id -> roles of the store, from the role identifiers' keys, their texts and the role mapping.

    Most people share their set of identifiers with many others, so each set is mapped once.
    """
    known: dict[frozenset[str], frozenset[str]] = {}

    def desired(entry_id: str) -> frozenset[str]:
        keys = memberships.get(entry_id, NOTHING)
        roles = known.get(keys)
        if roles is None:
            roles = known[keys] = roles_for(frozenset(identifiers[key] for key in keys if key in identifiers))
        return roles

    return desired
