"""Groups, and who is in them.

Members are named by DN in whatever spelling somebody once used (case, spaces, escapes), by login
name (memberUid), or the other way round, on the person (memberOf). A name that leads to nobody is counted and left alone:
directories keep members that were renamed or deleted, and placeholders, since a groupOfNames may not be empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from syncd.mapping.identifiers import Assigned, Claim, assign
from syncd.mapping.identity import entry_id_reader
from syncd.mapping.members import Group, PackedValues, is_ranged, look_up
from syncd.mapping.named_groups import resolve_names
from syncd.mapping.nesting import Holdings, Memberships, containing, shortest_paths
from syncd.mapping.primary import add_primary, group_sid
from syncd.mapping.problems import BadValue, MappingIssue
from syncd.mapping.sources import AttributeSource
from syncd.model.attributes import canonical_attribute
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.records import Issue, RoleIdentifierRecord
from syncd.settings.directory import RolesSettings

__all__ = ["GroupSet", "Memberships"]

_NOBODY: Mapping[str, str] = {}


class GroupSet:
    """The groups of one read. Add them all before asking for anything."""

    def __init__(
        self, roles: RolesSettings, *, entry_id_attribute: str, known: Mapping[str, RoleIdentifierRecord] | None = None
    ) -> None:
        """`known`: the role identifiers the store has of this directory (see syncd.mapping.identifiers)."""
        # whether members are named by login name instead of DN
        self.by_name = "memberUid" in roles.member_attributes
        # False when a group had no id or came in part: who is in which group is not known exactly
        self.is_whole = True
        # False when a group had no id: it may be any of those the store has, so none of these is gone for sure
        self.may_remove = True
        # after `paths`: Memberships.uncertain
        self.uncertain: frozenset[str] = frozenset()
        self._roles = roles
        self._known = known or {}
        self._entry_id = entry_id_reader(entry_id_attribute)
        self._identifier = AttributeSource(roles.id_attribute)
        self._member_keys = tuple(canonical_attribute(name) for name in roles.member_attributes)
        self._groups: list[Group] = []
        self._issues: list[Issue] = []
        self._assigned: Assigned | None = None
        self._seen: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Take in a group's entry; whatever is wrong with it becomes an issue."""
        key, dn_key = None, None
        try:
            key = self._entry_id(entry)
        except MappingIssue as issue:
            self._issues.append(issue.as_issue(key=f"dn:{entry.dn}", dn=entry.dn, subject="role"))
            self.is_whole = self.may_remove = False
        if key in self._seen:
            # moved between two pages
            return
        if key is not None:
            self._seen.add(key)
        identifier = self._identifier_of(entry)
        try:
            dn_key = normalize(entry.dn)
        except InvalidDN as error:
            identifier = MappingIssue("invalid_dn", f"the DN cannot be read: {error}")
        partial = is_ranged(entry, self._member_keys)
        if partial:
            identifier = MappingIssue("ranged_members", "the server gave only a part of its members; they stay as they were")
            self.is_whole = False
            # which groups it is in is not known then, so that those may only look empty
            self.may_remove &= "memberof" not in self._member_keys
        members = [member for name in self._member_keys for member in entry.attributes.get(name, ())]
        sid = group_sid(entry) if self._roles.primary_group else None
        self._groups.append(Group(key, entry.dn, dn_key, identifier, PackedValues(members), sid, partial))
        self._assigned = None

    @property
    def issues(self) -> list[Issue]:
        """Groups that could not be used, and those that want another's identifier."""
        return self._issues + self._settled.issues

    @property
    def records(self) -> dict[str, RoleIdentifierRecord]:
        """The role identifiers, by key. With memberOf and no readable group, known after `resolve_references` only."""
        return self._settled.records

    @property
    def seen(self) -> set[str]:
        """Entry ids of all groups, usable or not."""
        return self._seen

    def digest(self, extra: bytes = b"") -> bytes:
        """A hash over all that decides memberships beside the people: groups, members as they are sent, nesting, `extra`.

        Equal digests mean equal memberships as long as no person came, went, or changed their DN, login name, memberOf or
        primary group.
        """
        digest = hashlib.blake2b(extra, digest_size=16)
        digest.update(repr((self._roles.member_attributes, self._roles.nested, self._roles.primary_group)).encode())
        records = self._settled.records
        for group in sorted(self._groups, key=lambda group: (group.key or "", group.dn)):
            record = records.get(group.key or "")
            head = (group.key, group.dn, record and record.identifier, group.sid, len(group.members))
            digest.update(repr(head).encode("utf-8", "backslashreplace"))
            for member in sorted(group.members):
                digest.update(b"%d:" % len(member) + member)
        return digest.digest()

    def resolve(self, people: Mapping[str, str], primary: Mapping[str, str] = _NOBODY) -> Memberships:
        """Memberships from the groups' member values. `people`: DN key, or folded login name with `by_name`, to entry id.

        `primary`: entry id -> SID of the person's primary group, in which they are as if it listed them.
        """
        members, parents, dangling = self._listed(people)
        add_primary(members, self._groups, primary)
        return Memberships(self._give(members, parents), dangling, self._uncertain(parents))

    def _listed(self, people: Mapping[str, str]) -> tuple[dict[int, list[str]], list[set[int]], int]:
        """Group -> people it lists, the groups around each group, and how many names lead nowhere."""
        index = self._index()
        parents: list[set[int]] = [set() for _ in self._groups]
        members: dict[int, list[str]] = {}
        dangling = 0
        for number, group in enumerate(self._groups):
            found: list[str] = []
            for name in self._names(group):
                person = look_up(name, people, by_name=self.by_name)
                if person is not None:
                    found.append(person)
                    continue
                child = None if self.by_name else look_up(name, index)
                if child is None:
                    dangling += 1
                elif self._roles.nested:
                    parents[child].add(number)
            if found:
                members[number] = found
        return members, parents, dangling

    def resolve_references(self, references: Mapping[str, Sequence[str]], primary: Mapping[str, str] = _NOBODY) -> Memberships:
        """Memberships from memberOf. `references`: entry id -> what `PersonMapper.references` gave; `primary` as for `resolve`.

        Where groups are readable, only those count that the search of roles found, since its filter chooses them, and nesting
        follows the groups' own memberOf. Where none is, each name's first RDN is the role identifier.
        """
        if not self._groups:
            resolved, self._assigned = resolve_names(references, self._known)
            return resolved
        people, parents, dangling = self._referred(references)
        add_primary(people, self._groups, primary)
        return Memberships(self._give(people, parents), dangling)

    def _referred(self, references: Mapping[str, Sequence[str]]) -> tuple[dict[int, list[str]], list[set[int]], int]:
        """As `_listed`, from memberOf."""
        index = self._index()
        parents: list[set[int]] = [set() for _ in self._groups]
        if self._roles.nested:
            for number, group in enumerate(self._groups):
                above = (look_up(name, index) for name in self._names(group))
                parents[number].update(parent for parent in above if parent is not None)
        groups: dict[str, int | None] = {}
        people: dict[int, list[str]] = {}
        dangling = 0
        for person, names in references.items():
            for name in names:
                if name not in groups:
                    groups[name] = look_up(name, index)
                group_number = groups[name]
                if group_number is None:
                    dangling += 1
                else:
                    people.setdefault(group_number, []).append(person)
        return people, parents, dangling

    def paths(
        self,
        *,
        people: Mapping[str, str] | None = None,
        references: Sequence[str] = (),
        primary: str | None = None,
    ) -> dict[str, tuple[str, ...]]:
        """Key of each role identifier of one person -> the DNs of the groups that lead to it, from the one that lists them.

        `people`: the person's keys, as for `resolve`; without them `references`, as for `resolve_references`. `primary`: the
        SID of the person's primary group.
        """
        if people is None and not self._groups:
            keys = self.resolve_references({"": references}).memberships.get("", ())
            return {key: (self.records[key].dn or "",) for key in keys}
        first, parents, _ = self._listed(people) if people is not None else self._referred({"": references})
        add_primary(first, self._groups, {"": primary} if primary is not None else _NOBODY)
        self.uncertain = self._uncertain(parents)
        found = {}
        for number, path in shortest_paths(first, parents).items():
            key = self._groups[number].key
            if key is not None and key in self.records:
                found[key] = tuple(self._groups[step].dn for step in path)
        return found

    # ------------------------------------------------------------ parts
    @property
    def _settled(self) -> Assigned:
        if self._assigned is None:
            claims = [Claim(group.key, group.dn, group.identifier) for group in self._groups if group.key is not None]
            self._assigned = assign(claims, self._known)
        return self._assigned

    def _identifier_of(self, entry: Entry) -> str | MappingIssue:
        try:
            identifier = self._identifier.one(entry)
        except BadValue as error:
            return MappingIssue("bad_value", str(error))
        return identifier or MappingIssue("missing_field", f"{self._identifier.label} is missing or may not be read")

    def _index(self) -> dict[str, int]:
        return {group.dn_key: number for number, group in enumerate(self._groups) if group.dn_key is not None}

    def _give(self, members: Mapping[int, Sequence[str]], parents: Sequence[set[int]]) -> Mapping[str, frozenset[str]]:
        """What everyone has, from the people of each group and the groups around it."""
        holdings = Holdings()
        for number, people in members.items():
            holdings.give(people, self._keys_of(containing(number, parents)))
        return holdings.result()

    def _uncertain(self, parents: Sequence[set[int]]) -> frozenset[str]:
        """The identifiers that a group seen in part may give to more people than it seems."""
        partial = (number for number, group in enumerate(self._groups) if group.partial)
        return self._keys_of(set().union(*(containing(number, parents) for number in partial)))

    def _keys_of(self, groups: set[int]) -> frozenset[str]:
        records = self._settled.records
        keys = (self._groups[number].key for number in groups)
        return frozenset(key for key in keys if key is not None and key in records)

    def _names(self, group: Group) -> Iterator[str]:
        return group.names(unique="uniqueMember" in self._roles.member_attributes)
