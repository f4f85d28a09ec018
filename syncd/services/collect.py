"""Reading one directory for one run: from a connection to the people that changed.

Everything a run reads comes over one session, and every read must end with a complete verdict, or the run fails here with
nothing done (invariant 3). A server that breaks off is left for the next URL, where the whole collection starts again from the
first page: half of one server and half of another is no picture of a company.

Entries are looked at as they stream by. One whose fingerprint is the stored one ends there; only the others are mapped and
compared, with the store asked once per page for what it holds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from syncd.errors import IncompleteReadError, NoEntryIdError, StoppedError, class_of
from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.references import GroupSet, is_ranged
from syncd.mapping.searches import people_search, roles_search, structure_search
from syncd.mapping.structure import Structure
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.plan import PersonChange
from syncd.model.reading import Search, ServerInfo, Verdict
from syncd.model.records import Issue, StoredIdentity, StoredPerson
from syncd.reconcile.people import diff_person
from syncd.services.ports import Directory, DirectorySession, SyncStore
from syncd.settings.directory import DirectorySettings


@dataclass(slots=True)
class Collected:
    """What one complete collection found."""

    server: ServerInfo
    mapper: PersonMapper
    structure: Structure
    groups: GroupSet | None
    # everyone the store knew of the directory before
    known: Mapping[str, StoredIdentity]
    entries_read: int = 0
    # entry ids of all people the directory has, usable or not
    seen: set[str] = field(default_factory=set)
    # new, changed and returning people, against the store
    changes: list[PersonChange] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    # current DN key -> entry id, of known people whose entry could not be used: their roles still follow the directory
    unusable: dict[str, str] = field(default_factory=dict)
    # with memberOf: entry id -> keys of the groups the person's entry names
    references: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # entries without a readable id: each could be anybody, so nobody may be called missing
    anonymous: int = 0


@dataclass(slots=True, kw_only=True)
class Collector:
    """One run's reading."""

    directory: Directory
    settings: DirectorySettings
    custom_fields: Mapping[str, str]
    store: SyncStore
    # called with the phase and the number of entries read in it
    progress: Callable[[str, int], None]
    stopping: Callable[[], bool]
    # gets the session while it is open and None after, so that someone else can close it to end a blocked read
    on_session: Callable[[DirectorySession | None], None] = lambda session: None
    _failed: set[str] = field(default_factory=set, init=False)

    def collect(self) -> Collected:
        """Read from the first server that gives a complete answer. Raises SyncdError: of the last server, when none does."""
        known = self.store.identities(self.directory.name)
        retrying = Retrying(
            stop=stop_after_attempt(len(self.settings.urls)),
            retry=retry_if_exception(_try_next_server),
            reraise=True,
        )
        return retrying(self._collect_once, known)

    def _collect_once(self, known: dict[str, StoredIdentity]) -> Collected:
        self.progress("connect", 0)
        session = self.directory.connect(skip=self._failed)
        self.on_session(session)
        try:
            return self._read_all(session, known)
        except IncompleteReadError:
            self._failed.add(session.server.url)
            raise
        finally:
            self.on_session(None)
            session.close()

    def _read_all(self, session: DirectorySession, known: Mapping[str, StoredIdentity]) -> Collected:
        id_attribute = self.settings.entry_id_attribute or session.server.entry_id_attribute
        if id_attribute is None:
            raise NoEntryIdError(f"{session.server.url} has no attribute that identifies an entry for good")
        mapper = PersonMapper(self.settings, custom_fields=self.custom_fields, entry_id_attribute=id_attribute)
        structure = self._read_structure(session, id_attribute)
        groups = self._groups(id_attribute) if self.settings.roles.enabled else None
        found = Collected(server=session.server, mapper=mapper, structure=structure, groups=groups, known=known)
        found.issues += structure.issues
        people = _People(found=found, store=self.store, directory=self.directory.name)
        for batch in self._pages(session, people_search(self.settings, mapper.attributes), found):
            people.add(batch)
        if found.anonymous and not found.seen:
            raise NoEntryIdError(f"none of the {found.anonymous} people on {session.server.url} shows {id_attribute!r}")
        if groups is not None and (search := roles_search(self.settings, id_attribute)) is not None:
            for batch in self._pages(session, search, found):
                for entry in batch:
                    groups.add(entry)
        return found

    def _groups(self, id_attribute: str) -> GroupSet:
        known = self.store.structure(self.directory.name).role_identifiers
        return GroupSet(self.settings.roles, entry_id_attribute=id_attribute, known=known)

    def _read_structure(self, session: DirectorySession, id_attribute: str) -> Structure:
        search = structure_search(self.settings, id_attribute)
        entries: list[Entry] = []
        if search is not None:
            for batch in self._pages(session, search, None):
                entries += batch
        return Structure(self.settings, entries, entry_id_attribute=id_attribute)

    def _pages(self, session: DirectorySession, search: Search, found: Collected | None) -> Iterator[Sequence[Entry]]:
        """The batches of one search, and then its verdict: anything but a complete one ends the run."""
        reading = session.read(search)
        phase, count = f"read {search.purpose}", 0
        self.progress(phase, 0)
        for batch in reading:
            if self.stopping():
                raise StoppedError("the run was asked to stop while reading")
            count += len(batch)
            self.progress(phase, count)
            yield batch
        if found is not None:
            found.entries_read += count
        require_complete(reading.verdict, search, server=session.server.url)


def _try_next_server(error: BaseException) -> bool:
    return isinstance(error, IncompleteReadError) and class_of(error.cause_code).retryable


def require_complete(verdict: Verdict, search: Search, *, server: str) -> None:
    """Raise IncompleteReadError, with the verdict's own code, unless the verdict is complete."""
    if verdict.complete:
        return
    error = IncompleteReadError(
        f"{verdict.reason} {verdict.entries} entries of {search.purpose} were read; nothing was removed.",
        advice=verdict.advice,
        server=server,
        entries_read=verdict.entries,
        base_dn=search.base_dn,
        result_code=verdict.result_code,
        server_text=verdict.server_text,
    )
    error.cause_code = verdict.code or error.code
    raise error


@dataclass(slots=True, kw_only=True)
class _People:
    """Turns the entries of people into changes against the store, a page at a time."""

    found: Collected
    store: SyncStore
    directory: str
    # entry id -> DN, of changed entries; an unchanged one has the stored DN
    _dns: dict[str, str] = field(default_factory=dict, init=False)

    def add(self, batch: Sequence[Entry]) -> None:
        found, mapper, known = self.found, self.found.mapper, self.found.known
        structure, with_references = found.structure, mapper.uses_references
        seen = found.seen
        changed: list[tuple[Entry, str, bytes]] = []
        for entry in batch:
            try:
                entry_id = mapper.entry_id(entry)
            except MappingIssue as issue:
                found.anonymous += 1
                found.issues.append(issue.as_issue(key=f"dn:{entry.dn}", dn=entry.dn))
                continue
            if entry_id in seen:
                self._seen_twice(entry, entry_id)
                continue
            seen.add(entry_id)
            if with_references:
                self._add_references(entry, entry_id)
            fingerprint = mapper.fingerprint(entry, structure)
            identity = known.get(entry_id)
            if identity is None or identity.fingerprint != fingerprint or not identity.present:
                changed.append((entry, entry_id, fingerprint))
                self._dns[entry_id] = entry.dn
        if changed:
            self._map(changed)

    def _map(self, changed: Sequence[tuple[Entry, str, bytes]]) -> None:
        found, mapper = self.found, self.found.mapper
        held = [entry_id for _, entry_id, _ in changed if entry_id in self.found.known]
        stored = self.store.people(self.directory, held) if held else {}
        for entry, entry_id, fingerprint in changed:
            before = stored.get(entry_id)
            try:
                record = mapper.map(
                    entry,
                    entry_id=entry_id,
                    fingerprint=fingerprint,
                    structure=found.structure,
                    current_email=_email_of(before),
                )
            except MappingIssue as issue:
                found.issues.append(issue.as_issue(key=entry_id, dn=entry.dn))
                self._unusable(entry, entry_id)
            else:
                found.changes.append(diff_person(record, before))

    def _add_references(self, entry: Entry, entry_id: str) -> None:
        self.found.references[entry_id] = self.found.mapper.references(entry)
        if self.found.groups is not None and is_ranged(entry, ("memberof",)):
            self.found.groups.is_whole = False
            message = "the server gave only a part of its memberOf values; roles stay as they were"
            self.found.issues.append(Issue(key=f"range:{entry_id}", dn=entry.dn, code="ranged_members", message=message))

    def _unusable(self, entry: Entry, entry_id: str) -> None:
        if entry_id in self.found.known:
            try:
                self.found.unusable[normalize(entry.dn)] = entry_id
            except InvalidDN:
                return

    def _seen_twice(self, entry: Entry, entry_id: str) -> None:
        """An entry that moved between two pages comes twice; two entries with one id are a mistake of the directory."""
        first = self._dns.get(entry_id) or self.found.known[entry_id].dn
        if first != entry.dn:
            message = f"the entry id {entry_id!r} is also that of {first}; it must belong to one entry only"
            self.found.issues.append(Issue(key=f"dn:{entry.dn}", dn=entry.dn, code="duplicate_entry_id", message=message))


def _email_of(person: StoredPerson | None) -> str | None:
    email = person.fields.get("email") if person is not None else None
    return email if isinstance(email, str) else None
