"""Column types and value forms that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from syncd.model.records import FieldValue

# 64 bits on PostgreSQL; on SQLite only INTEGER makes a column the row id itself
Id: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")

# text that is compared and sorted by code point on both databases, whatever the database's locale; cheaper too
Key: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")

# SQL NULL for None; the engine's serializer writes the canonical form of `to_json`
Json: TypeEngine[Any] = JSON(none_as_null=True)

# SQLite has no time type: this text sorts in the order of time
SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"


class UtcTime(TypeDecorator[datetime]):
    """A point in time: aware in Python, timestamptz on PostgreSQL, UTC text on SQLite. A naive time is an error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def to_json(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, text unescaped. What JSON lacks is tagged: {"date": "2026-01-31"}."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_tagged)


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(text: str) -> FieldValue:
    """The field value that `to_json` wrote."""
    return from_json_form(json.loads(text))


def from_json_form(value: Any) -> FieldValue:
    """The same for what a JSON reader made of it."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        ((tag, body),) = value.items()
        return _UNTAG[tag](body)
    plain: str | int | bool | None = value
    return plain


_UNTAG: dict[str, Callable[[str], FieldValue]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "bytes": base64.b64decode,
}
