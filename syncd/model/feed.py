"""How a directory's changes are learnt, and where that stands.

A feed says which entries to look at; what they are is always read from the entries themselves, with the site's own base and
filter. So a feed can never bring half an entry, and whatever it names and the directory no longer shows is gone by a complete
verdict and not by hearsay.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


class FeedKind(enum.StrEnum):
    """The ways of learning changes."""

    # everything is read and compared: the ground truth
    FULL = "full"
    # RFC 4533
    SYNCREPL = "syncrepl"
    # Active Directory's DirSync control (MS-ADTS section 3.1.1.3.4.1.3)
    DIRSYNC = "dirsync"
    # Active Directory's uSNChanged
    USN = "usn"
    # modifyTimestamp (RFC 4512 section 3.4)
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a feed stands."""

    feed: FeedKind
    # what it means is the feed's own business; text only, so that it can be stored
    position: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCursor:
    """A cursor as the store has it."""

    cursor: Cursor
    # one more with every write: the next write names the one it replaces (compare and swap)
    version: int
    # Plan.config_digest and Plan.relations_digest of the last run that was applied whole
    config_digest: bytes | None = None
    relations_digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a feed has to say since a cursor."""

    # purpose of the search ("users", "roles", "units") -> ids of entries to look at: new, changed, moved, gone or no longer in
    # the search. An id under "" may belong to any of the searches
    touched: Mapping[str, Collection[str]] = field(default_factory=dict)
    # purpose -> ids of all entries of that search, where the server listed those instead of the removed ones
    present: Mapping[str, Collection[str]] = field(default_factory=dict)
    # where the feed stands after these changes; None where a notice has no position of its own
    cursor: Cursor | None = None

    @property
    def is_empty(self) -> bool:
        return not self.present and not any(self.touched.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChoice:
    """Which feed is used with a server, and why that one."""

    kind: FeedKind
    # one sentence without a full stop, for `check` and `status`
    reason: str
    # whether the server tells of changes as they happen
    live: bool = False
