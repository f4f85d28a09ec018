"""Whom the store knows of a directory, looked up as it is asked for.

A run that follows changes concerns a few people of many thousands; it must not load all of them to say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncd.model.records import StoredIdentity
from syncd.services.ports_store import SyncStore


class KnownPeople(Mapping[str, StoredIdentity]):
    """Entry id -> identity. Iterating and counting are about those that were asked for."""

    def __init__(self, store: SyncStore, directory: str) -> None:
        self._store = store
        self._directory = directory
        # None: looked for and not there
        self._loaded: dict[str, StoredIdentity | None] = {}

    def load(self, entry_ids: Collection[str]) -> None:
        """Ask the store for these in one go."""
        missing = [entry_id for entry_id in entry_ids if entry_id not in self._loaded]
        if missing:
            found = self._store.identities_of(self._directory, missing)
            self._loaded.update((entry_id, found.get(entry_id)) for entry_id in missing)

    def load_all(self) -> None:
        """Ask for everybody."""
        self._loaded.update(self._store.identities(self._directory))

    def __getitem__(self, entry_id: str) -> StoredIdentity:
        self.load((entry_id,))
        identity = self._loaded[entry_id]
        if identity is None:
            raise KeyError(entry_id)
        return identity

    def __iter__(self) -> Iterator[str]:
        return (entry_id for entry_id, identity in self._loaded.items() if identity is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
