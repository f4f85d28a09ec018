"""Texts that are looked for inside others by LIKE, and never are patterns themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func


def escaped(value: str) -> str:
    """A text as a part of a pattern that means only itself."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """`pattern`: made of parts that are `escaped`."""
    return column.like(pattern, escape="\\")


def caseless_like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Both databases as far as each knows case: SQLite's LIKE has none, PostgreSQL's has."""
    return func.lower(column).like(func.lower(pattern), escape="\\")
