"""What every step of applying a plan needs: the run, the directory's row, its transactions, and numbers for names.

A plan is applied in many short transactions. The directory's `relations_digest` is NULL from the first to the last of them, so
that a run that was cut off anywhere in between is seen by the next one, which then compares everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, func, insert, select, update

from syncd.errors import RunStateError, StoppedError, StoreError
from syncd.model.caller import Caller
from syncd.model.plan import Plan
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.audit import RUN, Auditor
from syncd.store.bulk import time_text
from syncd.store.engine import write
from syncd.store.journal import Journal
from syncd.store.lease import fence

T = TypeVar("T")

# changes per transaction: some 100 ms of new people and less of anything else, so that other writers wait no longer than that
BATCH = 1000


@dataclass(slots=True, kw_only=True)
class Applying:
    """One plan being applied to one directory."""

    engine: Engine
    directory: str
    run_id: int
    # of the lease under which the run works
    epoch: int
    at: datetime
    progress: Callable[[int], None]
    stopping: Callable[[], bool]
    # Plan.passing_on, linked_with, elsewhere
    passing_on: frozenset[str] = frozenset()
    linked_with: frozenset[str] = frozenset()
    elsewhere: Mapping[str, frozenset[str]] | None = None
    # number of the directory's row; 0 before the first transaction
    directory_id: int = 0
    # key of the directory -> number of the row
    organizations: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    role_identifiers: dict[str, int] = field(default_factory=dict)
    # key of the directory -> what it calls the role
    identifiers: dict[str, str] = field(default_factory=dict)
    # name of a role, as the plan spells it -> number of the row
    roles: dict[str, int] = field(default_factory=dict)
    # numbers of those that are not enabled, whoever made them
    disabled: frozenset[int] = frozenset()
    at_text: str = field(init=False)
    auditor: Auditor = field(init=False)
    _done: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.at_text = time_text(self.at)
        self.auditor = Auditor(directory=self.directory, run_id=self.run_id, at=self.at_text)

    @contextmanager
    def transaction(self, changes: int = 0) -> Iterator[Connection]:
        """A transaction that does that many changes of the plan. Raises StoppedError instead of beginning one, and
        LeaseLostError when the directory is somebody else's now."""
        if self.stopping():
            raise StoppedError("The run was stopped while it was writing; the next run does the rest.")
        with write(self.engine) as connection:
            fence(connection, self.directory, self.epoch)
            if not self.directory_id:
                self.directory_id = open_directory(connection, self.directory, at=self.at)
            yield connection
        self._done += changes
        if changes:
            self.progress(self._done)

    def journal(self, connection: Connection) -> Journal:
        """What writes events of this run that others write too."""
        return Journal(connection, caller=Caller(name=RUN), at=self.at, run_id=self.run_id, directory=self.directory)

    def look_at_organizations(self, connection: Connection) -> bool:
        """Know which are not enabled; whether that is news."""
        organizations = t.organizations.c
        found = frozenset(connection.scalars(select(organizations.id).where(organizations.enabled.is_(False))))
        news = found != self.disabled
        self.disabled = found
        return news

    def finish(self, connection: Connection, plan: Plan) -> None:
        """Mark the plan as applied whole; in its last transaction."""
        values: dict[str, Any] = {"relations_digest": plan.relations_digest}
        if plan.config_digest is not None:
            values["config_digest"] = plan.config_digest
        if plan.groups_version is not None:
            values["groups_version"] = plan.groups_version
        here = update(t.directories).where(t.directories.c.id == self.directory_id)
        if plan.cursor is not None:
            values |= {"feed": plan.cursor.feed.value, "cursor": dict(plan.cursor.position)}
            values["cursor_version"] = plan.cursor_replaces + 1
            here = here.where(t.directories.c.cursor_version == plan.cursor_replaces)
        if connection.execute(here.values(values)).rowcount != 1:
            raise RunStateError(f"the cursor of {self.directory} was moved by somebody else")


def open_directory(connection: Connection, name: str, *, at: datetime) -> int:
    """The number of the directory's row, which is made when there is none; its relations are marked as unknown."""
    row_id = connection.scalar(select(t.directories.c.id).where(t.directories.c.name == name))
    if row_id is None:
        (row_id,) = connection.execute(insert(t.directories).values(name=name, created_at=at)).inserted_primary_key or (0,)
        return int(row_id)
    connection.execute(update(t.directories).where(t.directories.c.id == row_id).values(relations_digest=None))
    return int(row_id)


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def number_of(numbers: Mapping[str, int], key: str, what: str) -> int:
    """The number behind a key. Raises StoreError for a plan that names what neither it nor the store has."""
    try:
        return numbers[key]
    except KeyError:
        raise StoreError(f"the plan names a {what} that does not exist: {key!r}") from None


def require(connection: Connection, table: Table, ids: Collection[int]) -> None:
    """Make sure that these rows exist and stay until the end of the transaction: what a foreign key would do row by row.

    Raises StoreError when one is gone.
    """
    if not ids:
        return
    rows = select(table.c.id).where(among(connection, table.c.id, ids)).with_for_update(read=True, key_share=True)
    found = connection.scalar(select(func.count()).select_from(rows.subquery())) or 0
    if found < len(ids):
        raise StoreError(
            f"someone deleted {len(ids) - found} of the {table.name.replace('_', ' ')} while the run was using them",
            advice="The next run looks at all of them anew.",
        )
