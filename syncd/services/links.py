"""Who has which role identifier and which role: what the groups say, and what follows for the store.

Additions and removals of single links. Whatever a server gave only in part leaves the links it would decide as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from syncd.mapping.references import GroupSet
from syncd.mapping.roles import RoleMap
from syncd.model.plan import ARRIVING, Plan
from syncd.model.records import StoredIdentity
from syncd.model.text import fold
from syncd.reconcile.relations import NOTHING, diff_links, grants_from, keeping
from syncd.reconcile.structure import diff_structure
from syncd.services.guarding import counted, members_before
from syncd.services.intake import Collected
from syncd.services.ports_store import StoredStructure, SyncStore
from syncd.settings.directory import DirectorySettings


def _spellings(role_map: RoleMap, stored: StoredStructure) -> dict[str, str]:
    """Folded name -> the name of the role: the store's, or the first in sorted order for one that is still to be made."""
    names = {fold(name): name for name in stored.roles}
    for name in sorted(role_map.names):
        names.setdefault(fold(name), name)
    return names


@dataclass(slots=True, kw_only=True)
class Links:
    """What the planning of memberships and grants looks at."""

    groups: GroupSet
    found: Collected
    stored: StoredStructure
    known: Mapping[str, StoredIdentity]

    def people(self, plan: Plan) -> set[str]:
        """Entry ids of those present after the run: nobody who is missing, and nobody who was refused."""
        known = self.known
        there = known.keys() - set(self.found.leaving) if self.found.incremental else self.found.seen
        people = {entry_id for entry_id in there if entry_id in known and known[entry_id].present}
        people.update(change.entry_id for change in plan.people if change.action in ARRIVING)
        return people


@dataclass(slots=True, kw_only=True)
class LinkPlanner:
    """Adds to plans of one directory what becomes of memberships and grants."""

    directory: str
    settings: DirectorySettings
    store: SyncStore
    # how many grants the directory had given, as far as they were looked at
    grants: Counter[str] = field(default_factory=Counter)

    @property
    def role_map(self) -> RoleMap:
        return RoleMap(self.settings.roles.map, self.settings.roles.default)

    def new_roles(self, role_map: RoleMap, stored: StoredStructure) -> tuple[str, ...]:
        return tuple(sorted(set(_spellings(role_map, stored).values()) - stored.roles))

    def roles_for(self, role_map: RoleMap, stored: StoredStructure) -> Callable[[frozenset[str]], frozenset[str]]:
        """Role identifiers -> roles, by the names the store has for them: `Administrator` may be there as `administrator`."""
        spelling = _spellings(role_map, stored)
        return lambda identifiers: frozenset(spelling[fold(role)] for role in role_map.roles_for(identifiers))

    def of(self, plan: Plan, relations: Links) -> Plan:
        """Role identifiers, memberships and grants; nothing of it when neither groups, mapping nor people changed."""
        groups, found, stored = relations.groups, relations.found, relations.stored
        assert groups is not None, "relations are planned only where the groups were read"
        by_reference = found.mapper.uses_references
        # with memberOf alone the groups are known only by the names that people bear
        primary = self._primary_groups(found)
        resolved = groups.resolve_references(found.references, primary) if by_reference else None
        role_map = self.role_map
        digest = groups.digest(role_map.digest)
        if digest == stored.relations_digest and not plan.people:
            return replace(plan, relations_digest=digest)
        resolved = resolved or groups.resolve(self._person_keys(plan, relations), primary)
        records = groups.records
        held = self.store.memberships(self.directory) if resolved.uncertain or found.partial else ()
        memberships = keeping(resolved.memberships, held, identifiers=resolved.uncertain, people=found.partial)
        people = relations.people(plan)
        members: Counter[str] = Counter()
        stored_links = counted(self.store.memberships(self.directory), members)
        linked = diff_links(people, lambda e: memberships.get(e, NOTHING), stored_links)
        texts = {key: record.identifier for key, record in records.items()}
        desired = grants_from(memberships, texts, self.roles_for(role_map, stored))
        granted = diff_links(people, desired, counted(self.store.grants(self.directory), self.grants))
        whole = groups.may_remove
        exact = groups.is_whole and not found.partial
        return replace(
            plan,
            role_identifiers=diff_structure(records, stored.role_identifiers, removing=whole),
            roles_created=self.new_roles(role_map, stored),
            memberships_added=linked.added,
            memberships_removed=linked.removed if whole else (),
            members_before=members_before(linked.removed, members, stored.role_identifiers),
            grants_added=granted.added,
            grants_removed=granted.removed if whole else (),
            # without a digest the next run looks at all links again
            relations_digest=digest if exact else None,
            links_complete=exact,
            extra_counts={"members_unresolved": resolved.dangling},
        )

    def none(self, plan: Plan, stored: StoredStructure) -> Plan:
        """`roles.enabled` is off: what the directory once gave is taken back."""
        members: Counter[str] = Counter()
        memberships = tuple(counted(self.store.memberships(self.directory), members))
        return replace(
            plan,
            role_identifiers=diff_structure({}, stored.role_identifiers, removing=True),
            memberships_removed=memberships,
            grants_removed=tuple(counted(self.store.grants(self.directory), self.grants)),
            members_before=members_before(memberships, members, stored.role_identifiers),
        )

    def _primary_groups(self, found: Collected) -> dict[str, str]:
        """Entry id -> SID of the primary group, of everybody."""
        if not (found.incremental and found.mapper.uses_primary_group):
            return found.primary
        stored = self.store.person_keys(self.directory, by="primary_group")
        return {entry_id: sid for entry_id, sid in stored.items() if entry_id not in found.seen} | found.primary

    def _person_keys(self, plan: Plan, relations: Links) -> dict[str, str]:
        """DN key (or folded login name) -> entry id: the store's people, as this run leaves them."""
        by_name = relations.groups.by_name
        keys = self.store.person_keys(self.directory, by="member_key" if by_name else "dn_key")
        if plan.people:
            before = {entry_id: key for key, entry_id in keys.items()}
            for change in plan.people:
                keys.pop(before.get(change.entry_id, ""), None)
            for change in plan.people:
                record = change.after
                if record is not None:
                    key = record.member_key if by_name else record.dn_key
                    if key is not None:
                        keys[key] = change.entry_id
        if not by_name:
            keys.update(relations.found.unusable)
        return keys
