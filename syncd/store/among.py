"""`column IN (values)` for many values, as one parameter.

SQLAlchemy's IN has a parameter for each value, which makes a statement of its own for each number of them and costs more than
the query itself: PostgreSQL gets an array, SQLite a JSON array.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Text, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

Values = Collection[str] | Collection[int]


def among(connection: Connection, column: ColumnElement[Any], values: Values) -> ColumnElement[bool]:
    """Whether the column, of numbers or of text, is one of the values."""
    if connection.dialect.name == "postgresql":
        type_ = BigInteger() if column.type.python_type is int else Text()
        return column == func.any(bindparam(None, list(values), ARRAY(type_), unique=True))
    return _in_json(column, json.dumps(list(values)))


class Gathered(NamedTuple):
    """Numbers that a query found, some perhaps several times, as `among_gathered` takes them."""

    size: int
    # all of them as the database writes an array; None: too many
    values: str | None


def gathered(connection: Connection, query: Select[Any], *, most: int) -> Gathered:
    """Up to so many numbers that a query finds, or that there are more. They stay one text: to make thousands of numbers of it
    here, and a text again, costs more than finding them."""
    found = query.limit(most + 1).subquery()
    number, size = found.c[0], func.count()
    postgresql = connection.dialect.name == "postgresql"
    array = cast(func.array_agg(number), Text) if postgresql else func.json_group_array(number)
    return Gathered(*connection.execute(select(size, case((size <= most, array))).select_from(found)).one())


def among_gathered(connection: Connection, column: ColumnElement[Any], found: Gathered) -> ColumnElement[bool]:
    """Whether the column is one of the numbers."""
    if connection.dialect.name == "postgresql":
        return column == func.any(cast(bindparam(None, found.values, Text(), unique=True), ARRAY(BigInteger())))
    return _in_json(column, found.values)


def _in_json(column: ColumnElement[Any], values: str | None) -> ColumnElement[bool]:
    each = func.json_each(bindparam(None, values, Text(), unique=True)).table_valued("value")
    return column.in_(select(each.c.value))
