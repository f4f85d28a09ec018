"""What a group's entry says of its members, and what a member's name leads to.

The server keeps a name as somebody once wrote it, so that names are compared by their normal form and never as text.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from syncd.mapping.problems import MappingIssue
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.text import fold

T = TypeVar("T")
# the optional unique identifier of uniqueMember (RFC 4517 section 3.3.21, nameAndOptionalUID)
_BIT_STRING = re.compile(rb"#'[01]*'B\Z")


class PackedValues(Sequence[bytes]):
    """Values of an attribute in half the room: all groups of a read are kept until the last one is there."""

    __slots__ = ("_count", "_packed")

    def __init__(self, values: Sequence[bytes]) -> None:
        self._count = len(values)
        self._packed = marshal.dumps(list(values))

    def __iter__(self) -> Iterator[bytes]:
        values: list[bytes] = marshal.loads(self._packed)  # noqa: S302 - what `__init__` has made
        return iter(values)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __len__(self) -> int:
        return self._count


@dataclass(slots=True)
class Group:
    """One group of a read."""

    # entry id; None for a group without one, which takes part in nesting and gives nothing of its own
    key: str | None
    dn: str
    # None where the DN cannot be read: then it can be nobody's member
    dn_key: str | None
    identifier: str | MappingIssue
    # the values of the member attribute, as they were sent; with memberOf, the groups it is in
    members: Sequence[bytes]
    # what people's primary groups are called by; None where these do not count
    sid: str | None = None
    # whether the server gave only a part of its members
    partial: bool = False

    def names(self, *, unique: bool) -> Iterator[str]:
        """Its members' names. `unique`: whether they may be values of uniqueMember."""
        for member in self.members:
            raw = _BIT_STRING.sub(b"", member) if unique and member.endswith(b"'B") else member
            yield raw.decode("utf-8", "backslashreplace")


def is_partial(entry: Entry) -> bool:
    """Whether any attribute of the entry came as a part of its values, `member;range=0-1499`."""
    return ";range=" in " ".join(entry.attributes)


def is_ranged(entry: Entry, keys: Sequence[str]) -> bool:
    """Whether one of these attributes did."""
    return is_partial(entry) and any(name.startswith(f"{key};range=") for name in entry.attributes for key in keys)


def look_up(name: str, table: Mapping[str, T], *, by_name: bool = False) -> T | None:
    """What a member's name leads to, whatever its spelling."""
    if by_name:
        return table.get(fold(name))
    # most names are in lower case or nearly so; a key is its own normal form, so a hit is one
    found = table.get(name.lower())
    if found is not None:
        return found
    try:
        return table.get(normalize(name))
    except InvalidDN:
        return None
