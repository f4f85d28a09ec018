"""The same person in several directories: who becomes a user's further entry, and which directory decides which field.

A run sees one directory. What it must know of the others is little: whose link key an entry new to it has, and where else its
people are present. It never writes what belongs to another directory (invariant 7); where a user's field passes to another
one, that one is told to map the person anew and does so in its own next run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.mapping.precedence import Precedence
from syncd.model.plan import Action, PersonChange
from syncd.model.records import (
    Issue,
    LinkedIdentity,
    NameHolder,
    StoredIdentity,
    StoredPerson,
)
from syncd.reconcile.links import as_link, key_of, link_with
from syncd.reconcile.people import diff_person
from syncd.services.ports_store import SyncStore
from syncd.settings.directory import DirectorySettings

# codes of issues
AMBIGUOUS = "link_ambiguous"
PROTECTED = "link_protected"
SEPARATE = "link_separate"

Holders = dict[tuple[str, str], NameHolder]

# people looked up at a time
_CHUNK = 2000
# unique over all users: a directory that does not decide them claims what is there, so that nobody else gets it
_NAMES = ("username", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What linking makes of the changes of a run."""

    changes: Sequence[PersonChange]
    issues: Sequence[Issue]
    # Plan.passing_on, linked_with, elsewhere
    passing_on: frozenset[str]
    linked_with: frozenset[str]
    elsewhere: Mapping[str, frozenset[str]] | None


@dataclass(slots=True, kw_only=True)
class Linking:
    """One directory among the others."""

    directory: str
    # of all directories
    settings: Mapping[str, DirectorySettings]
    store: SyncStore
    precedence: Precedence = field(init=False)
    # Plan.elsewhere, as far as it was looked up
    _elsewhere: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.precedence = Precedence.of(self.settings)

    def settle(self, changes: Sequence[PersonChange], leaving: Mapping[str, StoredIdentity], *, whole: bool) -> Linked:
        """The changes (creations, updates, returns) with links and without what other directories decide.

        `leaving`: entry id -> who goes missing in this run. `whole`: whether everyone was looked at.
        """
        issues: list[Issue] = []
        if self._others:
            changes = self._linked(changes, issues)
        changes = self.decided(changes)
        if self._others and whole:
            issues += self._separate(changes)
        return Linked(
            changes=changes,
            issues=issues,
            passing_on=self._passing_on(leaving),
            linked_with=self._others,
            elsewhere=self._elsewhere if len(self.settings) > 1 else None,
        )

    @property
    def _others(self) -> frozenset[str]:
        """The other directories whose people may be the same."""
        if self.settings[self.directory].link is None:
            return frozenset()
        return frozenset(name for name, one in self.settings.items() if one.link is not None) - {self.directory}

    @property
    def _attribute(self) -> str:
        link = self.settings[self.directory].link
        return link.attribute if link is not None else "the link key"

    # ------------------------------------------------------------ new entries of known users
    def _linked(self, changes: Sequence[PersonChange], issues: list[Issue]) -> list[PersonChange]:
        """The changes with links for creations, without those that could be several people's."""
        new = [change for change in changes if change.before is None and key_of(change) is not None]
        if not new:
            return list(changes)
        candidates = self._candidates(changes, {key for change in new if (key := key_of(change)) is not None})
        claims = Counter(key_of(change) for change in changes)
        targets: dict[str, LinkedIdentity] = {}
        refused: set[str] = set()
        for change in new:
            key = key_of(change) or ""
            found = candidates.get(key, ())
            if not any(one.directory in self._others for one in found):
                continue
            same = [c.after.dn for c in changes if c.after and key_of(c) == key and c is not change] if claims[key] > 1 else []
            if issue := self._objection(change, found, same):
                issues.append(issue)
                refused.add(change.entry_id)
            else:
                targets[change.entry_id] = next(one for one in found if one.directory in self._others)
        people = self._stored(targets.values())
        return [
            link_with(change, people[targets[change.entry_id].user_id]) if change.entry_id in targets else change
            for change in changes
            if change.entry_id not in refused
        ]

    def _candidates(self, changes: Sequence[PersonChange], keys: Collection[str]) -> dict[str, list[LinkedIdentity]]:
        """Link key -> entries with it: of the others, and of this directory as far as this run leaves them theirs."""
        changing = {change.entry_id for change in changes}
        candidates: defaultdict[str, list[LinkedIdentity]] = defaultdict(list)
        for one in self.store.linked_identities(keys):
            mine = one.directory == self.directory and one.entry_id not in changing
            if (mine or one.directory in self._others) and not one.manual:
                candidates[one.link_key or ""].append(one)
        users = {one.user_id for found in candidates.values() for one in found}
        several = self.store.identities_of_users(users)
        for found in candidates.values():
            # a user may have an entry of this directory under another key
            for user_id in {one.user_id for one in found}:
                found += [o for o in several.get(user_id, ()) if o.directory == self.directory and o not in found]
        return candidates

    def _objection(self, change: PersonChange, found: Sequence[LinkedIdentity], same: Sequence[str]) -> Issue | None:
        """Why an entry is not linked with these, if it is not. `same`: DNs of others in this read that have the key."""
        assert change.after is not None
        about = f"{self._attribute} {change.after.link_key!r}"
        if same or len({one.user_id for one in found}) > 1 or any(one.directory == self.directory for one in found):
            dns = sorted({*same, *(f"{one.dn} of {one.directory} (user {one.user_id})" for one in found)})
            message = f"{about} is also that of {'; '.join(dns)}: nobody can tell who this is"
            return Issue(key=change.entry_id, dn=change.after.dn, code=AMBIGUOUS, message=message)
        if found[0].break_glass:
            message = f"{about} is that of user {found[0].user_id}, a break-glass account, which is never touched by a run"
            return Issue(key=change.entry_id, dn=change.after.dn, code=PROTECTED, message=message)
        return None

    def _stored(self, targets: Iterable[LinkedIdentity]) -> dict[int, StoredPerson]:
        """User -> what the store has of them, by these entries."""
        entries: defaultdict[str, list[str]] = defaultdict(list)
        for one in targets:
            entries[one.directory].append(one.entry_id)
        found = (self.store.people(name, ids) for name, ids in entries.items())
        return {person.user_id: person for people in found for person in people.values()}

    # ------------------------------------------------------------ fields
    def decided(self, changes: Sequence[PersonChange]) -> list[PersonChange]:
        """The changes without the fields that other directories decide."""
        if len(self.settings) < 2 or not changes:
            return list(changes)
        settled: list[PersonChange] = []
        for start in range(0, len(changes), _CHUNK):
            some = changes[start : start + _CHUNK]
            entries = self.store.identities_of_users({c.before.user_id for c in some if c.before is not None})
            settled += [self._decided(change, entries) for change in some]
        return settled

    def _decided(self, change: PersonChange, entries: Mapping[int, Sequence[LinkedIdentity]]) -> PersonChange:
        if change.before is None or change.after is None:
            return change
        present = self._present_elsewhere(entries.get(change.before.user_id, ()))
        if present:
            self._elsewhere[change.entry_id] = frozenset(present)
        theirs = self.precedence.decided_elsewhere(self.directory, present)
        if not theirs:
            return change
        record, stored = change.after, change.before.fields
        fields = {name: value for name, value in record.fields.items() if name not in theirs}
        fields |= {name: stored.get(name) for name in _NAMES if name in theirs and name in record.fields}
        decided = diff_person(record._replace(fields=fields), change.before)
        return as_link(decided) if change.action is Action.LINK else decided

    def _present_elsewhere(self, identities: Iterable[LinkedIdentity]) -> set[str]:
        return {one.directory for one in identities if one.present and one.directory != self.directory}

    def _passing_on(self, leaving: Mapping[str, StoredIdentity]) -> frozenset[str]:
        if not leaving:
            return frozenset()
        entries = self.store.identities_of_users({one.user_id for one in leaving.values()})
        passing = set()
        for entry_id, one in leaving.items():
            present = self._present_elsewhere(entries.get(one.user_id, ()))
            if present:
                self._elsewhere[entry_id] = frozenset(present)
            if any(self._is_decided_here(name) for name in present & self.settings.keys()):
                passing.add(entry_id)
        return frozenset(passing)

    def _is_decided_here(self, name: str) -> bool:
        """Whether this directory decides some field that the other one maps."""
        fields = self.precedence.fields[name]
        return not fields.isdisjoint(self.precedence.decided_elsewhere(name, {self.directory}))

    # ------------------------------------------------------------ names
    def present_elsewhere(self, user_ids: Iterable[int]) -> set[int]:
        """Those of the users who are present in some other directory."""
        wanted = set(user_ids)
        found = self.store.identities_of_users(wanted) if wanted else {}
        return {user_id for user_id, identities in found.items() if self._present_elsewhere(identities)}

    def own_names(self, changes: Sequence[PersonChange], holders: Holders) -> Holders:
        """The holders of names, with those that are linked in this run as people of this directory."""
        linked = {c.before.user_id: c.entry_id for c in changes if c.action is Action.LINK and c.before is not None}
        if not linked:
            return holders
        return {
            name: holder._replace(entry_id=linked[holder.user_id], directory=self.directory)
            if holder.user_id in linked
            else holder
            for name, holder in holders.items()
        }

    # ------------------------------------------------------------ the same people as two users
    def _separate(self, changes: Sequence[PersonChange]) -> Iterator[Issue]:
        """People of this directory who have been users of their own since before the rule."""
        changing = {change.entry_id: change for change in changes if change.before is not None}
        known = [(one.entry_id, one.dn, one.user_id, one.link_key)
                 for one in self.store.separate_identities(self.directory, others=self._others)
                 if one.entry_id not in changing]  # fmt: skip
        known += [
            (change.entry_id, change.after.dn, change.before.user_id, key)
            for change in changing.values()
            if change.after is not None and change.before is not None and (key := key_of(change)) is not None
        ]
        others: defaultdict[str, set[int]] = defaultdict(set)
        for one in self.store.linked_identities({key for *_, key in known if key}) if known else ():
            if one.directory in self._others and not one.manual:
                others[one.link_key or ""].add(one.user_id)
        for entry_id, dn, user_id, key in sorted(known):
            if key is not None and others[key] and user_id not in others[key]:
                users = " and ".join(f"user {number}" for number in sorted(others[key]))
                message = f"{self._attribute} {key!r} is also that of {users}, but this person is user {user_id}"
                yield Issue(key=f"link:{entry_id}", dn=dn, code=SEPARATE, message=message)

    @staticmethod
    def dn_of(changes: Sequence[PersonChange], entry_id: str) -> str:
        """The DN of somebody who is linked in this run."""
        return next(change.after.dn for change in changes if change.entry_id == entry_id and change.after is not None)
