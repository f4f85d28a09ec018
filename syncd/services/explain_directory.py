"""One directory's word about one person, over one session.

Beside the person's own entry the organizational units and the groups are read as in a run, since places and roles hang on them;
where that fails a run would fail as well, and the entry is explained without them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from syncd.errors import SyncdError
from syncd.mapping.configuration import configuration_digest
from syncd.mapping.references import GroupSet
from syncd.mapping.searches import people_search, roles_search, structure_search
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.model.explanation import EntryExplanation, Failure, Outlook, Sighting
from syncd.model.reading import Search
from syncd.model.records import DirectoryPresence, StoredPerson
from syncd.model.views import DirectoryIdentity, PersonView
from syncd.services.explain_entry import EntryExplainer
from syncd.services.explain_lookup import Lookup
from syncd.services.explain_plan import OnePlanner
from syncd.services.explain_roles import role_paths
from syncd.services.job import Job
from syncd.services.linking import Linking
from syncd.services.outside import is_kept
from syncd.services.ports_directory import DirectorySession
from syncd.services.ports_store import SyncStore
from syncd.services.ranges import completed
from syncd.services.reading import require_complete
from syncd.services.visibility import require_bases, require_canaries
from syncd.settings.directory import DirectorySettings

_KEPT = "the filter leaves them out, and they are kept: the directory has switched the account off"
_NOT_TAKEN = Outlook(summary="nothing: no sync takes this entry for a person")


class People(Protocol):
    """What is asked of the read model."""

    def user(self, text: str) -> PersonView:
        """By id, username, email, DN or entry id. Raises NotFoundError, and UsageError when it means several people."""

    def user_by_id(self, user_id: int) -> PersonView:
        """Raises NotFoundError."""


class Inquiry:
    """One directory, asked over one session."""

    def __init__(
        self,
        *,
        name: str,
        settings: DirectorySettings,
        custom_fields: Mapping[str, str],
        store: SyncStore,
        people: People,
        administrator_roles: Collection[str],
        session: DirectorySession,
        now: datetime,
        linking: Linking,
    ) -> None:
        """Raises NoEntryIdError, ConfigurationError."""
        job = Job.on(
            session,
            name=name,
            settings=settings,
            custom_fields=custom_fields,
            now=now,
            precedence=linking.precedence.text(name),
        )
        settings, mapper, id_attribute = job.settings, job.mapper, job.id_attribute
        self._account, self._now = job.account, now
        self._name, self._session, self._settings, self._custom_fields = name, session, settings, custom_fields
        self._store, self._people, self._administrator_roles = store, people, administrator_roles
        self._id_attribute, self._mapper, self._linking = id_attribute, mapper, linking
        self.lookup = Lookup(session=session, settings=settings, id_attribute=id_attribute, attributes=mapper.attributes)
        self.explainer = EntryExplainer(session=session, settings=settings, mapper=mapper, id_attribute=id_attribute)
        # why a sync would fail as a whole
        self.failure: Failure | None = None

    def sightings(
        self, found: Sequence[Entry], person: PersonView | None, identity: DirectoryIdentity | None
    ) -> tuple[Sighting, ...]:
        """Each entry; and, of somebody the store has and the directory has not, what comes of that."""
        found = list(completed(self._session, found, self._mapper.attributes))
        ids = {entry_id for entry in found if (entry_id := self.explainer.entry_id(entry)) is not None}
        missing = identity is not None and identity.entry_id not in ids
        if not found and not missing:
            return ()
        wanted = ids | ({identity.entry_id} if identity is not None else set())
        stored = self._store.people(self._name, wanted)
        planner = self._planner()
        sightings = [self._sighting(entry, planner, stored, person) for entry in found]
        if missing and identity is not None and identity.entry_id in stored:
            outlook = planner.absent(stored[identity.entry_id]) if planner is not None else None
            sightings.insert(0, Sighting(entry=None, outlook=outlook))
        return tuple(sightings)

    def _sighting(
        self, entry: Entry, planner: OnePlanner | None, stored: Mapping[str, StoredPerson], person: PersonView | None
    ) -> Sighting:
        before = stored.get(self.explainer.entry_id(entry) or "")
        explanation = self.explainer.explain(entry, before)
        if planner is None:
            return Sighting(entry=explanation, outlook=None)
        mapped = self.explainer.map(entry, planner.structure, before)
        if mapped.issue is not None:
            explanation = replace(explanation, problem=f"{mapped.issue.code}: {mapped.issue.message}")
        elif mapped.record is not None:
            places = {kind: mapped.record.fields.get(kind) for kind in ("organization", "unit")}
            named = {kind: planner.place(key, kind) for kind, key in places.items() if isinstance(key, str)}
            explanation = replace(explanation, organization=named.get("organization"), unit=named.get("unit"))
        if planner.groups is not None:
            roles = role_paths(
                entry,
                planner.groups,
                mapper=self._mapper,
                roles=self._settings.roles,
                record=mapped.record,
                stored=before,
            )
            explanation = replace(explanation, roles=roles)
        kept = not explanation.taken and before is not None and self._is_kept(entry, explanation, before)
        if not explanation.taken and not kept:
            return Sighting(entry=explanation, outlook=planner.absent(before) if before is not None else _NOT_TAKEN)
        # a newcomer has nothing of whoever had the name before
        view = None
        if before is not None:
            view = person if person is not None and person.id == before.user_id else self._view(before)
        outlook = planner.present(explanation, mapped, before, view)
        return Sighting(entry=explanation, outlook=replace(outlook, notes=(*outlook.notes, _KEPT)) if kept else outlook)

    def _is_kept(self, entry: Entry, explanation: EntryExplanation, stored: StoredPerson) -> bool:
        """Whether a run keeps them although the filter leaves them out (syncd.services.outside)."""
        known = stored.presence is DirectoryPresence.ACTIVE and explanation.base.holds
        return known and bool(self._account.attributes) and is_kept(entry, self._account, now=self._now)

    def _view(self, stored: StoredPerson) -> PersonView:
        return self._people.user_by_id(stored.user_id)

    # ------------------------------------------------------------ what a run reads beside the person
    def _planner(self) -> OnePlanner | None:
        """None, with the reason in `failure`, when a run could not be made at all."""
        settings, id_attribute = self._settings, self._id_attribute
        people = people_search(settings, self._mapper.attributes)
        units, roles = structure_search(settings, id_attribute), roles_search(settings, id_attribute)
        stored = self._store.structure(self._name)
        try:
            require_bases(self._session, [search for search in (people, roles, units) if search is not None])
            require_canaries(self._session, settings.safety.canaries)
            structure = Structure(settings, self._read(units) if units else (), entry_id_attribute=id_attribute)
            groups = None
            if roles is not None:
                groups = GroupSet(settings.roles, entry_id_attribute=id_attribute, known=stored.role_identifiers)
                for entry in completed(self._session, self._read(roles), settings.roles.member_attributes):
                    groups.add(entry)
        except SyncdError as error:
            self.failure = failure_of(error)
            return None
        return OnePlanner(
            directory=self._name,
            explainer=self.explainer,
            store=self._store,
            stored=stored,
            structure=structure,
            groups=groups,
            config_digest=configuration_digest(settings, self._custom_fields, entry_id_attribute=id_attribute),
            administrator_roles=self._administrator_roles,
            linking=self._linking,
        )

    def _read(self, search: Search) -> list[Entry]:
        reading = self._session.read(search)
        entries = [entry for batch in reading for entry in batch]
        require_complete(reading.verdict, search, server=self._session.server.url)
        return entries


def failure_of(error: SyncdError) -> Failure:
    """In the words of the error; of a read that was cut off, with the code of what cut it off."""
    code = getattr(error, "cause_code", None) or error.code
    return Failure(code=code, message=error.message, advice=error.hint, exit_code=error.exit_code)
