"""The fields of a person as rows of the store: which column or table each lives in, and in which form.

Text fields are columns of `users`; what there may be many of has a table of its own, whose rows are replaced whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, Table

from syncd.errors import StoreError
from syncd.model.records import ACCOUNT_FIELDS, ACCOUNT_PREFIX, CUSTOM_PREFIX, Fields, FieldValue
from syncd.store import schema as t
from syncd.store.apply_context import Applying, number_of
from syncd.store.bulk import Row, Value, bulk_delete, bulk_insert, time_text
from syncd.store.types import to_json

# fields that are columns of `users`
PLAIN = (
    "username", "email", "prefix", "first_name", "middle_name", "last_name", "suffix", "display_name", "title", "phone",
    "birthday",
)  # fmt: skip
# where a person belongs: one row of `access` per directory
PLACE = ("organization", "unit")
# not a field of the person but of the identity
DN = "dn"

# columns of `identities` beside those every identity has: PersonRecord's, and the account fields
RECORD_COLUMNS = ("version", "primary_group", "link_key")
ACCOUNT_COLUMNS = {name: "account_" + name.removeprefix(ACCOUNT_PREFIX) for name in ACCOUNT_FIELDS}

ACCESS_COLUMNS = ("user_id", "organization_id", "unit_id", "directory_id")

# table, columns after user_id
_LISTS: dict[str, tuple[Table, str]] = {"emails": (t.user_emails, "email"), "tags": (t.user_tags, "tag")}
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def plain_value(value: FieldValue) -> Value:
    """The value of a plain field for the driver; "" is no value."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, date):
        return value.isoformat()
    return None


def account_value(value: FieldValue) -> Value:
    """The value of an account field for the driver."""
    if isinstance(value, datetime):
        return time_text(value)
    return value if isinstance(value, bool) else None


def access_row(applying: Applying, user_id: int, fields: Fields) -> Row | None:
    """The row that says where the directory puts the person, for ACCESS_COLUMNS; None when it says nothing."""
    organization, unit = fields.get("organization"), fields.get("unit")
    if not isinstance(organization, str):
        return None
    unit_id = number_of(applying.units, unit, "unit") if isinstance(unit, str) else None
    return (user_id, number_of(applying.organizations, organization, "organization"), unit_id, applying.directory_id)


def other_fields(names: Iterable[str]) -> list[str]:
    """Those of the names that live in tables of their own. Raises StoreError for a name nobody knows."""
    own = (*PLAIN, *PLACE, DN, *ACCOUNT_FIELDS)
    found = sorted(name for name in names if name not in own)
    for name in found:
        if name not in _LISTS and name != "avatar" and not name.startswith(CUSTOM_PREFIX):
            raise StoreError(f"the plan sets a field that the store does not have: {name!r}")
    return found


def write_other_fields(connection: Connection, values: Sequence[tuple[int, str, FieldValue]], *, replace: bool) -> None:
    """Write (user, field, value) of `other_fields`. `replace`: whether there may be old rows."""
    for field, (table, column) in _LISTS.items():
        found = [(user_id, value) for user_id, name, value in values if name == field]
        if replace:
            bulk_delete(connection, table, keys=("user_id",), rows=[(user_id,) for user_id, _ in found])
        rows = [(user_id, i, text) for user_id, texts in found for i, text in enumerate(_texts(texts))]
        bulk_insert(connection, table, ("user_id", "position", column), rows)
    _write_custom_fields(connection, [v for v in values if v[1].startswith(CUSTOM_PREFIX)], replace=replace)
    _write_avatars(connection, [v for v in values if v[1] == "avatar"], replace=replace)


def _texts(value: FieldValue) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) and value else ()


def _write_custom_fields(connection: Connection, values: Sequence[tuple[int, str, FieldValue]], *, replace: bool) -> None:
    named = [(user_id, name.removeprefix(CUSTOM_PREFIX), value) for user_id, name, value in values]
    if replace:
        keys = [(user_id, name) for user_id, name, _ in named]
        bulk_delete(connection, t.user_custom_fields, keys=("user_id", "name"), rows=keys)
    rows = [(user_id, name, to_json(value)) for user_id, name, value in named if value is not None and value != ()]
    bulk_insert(connection, t.user_custom_fields, ("user_id", "name", "value"), rows)


def _write_avatars(connection: Connection, values: Sequence[tuple[int, str, FieldValue]], *, replace: bool) -> None:
    if replace:
        bulk_delete(connection, t.user_avatars, keys=("user_id",), rows=[(user_id,) for user_id, _, _ in values])
    rows = [
        (user_id, media_type(value), bytearray(value), hashlib.sha256(value).hexdigest())
        for user_id, _, value in values
        if isinstance(value, bytes) and value
    ]
    bulk_insert(connection, t.user_avatars, ("user_id", "media_type", "data", "digest"), rows)


def media_type(data: bytes) -> str:
    """What kind of picture it is, by its first bytes (jpegPhoto holds JPEG by RFC 2798, but not everywhere)."""
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), "application/octet-stream")
