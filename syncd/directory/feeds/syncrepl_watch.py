"""Content synchronization that never ends (RFC 4533 section 3.4): the server says what changes as it happens."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from syncd.directory.deadline import Deadline
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.sync_dialects import check_cookie, dialect_of
from syncd.directory.feeds.sync_exchange import SyncExchange
from syncd.directory.feeds.sync_messages import Mode
from syncd.directory.feeds.sync_stream import SyncStream
from syncd.directory.wire import Wire
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo

# One change often comes as several messages, one for each search it is in: a pause this long ends what is handed on together,
# and whatever comes without a pause is handed on after this long.
_PAUSE_SECONDS, _LONGEST_SECONDS = 0.005, 0.05


def watch(
    wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options
) -> Generator[Changes, None, None]:
    """What happened since the cursor, and then what happens, until the connection ends; what comes together is one item.

    Waits without a time limit. Raises CursorRefusedError, DirectoryError.
    """
    dialect = dialect_of(server)
    for search in searches:
        check_cookie(cursor.position.get(search.purpose, ""), purpose=search.purpose, server=server)
    wire.keep_alive()
    with SyncExchange(wire, server=server, mode=Mode.REFRESH_AND_PERSIST, dialect=dialect) as exchange:
        for search in searches:
            exchange.refresh(search, cursor.position[search.purpose])
        while True:
            noticed = _take(exchange.streams)
            if not noticed.is_empty:
                yield noticed
            exchange.receive(patient=True)
            deadline = Deadline(_LONGEST_SECONDS)
            while not deadline.passed and wire.has_more(within=_PAUSE_SECONDS):
                exchange.receive(patient=True)


def _take(streams: Sequence[SyncStream]) -> Changes:
    """What the streams have said; with a cursor if their cookies stand for all of it."""
    covered = all(stream.covered for stream in streams)
    cookies = {stream.search.purpose: stream.cookie for stream in streams}
    noticed = Changes(
        touched={stream.search.purpose: stream.touched for stream in streams if stream.touched},
        present={stream.search.purpose: stream.present for stream in streams if stream.present is not None},
        cursor=Cursor(feed=FeedKind.SYNCREPL, position=cookies) if covered else None,
    )
    for stream in streams:
        stream.clear()
    return noticed
