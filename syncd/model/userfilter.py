"""Conditions on people, as a filter's text says them: what reads the text and what asks the database meet in these values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


class Operator(enum.StrEnum):
    """How an attribute is compared (RFC 7644 section 3.4.2.2). `ne` holds where there is no value, too."""

    EQ = "eq"
    NE = "ne"
    CO = "co"
    SW = "sw"
    EW = "ew"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    PR = "pr"


# a datetime is a date, too
Value: TypeAlias = str | int | bool | date | None


@dataclass(frozen=True, slots=True)
class Test:
    """An attribute and a value."""

    # syncd.services.scimfilter.ATTRIBUTES, or "custom.NAME"
    attribute: str
    operator: Operator
    # of the attribute's kind; None for `pr`
    value: Value = None


@dataclass(frozen=True, slots=True)
class Negation:
    """What does not hold."""

    term: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """All hold."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One holds at least."""

    terms: tuple[Condition, ...]


Condition: TypeAlias = Test | Negation | AllOf | AnyOf
