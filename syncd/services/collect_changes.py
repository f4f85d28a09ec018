"""Reading what changed: the entries that a feed or a sweep names, and what follows from them.

People are read one by one, by id. Units are read whole as soon as anyone must be placed, groups as soon as one of them changed
or somebody is called otherwise than before: who is in which group follows from all of them, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from syncd.mapping.identity import is_entry_id
from syncd.mapping.structure import Structure
from syncd.model.feed import Changes, StoredCursor
from syncd.model.plan import Action, PersonChange
from syncd.model.reading import Search
from syncd.services.intake import Collected, Intake
from syncd.services.job import Job
from syncd.services.known import KnownPeople
from syncd.services.ports_store import StoredStructure, SyncStore
from syncd.services.sweep import moved_people


@dataclass(slots=True, kw_only=True)
class ChangedRead:
    """The reading of one run for changes."""

    job: Job
    store: SyncStore
    changes: Changes
    stored: StoredCursor
    # of a sweep: all units are looked at, whether or not anybody named one
    every_unit: bool = False

    def collect(self) -> Collected:
        """Raises IncompleteReadError, StoppedError."""
        job, changes = self.job, self.changes
        unsettled = self.store.unsettled(job.name)
        if changes.is_empty and not self.every_unit and not unsettled:
            return self._finished(self._nothing(KnownPeople(self.store, job.name)))
        stored = self.store.structure(job.name)
        known = KnownPeople(self.store, job.name)
        units = self._touched_units(stored)
        people = self._touched_people(known).union(unsettled)
        if not self.every_unit and units & (stored.units.keys() | stored.organizations.keys()):
            # whoever is below a unit that changed its name has another DN now, and no server says so
            people |= moved_people(job, self.store)
        people |= {issue.key for issue in self.store.open_issues(job.name).values() if issue.subject == "person"}
        found = self._read_people(known, people, stored, units)
        if job.roles is not None and (self._groups_changed(stored) or self._links_may_change(found.changes)):
            found.groups = job.empty_groups(stored)
            found.groups_version = job.read_groups(found.groups, stored)
            known.load_all()
        return self._finished(found)

    def _finished(self, found: Collected) -> Collected:
        found.incremental = True
        found.cursor, found.cursor_replaces = self.changes.cursor, self.stored.version
        return found

    def _nothing(self, known: KnownPeople) -> Collected:
        job = self.job
        structure = Structure(job.settings, entry_id_attribute=job.id_attribute)
        found = job.new_collected(structure=structure, groups=None, known=known)
        found.structure_read = False
        return found

    # ------------------------------------------------------------ what was named
    def _named(self, search: Search | None) -> set[str]:
        """Ids that the feed named and that may belong to this search."""
        if search is None:
            return set()
        touched = self.changes.touched
        return {*touched.get(search.purpose, ()), *touched.get("", ())}

    def _absent(self, search: Search | None, known: Iterable[str]) -> set[str]:
        """Of those that the store has, the ones that a list of all that are there does not have."""
        present = self.changes.present.get(search.purpose) if search is not None else None
        return set() if present is None else set(known) - set(present)

    def _touched_people(self, known: KnownPeople) -> set[str]:
        named = self._named(self.job.people)
        if self.job.people.purpose in self.changes.present:
            known.load_all()
            named |= self._absent(self.job.people, [entry_id for entry_id in known if known[entry_id].present])
        return named

    def _touched_units(self, stored: StoredStructure) -> set[str]:
        """Ids of units that are new, changed or gone."""
        search, stored_keys = self.job.units, stored.units.keys() | stored.organizations.keys()
        # others are names: units and organizations that follow from values
        keys = {key for key in stored_keys if is_entry_id(self.job.id_attribute, key)}
        if self.every_unit:
            return keys
        return self._in_search(search, self._named(search), keys) | self._absent(search, keys)

    def _groups_changed(self, stored: StoredStructure) -> bool:
        search, keys = self.job.roles, stored.role_identifiers.keys()
        return bool(self._in_search(search, self._named(search), keys) or self._absent(search, keys))

    def _in_search(self, search: Search | None, named: set[str], keys: Collection[str]) -> set[str]:
        """Of the ids named, those that the store has under this search or that are in its answer; "" stands for any."""
        if search is None or not named:
            return set()
        if "" in named:
            return named
        found = {entry_id for entry_id in named if entry_id in keys}
        ids_only = replace(search, attributes=(self.job.id_attribute,))
        for batch in self.job.reader.among(ids_only, sorted(named - found)):
            found |= self.job.reader.ids_of(batch)
        return found

    # ------------------------------------------------------------ reading it
    def _read_people(self, known: KnownPeople, people: set[str], stored: StoredStructure, units: set[str]) -> Collected:
        job = self.job
        if not (people or units or self.every_unit):
            return self._nothing(known)
        found = job.new_collected(structure=job.read_structure(stored), groups=None, known=known)
        known.load(people)
        found.incremental = True
        found.asked = frozenset(people)
        found.asked_units = frozenset(units)
        intake = Intake(found=found, store=self.store, directory=job.name)
        for batch in job.whole_people(job.reader.among(job.people, sorted(people), counted=True)):
            intake.add(batch)
        for batch in job.whole_people(job.outside_filter(found.leaving)):
            intake.add(batch)
        return found

    def _links_may_change(self, changes: Iterable[PersonChange]) -> bool:
        return self.stored.relations_digest is None or any(map(is_called_otherwise, changes))


def is_called_otherwise(change: PersonChange) -> bool:
    """Whether groups that named somebody may no longer do so, or others may do so now."""
    before, after = change.before, change.after
    if change.action is not Action.UPDATE or before is None or after is None:
        return True
    names = (before.dn_key, before.member_key, before.primary_group)
    return names != (after.dn_key, after.member_key, after.primary_group)
