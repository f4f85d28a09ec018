"""All values of an attribute that a server gives in parts.

Active Directory gives no more than 1,500 values of an attribute at a time (MaxValRange) and calls them
`member;range=0-1499`; `member` itself then looks empty (MS-ADTS section 3.1.1.3.1.3.3). The rest is asked for part by part,
from the entry itself. Only parts that join exactly, of an entry that did not change meanwhile, are a whole: in any other
case the entry stays as it came, marked as a part, and whoever takes it in leaves alone what it would have changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from syncd.errors import (
    AdminLimitError,
    DirectoryError,
    InsufficientAccessError,
    LdapResultError,
    NoSuchBaseError,
    ReferralError,
    SizeLimitError,
    StoppedError,
    TimeLimitError,
    UnwillingToPerformError,
)
from syncd.mapping.members import is_partial
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search
from syncd.services.ports_directory import DirectorySession

# how often one attribute is begun once more because its entry changed while it was read
_ATTEMPTS = 3
# what a server answers about one entry; every other error is about the connection, and ends the run
_OF_THE_ENTRY: tuple[type[DirectoryError], ...] = (
    NoSuchBaseError, InsufficientAccessError, ReferralError, UnwillingToPerformError,
    SizeLimitError, TimeLimitError, AdminLimitError,
)  # fmt: skip
_RANGE = re.compile(r"(.+);range=(\d{1,10})-(\d{1,10}|\*)")


class _Part(NamedTuple):
    """Some values of an attribute, and where they stand among all of them."""

    first: int
    # None when these are the last ones
    last: int | None
    values: Sequence[bytes]

    def continues(self, count: int) -> bool:
        """Whether these are the values after the first `count`, no more and no less than their range says."""
        expected = len(self.values) if self.last is None else self.last - self.first + 1
        return self.first == count and bool(self.values) and len(self.values) == expected


def completed(
    session: DirectorySession,
    entries: Iterable[Entry],
    attributes: Iterable[str],
    *,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Entry]:
    """The entries with all values of these attributes; those that cannot be completed as they came.

    Not while a read is in progress on the session. Raises the errors that end a connection, which are about more than one
    entry, and StoppedError.
    """
    keys = [canonical_attribute(name) for name in attributes]
    for entry in entries:
        yield _Completion(session, stopping).whole(entry, keys) if is_partial(entry) else entry


class _Changed(Exception):
    """The parts do not join: something happened to the entry between them."""


class _Completion:
    """The reading of one entry's parts."""

    def __init__(self, session: DirectorySession, stopping: Callable[[], bool]) -> None:
        self._session = session
        self._stopping = stopping
        version = session.server.version_attribute
        self._version_key = canonical_attribute(version) if version else None

    def whole(self, entry: Entry, keys: Sequence[str]) -> Entry:
        """The entry with all its values of these attributes, or as it is."""
        attributes = dict(entry.attributes)
        for key in keys:
            if _part_of(entry, key) is None:
                continue
            values = self._values(entry, key)
            if values is None:
                return entry
            attributes = {name: held for name, held in attributes.items() if not name.startswith(f"{key};range=")}
            attributes[key] = values
        return Entry(entry.dn, attributes)

    def _values(self, entry: Entry, key: str) -> list[bytes] | None:
        """None where they could not be had."""
        # what came with the page counts if it says of which version of the entry it is, or if none can tell
        begun = entry if self._version_key is None or self._version(entry) is not None else None
        for _ in range(_ATTEMPTS):
            try:
                return self._read(entry.dn, key, begun)
            except (_Changed, LdapResultError):
                # a range that begins behind the last value is an operationsError: some are gone since
                begun = None
            except _OF_THE_ENTRY:
                return None
        return None

    def _read(self, dn: str, key: str, answer: Entry | None) -> list[bytes]:
        """All values, from the first part on. Raises _Changed, DirectoryError."""
        values: list[bytes] = []
        answer = answer or self._ask(dn, key, 0)
        version = self._version(answer)
        while True:
            part = _part_of(answer, key)
            if part is None or not part.continues(len(values)):
                raise _Changed
            values += part.values
            if part.last is None:
                break
            answer = self._ask(dn, key, len(values))
        if self._version(answer) != version or len(set(values)) != len(values):
            raise _Changed
        return values

    def _ask(self, dn: str, key: str, first: int) -> Entry:
        if self._stopping():
            raise StoppedError("the run was asked to stop while reading")
        version = (self._version_key,) if self._version_key else ()
        search = Search(
            purpose=f"the values of {key}",
            base_dn=dn,
            filter="(objectClass=*)",
            scope=Scope.BASE,
            attributes=(f"{key};range={first}-*", *version),
        )
        found = self._session.fetch(search)
        if len(found) != 1:
            raise _Changed
        return found[0]

    def _version(self, entry: Entry) -> bytes | None:
        return entry.first(self._version_key) if self._version_key else None


def _part_of(entry: Entry, key: str) -> _Part | None:
    """What an entry has of an attribute; None where that is nothing, or more than one part."""
    parts = []
    for name, values in entry.attributes.items():
        match = _RANGE.fullmatch(name)
        if match is not None and match[1] == key:
            parts.append(_Part(int(match[2]), None if match[3] == "*" else int(match[3]), values))
    if not parts and (held := entry.attributes.get(key)):
        return _Part(0, None, held)
    return parts[0] if len(parts) == 1 else None
