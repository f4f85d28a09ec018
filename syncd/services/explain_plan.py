"""What a sync would change now, about one person.

The same parts that plan a run plan it for one entry (comparison, contested names, links, protected people), so that what is
shown is what a run would do. The guard is not asked: what it objects to depends on everybody else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from syncd.mapping.identity import escaped
from syncd.mapping.references import GroupSet
from syncd.mapping.roles import RoleMap
from syncd.mapping.searches import among_ids, people_search
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.model.explanation import EntryExplanation, Outlook
from syncd.model.hold import ChangeRow
from syncd.model.plan import Action, Link, PersonChange, Plan
from syncd.model.reading import Search
from syncd.model.records import DirectoryPresence, NameHolder, StoredIdentity, StoredPerson
from syncd.model.text import fold
from syncd.model.views import PersonView, unit_path
from syncd.reconcile.names import Claimants, Resolution, resolve
from syncd.reconcile.people import diff_person
from syncd.reconcile.render import rows, rules_of
from syncd.services.explain_entry import EntryExplainer, Mapped
from syncd.services.explain_lookup import named_values
from syncd.services.guarding import without_protected
from syncd.services.linking import Linking
from syncd.services.ports_store import StoredStructure, SyncStore

NO_RESOLUTION = Resolution(accepted=())


@dataclass(slots=True, kw_only=True)
class OnePlanner:
    """Plans for single people of one directory."""

    directory: str
    explainer: EntryExplainer
    store: SyncStore
    stored: StoredStructure
    structure: Structure
    # None where the directory has no roles
    groups: GroupSet | None
    # hash of the settings as they are now
    config_digest: bytes
    administrator_roles: Collection[str]
    linking: Linking

    # ------------------------------------------------------------ what would happen
    def absent(self, stored: StoredPerson) -> Outlook:
        """Of somebody the store has and the search does not find."""
        if stored.presence is DirectoryPresence.MISSING:
            return Outlook(summary="nothing: the store knows already that the directory no longer has the entry")
        change = PersonChange(Action.DISABLE, stored.entry_id, None, stored, {})
        plan = Plan(directory=self.directory, people=(change,))
        return self._outlook(plan, stored, "would be disabled: not found by the search and not by its id")

    def present(
        self, entry: EntryExplanation, mapped: Mapped, stored: StoredPerson | None, person: PersonView | None
    ) -> Outlook:
        """Of an entry that a run takes."""
        if mapped.record is None:
            assert mapped.issue is not None
            issue = mapped.issue.as_issue(key=entry.entry_id or f"dn:{entry.dn}", dn=entry.dn)
            resolution, plan = NO_RESOLUTION, Plan(directory=self.directory, issues_opened=(issue,))
        else:
            linked = self.linking.settle([diff_person(mapped.record, stored)], {}, whole=False)
            if not linked.changes:
                return self._outlook(Plan(directory=self.directory, issues_opened=tuple(linked.issues)), stored, "")
            (change,) = linked.changes
            resolution = self._resolve(change)
            mine = tuple(one for one in resolution.accepted if one.entry_id == change.entry_id)
            changed = stored is None or mapped.record.fingerprint != stored.fingerprint or change.action is Action.RETURN
            plan = Plan(
                directory=self.directory,
                people=mine if changed or change.fields else (),
                releases=resolution.releases,
                issues_opened=tuple(one for one in resolution.issues if one.key == change.entry_id),
            )
        if entry.entry_id is not None and self._is_there_after(plan, stored):
            plan = self._with_links(plan, entry, person)
        return self._outlook(plan, stored, "")

    def _is_there_after(self, plan: Plan, stored: StoredPerson | None) -> bool:
        return bool(plan.people) or (stored is not None and stored.presence is DirectoryPresence.ACTIVE)

    def _outlook(self, plan: Plan, stored: StoredPerson | None, summary: str) -> Outlook:
        known = {stored.entry_id: StoredIdentity(stored.user_id, b"", True, stored.dn)} if stored is not None else {}
        left = without_protected(plan, self.store, known, administrator_roles=self.administrator_roles)
        issues = left.issues_opened
        notes = tuple(f"{issue.message} ({issue.code})" for issue in issues)
        if left.people != plan.people:
            summary = "nothing about the person: a protected account"
        if not summary:
            summary = _summary(left)
        changes = rows(replace(left, issues_opened=()), rules_of(self.explainer.settings))
        return Outlook(
            summary=summary, changes=tuple(map(self._with_names, changes)), notes=notes + self._configuration_note(left)
        )

    def _configuration_note(self, plan: Plan) -> tuple[str, ...]:
        if plan.is_empty or self.stored.config_digest in (None, self.config_digest):
            return ()
        return ("the configuration has changed since the last whole sync: what the next one takes away is held",)

    # ------------------------------------------------------------ names
    def _resolve(self, change: PersonChange) -> Resolution:
        """With this directory's people who hold the names now, since they may give them up in the same run, and with those
        whose entries claim them. What these want beside is settled as far as the names are the same."""
        changes, claimants = [change], Claimants([change])
        holders: dict[tuple[str, str], NameHolder] = {}
        for space, keys in claimants.wanted_names().items():
            found = self.store.name_holders(self.directory, space, keys)
            holders.update(((space, key), holder) for key, holder in found.items())
        others = {holder.entry_id for holder in holders.values() if holder.entry_id} - {change.entry_id}
        there = self._claiming(change) | self._current(others)
        stored = self.store.people(self.directory, {change.entry_id} | others | there.keys())
        for entry_id, entry in there.items():
            if entry_id == change.entry_id:
                continue
            before = stored.get(entry_id)
            mapped = self.explainer.map(entry, self.structure, before)
            if mapped.record is not None:
                changes.append(diff_person(mapped.record, before))
        changes = self.linking.decided(changes)
        return resolve(
            changes,
            Claimants(changes),
            self.linking.own_names(changes, holders),
            directory=self.directory,
            leaving=lambda entry_id: entry_id in others and entry_id not in there,
            dn_of=lambda entry_id: stored[entry_id].dn,
        )

    def _current(self, entry_ids: Collection[str]) -> dict[str, Entry]:
        """Entry id -> entry, of those that a run would find."""
        return self._found(among_ids(self._people, self.explainer.id_attribute, sorted(entry_ids))) if entry_ids else {}

    def _claiming(self, change: PersonChange) -> dict[str, Entry]:
        """Entry id -> entry, of those that a run would find with one of these names, where rules are plain attributes."""
        assert change.after is not None
        username, email = (str(change.after.fields.get(name) or "") for name in ("username", "email"))
        wanted = [("username", username), ("email", email), ("username", email)]
        wanted += [("email", username)] if "@" in username else []
        items = dict.fromkeys(named_values(self.explainer.settings.users.attributes, wanted))
        if not items:
            return {}
        alike = "".join(f"({name}={escaped(value.encode())})" for name, value in items)
        return self._found(replace(self._people, filter=f"(&{self._people.filter}(|{alike}))"))

    @property
    def _people(self) -> Search:
        return people_search(self.explainer.settings, self.explainer.mapper.attributes)

    def _found(self, search: Search) -> dict[str, Entry]:
        entries = self.explainer.session.fetch(search)
        return {entry_id: entry for entry in entries if (entry_id := self.explainer.entry_id(entry)) is not None}

    # ------------------------------------------------------------ links
    def _with_links(self, plan: Plan, entry: EntryExplanation, person: PersonView | None) -> Plan:
        entry_id = entry.entry_id
        assert entry_id is not None
        wanted = {fold(role.identifier): role.identifier for role in entry.roles}
        held = _held(person, self.directory, entry_id)
        unsure = {fold(self.groups.records[key].identifier) for key in self.groups.uncertain} if self.groups else set()
        wanted |= {key: text for key, text in held.items() if key in unsure}
        settings = self.explainer.settings.roles
        role_map = RoleMap(settings.map, settings.default)
        roles = role_map.roles_for(frozenset(wanted.values())) if settings.enabled else frozenset()
        names = {fold(name): name for name in self.stored.roles}
        given = {fold(role): names.get(fold(role), role) for role in sorted(roles)}
        granted = {fold(role.name): role.name for role in person.roles if self.directory in role.sources} if person else {}
        whole = self.groups is None or self.groups.may_remove

        def links(some: Mapping[str, str], others: Mapping[str, str]) -> tuple[Link, ...]:
            return tuple(Link(entry_id, some[key]) for key in sorted(some.keys() - others.keys()))

        return replace(
            plan,
            memberships_added=links(wanted, held),
            memberships_removed=links(held, wanted) if whole else (),
            grants_added=links(given, granted),
            grants_removed=links(granted, given) if whole else (),
            roles_created=tuple(sorted(role for key, role in given.items() if key not in names)),
        )

    # ------------------------------------------------------------ words
    def place(self, key: str, kind: str) -> str:
        """The name of an organization or the path of a unit."""
        if kind == "organization":
            organization = self.structure.organizations.get(key) or self.stored.organizations.get(key)
            return organization.name if organization is not None else key
        names: list[str] = []
        here: str | None = key
        while here is not None and len(names) < 1000:
            unit = self.structure.units.get(here) or self.stored.units.get(here)
            if unit is None:
                break
            names.insert(0, unit.name)
            here = unit.parent
        return unit_path(tuple(names)) or key

    def _with_names(self, row: ChangeRow) -> ChangeRow:
        if row.field not in ("organization", "unit"):
            return row
        before, after = (self.place(v, row.field) if isinstance(v, str) else v for v in (row.before, row.after))
        return row._replace(before=before, after=after)


def _summary(plan: Plan) -> str:
    if plan.issues_opened and not plan.people:
        words = "nothing of the entry would be taken over: it would be an issue"
        links = plan.memberships_added or plan.memberships_removed or plan.grants_added or plan.grants_removed
        return f"{words}, but the roles follow the groups" if links else words
    for change in plan.people:
        if change.action is Action.CREATE:
            return "would become a new person"
        if change.action is Action.LINK and change.before is not None:
            return f"would become one more entry of user {change.before.user_id}, by the link rule"
        if change.action is Action.RETURN:
            return "would return: the directory has the entry again"
    if plan.people and not any(change.fields for change in plan.people) and not _has_links(plan):
        return "nothing that anybody sees: the entry changed in a way that no field shows"
    return "would be updated" if plan.people or _has_links(plan) else "nothing"


def _held(person: PersonView | None, directory: str, entry_id: str) -> dict[str, str]:
    """Folded role identifier -> itself, of those the store has of one entry."""
    identities = person.directories if person is not None else ()
    mine = (one for one in identities if one.name == directory and one.entry_id == entry_id)
    return {fold(text): text for one in mine for text in one.role_identifiers}


def _has_links(plan: Plan) -> bool:
    return any((plan.memberships_added, plan.memberships_removed, plan.grants_added, plan.grants_removed))
