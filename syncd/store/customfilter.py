"""Conditions on custom fields, whose values the store keeps as JSON: 7, "text", ["one","two"], {"date":"2026-01-31"}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Numeric, and_, case, cast, false, func, or_

from syncd.model.records import CUSTOM_PREFIX
from syncd.model.userfilter import Operator, Test, Value
from syncd.store import schema as t
from syncd.store.matching import Bytewise, caseless_like, escaped, like
from syncd.store.types import to_json

Holds: TypeAlias = ColumnElement[bool]
Compare: TypeAlias = Callable[[Any, Any], Holds]

_ORDER: Mapping[Operator, Compare] = {
    Operator.GT: gt, Operator.GE: ge, Operator.LT: lt, Operator.LE: le,
}  # fmt: skip


def custom_field(test: Test) -> Holds:
    """The row of a custom field whose value is or holds what is asked for."""
    row = t.user_custom_fields.c
    named = row.name == test.attribute.removeprefix(CUSTOM_PREFIX)
    if test.operator is Operator.PR:
        return named
    if test.operator is Operator.EQ:
        return and_(named, or_(*_equal(row.value, test.value)))
    if test.operator in _ORDER:
        return and_(named, _in_order(row.value, _ORDER[test.operator], test.value))
    inner = escaped(to_json(str(test.value))[1:-1])
    pattern = {Operator.SW: '"{}%', Operator.EW: '%{}"', Operator.CO: '"%{}%"'}[test.operator]
    return and_(named, caseless_like(row.value, pattern.format(inner)))


def _equal(column: ColumnElement[Any], value: Value) -> list[Holds]:
    """As the whole value, or as one of several texts."""
    written = to_json(value)
    if not isinstance(value, str):
        return [column == written]
    patterns = [f"[{escaped(written)}%", f"[%,{escaped(written)}%"]
    return [func.lower(column) == func.lower(written), *(caseless_like(column, pattern) for pattern in patterns)]


# ---------------------------------------------------------------- before and after
def _in_order(column: ColumnElement[Any], compare: Compare, value: Value) -> Holds:
    """Among values of the same type: a field may have been of another before."""
    if isinstance(value, datetime):
        return _tagged(column, "datetime", compare, value)
    if isinstance(value, date):
        return _tagged(column, "date", compare, value)
    # of all JSON only numbers begin so; a database must not convert the others, in whichever order it looks
    is_number = func.substr(column, 1, 1).in_(tuple("-0123456789"))
    return case((is_number, compare(cast(column, Numeric), value)), else_=false())


def _tagged(column: ColumnElement[Any], tag: str, compare: Compare, value: date) -> Holds:
    """ISO 8601 of one zone is in the order of its characters."""
    return and_(like(column, f'{{"{tag}":%'), compare(Bytewise(column), to_json(value)))
