"""`column IN (values)` for many values, as one parameter.

SQLAlchemy's IN has a parameter for each value, which makes a statement of its own for each number of them and costs more than
the query itself: PostgreSQL gets an array, SQLite a JSON array.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

Values = Collection[str] | Collection[int]


def among(connection: Connection, column: ColumnElement[Any], values: Values) -> ColumnElement[bool]:
    """Whether the column, of numbers or of text, is one of the values."""
    if connection.dialect.name == "postgresql":
        type_ = BigInteger() if column.type.python_type is int else Text()
        return column == func.any(bindparam(None, list(values), ARRAY(type_), unique=True))
    each = func.json_each(bindparam(None, json.dumps(list(values)), Text(), unique=True)).table_valued("value")
    return column.in_(select(each.c.value))
