"""Reading one directory for one run: from a connection to the people that changed.

Everything a run reads comes over one session, and every read must end with a complete verdict, or the run fails here with
nothing done (invariant 3). A server that breaks off is left for the next URL, where the whole collection starts again from the
first page: half of one server and half of another is no picture of a company.

Absence is confirmed before it counts: whatever the store has and the read did not show is asked for by its id once more, with
the same base and filter (pages are no snapshot: who moves from a page that is still to come to one that was read is seen by
neither).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.errors import IncompleteReadError, NoEntryIdError, StoppedError
from syncd.mapping.configuration import configuration_digest
from syncd.mapping.identity import could_be_id, entry_id_reader
from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.members import is_partial
from syncd.mapping.references import GroupSet
from syncd.mapping.searches import among_ids, people_search, roles_search, structure_search
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.model.reading import Search, Verdict
from syncd.model.records import StoredIdentity
from syncd.reconcile.people import missing_ids
from syncd.services.intake import Collected, Intake
from syncd.services.ports import Directory, DirectorySession, StoredStructure, SyncStore
from syncd.services.ranges import completed
from syncd.services.retries import NEXT_SERVER
from syncd.services.visibility import require_bases, require_canaries
from syncd.settings.directory import DirectorySettings

# ids asked for in one search
CONFIRM_BATCH = 200


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
        retrying = NEXT_SERVER.retrying(attempts=len(self.settings.urls), stopping=self.stopping)
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
        people = people_search(self.settings, mapper.attributes)
        roles = roles_search(self.settings, id_attribute)
        units = structure_search(self.settings, id_attribute)
        require_bases(session, [search for search in (people, roles, units) if search is not None])
        require_canaries(session, self.settings.safety.canaries)
        stored = self.store.structure(self.directory.name)
        found = Collected(
            server=session.server,
            mapper=mapper,
            structure=self._read_structure(session, units, id_attribute, stored),
            groups=self._groups(id_attribute, stored) if self.settings.roles.enabled else None,
            known=known,
            config_digest=configuration_digest(self.settings, self.custom_fields, entry_id_attribute=id_attribute),
        )
        found.issues += found.structure.issues
        self._read_people(session, people, id_attribute, found)
        if roles is not None:
            self._read_groups(session, roles, id_attribute, found, stored)
        require_canaries(session, self.settings.safety.canaries)
        return found

    def _read_people(self, session: DirectorySession, search: Search, id_attribute: str, found: Collected) -> None:
        intake = Intake(found=found, store=self.store, directory=self.directory.name)
        for batch in self._pages(session, search, found):
            intake.add(batch)
        self._add_partial(session, intake)
        if found.anonymous and not found.seen:
            raise NoEntryIdError(f"none of the {found.anonymous} people on {session.server.url} shows {id_attribute!r}")
        if not found.anonymous:
            for batch in self._confirm(session, search, id_attribute, missing_ids(found.known, found.seen)):
                intake.add(batch)
            self._add_partial(session, intake)

    def _add_partial(self, session: DirectorySession, intake: Intake) -> None:
        """People some of whose values came in parts, whole now, or as they are where they cannot be completed."""
        partial, intake.partial = intake.partial, []
        intake.add(list(completed(session, partial, intake.found.mapper.attributes, stopping=self.stopping)), final=True)

    def _read_groups(
        self, session: DirectorySession, search: Search, id_attribute: str, found: Collected, stored: StoredStructure
    ) -> None:
        groups = found.groups
        assert groups is not None, "there is a search for roles only where there are roles"
        self._add_groups(session, self._pages(session, search, found), groups)
        missing = sorted(stored.role_identifiers.keys() - groups.seen)
        self._add_groups(session, self._confirm(session, search, id_attribute, missing), groups)

    def _add_groups(self, session: DirectorySession, batches: Iterable[Sequence[Entry]], groups: GroupSet) -> None:
        partial: list[Entry] = []
        for batch in batches:
            for entry in batch:
                if is_partial(entry):
                    partial.append(entry)
                else:
                    groups.add(entry)
        for entry in completed(session, partial, self.settings.roles.member_attributes, stopping=self.stopping):
            groups.add(entry)

    def _groups(self, id_attribute: str, stored: StoredStructure) -> GroupSet:
        return GroupSet(self.settings.roles, entry_id_attribute=id_attribute, known=stored.role_identifiers)

    def _read_structure(
        self, session: DirectorySession, search: Search | None, id_attribute: str, stored: StoredStructure
    ) -> Structure:
        entries: list[Entry] = []
        if search is not None:
            for batch in self._pages(session, search, None):
                entries += batch
            seen = _ids(entries, id_attribute)
            missing = sorted((stored.units.keys() | stored.organizations.keys()) - seen)
            for batch in self._confirm(session, search, id_attribute, missing):
                entries += batch
        return Structure(self.settings, entries, entry_id_attribute=id_attribute)

    def _confirm(
        self, session: DirectorySession, search: Search, id_attribute: str, missing: Sequence[str]
    ) -> Iterator[Sequence[Entry]]:
        """The entries of a search that its pages did not show, of those the store has."""
        ids = [text for text in missing if could_be_id(id_attribute, text)]
        for start in range(0, len(ids), CONFIRM_BATCH):
            yield from self._pages(session, among_ids(search, id_attribute, ids[start : start + CONFIRM_BATCH]), None)

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


def _ids(entries: Iterable[Entry], id_attribute: str) -> set[str]:
    """The ids of those entries that have one."""
    read, ids = entry_id_reader(id_attribute), set()
    for entry in entries:
        with suppress(MappingIssue):
            ids.add(read(entry))
    return ids
