"""Content synchronization (RFC 4533): the server itself knows what changed since a cookie, and tells of changes as they happen.

Each search has a cookie of its own. The ids are all that is taken: they stand in the control beside each entry. What the server
does not name is not here either, and is for the sweep to find:

- the entries below one that was renamed or moved, whose DNs changed;
- OpenLDAP 2.5: when writes overtook each other, the last of them, until the next write comes;
- 389 Directory Server 2.3: an entry that was both added and removed since the cookie, which a full read may have met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from syncd.directory.deadline import Deadline
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.sync_dialects import check_changelog, check_cookie, current_cookie, dialect_of
from syncd.directory.feeds.sync_exchange import SyncExchange
from syncd.directory.feeds.sync_messages import Mode
from syncd.directory.feeds.sync_stream import SyncStream
from syncd.directory.wire import Wire
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo

# One change often comes as several messages, one for each search it is in: a pause this long ends what is handed on together,
# and whatever comes without a pause is handed on after this long.
_PAUSE_SECONDS, _LONGEST_SECONDS = 0.005, 0.05


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now. Raises CursorRefusedError, DirectoryError."""
    cookies = {search.purpose: current_cookie(wire, search, server=server) for search in searches}
    return Cursor(feed=FeedKind.SYNCREPL, position=cookies)


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then. Raises CursorRefusedError, DirectoryError."""
    with _begin(wire, cursor, searches, server=server, mode=Mode.REFRESH_ONLY) as exchange:
        for stream in exchange.streams:
            if not stream.covered:
                raise stream.refused("the server gave no new cookie")
        found = _take(exchange.streams)
    # afterwards, so that nothing was thrown away meanwhile either
    check_changelog(wire, cursor.position, server=server)
    return found


def watch(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Iterator[Changes]:
    """What happened since the cursor, and then what happens, until the connection ends; what comes together is one item.

    Waits without a time limit. Raises CursorRefusedError, DirectoryError.
    """
    found = changes(wire, cursor, searches, server=server, options=options)
    if not found.is_empty:
        yield found
    wire.keep_alive()
    with _begin(wire, found.cursor or cursor, searches, server=server, mode=Mode.REFRESH_AND_PERSIST) as exchange:
        while True:
            found = _take(exchange.streams)
            if not found.is_empty:
                yield found
            exchange.receive(patient=True)
            deadline = Deadline(_LONGEST_SECONDS)
            while not deadline.passed and wire.has_more(within=_PAUSE_SECONDS):
                exchange.receive(patient=True)


def _begin(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, mode: Mode) -> SyncExchange:
    """All searches refreshed."""
    exchange = SyncExchange(wire, server=server, mode=mode, dialect=dialect_of(server))
    for search in searches:
        check_cookie(cursor.position.get(search.purpose, ""), purpose=search.purpose, server=server)
    try:
        for search in searches:
            exchange.refresh(search, cursor.position[search.purpose])
    except BaseException:
        exchange.close()
        raise
    return exchange


def _take(streams: Sequence[SyncStream]) -> Changes:
    """What the streams have said; with a cursor if their cookies stand for all of it."""
    cookies = {stream.search.purpose: stream.cookie for stream in streams}
    found = Changes(
        touched={stream.search.purpose: stream.touched for stream in streams if stream.touched},
        present={stream.search.purpose: stream.present for stream in streams if stream.present is not None},
        cursor=Cursor(feed=FeedKind.SYNCREPL, position=cookies) if all(stream.covered for stream in streams) else None,
    )
    for stream in streams:
        stream.clear()
    return found
