"""Which fields of a user a directory decides, so that nobody edits what the next run would overwrite."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManagedFields:
    """What each configured directory maps."""

    # the directories, whose word counts most first
    order: tuple[str, ...]
    # directory -> the fields that it maps
    fields: Mapping[str, frozenset[str]]

    def of(self, present: Collection[str]) -> dict[str, str]:
        """Field -> the directory that decides it, for a user whom these directories have.

        A directory that is no longer configured decides nothing: no run of it will come.
        """
        found: dict[str, str] = {}
        for name in self.order:
            if name in present:
                for field in self.fields[name]:
                    found.setdefault(field, name)
        return found
