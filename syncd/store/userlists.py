"""Lists of people: filtered, searched, sorted, in pages that stay fast however many people there are.

A page is found in one of two ways. Where what is asked for finds few (a rare word, a view of a handful), those few are
looked up first, and then filtered and sorted. Otherwise people are gone through in the order of an index until the page is
A page is found in one of two ways. Where something that is asked for finds few (a rare word, a view of a handful), those few
are looked up first, and then filtered and sorted. Otherwise people are gone through in the order of an index until the page is
full, which is soon, since whatever is asked for holds for many. A page goes on behind the last one's last row, by value: who
comes or goes in between moves nobody.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, exists, func, not_, or_, select, text, tuple_

from syncd.errors import UsageError
from syncd.model.text import fold
from syncd.model.userfilter import Test
from syncd.model.views import Page, PersonView, UserFilter, UserOrder, UserSort, UserState
from syncd.store import filters
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read
from syncd.store.gate import active, can_log_in, missing
from syncd.store.queries_people import people_by_ids
from syncd.store.queries_person import PersonAssembler, own_fields

MAX_PAGE = 1000
# how many are few: whom to look up first, and then filter and sort
FEW = 2000
# people in memory at a time while all are streamed
_CHUNK = 1000

MARK = r"^[vn][0-9]{1,18}\.[A-Za-z0-9_-]*$"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_u, _i = t.users.c, t.identities.c


def list_people(
    connection: Connection, wanted: UserFilter, *, order: UserOrder, limit: int, after: str | None, now: datetime
) -> Page[PersonView]:
    """A page of people; those without what it is sorted by come last, by id. Raises UsageError for a wrong limit or `after`."""
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"a page has 1 to {MAX_PAGE} people, not {limit}")
    mark = None if after is None else _Mark.parse(after)
    conditions = _narrowed(connection, wanted, now=now)
    people: list[PersonView] = []
    ends: dict[int, str] = {}
    while conditions is not None:
        size = limit + 1 - len(people)
        rows = _rows(connection, order, mark, conditions, limit=size)
        ends |= {row.id: _Mark.of(row) for row in rows}
        found = people_by_ids(connection, [row.id for row in rows], now=now)
        people += [person for person in found if _is_meant(person, wanted)]
        if len(people) > limit:
            return Page(items=tuple(people[:limit]), next=ends[people[limit - 1].id])
        if len(rows) < size:
            break
        mark = _Mark.parse(_Mark.of(rows[-1]))
    return Page(items=tuple(people), next=None)


def _rows(
    connection: Connection, order: UserOrder, mark: _Mark | None, conditions: Sequence[ColumnElement[bool]], *, limit: int
) -> list[Row[Any]]:
    """The next of those who may be meant: (id, key)."""
    rows: list[Row[Any]] = []
    for query in _queries(order, mark):
        rows += connection.execute(query.where(*conditions).limit(limit - len(rows))).all()
        if len(rows) >= limit:
            break
    return rows


def _is_meant(person: PersonView, wanted: UserFilter) -> bool:
    """Whether somebody is shown: the conditions of a view let in whoever may be in it."""
    return wanted.state is not UserState.CANNOT_LOG_IN or not person.can_log_in


def count_people(connection: Connection, wanted: UserFilter, *, now: datetime) -> int:
    """How many a list shows altogether."""
    conditions = _narrowed(connection, wanted, now=now)
    if conditions is None:
        return 0
    if wanted.state is UserState.CANNOT_LOG_IN:
        conditions.append(not_(can_log_in(now)))
    return int(connection.execute(select(func.count()).select_from(t.users).where(*conditions)).scalar_one())


def iter_people(engine: Engine, wanted: UserFilter, *, now: datetime) -> Generator[PersonView]:
    """People by id, as the store was at the first step: whatever is written meanwhile is not seen. Memory does not grow.

    The transaction ends with the iteration; close the iterator (contextlib.closing) when it is left early. Raises StoreError.
    """
    with read(engine) as connection:
        conditions = _narrowed(connection, wanted, now=now)
        if conditions is None:
            return
        assembler = PersonAssembler(connection, now=now)
        query = own_fields().where(*conditions).order_by(_u.id).limit(_CHUNK)
        last = 0
        while rows := connection.execute(query.where(_u.id > last)).all():
            ids = [row.id for row in rows]
            last = ids[-1]
            dense = last - ids[0] < 2 * len(ids)
            people = assembler.people(rows, _between(ids) if dense else _in(connection, ids))
            yield from (person for person in people if _is_meant(person, wanted))


def _between(ids: Sequence[int]) -> Any:
    first, last = ids[0], ids[-1]
    return lambda column: column.between(first, last)


def _in(connection: Connection, ids: Sequence[int]) -> Any:
    return lambda column: among(connection, column, ids)


# ---------------------------------------------------------------- order and pages
class _Key(NamedTuple):
    """What people are sorted by."""

    column: ColumnElement[Any]
    # no two people have the same
    unique: bool
    # some have none
    optional: bool


_KEYS = {
    UserSort.USERNAME: _Key(_u.username_key, unique=True, optional=True),
    UserSort.EMAIL: _Key(_u.email_key, unique=True, optional=True),
    UserSort.NAME: _Key(t.user_search.c.text, unique=False, optional=False),
    UserSort.CREATED: _Key(_u.id, unique=True, optional=False),
    UserSort.LAST_LOGIN: _Key(_u.last_login_at, unique=False, optional=True),
}


class _Mark(NamedTuple):
    """Where a page ended."""

    # None: among those who have nothing to be sorted by
    value: str | None
    id: int

    @classmethod
    def of(cls, row: Row[Any]) -> str:
        value = row.key
        if value is None:
            return f"n{row.id}."
        if isinstance(value, datetime):
            value = (value - _BEGINNING) // timedelta(microseconds=1)
        return f"v{row.id}." + base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, mark: str) -> _Mark:
        """Raises UsageError."""
        if re.fullmatch(MARK, mark) is None:
            raise UsageError("the page mark is not one that an earlier page gave")
        number, _, coded = mark[1:].partition(".")
        if mark[0] == "n":
            return cls(None, int(number))
        value = base64.urlsafe_b64decode(coded[: len(coded) - (len(coded) % 4 == 1)] + "=" * (-len(coded) % 4))
        return cls(value.decode("utf-8", "replace").replace("\x00", ""), int(number))


def _queries(order: UserOrder, mark: _Mark | None) -> Iterator[Select[Any]]:
    """Those who have what is sorted by, then the others: (id, key)."""
    key = _KEYS[order.key]
    number = t.user_search.c.user_id if order.key is UserSort.NAME else _u.id
    sides = t.user_search.join(t.users, _u.id == t.user_search.c.user_id) if order.key is UserSort.NAME else t.users
    query = select(_u.id, key.column.label("key")).select_from(sides)
    if mark is None or mark.value is not None:
        having = query.where(key.column.is_not(None)) if key.optional else query
        columns = [key.column] if key.unique else [key.column, number]
        if mark is not None:
            having = having.where(_behind(columns, [_value(order.key, mark), mark.id], descending=order.descending))
        yield having.order_by(*(_directed(column, order) for column in columns))
    if key.optional:
        lacking = query.where(key.column.is_(None))
        if mark is not None and mark.value is None:
            lacking = lacking.where(_behind([_u.id], [mark.id], descending=order.descending))
        yield lacking.order_by(_directed(_u.id, order))


def _value(sort: UserSort, mark: _Mark) -> Any:
    """The value of a mark in the type of the column; a mark of another list is somewhere, but not an error."""
    if sort is UserSort.CREATED:
        return mark.id
    if sort is UserSort.LAST_LOGIN:
        digits = mark.value or ""
        short = digits.isascii() and digits.isdecimal() and len(digits) <= 17
        return _BEGINNING + timedelta(microseconds=int(digits) if short else 0)
    return mark.value


def _behind(columns: Sequence[ColumnElement[Any]], values: Sequence[Any], *, descending: bool) -> ColumnElement[bool]:
    one = len(columns) == 1
    mine: ColumnElement[Any] = columns[0] if one else tuple_(*columns)
    theirs = values[0] if one else tuple_(*values)
    behind: ColumnElement[bool] = mine < theirs if descending else mine > theirs
    return behind


def _directed(column: ColumnElement[Any], order: UserOrder) -> ColumnElement[Any]:
    return column.desc() if order.descending else column.asc()


# ---------------------------------------------------------------- whom
def _narrowed(connection: Connection, wanted: UserFilter, *, now: datetime) -> list[ColumnElement[bool]] | None:
    """Conditions on rows of `users`, the few for whom they may hold being one of them where they are few; None: nobody."""
    conditions = dict(_conditions(wanted, now))
    for name, seed in _seeds(wanted, now):
        few = connection.execute(seed.limit(FEW + 1)).scalars().all()
        if not few:
            return None
        if len(few) <= FEW:
            # what found them need not be asked of each again
            conditions.pop(name, None)
            return [among(connection, _u.id, sorted(set(few))), *conditions.values()]
    return list(conditions.values())


def _conditions(wanted: UserFilter, now: datetime) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """By name."""
    if wanted.state is not UserState.ALL:
        yield "state", _in_state(wanted.state, now)
    if wanted.directory is not None:
        yield "directory", exists().where(_i.user_id == _u.id, _of_directory(wanted))
    if words := fold(wanted.text).split():
        yield "words", exists().where(t.user_search.c.user_id == _u.id, filters.words_in(words))
    for column, named, number in _belongings(wanted):
        yield str(named), exists().where(column == _u.id, named == number)
    if wanted.condition is not None:
        yield "condition", filters.holds(wanted.condition)


def _seeds(wanted: UserFilter, now: datetime) -> Iterator[tuple[str, Select[Any]]]:
    """Queries of ids of everybody who may be meant, the cheap ones first, with the name of the condition that holds for exactly
    whom each finds; "" where there is none."""
    if wanted.state in _RARE_STATES:
        yield "", _rare(wanted.state, now)
    for column, named, number in _belongings(wanted):
        yield str(named), select(column).where(named == number)
    if wanted.condition is not None:
        exact = "condition" if isinstance(wanted.condition, Test) else ""
        for seed in filters.seeds(wanted.condition):
            yield exact, seed
    if words := fold(wanted.text).split():
        yield "words", select(t.user_search.c.user_id).where(filters.words_in(words))
    if wanted.directory is not None:
        yield "directory", select(_i.user_id).where(_of_directory(wanted))


def _belongings(wanted: UserFilter) -> Iterator[tuple[Any, Any, int]]:
    groups, access = t.group_members.c, t.access.c
    for user, named, number in (
        (groups.user_id, groups.group_id, wanted.group),
        (t.grants.c.user_id, t.grants.c.role_id, wanted.role),
        (access.user_id, access.organization_id, wanted.organization),
        (access.user_id, access.unit_id, wanted.unit),
    ):
        if number is not None:
            yield user, named, number


def _of_directory(wanted: UserFilter) -> ColumnElement[bool]:
    number = select(t.directories.c.id).where(t.directories.c.name == wanted.directory).scalar_subquery()
    here = _i.directory_id == number
    return and_(here, _i.missing_since.is_not(None)) if wanted.state is UserState.MISSING else here


# ---------------------------------------------------------------- views
_RARE_STATES = (UserState.DISABLED, UserState.CANNOT_LOG_IN, UserState.MISSING, UserState.LOCKED)


def _in_state(state: UserState, now: datetime) -> ColumnElement[bool]:
    """Who is in it at that moment; of those who cannot log in all who may be among them, which costs far less to say."""
    if state is UserState.CANNOT_LOG_IN:
        return or_(not_(_u.has_access), _u.id.in_(filters.together(*_by_time(now))))
    return {
        UserState.ACTIVE: active,
        UserState.DISABLED: not_(active),
        UserState.MISSING: missing,
        UserState.LOCKED: _u.auth_status == "locked",
    }[state]


def _rare(state: UserState, now: datetime) -> Select[Any]:
    """Ids of all who may be in it, by indexes that have only those; conditions are written as in the indexes."""
    of_users = select(_u.id)
    gone = select(_i.user_id).where(_i.missing_since.is_not(None))
    if state is UserState.MISSING:
        return gone
    if state is UserState.LOCKED:
        return of_users.where(text("users.auth_status <> 'active'"), _u.auth_status == "locked")
    off = of_users.where(text("NOT users.enabled"))
    if state is UserState.DISABLED:
        return filters.together(off, gone, select(_i.user_id).where(text("identities.account_disabled")))
    # what was told last, and what time alone has changed since
    return filters.together(of_users.where(text("NOT users.has_access")), *_by_time(now))


def _by_time(now: datetime) -> list[Select[Any]]:
    """Whom a time of their account may keep out now."""
    begun = [select(_i.user_id).where(column > now) for column in (_i.account_locked_until, _i.account_valid_from)]
    ended = [select(_i.user_id).where(column <= now) for column in (_i.account_expires_at, _i.account_password_expires_at)]
    return begun + ended
