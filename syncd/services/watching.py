"""Watching a directory for changes as they happen.

A notice asks for a run, and the run reads the entries like any other: there is one way in which a change reaches the store.
What the notices name is kept for that run (syncd.services.pushed); one that is lost or comes twice does no harm, since the
cursor only moves with what was taken in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from syncd.clock import Clock
from syncd.model.feed import FeedKind
from syncd.services.job import Job
from syncd.services.ports_directory import Directory, DirectorySession
from syncd.services.ports_store import SyncStore
from syncd.services.pushed import PushedChanges
from syncd.settings.directory import DirectorySettings

log = structlog.get_logger("syncd.live")


@dataclass(slots=True, kw_only=True)
class WatchService:
    """The use case of watching directories, one connection each."""

    directories: Mapping[str, Directory]
    settings: Mapping[str, DirectorySettings]
    custom_fields: Mapping[str, str]
    store: SyncStore
    clock: Clock
    pushed: PushedChanges
    _sessions: dict[str, DirectorySession] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    def watch(self, directory: str, *, changed: Callable[[], None], watching: Callable[[], None]) -> str:
        """Call `changed` whenever the directory says that something did, until the connection ends; blocks.

        `watching` is called when the connection stands. Gives back at once, with the reason, where there is nothing to watch
        or no cursor yet to watch from. Raises SyncdError when the connection cannot be made or ends.
        """
        stored = self.store.cursor(directory)
        if stored is None:
            return NO_CURSOR
        session = self.directories[directory].connect()
        if not self._remember(directory, session):
            session.close()
            return "stopping"
        try:
            job = Job.on(
                session,
                name=directory,
                settings=self.settings[directory],
                custom_fields=self.custom_fields,
                now=self.clock.now(),
            )
            if job.choice.kind is FeedKind.FULL or not job.choice.live:
                return f"the server does not tell of changes as they happen ({job.choice.kind.value} feed)"
            if stored.cursor.feed is not job.choice.kind:
                return NO_CURSOR
            notices = session.watch(stored.cursor, job.searches)
            self.pushed.begin(directory, stored.cursor)
            watching()
            for notice in notices:
                self.pushed.add(directory, notice)
                changed()
        finally:
            self.pushed.end(directory)
            self._forget(directory)
            session.close()
        return "the connection ended"

    def close(self) -> None:
        """End all watches, and begin no more."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions.values())
        for session in sessions:
            session.close()

    def _remember(self, directory: str, session: DirectorySession) -> bool:
        with self._lock:
            if not self._closed:
                self._sessions[directory] = session
            return not self._closed

    def _forget(self, directory: str) -> None:
        with self._lock:
            self._sessions.pop(directory, None)


# what `watch` says when there is nothing yet to go on from
NO_CURSOR = "there is no cursor yet"
