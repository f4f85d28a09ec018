"""Filters of people in SCIM's grammar (RFC 7644 section 3.4.2.2): from the text to conditions.

scim2-models knows the grammar; which attributes there are, how each may be compared and with what, is said here. What is wrong
is told with where it stands. Names of attributes have no case, as SCIM has it; neither have the values of names and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from syncd.errors import FilterError
from syncd.model.records import CUSTOM_PREFIX
from syncd.model.userfilter import AllOf, AnyOf, Condition, Negation, Operator, Test, Value

if TYPE_CHECKING:
    from scim2_models.path import AttrPath, Comparison, FilterNode, ValuePath

FILTER_MAX = 2000
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:user"
STATUSES = ("active", "locked", "reset", "expired")

_EQUALITY = frozenset({Operator.EQ, Operator.NE, Operator.PR})
_TEXT = _EQUALITY | {Operator.CO, Operator.SW, Operator.EW}
_ORDER = _EQUALITY | {Operator.GT, Operator.GE, Operator.LT, Operator.LE}


class Kind(NamedTuple):
    """How attributes of a kind may be compared."""

    operators: frozenset[Operator]
    # what the value is, for people
    value: str


TEXT = Kind(_TEXT, "a text")
FLAG = Kind(_EQUALITY, "true or false")
STATUS = Kind(_EQUALITY, f"one of {', '.join(STATUSES)}")
TIME = Kind(_ORDER, 'a time with its zone, such as "2026-01-31T08:00:00Z"')
NUMBER = Kind(_ORDER, "a whole number")
NAMED = Kind(_EQUALITY, "a name, or the number of an id")
DATE = Kind(_ORDER, 'a date, such as "2026-01-31"')
# types of custom fields
_CUSTOM: Mapping[str, Kind] = {
    "text": TEXT, "integer": NUMBER, "boolean": FLAG, "date": DATE, "datetime": TIME, "list": TEXT,
}  # fmt: skip

# as SCIM spells them -> our name, kind
_NAMES: Mapping[str, tuple[str, Kind]] = {
    "userName": ("username", TEXT),
    "name.givenName": ("first_name", TEXT),
    "name.familyName": ("last_name", TEXT),
    "name.middleName": ("middle_name", TEXT),
    "displayName": ("display_name", TEXT),
    "title": ("title", TEXT),
    "emails": ("emails", TEXT),
    "emails.value": ("emails", TEXT),
    "active": ("enabled", FLAG),
    "id": ("id", NUMBER),
    "meta.created": ("created_at", TIME),
    "meta.lastModified": ("updated_at", TIME),
    # ours
    "enabled": ("enabled", FLAG),
    "authStatus": ("auth_status", STATUS),
    "manual": ("manual", FLAG),
    "directory": ("directory", NAMED),
    "role": ("role", NAMED),
    "group": ("group", NAMED),
    "organization": ("organization", NAMED),
    "unit": ("unit", NAMED),
    "tag": ("tag", TEXT),
    "roles": ("role", NAMED),
    "groups": ("group", NAMED),
    "tags": ("tag", TEXT),
    "createdAt": ("created_at", TIME),
    "updatedAt": ("updated_at", TIME),
    "lastLoginAt": ("last_login_at", TIME),
}
ATTRIBUTES = tuple(_NAMES)
_FOLDED = {name.lower(): found for name, found in _NAMES.items()}
_LARGEST = 2**63 - 1


def parse_filter(text: str, *, custom: Mapping[str, str]) -> Condition:
    """What a filter asks for. `custom`: declared custom fields and their types. Raises FilterError."""
    from scim2_models.exceptions import InvalidFilterException
    from scim2_models.path import ScimFilter

    if len(text) > FILTER_MAX:
        raise FilterError(f"a filter has {FILTER_MAX} characters at most, not {len(text)}")
    try:
        tree = ScimFilter(text).ast
    except InvalidFilterException as error:
        raise FilterError(f"the filter is wrong: {error.detail}") from None
    return _Reader(text, custom).condition(tree)


class _Reader:
    """From the nodes of scim2-models to ours."""

    def __init__(self, text: str, custom: Mapping[str, str]) -> None:
        self._custom = custom
        # what stands between quotes is no attribute
        self._text = re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: " " * len(found[0]), text)

    def condition(self, node: FilterNode, *, inside: str = "") -> Condition:
        """`inside`: the attribute before the brackets."""
        from scim2_models.path import Comparison, LogicalExpr, LogicalOperator, Not, Present, ValuePath

        if isinstance(node, LogicalExpr):
            terms = tuple(self.condition(term, inside=inside) for term in node.terms)
            return AllOf(terms) if node.op is LogicalOperator.and_ else AnyOf(terms)
        if isinstance(node, Not):
            return Negation(self.condition(node.expr, inside=inside))
        if isinstance(node, ValuePath):
            return self._selection(node)
        if isinstance(node, Comparison):
            return self._comparison(node, inside)
        assert isinstance(node, Present)
        attribute, _ = self._attribute(node.attr_path, inside)
        return Test(attribute, Operator.PR)

    def _selection(self, node: ValuePath) -> Condition:
        """`emails[value sw "a"]`: with one comparison inside it says what it says without brackets."""
        from scim2_models.path import Comparison, Present

        if not isinstance(node.val_filter, Comparison | Present):
            raise self._wrong(node.attr_path, "can have one comparison of `value` between its brackets")
        return self.condition(node.val_filter, inside=str(node.attr_path))

    def _comparison(self, node: Comparison, inside: str) -> Condition:
        attribute, kind = self._attribute(node.attr_path, inside)
        operator = Operator(node.op.value)
        if operator not in kind.operators:
            allowed = ", ".join(sorted(one for one in kind.operators if one is not Operator.PR))
            raise self._wrong(node.attr_path, f"cannot be compared with {operator}, only with {allowed}")
        if node.value is None and operator in _EQUALITY:
            present = Test(attribute, Operator.PR)
            return present if operator is Operator.NE else Negation(present)
        return Test(attribute, operator, self._value(node, kind))

    def _attribute(self, path: AttrPath, inside: str) -> tuple[str, Kind]:
        if path.uri is not None and path.uri.lower() != USER_SCHEMA:
            raise self._wrong(path, "is of a schema that users do not have")
        name = f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr
        if inside:
            name = f"{inside}.{name}"
        if path.attr.lower() == "custom" and path.sub_attr:
            return self._custom_field(path, path.sub_attr)
        found = _FOLDED.get(name.lower())
        if found is None:
            raise self._wrong(path, f"is not an attribute: there are {', '.join(ATTRIBUTES)} and custom.NAME")
        return found

    def _custom_field(self, path: AttrPath, name: str) -> tuple[str, Kind]:
        if name not in self._custom:
            declared = ", ".join(sorted(self._custom)) or "none"
            raise self._wrong(path, f"is no custom field; declared are {declared}")
        return CUSTOM_PREFIX + name, _CUSTOM[self._custom[name]]

    def _value(self, node: Comparison, kind: Kind) -> Value:
        value = _CONVERT[kind.value](node.value)
        if value is None:
            raise self._wrong(node.attr_path, f"is compared with {kind.value}")
        if isinstance(value, str) and ("\x00" in value or (not value.isprintable() and _unwritable(value))):
            raise self._wrong(node.attr_path, "is compared with a text that cannot be stored")
        return value

    def _wrong(self, path: AttrPath, what: str) -> FilterError:
        found = re.search(rf"(?<![\w.$:-]){re.escape(str(path))}(?![\w.$:-])", self._text)
        column = f" at column {found.start() + 1}" if found else ""
        return FilterError(f"the filter is wrong{column}: `{path}` {what}")


def _unwritable(text: str) -> bool:
    """A lone half of a character of UTF-16, which JSON can say and nothing can store."""
    return any("\ud800" <= char <= "\udfff" for char in text)


# ---------------------------------------------------------------- values; None: of another kind
def _text(value: object) -> Value:
    return value if isinstance(value, str) else None


def _flag(value: object) -> Value:
    return value if isinstance(value, bool) else None


def _status(value: object) -> Value:
    return value.lower() if isinstance(value, str) and value.lower() in STATUSES else None


def _time(value: object) -> Value:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _number(value: object) -> Value:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def _named(value: object) -> Value:
    return value if isinstance(value, str) else _number(value)


def _date(value: object) -> Value:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


_CONVERT = {
    TEXT.value: _text,
    FLAG.value: _flag,
    STATUS.value: _status,
    TIME.value: _time,
    NUMBER.value: _number,
    NAMED.value: _named,
    DATE.value: _date,
}
