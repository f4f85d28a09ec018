"""The difference between what the directory says and what the store holds, as a value.

Planning and applying meet only here (invariant 8: applying a plan and planning again gives an empty plan). A plan judges
nothing and does nothing; it can be counted, printed, compared by its digest, and applied.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from syncd.model.feed import Cursor
from syncd.model.records import (
    FieldValue,
    Issue,
    OrganizationRecord,
    PersonRecord,
    RoleIdentifierRecord,
    StoredPerson,
    UnitRecord,
)

T = TypeVar("T", OrganizationRecord, UnitRecord, RoleIdentifierRecord)


class Action(enum.StrEnum):
    """What happens to a thing of the store."""

    CREATE = "create"
    UPDATE = "update"
    # gone from the directory, by a complete verdict: disabled, kept until the retention time
    DISABLE = "disable"
    # back in the directory after it was gone
    RETURN = "return"
    # an entry new to this directory, of a user whom another directory brought
    LINK = "link"
    REMOVE = "remove"


# who is there after the change and was not before
ARRIVING = (Action.CREATE, Action.RETURN, Action.LINK)


class StructureChange(NamedTuple, Generic[T]):
    """A change of an organization, a unit or a role identifier. `after` is None for a removal, `before` for a creation."""

    action: Action
    key: str
    before: T | None
    after: T | None


class PersonChange(NamedTuple):
    """A change of one person."""

    action: Action
    entry_id: str
    # what the directory says; None when it no longer has them
    after: PersonRecord | None
    # what the store holds; None for a new person; of one that is linked: the user, without anything of this directory
    before: StoredPerson | None
    # field -> (old, new); for a creation every field with a value; DN changes stand under "dn"
    fields: Mapping[str, tuple[FieldValue, FieldValue]]


class NameRelease(NamedTuple):
    """A missing person gives up a username or email that someone else now has: their row stays, the name is free."""

    user_id: int
    entry_id: str
    # "username" or "email"
    field: str
    # the folded name that becomes free
    key: str = ""


class Link(NamedTuple):
    """A person and what is given to or taken from them: a role identifier's key, or a role's name."""

    entry_id: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything one run would change in the store, for one directory."""

    directory: str
    organizations: tuple[StructureChange[OrganizationRecord], ...] = ()
    units: tuple[StructureChange[UnitRecord], ...] = ()
    role_identifiers: tuple[StructureChange[RoleIdentifierRecord], ...] = ()
    releases: tuple[NameRelease, ...] = ()
    people: tuple[PersonChange, ...] = ()
    memberships_added: tuple[Link, ...] = ()
    memberships_removed: tuple[Link, ...] = ()
    grants_added: tuple[Link, ...] = ()
    grants_removed: tuple[Link, ...] = ()
    # roles of the store that the mapping names and that do not exist yet
    roles_created: tuple[str, ...] = ()
    # issues first seen by this run, and keys of those that are over
    issues_opened: tuple[Issue, ...] = ()
    issues_closed: tuple[str, ...] = ()
    # hash over groups, nesting, role mapping: stored when all is applied, so that an unchanged whole is skipped next time
    relations_digest: bytes | None = None
    # all links of everybody present were looked at: whoever returns has exactly those, whatever the store kept for them
    links_complete: bool = False
    # people, with and without changes, that the directory has; for the guard's shares and the counts
    people_seen: int = 0
    people_known: int = 0
    issues_total: int = 0
    # what was there before, for the guard's shares: "users", "role_identifiers", "units", "grants", and "field:NAME" for each
    # field that many people lose
    populations: Mapping[str, int] = field(default_factory=dict)
    # role identifier's key -> (what the directory calls it, members it had), of those that lose some
    members_before: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    # DN keys that the store has under another entry id than the directory now
    reanchored: frozenset[str] = frozenset()
    # hash of the settings that decide what is read and what it becomes; and whether the store was made with another
    config_digest: bytes | None = None
    config_changed: bool = False
    # entry id -> the server's new version of an entry of which nothing that matters changed
    versions: Mapping[str, str] = field(default_factory=dict)
    # hash over ids, DNs and versions of all groups, None = not known: a sweep compares with it
    groups_version: bytes | None = None
    # entry ids of leaving people some of whose fields another directory decides from now on, so that it must map them anew
    passing_on: frozenset[str] = frozenset()
    # the other directories whose people may be the same: whoever they brought meanwhile must not become a second user
    linked_with: frozenset[str] = frozenset()
    # entry id -> other directories that have the person, as the plan knew it; None where there are no other directories
    elsewhere: Mapping[str, frozenset[str]] | None = None
    # where the feed stands when all this is applied, and the version of the stored cursor it replaces; None: stays as it is
    cursor: Cursor | None = None
    cursor_replaces: int = 0
    # whether it was made from what changed only: what it does not name stays as it is
    incremental: bool = False
    extra_counts: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind, with a stable order and every kind named."""
        by_action = dict.fromkeys(Action, 0)
        moved = 0
        for change in self.people:
            by_action[change.action] += 1
            moved += change.action not in (Action.CREATE, Action.LINK) and "dn" in change.fields
        counts = {
            "users_created": by_action[Action.CREATE],
            "users_updated": by_action[Action.UPDATE],
            "users_moved": moved,
            "users_returned": by_action[Action.RETURN],
            "users_linked": by_action[Action.LINK],
            "users_disabled": by_action[Action.DISABLE],
            "memberships_added": len(self.memberships_added),
            "memberships_removed": len(self.memberships_removed),
            "grants_added": len(self.grants_added),
            "grants_removed": len(self.grants_removed),
            "roles_created": len(self.roles_created),
            "issues_opened": len(self.issues_opened),
            "issues_closed": len(self.issues_closed),
        }
        for name in ("organizations", "units", "role_identifiers"):
            changes: tuple[StructureChange[OrganizationRecord], ...] = getattr(self, name)
            for action in (Action.CREATE, Action.UPDATE, Action.REMOVE):
                counts[f"{name}_{action}d"] = sum(1 for change in changes if change.action is action)
        return counts | dict(self.extra_counts)

    @property
    def is_empty(self) -> bool:
        """Whether applying it would write nothing."""
        return not any(
            (self.organizations, self.units, self.role_identifiers, self.releases, self.people, self.roles_created,
             self.memberships_added, self.memberships_removed, self.grants_added, self.grants_removed,
             self.issues_opened, self.issues_closed, self.versions)
        )  # fmt: skip

    def lines(self) -> Iterator[str]:
        """The plan as text, one change a line, in an order that depends on nothing but the changes."""
        for name in ("organizations", "units", "role_identifiers"):
            changes: tuple[StructureChange[OrganizationRecord], ...] = getattr(self, name)
            for change in sorted(changes, key=lambda c: (c.action, c.key)):
                yield f"{name} {change.action} {change.key} {change.before!r} -> {change.after!r}"
        for role in sorted(self.roles_created):
            yield f"role create {role}"
        for release in sorted(self.releases):
            yield f"person release {release.entry_id} {release.field} {release.key}"
        for person in sorted(self.people, key=lambda c: c.entry_id):
            yield f"person {person.action} {person.entry_id} {_fields_text(person)}"
        for kind in ("memberships_removed", "memberships_added", "grants_removed", "grants_added"):
            links: tuple[Link, ...] = getattr(self, kind)
            for link in sorted(links):
                yield f"{kind} {link.entry_id} {link.target}"
        for issue in sorted(self.issues_opened, key=lambda i: (i.subject, i.key)):
            yield f"issue open {issue.subject} {issue.key} {issue.code} {issue.message}"
        for key in sorted(self.issues_closed):
            yield f"issue close {key}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `lines`, hexadecimal: two plans with the same digest do the same."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
        return digest.hexdigest()


def _fields_text(change: PersonChange) -> str:
    if change.action is Action.DISABLE:
        return change.before.dn if change.before is not None else ""
    user = f"user {change.before.user_id}; " if change.action is Action.LINK and change.before is not None else ""
    values = (f"{name}: {_value_text(old)} -> {_value_text(new)}" for name, (old, new) in sorted(change.fields.items()))
    return user + "; ".join(values)


def _value_text(value: FieldValue) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:16]}"
    return repr(value)
