"""Which feed a directory is followed by."""

from __future__ import annotations

from syncd.model.feed import FeedChoice, FeedKind
from syncd.model.reading import ServerInfo
from syncd.settings.directory import DirectorySettings


def choose_feed(settings: DirectorySettings, server: ServerInfo) -> FeedChoice:
    """The feed for this server."""
    del server
    if settings.feed != "auto":
        return FeedChoice(kind=FeedKind(settings.feed), reason="set by `feed`", live=settings.live)
    return FeedChoice(kind=FeedKind.FULL, reason="not chosen yet")
