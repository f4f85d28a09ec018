"""What the use cases need from the outside. Adapters implement these; tests run one contract suite over each.

The sync half is blocking: every method here may wait for a network or a disk and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.model.entry import Entry
from syncd.model.plan import Link, Plan
from syncd.model.reading import Search, ServerInfo, Verdict
from syncd.model.records import (
    Issue,
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
    # Plan.relations_digest of the last run that was applied whole
    relations_digest: bytes | None


class SyncStore(Protocol):
    """The store as one directory's run sees it."""

    def identities(self, directory: str) -> dict[str, StoredIdentity]:
        """Entry id -> what is kept in memory of every known person of the directory. Empty for an unknown directory."""

    def people(self, directory: str, entry_ids: Collection[str]) -> Mapping[str, StoredPerson]:
        """The stored people with these entry ids, with all their fields."""

    def person_keys(self, directory: str, *, by: str) -> dict[str, str]:
        """`by="dn_key"` or `by="member_key"`: that key -> entry id, of the people present."""

    def structure(self, directory: str) -> StoredStructure: ...

    def memberships(self, directory: str) -> Iterator[Link]:
        """Who has which role identifier (its key), nesting resolved, of the people present."""

    def grants(self, directory: str) -> Iterator[Link]:
        """Who has which role (its name) from this directory, of the people present."""

    def name_holders(self, directory: str, field: str, keys: Collection[str]) -> Mapping[str, NameHolder]:
        """`field` "username" or "email": folded key -> who holds it, for those of `keys` that someone holds."""

    def open_issues(self, directory: str) -> Mapping[str, Issue]:
        """Issue.key -> the issue, of those still open."""

    def apply(
        self, plan: Plan, *, run_id: int, at: datetime, progress: Callable[[int], None], stopping: Callable[[], bool]
    ) -> None:
        """Do what the plan says, in short transactions with audit events beside the changes.

        People and everything in their fields go together; `relations_digest` is cleared before the first change of the
        plan and set with the last, so that whatever is interrupted is found and done by the next run. `progress` gets the
        number of changes done. When `stopping` turns true it raises StoppedError at the next edge of a transaction.
        Applying an empty plan writes nothing. Raises StoreError.
        """

    def purge(self, directory: str, *, missing_before: datetime, run_id: int | None, at: datetime) -> int:
        """Delete people gone from the directory since before that time and in no other; how many."""


# ---------------------------------------------------------------- store: runs
class RunStore(Protocol):
    """Run records."""

    def request(self, directory: str, *, mode: Mode, trigger: Trigger, at: datetime, actor: str = "") -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). One that is queued already is given back instead of a second."""

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

    def last_complete(self, directory: str) -> Run | None: ...

    def last_finished(self, directory: str) -> Run | None: ...

    def prune(self, *, finished_before: datetime) -> int:
        """Delete finished runs older than that, except each directory's last complete one; how many."""


class Lease(Protocol):
    """At most one run per directory at a time, over all processes that share the store."""

    def hold(self, directory: str) -> AbstractContextManager[None]:
        """Raises LeaseHeldError at once when someone else has it. Ends with its process, however that dies."""
