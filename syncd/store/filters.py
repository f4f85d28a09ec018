"""Conditions on people in SQL.

Each condition has two forms. `holds` is a condition on a row of `users`, exact, for a list that goes through people in its
order; how that asks about somebody's row of user_search (`Searching`), the list says. `seeds` are queries for ids, each of
which finds everybody for whom the condition may hold: where one of them finds few, a list looks at those alone. Values are
always bound, and a text that is looked for is never a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, Select, and_, case, exists, false, func, not_, or_, select, text, true, union_all

from syncd.model.records import CUSTOM_PREFIX
from syncd.model.text import fold
from syncd.model.userfilter import AllOf, AnyOf, Condition, Negation, Operator, Test
from syncd.store import schema as t
from syncd.store.customfilter import custom_field
from syncd.store.matching import Searching, caseless_like, escaped, has, in_search, like
from syncd.store.searchrows import SEARCHED, SEPARATORS, cut

Holds: TypeAlias = ColumnElement[bool]
Seeds: TypeAlias = list[Select[Any]]

_u = t.users.c
_CODE_POINTS = 0x10FFFF
_SURROGATES = 0xD800


def holds(condition: Condition, searching: Searching = in_search) -> Holds:
    """Whether it holds for a row of `users`; never NULL."""
    if isinstance(condition, AllOf):
        return and_(true(), *(holds(term, searching) for term in condition.terms))
    if isinstance(condition, AnyOf):
        return or_(false(), *(holds(term, searching) for term in condition.terms))
    if isinstance(condition, Negation):
        return not_(holds(condition.term, searching))
    if condition.operator is Operator.NE:
        return not_(_test(Test(condition.attribute, Operator.EQ, condition.value), searching))
    return _test(condition, searching)


def seeds(condition: Condition) -> Seeds:
    """Queries for ids; none where everybody may be meant."""
    if isinstance(condition, AllOf):
        return [seed for term in condition.terms for seed in seeds(term)]
    if isinstance(condition, AnyOf):
        found = [seeds(term) for term in condition.terms]
        if not all(found):
            return []
        return [together(*(each[0] for each in found))]
    if isinstance(condition, Negation) or condition.operator in (Operator.NE, Operator.PR):
        return []
    return _seeds(condition)


def is_of_text(condition: Condition) -> bool:
    """Whether a row of user_search alone decides it, looked at as `holds` does with matching.in_row."""
    if isinstance(condition, Negation):
        return is_of_text(condition.term)
    if not isinstance(condition, Test):
        return all(is_of_text(term) for term in condition.terms)
    equal = condition.operator is Operator.NE
    plain = Test(condition.attribute, Operator.EQ, condition.value) if equal else condition
    return plain.attribute in SEARCHED and _key(plain.attribute, plain) is None


def hints(term: Condition) -> list[Holds]:
    """Conditions on a row of user_search, cheap to look at, that hold wherever a condition `is_of_text` does."""
    if not isinstance(term, Test) or term.operator in (Operator.NE, Operator.PR):
        return []
    return [has(t.user_search.c.text, cut(fold(str(term.value))))]


def together(*queries: Select[Any]) -> Select[Any]:
    """Whom one of the queries finds."""
    if len(queries) == 1:
        return queries[0]
    found = union_all(*queries).subquery()
    return select(found.c[0])


# ---------------------------------------------------------------- tests
def _test(test: Test, searching: Searching) -> Holds:
    name = test.attribute
    if name.startswith(CUSTOM_PREFIX):
        return exists().where(t.user_custom_fields.c.user_id == _u.id, custom_field(test))
    if name in _RELATED:
        column, condition = _RELATED[name]
        return exists().where(column == _u.id, condition(test))
    if name == "emails":
        further = exists().where(t.user_emails.c.user_id == _u.id, _further_email(test))
        return or_(_searched("email", test, searching), further)
    if name in SEARCHED:
        return _searched(name, test, searching)
    return func.coalesce(_column(test), false())


def _seeds(test: Test) -> Seeds:
    name = test.attribute
    if name.startswith(CUSTOM_PREFIX):
        return [select(t.user_custom_fields.c.user_id).where(custom_field(test))]
    if name in _RELATED:
        column, condition = _RELATED[name]
        return [select(column).where(condition(test))]
    if name == "emails":
        return [together(_search_seed("email", test), select(t.user_emails.c.user_id).where(_further_email(test)))]
    if name in SEARCHED:
        return [_search_seed(name, test)]
    if name == "enabled":
        # in the words of the index
        return [] if test.value else [select(_u.id).where(text("NOT users.enabled"))]
    if name == "manual":
        return [select(_u.id).where(text("users.manual"))] if test.value else []
    if name == "auth_status":
        rare = text("users.auth_status <> 'active'")
        return [] if test.value == "active" else [select(_u.id).where(rare, _u.auth_status == test.value)]
    return [select(_u.id).where(_column(test))]


# ---------------------------------------------------------------- columns of users
_COMPARE: Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.EQ: eq, Operator.GT: gt, Operator.GE: ge, Operator.LT: lt, Operator.LE: le,
}  # fmt: skip


def _column(test: Test) -> Holds:
    column = _u[test.attribute]
    if test.operator is Operator.PR:
        return column.is_not(None)
    return _COMPARE[test.operator](column, test.value)


# ---------------------------------------------------------------- names, addresses, title
def _searched(name: str, test: Test, searching: Searching) -> Holds:
    """A field of the folded text."""
    key = _key(name, test)
    if key is not None:
        return func.coalesce(key, false())
    return searching(_in_text(name, test))


def _search_seed(name: str, test: Test) -> Select[Any]:
    key = _key(name, test)
    if key is not None:
        return select(_u.id).where(key)
    return select(t.user_search.c.user_id).where(_in_text(name, test))


def _key(name: str, test: Test) -> Holds | None:
    """By the unique index of usernames and addresses, where that can answer."""
    if name not in ("username", "email"):
        return None
    column, folded = _u[f"{name}_key"], fold(str(test.value))
    if test.operator is Operator.EQ:
        return column == folded
    if test.operator is Operator.SW and folded:
        end = _after_all(folded)
        return column >= folded if end is None else and_(column >= folded, column < end)
    return None


def _after_all(prefix: str) -> str | None:
    """The first text, by code points, behind all that begin so."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code <= _CODE_POINTS:
            # no character is between these
            return prefix[:-1] + chr(code if not _SURROGATES <= code < 0xE000 else 0xE000)
        prefix = prefix[:-1]
    return None


def _in_text(name: str, test: Test) -> Holds:
    place = SEARCHED.index(name)
    before, after = SEPARATORS[place - 1] if place else "", SEPARATORS[place]
    column = t.user_search.c.text
    if test.operator is Operator.PR:
        return not_(like(column, f"%{before}{after}%" if place else f"{after}%"))
    value = cut(fold(str(test.value)))
    if test.operator is Operator.CO:
        begin, pattern = f"%{before}" if place else "", escaped(value)
        return _first(has(column, value), like(column, f"{begin}%{pattern}%{after}%"))
    part = value + (after if test.operator is not Operator.SW else "")
    if test.operator is Operator.EW or place:
        return has(column, part if test.operator is Operator.EW else before + part)
    return _first(has(column, part), like(column, f"{escaped(part)}%"))


def _first(cheap: Holds, dear: Holds) -> Holds:
    """Both, the cheap one first: PostgreSQL takes LIKE for the cheaper one."""
    return case((cheap, dear), else_=false())


# ---------------------------------------------------------------- what people have or belong to
def _further_email(test: Test) -> Holds:
    return _by_text(t.user_emails.c.email, test)


def _tag(test: Test) -> Holds:
    return _by_text(t.user_tags.c.tag, test)


def _by_text(column: ColumnElement[Any], test: Test) -> Holds:
    value = str(test.value)
    if test.operator is Operator.PR:
        return true()
    if test.operator is Operator.EQ:
        return func.lower(column) == func.lower(value)
    pattern = {Operator.SW: "{}%", Operator.EW: "%{}", Operator.CO: "%{}%"}[test.operator]
    return caseless_like(column, pattern.format(escaped(value)))


def _named(table: Any, column: Column[Any], *, key: str = "name_key") -> Callable[[Test], Holds]:
    """The rows of a table of this name or number, named by a column of another."""

    def condition(test: Test) -> Holds:
        if test.operator is Operator.PR:
            return column.is_not(None)
        if isinstance(test.value, int):
            return column == test.value
        name = str(test.value)
        if key not in table.c:
            return column.in_(select(table.c.id).where(table.c.name == name))
        return column.in_(select(table.c.id).where(table.c[key] == fold(name)))

    return condition


_RELATED: Mapping[str, tuple[Column[Any], Callable[[Test], Holds]]] = {
    "directory": (t.identities.c.user_id, _named(t.directories, t.identities.c.directory_id)),
    "role": (t.grants.c.user_id, _named(t.roles, t.grants.c.role_id)),
    "group": (t.group_members.c.user_id, _named(t.groups, t.group_members.c.group_id)),
    "organization": (t.access.c.user_id, _named(t.organizations, t.access.c.organization_id)),
    "unit": (t.access.c.user_id, _named(t.units, t.access.c.unit_id)),
    "tag": (t.user_tags.c.user_id, _tag),
}
