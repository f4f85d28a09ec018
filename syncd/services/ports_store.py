"""What a sync needs of the store. Adapters implement these; tests run one contract suite over each.

Blocking: every method here may wait for a disk or a network and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.model.caller import Caller
from syncd.model.feed import StoredCursor
from syncd.model.plan import Link, Plan
from syncd.model.records import (
    Issue,
    LinkedIdentity,
    NameHolder,
    OrganizationRecord,
    RoleIdentifierRecord,
    StoredIdentity,
    StoredPerson,
    UnitRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStructure:
    """What the store holds of one directory beside people. Only what this directory brought (its own rows)."""

    organizations: Mapping[str, OrganizationRecord]
    units: Mapping[str, UnitRecord]
    role_identifiers: Mapping[str, RoleIdentifierRecord]
    # names of all roles of the store, whoever made them
    roles: frozenset[str]
    # Plan.relations_digest and Plan.config_digest of the last run that was applied whole
    relations_digest: bytes | None
    config_digest: bytes | None = None
    # Plan.groups_version of the last run that knew it
    groups_version: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Whom no run may touch, of the people of one directory."""

    # entry ids of break-glass accounts
    break_glass: frozenset[str] = frozenset()
    # entry ids of this directory's people who can act as administrators now; empty when others are left who can
    # (manual users, other directories' people), so that this directory may lose all of its own
    administrators: frozenset[str] = frozenset()


class SyncStore(Protocol):
    """The store as one directory's run sees it."""

    def identities(self, directory: str) -> dict[str, StoredIdentity]:
        """Entry id -> what is kept in memory of every known person of the directory. Empty for an unknown directory."""

    def identities_of(self, directory: str, entry_ids: Collection[str]) -> dict[str, StoredIdentity]:
        """The same of these entry ids only."""

    def present_count(self, directory: str) -> int:
        """How many people of the directory are present."""

    def cursor(self, directory: str) -> StoredCursor | None:
        """Where the directory's feed stands, None when there is no cursor."""

    def people(self, directory: str, entry_ids: Collection[str]) -> Mapping[str, StoredPerson]:
        """The stored people with these entry ids, with all their fields."""

    def unsettled(self, directory: str) -> Sequence[str]:
        """Entry ids of people present whom the directory must map anew, though their entries may not have changed."""

    def linked_identities(self, link_keys: Collection[str]) -> Sequence[LinkedIdentity]:
        """Whatever entries of whatever directory have one of these link keys, present or not, in a stable order."""

    def identities_of_users(self, user_ids: Collection[int]) -> Mapping[int, Sequence[LinkedIdentity]]:
        """All entries of these users in whatever directory; by the directories' names."""

    def separate_identities(self, directory: str, *, others: Collection[str]) -> Sequence[LinkedIdentity]:
        """The directory's entries whose link key an entry of one of the others has too, of another user."""

    def person_keys(self, directory: str, *, by: str) -> dict[str, str]:
        """`by="dn_key"` or `by="member_key"`: that key -> entry id, of the people present; `by="primary_group"`: entry id ->
        that key, which many share."""

    def structure(self, directory: str) -> StoredStructure: ...

    def memberships(self, directory: str) -> Iterator[Link]:
        """Who has which role identifier (its key), nesting resolved, of the people present."""

    def grants(self, directory: str) -> Iterator[Link]:
        """Who has which role (its name) from this directory, of the people present."""

    def name_holders(self, directory: str, field: str, keys: Collection[str]) -> Mapping[str, NameHolder]:
        """`field` "username" or "email": folded key -> who holds it, for those of `keys` that someone holds."""

    def protected(self, directory: str, *, administrator_roles: Collection[str]) -> Protected:
        """Whom no run may touch. `administrator_roles`: names of roles, in any spelling.

        Somebody counts as an administrator who has such a role, is enabled, and is present in some directory or manual.
        """

    def field_populations(self, directory: str, fields: Collection[str]) -> Mapping[str, int]:
        """How many of the people present have a value, for each of these fields (names of PersonRecord.fields)."""

    def open_issues(self, directory: str) -> Mapping[str, Issue]:
        """Issue.key -> the issue, of those still open."""

    def apply(
        self,
        plan: Plan,
        *,
        run_id: int,
        epoch: int,
        at: datetime,
        progress: Callable[[int], None],
        stopping: Callable[[], bool],
    ) -> None:
        """Do what the plan says, in short transactions with audit events beside the changes.

        People and everything in their fields go together; `relations_digest` is cleared before the first change of the
        plan and set with the last, so that whatever is interrupted is found and done by the next run. `progress` gets the
        number of changes done. When `stopping` turns true it raises StoppedError at the next edge of a transaction.
        Applying an empty plan writes nothing. `epoch`: what `Lease.hold` gave; every transaction makes sure that it is still
        the newest (invariant 9). Raises StoreError, LeaseLostError.
        """

    def purgeable(self, directory: str, *, missing_before: datetime) -> int:
        """How many people `purge` would delete, or take this directory's entry from."""

    def purge(
        self, directory: str, *, missing_before: datetime, run_id: int | None, at: datetime, epoch: int | None = None
    ) -> int:
        """Delete people gone from the directory since before that time and from every other; how many. `epoch`: as for `apply`.

        Who is still present in another directory stays without what this one brought; they count too.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Relinked:
    """What became of an entry that was given to another user."""

    # who was asked about
    user_id: int
    # whose it was, or is now
    other_id: int
    dn: str
    # what became of the other: "stays", "deleted", "kept" (disabled, for what is their own), "created"
    other: str


class LinkStore(Protocol):
    """Entries that change their users by hand. `epoch`: what `Lease.hold` of the directory gave."""

    def link(
        self, user_id: int, *, directory: str, entry: str, is_dn: bool, caller: Caller, reason: str, at: datetime, epoch: int
    ) -> Relinked:
        """Give an entry of another user to this one. Raises NotFoundError, UsageError, LeaseLostError."""

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str, at: datetime, epoch: int) -> Relinked:
        """Give the user's entry of the directory to a new user. Raises NotFoundError, UsageError, LeaseLostError."""
