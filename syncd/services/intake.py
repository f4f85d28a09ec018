"""Turning the entries of people into changes against the store, a page at a time.

One whose fingerprint is the stored one ends here; only the others are mapped and compared, with the store asked once per page
for what it holds of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.members import is_partial, is_ranged
from syncd.mapping.references import GroupSet
from syncd.mapping.structure import Structure
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.plan import PersonChange
from syncd.model.reading import ServerInfo
from syncd.model.records import Issue, StoredIdentity, StoredPerson
from syncd.reconcile.people import diff_person
from syncd.services.ports import SyncStore


@dataclass(slots=True)
class Collected:
    """What one complete collection found."""

    server: ServerInfo
    mapper: PersonMapper
    structure: Structure
    groups: GroupSet | None
    # everyone the store knew of the directory before
    known: Mapping[str, StoredIdentity]
    # hash of the settings that decided what was read and what it becomes
    config_digest: bytes
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
    # where it counts: entry id -> SID of the person's primary group
    primary_groups: dict[str, str] = field(default_factory=dict)
    # entries without a readable id: each could be anybody, so nobody may be called missing
    anonymous: int = 0


@dataclass(slots=True, kw_only=True)
class Intake:
    """Takes in the people of one read."""

    found: Collected
    store: SyncStore
    directory: str
    # entry id -> DN, of changed entries; an unchanged one has the stored DN
    _dns: dict[str, str] = field(default_factory=dict, init=False)
    # entries with values in parts, which the caller completes when no read is in progress, and adds once more
    partial: list[Entry] = field(default_factory=list, init=False)

    def add(self, batch: Sequence[Entry], *, final: bool = False) -> None:
        """Take in a batch. `final`: what is in parts now stays so."""
        found, mapper, known = self.found, self.found.mapper, self.found.known
        structure, with_references = found.structure, mapper.uses_references
        with_primary_group = mapper.uses_primary_group
        seen = found.seen
        changed: list[tuple[Entry, str, bytes]] = []
        for entry in batch:
            if is_partial(entry) and not final:
                self.partial.append(entry)
                continue
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
            if with_primary_group and (group := mapper.primary_group(entry)) is not None:
                found.primary_groups[entry_id] = group
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
