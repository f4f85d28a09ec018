"""The orders of lists of people, and the marks by which a page goes on behind the last one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, select, tuple_

from syncd.errors import UsageError
from syncd.model.views import UserOrder, UserSort
from syncd.store import schema as t
from syncd.store.matching import Searching, in_row, in_search
from syncd.store.narrowing import Narrowed

MARK = r"^[vn][0-9]{1,18}\.[A-Za-z0-9_-]*$"

# how many are looked at one by one, before those who are meant are looked up
NEAR = 1000

_u = t.users.c
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


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


class Mark(NamedTuple):
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
    def parse(cls, mark: str) -> Mark:
        """Raises UsageError."""
        if re.fullmatch(MARK, mark) is None:
            raise UsageError("the page mark is not one that an earlier page gave")
        number, _, coded = mark[1:].partition(".")
        if mark[0] == "n":
            return cls(None, int(number))
        value = base64.urlsafe_b64decode(coded[: len(coded) - (len(coded) % 4 == 1)] + "=" * (-len(coded) % 4))
        return cls(value.decode("utf-8", "replace").replace("\x00", ""), int(number))


def queries(order: UserOrder, mark: Mark | None, wanted: Narrowed) -> Iterator[Select[Any]]:
    """Those who have what is sorted by, then the others: (id, key)."""
    key = _KEYS[order.key]
    number = t.user_search.c.user_id if order.key is UserSort.NAME else _u.id
    sides = t.user_search.join(t.users, _u.id == t.user_search.c.user_id) if order.key is UserSort.NAME else t.users
    query = select(_u.id, key.column.label("key")).select_from(sides).where(*wanted.conditions)
    if mark is None or mark.value is not None:
        having = query.where(key.column.is_not(None)) if key.optional else query
        columns = [key.column] if key.unique else [key.column, number]
        if mark is not None:
            having = having.where(_behind(columns, [_value(order.key, mark), mark.id], descending=order.descending))
        yield _in_order(having, columns, order, few=wanted.few)
    if key.optional:
        lacking = query.where(key.column.is_(None))
        if mark is not None and mark.value is None:
            lacking = lacking.where(_behind([_u.id], [mark.id], descending=order.descending))
        yield _in_order(lacking, [_u.id], order, few=wanted.few)


def nearest(order: UserOrder, mark: Mark | None, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Of the next NEAR those for whom the conditions hold: (id, key)."""
    following = next(queries(order, mark, Narrowed([], few=False))).limit(NEAR)
    near = following.cte("near").prefix_with("MATERIALIZED", dialect="postgresql").c
    query = select(_u.id, near.key).where(_u.id == near.id, *conditions)
    return query.order_by(_directed(near.key, order), _directed(near.id, order))


def _in_order(query: Select[Any], columns: Sequence[ColumnElement[Any]], order: UserOrder, *, few: bool) -> Select[Any]:
    """Few are found first and then sorted: PostgreSQL believes that an index in this order comes to a page of them soon, and
    goes through everybody when they are all at its end."""
    if few:
        found = query.cte("few").prefix_with("MATERIALIZED", dialect="postgresql").c
        query, columns = select(found.id, found.key), [found.key, found.id]
    return query.order_by(*(_directed(column, order) for column in columns))


def searching(order: UserOrder) -> Searching:
    """How the queries of an order ask about somebody's row of user_search."""
    return in_row if order.key is UserSort.NAME else in_search


def _value(sort: UserSort, mark: Mark) -> Any:
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
