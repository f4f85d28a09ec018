"""What the use cases need from the outside. Adapters implement these; tests run one contract suite over each.

The sync half is blocking: every method here may wait for a network or a disk and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind, StoredCursor
from syncd.model.hold import ChangeRow, HeldPlan, NewHold, PlanState
from syncd.model.plan import Link, Plan
from syncd.model.reading import Search, ServerInfo, Verdict
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
from syncd.model.run import Mode, Run, RunResult, Trigger


# ---------------------------------------------------------------- directory
class Reading(Protocol):
    """One search in progress: iterate over it once, then ask for the verdict."""

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        """Batches of entries as they come, about a page each. It ends without an exception whatever happens; why it ended
        is in the verdict."""

    @property
    def verdict(self) -> Verdict:
        """How the read ended; an incomplete one with code `incomplete_read` before it has."""


class DirectorySession(Protocol):
    """One bound connection to one server. All reads of a run use the same one."""

    @property
    def server(self) -> ServerInfo: ...

    def read(self, search: Search) -> Reading:
        """Start a paged search. One at a time per session (PITFALLS: a cookie belongs to its connection)."""

    def fetch(self, search: Search) -> Sequence[Entry]:
        """A small search in one piece, without paging: a base, a canary, one person. Not while a `read` is in progress.

        Raises DirectoryError for every result but success; NoSuchBaseError when the base is not there.
        """

    def position(self, feed: FeedKind, searches: Sequence[Search]) -> Cursor:
        """Where this feed stands now, asked before a full read, so that what changes meanwhile comes with the next changes.

        Raises CursorRefusedError when this server cannot be followed by that feed, with the reason; DirectoryError otherwise.
        """

    def changes(self, cursor: Cursor, searches: Sequence[Search]) -> Changes:
        """What changed since then, among the entries of these searches (or more). May name an entry that did not change.

        Raises CursorRefusedError when the server no longer knows the cursor, belongs to another replica or cannot say for
        sure: the caller falls back to the full read. Every other DirectoryError means that nothing is known.
        """

    def watch(self, cursor: Cursor, searches: Sequence[Search]) -> Iterator[Changes]:
        """Wait for changes from that cursor on, as long as the connection lasts; each item is something to look at now.

        Ends only with an error: CursorRefusedError, or DirectoryError when the connection ends; `close` from another thread
        ends it so too. Nothing else may be asked on this session.
        """

    def close(self) -> None:
        """Unbind; never raises."""


class Directory(Protocol):
    """One configured LDAP service."""

    @property
    def name(self) -> str: ...

    def connect(self, *, skip: Collection[str] = ()) -> DirectorySession:
        """Connect and bind to the first server that answers, in the order of `urls` but without those in `skip`.

        Raises DirectoryError: of the last server tried when none could be used; at once, without trying another, when a
        server refuses the credentials (a wrong password is tried once per run).
        """


# ---------------------------------------------------------------- store: what a sync reads
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


# ---------------------------------------------------------------- store: links by hand
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
        self, user_id: int, *, directory: str, entry: str, is_dn: bool, actor: str, reason: str, at: datetime, epoch: int
    ) -> Relinked:
        """Give an entry of another user to this one. Raises NotFoundError, UsageError, LeaseLostError."""

    def unlink(self, user_id: int, *, directory: str, actor: str, reason: str, at: datetime, epoch: int) -> Relinked:
        """Give the user's entry of the directory to a new user. Raises NotFoundError, UsageError, LeaseLostError."""


# ---------------------------------------------------------------- store: runs
class RunStore(Protocol):
    """Run records."""

    def request(
        self,
        directory: str,
        *,
        mode: Mode,
        trigger: Trigger,
        at: datetime,
        actor: str = "",
        since: datetime | None = None,
    ) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). One that is queued already is given back instead of a second.

        `since`: the last start the asker knows of; a run that started later is given back too, so that one interval holds for
        everybody who follows the same schedule.
        """

    def next_queued(self, directory: str) -> Run | None: ...

    def start(self, run_id: int, *, at: datetime) -> Run: ...

    def set_phase(self, run_id: int, phase: str) -> None: ...

    def finish(self, run_id: int, result: RunResult, *, at: datetime) -> Run: ...

    def abandon_running(self, directory: str, *, at: datetime) -> list[int]:
        """End as `abandoned` whatever still says running; called by the holder of the lease, so that nobody runs."""

    def get(self, run_id: int) -> Run:
        """Raises NotFoundError."""

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[Run]:
        """Newest first."""

    def last_started(self, directory: str, *, mode: Mode) -> Run | None:
        """The newest run that started and read at least as much as one of that mode does."""

    def last_complete(self, directory: str) -> Run | None: ...

    def last_finished(self, directory: str) -> Run | None: ...

    def prune(self, *, finished_before: datetime) -> int:
        """Delete finished runs older than that, except each directory's last complete one; how many."""


class Lease(Protocol):
    """At most one run per directory at a time, over all processes that share the store."""

    def hold(self, directory: str) -> AbstractContextManager[int]:
        """Gives the fencing epoch: larger each time the lease is taken. Raises LeaseHeldError at once when someone else has
        it. Ends with its process, however that dies."""

    def free(self, directory: str) -> bool:
        """Whether nobody has it right now. Raises StoreError."""


# ---------------------------------------------------------------- store: plans that wait for a decision
class HoldStore(Protocol):
    """Held plans. At most one per directory is open (held or approved)."""

    def hold(self, new: NewHold, changes: Iterable[ChangeRow]) -> HeldPlan:
        """Keep a plan; the open one of the directory, if any, is superseded.

        One with the same digest and mode that is open or rejected, and not expired at `new.created_at`, is given back instead:
        nobody is asked the same thing twice. `changes` are read once, and only when the plan is new.
        """

    def get(self, plan_id: int) -> HeldPlan:
        """Raises NotFoundError."""

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        """Newest first."""

    def open(self, directory: str) -> HeldPlan | None:
        """The one that is held or approved, whatever its expiry says."""

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        """Every change of the plan, in the order it was kept. Raises NotFoundError."""

    def decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str, at: datetime) -> HeldPlan:
        """From `held` to `approved` or `rejected`, with an audit event. Raises NotFoundError, and PlanClosedError for a plan
        in another state or past its expiry."""

    def close(self, plan_id: int, state: PlanState, *, at: datetime, reason: str = "", run_id: int | None = None) -> None:
        """From open to `applied`, `superseded` or `expired`, with an audit event; nothing when it is closed already."""

    def prune(self, *, decided_before: datetime) -> int:
        """Delete closed plans older than that; how many."""
