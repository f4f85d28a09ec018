"""modifyTimestamp, for any server: entries that say they were modified since about the last look.

The clock is the directory's: what it shows itself, or else the newest time in any entry. That was seen at a moment of our own
clock, and the directory's has gone on since as fast as ours; so the time of each look is known well enough, and a directory
in which nothing happens is not asked for its last change again for ever. The bound may be too early, which costs something, and
not too late; `Options.overlap` is for what replication brings late and for clocks that are set. Removals, and what moved out of
the base, are never shown, and are for the sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from syncd.clock import SystemClock
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.paged import areas, current_facts, id_attribute, ids_of, read_all, require_readable
from syncd.directory.feeds.sighting import EARLIEST, Sighting
from syncd.directory.wire import Wire
from syncd.errors import AdminLimitError, CursorRefusedError, DirectoryError, SizeLimitError
from syncd.mapping.times import generalized_time
from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo

# our own clock, aware, in UTC; tests set it
now: Callable[[], datetime] = SystemClock().now

_LIMIT_ADVICE = (
    "The server had to look at too many entries: let it index modifyTimestamp (389-ds: an nsIndex for equality, which is used "
    "for order, too), or raise the limit for the bind account."
)


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now. Raises CursorRefusedError, DirectoryError."""
    id_attribute(server)
    require_readable(wire, searches, _time_attribute(server), server=server)
    began = now()
    shown = _shown_time(wire, server=server)
    if shown is None:
        shown = _newest(wire, searches, server=server, options=options)
    return _cursor(Sighting.first(shown, began=began, ended=now()))


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then. Raises CursorRefusedError, DirectoryError."""
    then, began = _parse(cursor, server=server), now()
    shown, ended = _shown_time(wire, server=server), now()
    if shown is not None and shown < then.time - options.overlap:
        raise CursorRefusedError(f"{server.url}: the directory's clock shows {shown}, and was at {then.time} before")
    since = then.bound(options.overlap, now=began)
    newest, touched = _changed(wire, searches, since=since, server=server, options=options)
    if shown is None:
        shown, ended = newest, now()
    return Changes(
        touched={purpose: ids for purpose, ids in touched.items() if ids},
        cursor=_cursor(then.next(shown, began=began, ended=ended)),
    )


def _changed(
    wire: Wire, searches: Sequence[Search], *, since: datetime, server: ServerInfo, options: Options
) -> tuple[datetime, dict[str, set[str]]]:
    """The newest time, and purpose -> ids of what was modified at that time or later, in the site's filter or not."""
    attribute, modified = id_attribute(server), _time_attribute(server)
    found: dict[str, set[str]] = {}
    newest = EARLIEST
    for area in areas(searches):
        search = Search(
            purpose="changes",
            base_dn=area.base_dn,
            # 389-ds cuts the answer to the second part alone short and calls it a success
            filter=f"(&(objectClass=*)({modified}>={_written(since, server=server)}))",
            scope=area.scope,
            attributes=(attribute, modified),
        )
        ids = found.setdefault(area.purpose, set())
        try:
            for page in read_all(wire, search, server=server, page_size=options.page_size):
                ids |= ids_of(page, attribute=attribute)
                newest = max([newest, *_times(page, modified, server=server)])
        except (AdminLimitError, SizeLimitError) as error:
            raise _advised(error) from error
    return newest, found


def _newest(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> datetime:
    """The newest time of any entry of the searches."""
    modified = _time_attribute(server)
    newest = EARLIEST
    for search in searches:
        asked = replace(search, attributes=(modified,))
        for page in read_all(wire, asked, server=server, page_size=options.page_size):
            newest = max([newest, *_times(page, modified, server=server)])
    return newest


def _shown_time(wire: Wire, *, server: ServerInfo) -> datetime | None:
    """The directory's clock, of a server that shows it."""
    if "currenttime" not in server.facts:
        return None
    text = current_facts(wire, server=server).get("currenttime", "")
    try:
        return generalized_time(text)
    except ValueError as error:
        raise CursorRefusedError(f"{server.url}: the rootDSE's currentTime {text[:40]!r} {error}") from error


def _time_attribute(server: ServerInfo) -> str:
    """Active Directory makes modifyTimestamp up from whenChanged, and finds nothing by it."""
    return "whenChanged" if server.vendor == "active_directory" else "modifyTimestamp"


def _times(entries: Sequence[Entry], attribute: str, *, server: ServerInfo) -> list[datetime]:
    """Raises CursorRefusedError for an entry whose time is hidden, or none: no filter would find it."""
    times: list[datetime] = []
    for entry in entries:
        try:
            times.append(max(generalized_time(value.decode("ascii")) for value in entry.attributes.get(attribute.lower(), ())))
        except ValueError as error:
            raise CursorRefusedError(
                f"{server.url}: {entry.dn}: {attribute} is missing, may not be read or is not a time"
            ) from error
    return times


def _written(moment: datetime, *, server: ServerInfo) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S") + (".0Z" if server.vendor == "active_directory" else "Z")


def _advised(error: DirectoryError) -> DirectoryError:
    return type(error)(error.message, advice=_LIMIT_ADVICE, **error.context)


# ---------------------------------------------------------------- the cursor
def _cursor(sighting: Sighting) -> Cursor:
    times = {"time": sighting.time, "seen": sighting.seen, "looked": sighting.looked}
    return Cursor(feed=FeedKind.TIMESTAMP, position={name: moment.isoformat() for name, moment in times.items()})


def _parse(cursor: Cursor, *, server: ServerInfo) -> Sighting:
    """Raises CursorRefusedError."""
    try:
        times = [datetime.fromisoformat(cursor.position[name]) for name in ("time", "seen", "looked")]
    except (KeyError, ValueError) as error:
        raise CursorRefusedError(f"{server.url}: the cursor has no time: {error}") from error
    if any(moment.tzinfo is None for moment in times):
        raise CursorRefusedError(f"{server.url}: the cursor has a time without a zone")
    return Sighting(time=times[0], seen=times[1], looked=times[2])
