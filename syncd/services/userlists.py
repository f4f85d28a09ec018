"""Lists of people as they are asked for: from the texts of a request to what the store understands."""

from __future__ import annotations

import io
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TextIO

from syncd.errors import UsageError
from syncd.model.export import ExportFormat, ExportRequest
from syncd.model.views import Page, PersonView, UserFilter, UserOrder, UserSort, UserState
from syncd.services.export import require_fields, write_csv, write_jsonl
from syncd.services.scimfilter import parse_filter

# people in one go of a stream
STEP = 500
_BY_USERNAME = UserOrder()
_BY_ID = UserOrder(UserSort.CREATED)


class ListStore(Protocol):
    """Where people are listed. Everything raises StoreError."""

    def users(self, wanted: UserFilter, *, order: UserOrder, limit: int, after: str | None) -> Page[PersonView]:
        """A page. Raises UsageError."""

    def count_users(self, wanted: UserFilter) -> int:
        """How many a list shows altogether."""

    def iter_people(self, wanted: UserFilter) -> Generator[PersonView]:
        """All of them by id, from one state of the store."""

    def directories(self) -> tuple[str, ...]:
        """Names of all directories that ever brought something."""


class Piece(NamedTuple):
    """A part of a stream, and what to ask for the next with; None: it was the last."""

    content: bytes
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserListService:
    """The use cases."""

    store: ListStore
    # of the configuration: none means all
    export_fields: Sequence[str]
    # name -> type
    custom_fields: Mapping[str, str]
    # names of the configured directories
    directories: Collection[str]

    def wanted(
        self,
        *,
        filter: str = "",
        search: str = "",
        view: UserState = UserState.ALL,
        directory: str | None = None,
        role: int | None = None,
        group: int | None = None,
        organization: int | None = None,
        unit: int | None = None,
    ) -> UserFilter:
        """Whom a list shows. Raises FilterError, UsageError for a directory that is not known, StoreError."""
        self.require_directory(directory)
        return UserFilter(
            state=view, directory=directory, text=search, role=role, group=group, organization=organization, unit=unit,
            condition=parse_filter(filter, custom=self.custom_fields) if filter else None,
        )  # fmt: skip

    def list(
        self,
        wanted: UserFilter,
        *,
        order: UserOrder = _BY_USERNAME,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[PersonView]:
        """A page. Raises UsageError, StoreError."""
        return self.store.users(wanted, order=order, limit=limit, after=after)

    def count(self, wanted: UserFilter) -> int:
        """How many a list shows altogether. Raises StoreError."""
        return self.store.count_users(wanted)

    def require_directory(self, name: str | None) -> None:
        """A name that is mistyped must not look like a directory that brought nothing. Raises UsageError, StoreError."""
        if name is None or name in self.directories:
            return
        known = {*self.directories, *self.store.directories()}
        if name not in known:
            raise UsageError(f"no directory is called {name!r}; known: {', '.join(sorted(known)) or 'none'}")

    # ------------------------------------------------------------ exports
    def check(self, request: ExportRequest) -> UserFilter:
        """Whom an export is of. Raises UsageError, ExportFieldError."""
        require_fields(request.fields, custom=tuple(self.custom_fields))
        return self.wanted(filter=request.filter, search=request.search, view=UserState(request.view))

    def piece(self, request: ExportRequest, *, after: str | None) -> Piece:
        """The next part of an export, each as the store is at its moment. Raises UsageError, StoreError."""
        page = self.store.users(self.check(request), order=_BY_ID, limit=STEP, after=after)
        stream = io.StringIO(newline="")
        self._write(page.items, stream, request, header=after is None)
        return Piece(stream.getvalue().encode(), page.next)

    def write(self, request: ExportRequest, stream: TextIO, people: Iterable[PersonView], *, header: bool) -> int:
        """Write these people as the request says; how many."""
        return self._write(people, stream, request, header=header)

    def people(self, request: ExportRequest) -> Generator[PersonView]:
        """Whom an export is of, as the store was at the first of them. Raises UsageError, StoreError."""
        return self.store.iter_people(self.check(request))

    def _write(self, people: Iterable[PersonView], stream: TextIO, request: ExportRequest, *, header: bool) -> int:
        if request.format is ExportFormat.JSONL:
            return write_jsonl(people, stream, fields=request.fields)
        fields = request.fields or self.export_fields
        return write_csv(people, stream, custom=tuple(self.custom_fields), fields=fields, header=header)
