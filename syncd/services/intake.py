"""Turning the entries of people into changes against the store, a page at a time.

One whose fingerprint is the stored one ends here; only the others are mapped and compared, with the store asked once per page
for what it holds of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.members import is_ranged
from syncd.mapping.references import GroupSet
from syncd.mapping.structure import Structure
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.feed import Cursor
from syncd.model.plan import PersonChange
from syncd.model.reading import ServerInfo
from syncd.model.records import Issue, StoredIdentity, StoredPerson
from syncd.reconcile.people import diff_person, missing_ids
from syncd.services.ports_store import SyncStore
from syncd.settings.directory import DirectorySettings


@dataclass(slots=True, kw_only=True)
class Collected:
    """What one complete collection found."""

    server: ServerInfo
    # with what the vendor's profile fills in
    settings: DirectorySettings
    mapper: PersonMapper
    structure: Structure
    # None where the groups were not read
    groups: GroupSet | None
    # everyone the store knew of the directory before
    known: Mapping[str, StoredIdentity]
    # hash of the settings that decided what was read and what it becomes
    config_digest: bytes
    # whether only what changed was read: what is not in here stays as it is
    incremental: bool = False
    # the feed it was read by, and why that one
    feed: str = ""
    feed_reason: str = ""
    # where the feed stands after this, and the version of the stored cursor that replaces; None: stays as it is
    cursor: Cursor | None = None
    cursor_replaces: int = 0
    entries_read: int = 0
    # entry ids of people asked for one by one, and keys of units that may be gone; of an incremental collection
    asked: frozenset[str] = frozenset()
    asked_units: frozenset[str] = frozenset()
    # whether the units were read
    structure_read: bool = True
    # entry ids of all people seen, usable or not
    seen: set[str] = field(default_factory=set)
    # new, changed and returning people, against the store
    changes: list[PersonChange] = field(default_factory=list)
    # entry id -> version, of people whose version is the only thing that changed
    versions: dict[str, str] = field(default_factory=dict)
    # Plan.groups_version; None where the groups were not read
    groups_version: bytes | None = None
    issues: list[Issue] = field(default_factory=list)
    # current DN key -> entry id, of known people whose entry could not be used: their roles still follow the directory
    unusable: dict[str, str] = field(default_factory=dict)
    # with memberOf: entry id -> keys of the groups the person's entry names
    references: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # with primary groups: entry id -> SID of the person's primary group
    primary: dict[str, str] = field(default_factory=dict)
    # entry ids of people of whose memberOf only a part came: they keep what they have
    partial: set[str] = field(default_factory=set)
    # entries without a readable id: each could be anybody, so nobody may be called missing
    anonymous: int = 0

    @property
    def leaving(self) -> list[str]:
        """Entry ids of people who were present and are gone, by a complete verdict."""
        if self.anonymous:
            return []
        if self.incremental:
            return sorted(i for i in self.asked - self.seen if i in self.known and self.known[i].present)
        return missing_ids(self.known, self.seen)

    @property
    def is_empty(self) -> bool:
        """Whether the feed had nothing to say."""
        return self.incremental and not (self.asked or self.groups or self.structure_read)


@dataclass(slots=True, kw_only=True)
class Intake:
    """Takes in the people of one read."""

    found: Collected
    store: SyncStore
    directory: str
    # entry id -> DN, of changed entries; an unchanged one has the stored DN
    _dns: dict[str, str] = field(default_factory=dict, init=False)

    def add(self, batch: Sequence[Entry]) -> None:
        found, mapper, known = self.found, self.found.mapper, self.found.known
        structure, with_references, with_primary = found.structure, mapper.uses_references, mapper.uses_primary_group
        seen, read_version = found.seen, mapper.version
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
            if with_primary and (group := mapper.primary_group(entry)) is not None:
                found.primary[entry_id] = group
            fingerprint = mapper.fingerprint(entry, structure)
            identity = known.get(entry_id)
            if identity is not None and identity.fingerprint == fingerprint and identity.present:
                version = read_version(entry)
                if version is not None and version != identity.version:
                    found.versions[entry_id] = version
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
        if is_ranged(entry, ("memberof",)):
            self.found.partial.add(entry_id)
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
