"""The feeds a server may offer: each says where it stands, what changed since then, and, where it can, what changes now.

Every module here has the functions `position`, `changes` and, for live feeds, `watch`, with the same arguments; this one only
finds the right module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from syncd.directory.feeds import dirsync, syncrepl, timestamp, usn
from syncd.directory.feeds.options import Options
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo

__all__ = ["Options", "changes", "position", "watch"]


class _Feed(Protocol):
    """What each module has."""

    def position(self, wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor: ...

    def changes(
        self, wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options
    ) -> Changes: ...


_FEEDS: dict[FeedKind, _Feed] = {
    FeedKind.SYNCREPL: syncrepl,
    FeedKind.DIRSYNC: dirsync,
    FeedKind.USN: usn,
    FeedKind.TIMESTAMP: timestamp,
}


def position(wire: Wire, feed: FeedKind, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where the feed stands now. Raises CursorRefusedError, DirectoryError."""
    if feed not in _FEEDS:
        raise CursorRefusedError(f"{server.url}: the {feed.value} feed has no position")
    return _FEEDS[feed].position(wire, searches, server=server, options=options)


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since the cursor. Raises CursorRefusedError, DirectoryError."""
    if cursor.feed not in _FEEDS:
        raise CursorRefusedError(f"{server.url}: the {cursor.feed.value} feed has no position")
    return _FEEDS[cursor.feed].changes(wire, cursor, searches, server=server, options=options)


def watch(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Iterator[Changes]:
    """What changes from now on, as it happens. Raises CursorRefusedError where the feed cannot tell, DirectoryError."""
    if cursor.feed is FeedKind.SYNCREPL:
        return syncrepl.watch(wire, cursor, searches, server=server, options=options)
    if cursor.feed in (FeedKind.USN, FeedKind.DIRSYNC):
        return usn.watch(wire, cursor, searches, server=server, options=options)
    raise CursorRefusedError(f"{server.url}: the {cursor.feed.value} feed cannot tell of changes as they happen")
