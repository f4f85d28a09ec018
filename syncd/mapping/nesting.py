"""Who has which role identifier, when groups are members of groups.

A person in a group has its identifier and those of every group that contains it, however far up. Groups form a graph with
cycles and diamonds (nothing in LDAP forbids them), so what contains a group is found by walking with a record of what was
seen, once for each group that has people of its own: no depth limit, no recursion, and the work is in proportion to the result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

NOTHING: frozenset[str] = frozenset()


class Memberships(NamedTuple):
    """Who has which role identifier, nesting resolved."""

    # entry id -> keys of role identifiers; people without any are not in it
    memberships: Mapping[str, frozenset[str]]
    # members that name neither a person nor a group of this read
    dangling: int
    # keys of role identifiers that others may have as well, since a group that gives them was seen only in part
    uncertain: frozenset[str] = NOTHING


def containing(group: int, parents: Sequence[Iterable[int]]) -> set[int]:
    """The group and all that contain it. `parents`: for each group those that have it as a member."""
    found = {group}
    pending = [group]
    while pending:
        above = set(parents[pending.pop()]) - found
        found |= above
        pending += above
    return found


def shortest_paths(groups: Iterable[int], parents: Sequence[Iterable[int]]) -> dict[int, tuple[int, ...]]:
    """For each of these groups and all that contain them: the shortest way to it, from one of these groups up."""
    found: dict[int, tuple[int, ...]] = {group: (group,) for group in groups}
    pending = deque(found)
    while pending:
        group = pending.popleft()
        for parent in sorted(set(parents[group]) - found.keys()):
            found[parent] = (*found[group], parent)
            pending.append(parent)
    return found


class Holdings:
    """Role identifiers per person, equal sets being one object: most people share theirs with many others."""

    def __init__(self) -> None:
        self._held: dict[str, frozenset[str]] = {}

    def give(self, people: Iterable[str], identifiers: frozenset[str]) -> None:
        """Add the identifiers to each person's."""
        held = self._held
        grown: dict[frozenset[str], frozenset[str]] = {}
        for person in people:
            before = held.get(person, NOTHING)
            after = grown.get(before)
            if after is None:
                after = grown[before] = before | identifiers
            held[person] = after

    def result(self) -> Mapping[str, frozenset[str]]:
        """Person -> identifiers; people without any are not in it."""
        shared: dict[frozenset[str], frozenset[str]] = {}
        return {person: shared.setdefault(held, held) for person, held in self._held.items() if held}
