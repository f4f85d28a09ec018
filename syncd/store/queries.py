"""The read model: what the CLI, the API and the export see of the store.

Each method is one reading transaction, so what it returns is one state of the store. Nothing here writes, and no hash of a
password or key is ever read. All of them raise StoreError when the database cannot answer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from sqlalchemy import Engine

from syncd.clock import Clock, SystemClock
from syncd.errors import NotFoundError
from syncd.model.records import DirectoryPresence
from syncd.model.views import (
    AuditEventView,
    DnPeriod,
    IssueView,
    OrganizationView,
    Page,
    PeopleCounts,
    PersonView,
    RoleIdentifierView,
    RoleView,
    UnitView,
    UserFilter,
    UserOrder,
)
from syncd.store import queries_journal, queries_people, queries_structure, userlists
from syncd.store.engine import read

EVERYBODY = UserFilter()
BY_USERNAME = UserOrder()


class Queries:
    """Everything that can be asked."""

    def __init__(self, engine: Engine, *, clock: Clock | None = None) -> None:
        """`clock`: says when a question is asked, for what ends with time alone."""
        self._engine = engine
        self._clock = clock or SystemClock()

    # ------------------------------------------------------------ people
    def users(
        self,
        wanted: UserFilter = EVERYBODY,
        *,
        order: UserOrder = BY_USERNAME,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[PersonView]:
        """A page of people; `after` is the `next` of the page before, in the same order. Raises UsageError."""
        now = self._clock.now()
        with read(self._engine) as connection:
            return userlists.list_people(connection, wanted, order=order, limit=limit, after=after, now=now)

    def count_users(self, wanted: UserFilter = EVERYBODY) -> int:
        """How many a list shows altogether."""
        with read(self._engine) as connection:
            return userlists.count_people(connection, wanted, now=self._clock.now())

    def user(self, text: str) -> PersonView:
        """The person with this id, username, email, DN or entry id; "id:7" names the kind. Raises NotFoundError, and
        UsageError when it means several people."""
        with read(self._engine) as connection:
            return queries_people.find_person(connection, text, now=self._clock.now())

    def user_by_id(self, user_id: int) -> PersonView:
        """Raises NotFoundError."""
        with read(self._engine) as connection:
            found = queries_people.people_by_ids(connection, [user_id], now=self._clock.now())
        if not found:
            raise NotFoundError(f"there is no user {user_id}")
        return found[0]

    def iter_people(self, wanted: UserFilter = EVERYBODY) -> Generator[PersonView]:
        """People by id, from one state of the store, with flat memory; see `syncd.store.userlists.iter_people`."""
        return userlists.iter_people(self._engine, wanted, now=self._clock.now())

    def dn_history(self, user_id: int) -> tuple[DnPeriod, ...]:
        """Every DN a person has or had, newest first, directory by directory."""
        with read(self._engine) as connection:
            return queries_journal.dn_periods(connection, user_id)

    # ------------------------------------------------------------ what they belong to
    def roles(self) -> tuple[RoleView, ...]:
        """All roles of the store, by name, with the number of people who have them."""
        with read(self._engine) as connection:
            return queries_structure.list_roles(connection)

    def role_identifiers(self, directory: str | None = None) -> tuple[RoleIdentifierView, ...]:
        """The role identifiers of a directory, or of all, with the number of their members."""
        with read(self._engine) as connection:
            return queries_structure.list_role_identifiers(connection, directory=directory)

    def organizations(self) -> tuple[OrganizationView, ...]:
        """All organizations, by name."""
        with read(self._engine) as connection:
            return queries_structure.list_organizations(connection)

    def units(self) -> tuple[UnitView, ...]:
        """All units, in the order of a tree."""
        with read(self._engine) as connection:
            return queries_structure.list_units(connection)

    # ------------------------------------------------------------ what happened
    def issues(
        self, *, directory: str | None = None, run_id: int | None = None, limit: int = 1000, after_id: int = 0
    ) -> tuple[IssueView, ...]:
        """Open issues by id; with `run_id` those that were open when that run ended. Raises NotFoundError."""
        with read(self._engine) as connection:
            return queries_journal.list_issues(connection, directory=directory, run_id=run_id, limit=limit, after_id=after_id)

    def audit_events(
        self, subject_type: str, subject_id: int, *, limit: int = 100, before_id: int | None = None
    ) -> tuple[AuditEventView, ...]:
        """What was done to one thing ("user", 7), newest first; the next page begins before the last id."""
        with read(self._engine) as connection:
            return queries_journal.audit_events(
                connection, subject_type=subject_type, subject_id=subject_id, limit=limit, before_id=before_id
            )

    # ------------------------------------------------------------ how it stands
    def directories(self) -> tuple[str, ...]:
        """Names of all directories that ever brought something, configured or not."""
        with read(self._engine) as connection:
            return queries_journal.directories(connection)

    def people_counts(self, directory: str | None = None) -> PeopleCounts:
        """Counts for status and metrics, of one directory or of the whole store."""
        with read(self._engine) as connection:
            return queries_journal.people_counts(connection, directory)

    def people_by_presence(self, directory: str) -> Mapping[DirectoryPresence, int]:
        """How many people a directory has, and how many it has no longer."""
        with read(self._engine) as connection:
            return queries_journal.people_by_presence(connection, directory)
