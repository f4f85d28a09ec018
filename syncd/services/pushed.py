"""What a directory told of by itself, kept until a run has taken it in.

A watch that went on from a cursor has seen everything since: a run that begins at that same cursor, or at a later one that the
watch passed, need not ask for it again. That matters with servers that answer each such question with the list of all that are
there (OpenLDAP without a session log). Everything else - another cursor, nothing told since - is asked of the feed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from syncd.model.feed import Changes, Cursor

# notices kept for one directory; with more, the feed is asked
MOST = 10_000


@dataclass(slots=True)
class _Told:
    """The notices of one watch, in order."""

    # where it began, or what was last taken in
    since: Cursor
    notices: list[Changes] = field(default_factory=list)


@dataclass(slots=True)
class PushedChanges:
    """The notices of all directories. The threads of watches add, those of runs take."""

    _told: dict[str, _Told] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, directory: str, since: Cursor) -> None:
        """A watch goes on from there."""
        with self._lock:
            self._told[directory] = _Told(since)

    def add(self, directory: str, changes: Changes) -> None:
        """The next that it says."""
        with self._lock:
            told = self._told.get(directory)
            if told is not None:
                told.notices.append(changes)
                if len(told.notices) > MOST:
                    del self._told[directory]

    def end(self, directory: str) -> None:
        """The watch is over."""
        with self._lock:
            self._told.pop(directory, None)

    def moved(self, directory: str, since: Cursor, to: Cursor) -> None:
        """A run asked the feed itself and went on from one cursor to another: whatever was told since the first is more than
        enough for the second. Lists of all who are there, told before, are older than the feed's answer and of no use any more;
        the entries named are kept, since OpenLDAP may name to one what it does not yet name to the other."""
        with self._lock:
            told = self._told.get(directory)
            if told is not None and self._reach(told, since):
                told.since = to
                told.notices = [replace(notice, present={}) for notice in told.notices]

    def since(self, directory: str, cursor: Cursor) -> Changes | None:
        """Everything told since that cursor, None where that is nothing or not known."""
        with self._lock:
            told = self._told.get(directory)
            if told is None or not self._reach(told, cursor):
                return None
            return _together(told.notices)

    @staticmethod
    def _reach(told: _Told, cursor: Cursor) -> bool:
        """Whether everything since that cursor is known; what a run has taken in before it is dropped."""
        if told.since == cursor:
            return True
        passed = [number for number, notice in enumerate(told.notices) if notice.cursor == cursor]
        if passed:
            told.notices = told.notices[passed[-1] + 1 :]
            told.since = cursor
        return bool(passed)


def _together(notices: list[Changes]) -> Changes | None:
    """All of them as one; None for none, and for what cannot be put together."""
    cursors = [notice.cursor for notice in notices if notice.cursor is not None]
    if not cursors or any(notice.present for notice in notices):
        return None
    touched: dict[str, set[str]] = {}
    for notice in notices:
        for purpose, ids in notice.touched.items():
            touched.setdefault(purpose, set()).update(ids)
    return Changes(touched=touched, cursor=cursors[-1])
