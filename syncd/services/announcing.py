"""Announcing what time alone does to access: an account expires, its lock ends, it becomes valid.

Whoever writes announces in the same transaction (syncd.store.announce). Here is the rest: every few seconds, whoever has a time
that came since the last look, a while before it included, as a run judges by the time at which it began; and now and then
everybody, so that whatever went past both does not stay untold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from syncd.clock import Clock

# how far a look goes back behind the one before it: longer than runs take
OVERLAP = timedelta(hours=1)
EVERYBODY_EVERY = timedelta(days=1)


class AnnouncingStore(Protocol):
    """Who can log in: `syncd.store.announcing`. Raises StoreError."""

    def announce(self, *, since: datetime | None, now: datetime) -> int:
        """Announce whose access is not what was told last, of those with a time of their account after `since`, of everybody
        for None; how many."""


@dataclass(slots=True, kw_only=True)
class AnnouncingService:
    """One for each process; called by one thread at a time."""

    store: AnnouncingStore
    clock: Clock
    _looked_at: datetime | None = field(default=None)
    _everybody_at: datetime | None = field(default=None)

    def look(self) -> int:
        """How many were told of. Raises StoreError."""
        now = self.clock.now()
        since = None
        if self._looked_at is not None and self._everybody_at is not None and now < self._everybody_at + EVERYBODY_EVERY:
            since = self._looked_at - OVERLAP
        told = self.store.announce(since=since, now=now)
        self._looked_at = now
        if since is None:
            self._everybody_at = now
        return told
