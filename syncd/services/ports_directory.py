"""What the use cases need of a directory. Adapters implement these; tests run one contract suite over each.

Blocking: every method here may wait for a network and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo, Verdict


class Reading(Protocol):
    """One search in progress: iterate over it once, then ask for the verdict."""

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        """Batches of entries as they come, about a page each. It ends without an exception whatever happens; why it ended
        is in the verdict."""

    @property
    def verdict(self) -> Verdict:
        """How the read ended; an incomplete one with code `incomplete_read` before it has."""


class DirectorySession(Protocol):
    """One bound connection to one server. All reads of a run use the same one."""

    @property
    def server(self) -> ServerInfo: ...

    def read(self, search: Search) -> Reading:
        """Start a paged search. One at a time per session (PITFALLS: a cookie belongs to its connection)."""

    def fetch(self, search: Search) -> Sequence[Entry]:
        """A small search in one piece, without paging: a base, a canary, one person. Not while a `read` is in progress.

        Raises DirectoryError for every result but success; NoSuchBaseError when the base is not there.
        """

    def position(self, feed: FeedKind, searches: Sequence[Search]) -> Cursor:
        """Where this feed stands now, asked before a full read, so that what changes meanwhile comes with the next changes.

        Raises CursorRefusedError when this server cannot be followed by that feed, with the reason; DirectoryError otherwise.
        """

    def changes(self, cursor: Cursor, searches: Sequence[Search]) -> Changes:
        """What changed since then, among the entries of these searches (or more). May name an entry that did not change.

        Raises CursorRefusedError when the server no longer knows the cursor, belongs to another replica or cannot say for
        sure: the caller falls back to the full read. Every other DirectoryError means that nothing is known.
        """

    def watch(self, cursor: Cursor, searches: Sequence[Search]) -> Iterator[Changes]:
        """Wait for changes from that cursor on, as long as the connection lasts; each item is something to look at now.

        Ends only with an error: CursorRefusedError, or DirectoryError when the connection ends; `close` from another thread
        ends it so too. Nothing else may be asked on this session.
        """

    def close(self) -> None:
        """Unbind; never raises."""


class Directory(Protocol):
    """One configured LDAP service."""

    @property
    def name(self) -> str: ...

    def connect(self, *, skip: Collection[str] = ()) -> DirectorySession:
        """Connect and bind to the first server that answers, in the order of `urls` but without those in `skip`.

        Raises DirectoryError: of the last server tried when none could be used; at once, without trying another, when a
        server refuses the credentials (a wrong password is tried once per run).
        """
