"""From what was collected to the plan: the order in which the pure parts are asked, and what of the store they need.

Organizations and units, then people, then who has which role; removals are planned here like everything else and applied
last. Whoever could not be used keeps their stored state, but not their roles: those come from the groups, and a role that was
taken away must go even when a birthday is unreadable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.model.feed import FeedKind
from syncd.model.plan import ARRIVING, Action, PersonChange, Plan
from syncd.model.records import Issue, NameHolder, StoredIdentity
from syncd.reconcile.names import Claimants, Resolution, resolve
from syncd.reconcile.people import disable_missing
from syncd.reconcile.relations import LinkChanges, diff_links, grants_from
from syncd.reconcile.structure import diff_structure
from syncd.services.guarding import counted, with_populations, without_protected
from syncd.services.intake import Collected
from syncd.services.linking import SEPARATE, Linking
from syncd.services.links import LinkPlanner, Links
from syncd.services.ports_store import StoredStructure, SyncStore
from syncd.settings.directory import DirectorySettings

NO_LINKS = LinkChanges((), ())


@dataclass(slots=True, kw_only=True)
class Planner:
    """Makes plans for one directory."""

    directory: str
    settings: DirectorySettings
    store: SyncStore
    linking: Linking
    # names of the roles of the store that make somebody an administrator
    administrator_roles: Collection[str] = ()
    # how many grants the directory had given, as far as they were looked at
    _grants: Counter[str] = field(default_factory=Counter, init=False)

    def plan(self, found: Collected) -> Plan:
        """The plan that makes the store true to what was collected."""
        if found.is_empty:
            return self._nothing(found)
        self.settings = found.settings
        known = found.known
        stored = self.store.structure(self.directory)
        leaving = found.leaving
        linked = self.linking.settle(
            found.changes, {entry_id: known[entry_id] for entry_id in leaving}, whole=not found.incremental
        )
        found.changes = list(linked.changes)
        resolution = self._settle_names(found, known, frozenset(leaving))
        if len(resolution.accepted) < len(found.changes):
            accepted = {change.entry_id for change in resolution.accepted}
            for change in found.changes:
                if change.entry_id not in accepted and change.before is not None and change.after is not None:
                    found.unusable[change.after.dn_key] = change.entry_id
        people = resolution.accepted + tuple(self._disable(leaving))
        before, seen = self._populations(found, people)
        plan = Plan(
            directory=self.directory,
            releases=resolution.releases,
            people=people,
            config_digest=found.config_digest,
            config_changed=stored.config_digest not in (None, found.config_digest),
            versions=found.versions,
            groups_version=found.groups_version,
            cursor=found.cursor,
            cursor_replaces=found.cursor_replaces,
            incremental=found.incremental,
            linked_with=linked.linked_with,
            elsewhere=linked.elsewhere,
            passing_on=linked.passing_on,
            people_seen=seen,
            people_known=before,
        )
        plan = self._with_structure(plan, found, stored)
        relations = Links(groups=found.groups, found=found, stored=stored, known=known) if found.groups else None
        links = self._links()
        if relations is not None:
            plan = links.of(plan, relations)
        elif not self.settings.roles.enabled:
            plan = links.none(plan, stored)
        else:
            # nothing that decides them has changed
            plan = replace(plan, relations_digest=stored.relations_digest)
        groups_issues = relations.groups.issues if relations is not None else []
        plan = self._with_issues(plan, found, [*found.issues, *linked.issues, *groups_issues, *resolution.issues])
        return _moving_on(self._guarded(plan, stored, known))

    def _nothing(self, found: Collected) -> Plan:
        """The feed had nothing to say: only the cursor may have moved."""
        stored = self.store.cursor(self.directory)
        plan = Plan(
            directory=self.directory,
            cursor=found.cursor,
            cursor_replaces=found.cursor_replaces,
            relations_digest=stored.relations_digest if stored is not None else None,
            issues_total=len(self.store.open_issues(self.directory)),
            incremental=True,
        )
        return _moving_on(plan)

    def _populations(self, found: Collected, people: Sequence[PersonChange]) -> tuple[int, int]:
        """Plan.people_known and people_seen."""
        if not found.incremental:
            return sum(1 for identity in found.known.values() if identity.present), len(found.seen)
        plain = all(change.action is Action.UPDATE and "username" not in change.fields for change in people)
        if plain and not found.asked_units:
            # nothing that is judged by its share of all
            return 0, 0
        before = self.store.present_count(self.directory)
        arriving = sum(change.action in ARRIVING for change in people)
        return before, before + arriving - len(found.leaving)

    def _with_structure(self, plan: Plan, found: Collected, stored: StoredStructure) -> Plan:
        """Organizations and units. Those that follow from values are known only when everyone was placed, so that of what
        changed nothing follows but that they are there."""
        if not found.structure_read:
            return plan
        structure = found.structure
        # whoever has no id was not placed, so that a unit may only look empty
        removing = structure.is_whole and not found.anonymous
        organizations = diff_structure(structure.organizations, stored.organizations, removing=removing)
        units = diff_structure(structure.units, stored.units, removing=removing)
        if found.incremental:
            gone = found.asked_units
            organizations = tuple(c for c in organizations if c.action is not Action.REMOVE or c.key in gone)
            units = tuple(c for c in units if c.action is not Action.REMOVE or c.key in gone)
        return replace(plan, organizations=organizations, units=units)

    def roles_only(self) -> Plan:
        """The plan that makes the grants follow a changed role mapping, from the stored role identifiers alone."""
        stored = self.store.structure(self.directory)
        memberships: dict[str, set[str]] = {}
        for entry_id, key in self.store.memberships(self.directory):
            memberships.setdefault(entry_id, set()).add(key)
        identities = self.store.identities(self.directory)
        people = [entry_id for entry_id, identity in identities.items() if identity.present]
        texts = {key: record.identifier for key, record in stored.role_identifiers.items()}
        links = self._links()
        desired = grants_from(
            {e: frozenset(keys) for e, keys in memberships.items()}, texts, links.roles_for(links.role_map, stored)
        )
        grants = diff_links(people, desired, counted(self.store.grants(self.directory), self._grants))
        plan = Plan(
            directory=self.directory,
            grants_added=grants.added,
            grants_removed=grants.removed,
            roles_created=links.new_roles(links.role_map, stored),
            # what a full run compares with is unknown now: it must look at all links again
            relations_digest=None if grants != NO_LINKS else stored.relations_digest,
            people_seen=len(people),
            people_known=len(people),
            # this kind of run is there for a changed mapping, and nothing else makes it change anything
            config_changed=True,
        )
        return self._guarded(plan, stored, identities)

    def _links(self) -> LinkPlanner:
        return LinkPlanner(directory=self.directory, settings=self.settings, store=self.store, grants=self._grants)

    def _guarded(self, plan: Plan, stored: StoredStructure, known: Mapping[str, StoredIdentity]) -> Plan:
        """The plan without what no run may do, and with what the guard wants to know."""
        plan = without_protected(plan, self.store, known, administrator_roles=self.administrator_roles)
        return with_populations(plan, stored, self.store, grants=self._grants.total())

    # ------------------------------------------------------------ people
    def _settle_names(self, found: Collected, known: Mapping[str, StoredIdentity], leaving: frozenset[str]) -> Resolution:
        holders: dict[tuple[str, str], NameHolder] = {}
        claimants = Claimants(found.changes)
        for space, keys in claimants.wanted_names().items():
            for key, holder in self.store.name_holders(self.directory, space, keys).items():
                holders[space, key] = holder

        def gone(entry_id: str) -> bool:
            identity = known.get(entry_id)
            return entry_id in leaving or (identity is not None and not identity.present and entry_id not in found.seen)

        # who is still in another directory keeps their name, whether or not this one has them
        elsewhere = self.linking.present_elsewhere(h.user_id for h in holders.values() if h.entry_id and gone(h.entry_id))
        staying = {holder.entry_id for holder in holders.values() if holder.user_id in elsewhere}
        holders = self.linking.own_names(found.changes, holders)

        def leaves(entry_id: str) -> bool:
            return entry_id not in staying and gone(entry_id)

        def dn_of(entry_id: str) -> str:
            return known[entry_id].dn if entry_id in known else self.linking.dn_of(found.changes, entry_id)

        return resolve(found.changes, claimants, holders, directory=self.directory, leaving=leaves, dn_of=dn_of)

    def _disable(self, leaving: list[str]) -> list[PersonChange]:
        return disable_missing(leaving, self.store.people(self.directory, leaving)) if leaving else []

    def _with_issues(self, plan: Plan, found: Collected, issues: Iterable[Issue]) -> Plan:
        current = {issue.key: issue for issue in issues}
        stored = self.store.open_issues(self.directory)
        standing = {key: issue for key, issue in stored.items() if key not in current and not _is_judged(issue, found)}
        current |= standing
        return replace(
            plan,
            issues_opened=tuple(issue for key, issue in current.items() if stored.get(key) != issue),
            issues_closed=tuple(key for key, issue in stored.items() if current.get(key) != issue),
            issues_total=len(current),
        )


def _moving_on(plan: Plan) -> Plan:
    """Without a cursor that only the clock has moved: a run with nothing to do writes nothing, and what an older time brings
    once more does no harm."""
    by_clock = plan.cursor is not None and plan.cursor.feed is FeedKind.TIMESTAMP
    return replace(plan, cursor=None) if by_clock and plan.incremental and plan.is_empty else plan


def _is_judged(issue: Issue, found: Collected) -> bool:
    """Whether this collection has looked at what the issue is about."""
    if not found.incremental:
        return True
    if issue.code == SEPARATE:
        return False
    if issue.subject == "role":
        return found.groups is not None
    return found.structure_read if issue.subject == "unit" else issue.key in found.asked
