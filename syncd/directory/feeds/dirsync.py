"""Active Directory's DirSync."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.directory.feeds.options import Options
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError
from syncd.model.feed import Changes, Cursor
from syncd.model.reading import Search, ServerInfo


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now."""
    raise CursorRefusedError("not there yet")


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then."""
    raise CursorRefusedError("not there yet")
