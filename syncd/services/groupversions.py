"""Whether the groups of a directory are those of the last run, from their ids, names and versions alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.mapping.identity import entry_id_reader, version_reader
from syncd.mapping.problems import MappingIssue
from syncd.model.entry import Entry
from syncd.model.reading import ServerInfo


@dataclass(slots=True)
class GroupVersions:
    """Add all groups, in any order, then ask for the digest."""

    _entry_id: Callable[[Entry], str]
    _version: Callable[[Entry], str | None]
    _seen: list[tuple[str, str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, server: ServerInfo, id_attribute: str) -> GroupVersions:
        return cls(entry_id_reader(id_attribute), version_reader(server.version_attribute))

    def add(self, entry: Entry) -> None:
        try:
            key = self._entry_id(entry)
        except MappingIssue:
            key = ""
        self._seen.append((key, entry.dn, self._version(entry) or ""))

    def digest(self) -> bytes:
        """16 bytes; the same for the same groups."""
        digest = hashlib.blake2b(digest_size=16)
        for group in sorted(self._seen):
            digest.update(repr(group).encode("utf-8", "backslashreplace"))
        return digest.digest()
