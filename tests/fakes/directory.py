"""A directory in memory that keeps the port's promises, and breaks off where a test says.

    directory = FakeDirectory()
    directory.add("uid=ann,ou=people,dc=example,dc=com", objectClass="inetOrgPerson", uid="ann", mail=["a@example.com"])
    directory.cut(after=20, error=SizeLimitError)

An entry gets an entryUUID when it has none. A search returns the attributes asked for and no more, as a server does.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from syncd.errors import (
    ConnectionLostError,
    CursorRefusedError,
    DirectoryError,
    IncompleteReadError,
    InvalidFilterError,
    NoSuchBaseError,
)
from syncd.model.attributes import canonical_attribute
from syncd.model.dn import is_under, normalize, parent_key
from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Scope, Search, ServerInfo, Verdict
from tests.fakes.filters import matcher

Value = str | bytes


@dataclass
class FakeDirectory:
    """Implements `Directory`. Entries and faults may be changed between reads and during one."""

    name: str = "fake"
    urls: tuple[str, ...] = ("ldap://fake",)
    base_dn: str = "dc=example,dc=com"
    page_size: int = 1000
    vendor: str = "openldap"
    entry_id_attribute: str | None = "entryuuid"
    # DN -> attributes, in the server's order
    entries: dict[str, dict[str, list[bytes]]] = field(default_factory=dict)
    # URL -> what connecting to it raises
    connect_errors: dict[str, DirectoryError] = field(default_factory=dict)
    # how often each URL was connected to, failures included
    connects: list[str] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    open_sessions: int = 0
    # ids of entries that changed, in order: what its feed tells
    log: list[str] = field(default_factory=list)
    # why no cursor is accepted
    refuses: str | None = None
    _cut: tuple[int, type[DirectoryError], str | None] | None = None
    _references: tuple[str, ...] = ()
    _hidden_dns: set[str] = field(default_factory=set)
    _hidden_attributes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.add(self.base_dn, objectClass=["dcObject", "organization"])

    # ------------------------------------------------------------ content and faults
    def add(self, dn: str, **attributes: Value | Sequence[Value]) -> str:
        """Add or replace an entry; its entryUUID."""
        values = {canonical_attribute(name): _values(value) for name, value in attributes.items()}
        entry_id = str(uuid.uuid5(uuid.NAMESPACE_X500, f"{dn} {len(self.entries)}"))
        values.setdefault("entryuuid", [entry_id.encode()])
        self.entries[dn] = values
        return values["entryuuid"][0].decode()

    def add_people(self, count: int, *, parent: str | None = None) -> list[str]:
        """Add inetOrgPersons uid=u000000 and so on; their DNs."""
        dns = [f"uid=u{number:06},{parent or self.base_dn}" for number in range(count)]
        for number, dn in enumerate(dns):
            name = f"u{number:06}"
            self.add(
                dn,
                objectClass="inetOrgPerson",
                uid=name,
                cn=f"Person {number}",
                sn=f"Family{number}",
                mail=f"{name}@example.com",
            )
        return dns

    def rename(self, dn: str, new_dn: str) -> None:
        """Rename or move an entry alone; its id stays."""
        self.entries[new_dn] = self.entries.pop(dn)

    def delete(self, dn: str) -> None:
        del self.entries[dn]

    def cut(self, *, after: int, error: type[DirectoryError] = ConnectionLostError, purpose: str | None = None) -> None:
        """Let every read (or those for `purpose`) break off after so many entries, with this error's code."""
        self._cut = (after, error, purpose)

    def refer(self, *urls: str) -> None:
        """Let every read meet these references, none of which hides anything."""
        self._references = urls

    def hide(self, dn: str) -> None:
        """Take this one entry out of every answer, as an ACL would: with success all the same, as its own base too."""
        self._hidden_dns.add(normalize(dn))

    def hide_attribute(self, name: str) -> None:
        """Take an attribute out of every answer and let no filter match on it, as an ACL would."""
        self._hidden_attributes.add(canonical_attribute(name))

    def mend(self) -> None:
        """No faults from now on."""
        self._cut = None
        self._hidden_dns.clear()
        self._hidden_attributes.clear()
        self.connect_errors.clear()

    # ------------------------------------------------------------ the port
    def connect(self, *, skip: Collection[str] = ()) -> FakeSession:
        failed: DirectoryError | None = None
        for url in self.urls:
            if url in skip:
                continue
            self.connects.append(url)
            error = self.connect_errors.get(url)
            if error is None:
                self.open_sessions += 1
                info = ServerInfo(
                    url=url, vendor=self.vendor, naming_contexts=(self.base_dn,), entry_id_attribute=self.entry_id_attribute
                )
                return FakeSession(self, info)
            if error.exit_code == 77:
                raise error
            failed = error
        raise failed or DirectoryError(f"No server of directory {self.name!r} is left to try.")

    def _found(self, search: Search) -> Iterator[Entry]:
        """The entries of a search as they are now. Raises DirectoryError."""
        base = normalize(search.base_dn)
        if not any(normalize(dn) == base for dn in self.entries):
            raise NoSuchBaseError(f"the search for {search.purpose} ended with noSuchObject (32).", result_code=32)
        try:
            matches = matcher(search.filter)
        except ValueError as error:
            raise InvalidFilterError(str(error)) from error
        wanted = {canonical_attribute(name) for name in search.attributes}
        for dn, attributes in list(self.entries.items()):
            visible = {name: values for name, values in attributes.items() if name not in self._hidden_attributes}
            if normalize(dn) in self._hidden_dns or not matches(visible):
                continue
            if _in_scope(normalize(dn), base, search.scope):
                yield Entry(dn, {name: list(values) for name, values in visible.items() if name.split(";")[0] in wanted})

    def _limit(self, purpose: str) -> tuple[int | None, type[DirectoryError]]:
        """After how many entries a search for this breaks off, and how."""
        limit, error, only = self._cut or (None, ConnectionLostError, None)
        return (limit if only in (None, purpose) else None), error


class FakeSession:
    """Implements `DirectorySession`."""

    def __init__(self, directory: FakeDirectory, server: ServerInfo) -> None:
        self._directory = directory
        self._server = server
        self._closed = False
        self._reading: FakeReading | None = None

    @property
    def server(self) -> ServerInfo:
        return self._server

    def read(self, search: Search) -> FakeReading:
        if self._reading is not None:
            self._reading.close()
        self._directory.searches.append(search)
        self._reading = FakeReading(self._directory, search, closed=lambda: self._closed)
        return self._reading

    def fetch(self, search: Search) -> list[Entry]:
        if self._reading is not None and self._reading.in_progress:
            raise RuntimeError(f"the search for {search.purpose} was begun while a read is in progress on the same session")
        if self._closed:
            raise ConnectionLostError("the session was closed on this side.")
        self._directory.searches.append(search)
        found = list(self._directory._found(search))
        limit, error = self._directory._limit(search.purpose)
        if limit is not None and len(found) > limit:
            raise error(f"the search for {search.purpose} broke off.")
        return found

    def position(self, feed: FeedKind, searches: Sequence[Search]) -> Cursor:
        if self._directory.refuses is not None:
            raise CursorRefusedError(self._directory.refuses)
        return Cursor(feed=feed, position={"at": str(len(self._directory.log))})

    def changes(self, cursor: Cursor, searches: Sequence[Search]) -> Changes:
        if self._directory.refuses is not None:
            raise CursorRefusedError(self._directory.refuses)
        log = self._directory.log
        touched = set(log[int(cursor.position["at"]) :])
        return Changes(touched={"": touched}, cursor=replace(cursor, position={"at": str(len(log))}))

    def watch(self, cursor: Cursor, searches: Sequence[Search]) -> Iterator[Changes]:
        raise CursorRefusedError("the fake tells of nothing")

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._directory.open_sessions -= 1


class FakeReading:
    """Implements `Reading`."""

    def __init__(self, directory: FakeDirectory, search: Search, *, closed: Callable[[], bool]) -> None:
        self._directory = directory
        self._search = search
        self._closed = closed
        self.verdict = _incomplete(IncompleteReadError(), Verdict(complete=False, entries=0, pages=0))
        self._batches = self._read()

    def __iter__(self) -> Iterator[list[Entry]]:
        return self._batches

    @property
    def in_progress(self) -> bool:
        return inspect.getgeneratorstate(self._batches) in (inspect.GEN_SUSPENDED, inspect.GEN_RUNNING)

    def close(self) -> None:
        self._batches.close()

    def _read(self) -> Generator[list[Entry], None, None]:
        directory, purpose = self._directory, self._search.purpose
        limit, error = directory._limit(purpose)
        entries = pages = 0
        try:
            found = list(directory._found(self._search))
            for start in range(0, max(len(found), 1), directory.page_size):
                if self._closed():
                    raise ConnectionLostError("the session was closed on this side.")
                batch = found[start : start + directory.page_size]
                cut = limit is not None and entries + len(batch) > limit
                batch = batch[: limit - entries] if cut and limit is not None else batch
                entries += len(batch)
                pages += not cut
                self.verdict = replace(self.verdict, entries=entries, pages=pages)
                if batch:
                    yield batch
                if cut:
                    raise error(f"the search for {purpose} broke off.")
        except DirectoryError as end:
            self.verdict = _incomplete(end, self.verdict)
        else:
            self.verdict = Verdict(complete=True, entries=entries, pages=pages, references=directory._references)


def _incomplete(error: DirectoryError, verdict: Verdict) -> Verdict:
    code = error.context.get("result_code")
    return replace(
        verdict, code=error.code, reason=error.message, advice=error.hint, result_code=code if isinstance(code, int) else None
    )


def _in_scope(key: str, base: str, scope: Scope) -> bool:
    if scope is Scope.BASE:
        return key == base
    if scope is Scope.ONE:
        return key != base and parent_key(key) == base
    return key == base or is_under(key, base)


def _values(value: Value | Sequence[Value]) -> list[bytes]:
    values = [value] if isinstance(value, str | bytes) else value
    return [item.encode() if isinstance(item, str) else item for item in values]
