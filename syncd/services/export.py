"""Everybody as JSON lines or CSV, one person at a time, for other programs and for spreadsheets.

The keys and columns are a promise (docs/export.md): programs read them, so one is never renamed or removed. Password hashes,
keys and other secrets are not exported, and cannot be: `PersonView` has no place for them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TextIO

from syncd.errors import ExportFieldError
from syncd.model.account import AccountState
from syncd.model.export import CSV_COLUMNS, FURTHER_FIELDS
from syncd.model.records import CUSTOM_PREFIX, FieldValue
from syncd.model.views import PersonView

Json = dict[str, Any]

# what a spreadsheet takes for the beginning of a formula (OWASP: CSV injection), also behind spaces or in full width
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# what JSON need not escape, but many a program takes for the end of a line
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
# between the values of one cell
SEPARATOR = "; "


ACCOUNT_KEYS = AccountState._fields


# ---------------------------------------------------------------- JSON
def person_json(person: PersonView) -> Json:
    """A person as JSON, every key always there; times are UTC (RFC 3339), dates ISO 8601."""
    return {
        "id": person.id,
        "username": person.username,
        "prefix": person.prefix,
        "first_name": person.first_name,
        "middle_name": person.middle_name,
        "last_name": person.last_name,
        "suffix": person.suffix,
        "display_name": person.display_name,
        "title": person.title,
        "phone": person.phone,
        "birthday": person.birthday.isoformat() if person.birthday else None,
        "email": person.email,
        "emails": person.emails,
        "tags": person.tags,
        "custom": {name: plain_value(value) for name, value in person.custom.items()},
        "enabled": person.enabled,
        "auth_status": person.auth_status,
        "manual": person.manual,
        "can_log_in": person.can_log_in,
        "reasons": person.reasons,
        "organizations": person.organizations,
        "units": person.units,
        "roles": [{"name": role.name, "sources": role.sources} for role in person.roles],
        "directories": [
            {
                "name": identity.name,
                "entry_id": identity.entry_id,
                "dn": identity.dn,
                "role_identifiers": identity.role_identifiers,
                "missing_since": _time(identity.missing_since),
                "account": {name: plain_value(value) for name, value in zip(ACCOUNT_KEYS, identity.account, strict=True)},
            }
            for identity in person.directories
        ],
        "created_at": _time(person.created_at),
        "updated_at": _time(person.updated_at),
    }


def write_jsonl(people: Iterable[PersonView], stream: TextIO, *, fields: Sequence[str] = ()) -> int:
    """One line of JSON for each person; how many. `fields`: only these, in this order."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    count = 0
    for person in people:
        line = encode(_chosen_json(person, fields) if fields else person_json(person))
        stream.write((line if line.isascii() else line.translate(_LINE_ENDS)) + "\n")
        count += 1
    return count


def _chosen_json(person: PersonView, fields: Sequence[str]) -> Json:
    everything = person_json(person) | {
        "dns": [identity.dn for identity in person.directories],
        "last_login_at": _time(person.last_login_at),
        "login_count": person.login_count,
        "failed_logins": person.failed_logins,
    }
    custom = everything["custom"]
    return {
        name: custom.get(name.removeprefix(CUSTOM_PREFIX)) if name.startswith(CUSTOM_PREFIX) else everything[name]
        for name in fields
    }


# ---------------------------------------------------------------- CSV
def write_csv(
    people: Iterable[PersonView],
    stream: TextIO,
    *,
    custom: Sequence[str] = (),
    fields: Sequence[str] = (),
    header: bool = True,
) -> int:
    """A header and one row for each person (RFC 4180), `custom` naming the custom fields to add as "custom.NAME"; how many.

    `fields`: only these columns, in this order. The stream must not translate line ends (`open(..., newline="")`).
    """
    writer = csv.writer(stream)
    columns = (*CSV_COLUMNS, *FURTHER_FIELDS, *(CUSTOM_PREFIX + name for name in custom))
    standard = [name for name in columns if name not in FURTHER_FIELDS]
    places = [columns.index(name) for name in fields or standard]
    if header:
        writer.writerow([columns[place] for place in places])
    count = 0
    for person in people:
        further = (_time(person.last_login_at), person.login_count, person.failed_logins)
        cells = [*_cells(person), *further, *(field_cell(person.custom.get(name)) for name in custom)]
        writer.writerow([cells[place] for place in places])
        count += 1
    return count


def require_fields(fields: Sequence[str], *, custom: Sequence[str]) -> None:
    """Raises ExportFieldError for what cannot be exported."""
    known = {*CSV_COLUMNS, *FURTHER_FIELDS, *(CUSTOM_PREFIX + name for name in custom)}
    if unknown := [name for name in fields if name not in known]:
        raise ExportFieldError(f"no field to export is called {', '.join(map(repr, unknown))}")
    if len(set(fields)) < len(fields):
        raise ExportFieldError("a field is named twice")


def _cells(person: PersonView) -> list[str | int | None]:
    """In the order of CSV_COLUMNS; the writer makes an empty cell of None."""
    return [
        person.id,
        text_cell(person.username),
        text_cell(person.prefix),
        text_cell(person.first_name),
        text_cell(person.middle_name),
        text_cell(person.last_name),
        text_cell(person.suffix),
        text_cell(person.display_name),
        text_cell(person.title),
        text_cell(person.phone),
        person.birthday.isoformat() if person.birthday else None,
        text_cell(person.email),
        _several(person.emails),
        _several(person.tags),
        _flag(person.enabled),
        person.auth_status,
        _flag(person.manual),
        _flag(person.can_log_in),
        _several(person.reasons),
        _several(person.organizations),
        _several(person.units),
        _several([role.name for role in person.roles]),
        _several([identity.name for identity in person.directories]),
        _several([identity.dn for identity in person.directories]),
        _time(person.created_at),
        _time(person.updated_at),
    ]


def text_cell(text: str | None) -> str | None:
    """A text that no spreadsheet takes for a formula."""
    if not text:
        return text
    first = text[0]
    return "'" + text if first in _FORMULA or (first.isspace() and text.lstrip()[:1] in _FORMULA) else text


def _several(values: Sequence[str]) -> str | None:
    return text_cell(SEPARATOR.join(values)) if values else None


def _flag(value: bool) -> str:
    return "true" if value else "false"


def field_cell(value: FieldValue) -> str | int | None:
    """A custom field's cell: numbers stay numbers."""
    plain = plain_value(value)
    if isinstance(plain, bool):
        return _flag(plain)
    if isinstance(plain, list):
        return _several(plain)
    return text_cell(plain) if isinstance(plain, str) else plain


# ---------------------------------------------------------------- values
def plain_value(value: FieldValue) -> str | int | bool | list[str] | None:
    """A field's value in the types that JSON has; bytes, which no custom field has, are left out."""
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, bytes) else value


def _time(moment: datetime | None) -> str | None:
    """To the second; a custom field's time without a zone stays without one."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            return moment.isoformat(timespec="seconds")
        moment = moment.astimezone(UTC)
    return moment.isoformat()[:19] + "Z"
