"""Content synchronization (RFC 4533): the server itself knows what changed since a cookie.

Each search has a cookie of its own. The ids are all that is taken: they stand in the control beside each entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncd.directory.feeds.options import Options
from syncd.directory.feeds.sync_dialects import check_cookie, current_cookie, dialect_of
from syncd.directory.feeds.sync_exchange import SyncExchange
from syncd.directory.feeds.sync_messages import Mode
from syncd.directory.feeds.sync_stream import SyncStream
from syncd.directory.feeds.syncrepl_watch import watch
from syncd.directory.wire import Wire
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo

__all__ = ["changes", "position", "watch"]


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now. Raises CursorRefusedError, DirectoryError."""
    cookies = {search.purpose: current_cookie(wire, search, server=server) for search in searches}
    return Cursor(feed=FeedKind.SYNCREPL, position=cookies)


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then. Raises CursorRefusedError, DirectoryError."""
    dialect = dialect_of(server)
    for search in searches:
        check_cookie(cursor.position.get(search.purpose, ""), purpose=search.purpose, server=server)
    with SyncExchange(wire, server=server, mode=Mode.REFRESH_ONLY, dialect=dialect) as exchange:
        for search in searches:
            exchange.refresh(search, cursor.position[search.purpose])
        return _summary(exchange.streams)


def _summary(streams: Iterable[SyncStream]) -> Changes:
    for stream in streams:
        if not stream.covered:
            raise stream.refused("the server gave no new cookie")
    return Changes(
        touched={stream.search.purpose: stream.touched for stream in streams if stream.touched},
        present={stream.search.purpose: stream.present for stream in streams if stream.present is not None},
        cursor=Cursor(feed=FeedKind.SYNCREPL, position={stream.search.purpose: stream.cookie for stream in streams}),
    )
