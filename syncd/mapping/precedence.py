"""Which of several directories decides a field of a user whom all of them bring.

A user has one first name, one phone and one username, whoever says so. For each field one directory decides: of those that
have the person and map the field, the one with the smallest `link.precedence`. The others' values are not looked at, so that
runs of two directories never overwrite each other's.

Where somebody belongs, what they may do and the state of their account are not fields of the user in this sense: each directory
has rows of its own for them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from syncd.mapping.rules import record_field
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import possible

# of a directory without `link`, whose people are linked by call only
UNNAMED = 100


@dataclass(frozen=True, slots=True)
class Precedence:
    """The order of all configured directories, and the fields each of them maps."""

    # best first
    order: tuple[str, ...]
    fields: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, settings: Mapping[str, DirectorySettings]) -> Precedence:
        """From the settings of all directories, by name."""
        ranks = {name: one.link.precedence if one.link is not None else UNNAMED for name, one in settings.items()}
        order = tuple(sorted(settings, key=lambda name: (ranks[name], name)))
        return cls(order, {name: _mapped_fields(one) for name, one in settings.items()})

    def decided_elsewhere(self, directory: str, present: Collection[str]) -> frozenset[str]:
        """The fields of a person of the directory that better ones of `present` decide. Unknown directories decide nothing."""
        found: set[str] = set()
        for name in self.order[: self.order.index(directory)]:
            if name in present:
                found |= self.fields[name]
        return frozenset(found)

    def text(self, directory: str) -> str:
        """What of all this concerns the directory: the same text, the same decisions. "" where nobody comes before it."""
        better = [(name, sorted(self.fields[name])) for name in self.order[: self.order.index(directory)]]
        return json.dumps(better) if better else ""


def _mapped_fields(settings: DirectorySettings) -> frozenset[str]:
    """Where neither the fields nor the vendor are written, whatever the servers may turn out to map: all directories must come
    to the same, and none has met the others' servers."""
    fields = {record_field(name) for filled in possible(settings) for name in filled.users.attributes}
    # the rule of the primary address makes the further ones too
    return frozenset(fields | {"emails"} if "email" in fields else fields)
