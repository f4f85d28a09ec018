"""What the fields of a person may be when people write them, beyond what a schema can say.

Values are trimmed; nothing is no value. Texts come as they were sent, custom fields as JSON has them, and both leave in the
form that the store keeps.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from syncd.errors import UnfitValueError
from syncd.model.records import CUSTOM_PREFIX, FieldValue
from syncd.model.text import fold
from syncd.model.useredit import NEEDED

# no control characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST = 200
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# an address (RFC 5321 section 4.1.2) without quotes and address literals
EMAIL = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$"
EMAIL_LONGEST = 254
_INTEGER = 2**63
_LISTS = ("emails", "tags")


def checked_fields(fields: Mapping[str, Any], *, custom: Mapping[str, str], today: date) -> dict[str, FieldValue]:
    """The fields as they are stored. `custom`: declared fields and their kinds. Raises UnfitValueError."""
    checked: dict[str, FieldValue] = {}
    for name, value in fields.items():
        if name.startswith(CUSTOM_PREFIX):
            checked[name] = custom_value(name.removeprefix(CUSTOM_PREFIX), value, custom=custom)
        elif name in _LISTS:
            checked[name] = distinct(value or ())
        elif name == "birthday":
            checked[name] = _birthday(value, today)
        else:
            checked[name] = _text(name, value)
    primary = checked.get("email")
    if isinstance(primary, str):
        checked["email"] = address(primary)
    if checked.get("emails"):
        others = distinct(address(text) for text in _texts(checked["emails"]))
        checked["emails"] = further(others, primary) if isinstance(primary, str) else others
    return checked


def further(emails: Iterable[str], primary: str) -> tuple[str, ...]:
    """Addresses without the primary one, however it is spelt."""
    return tuple(each for each in emails if fold(each) != fold(primary))


def _text(name: str, value: str | None) -> str | None:
    text = value.strip() if value is not None else ""
    if name in NEEDED and not fold(text):
        raise UnfitValueError(f"{name} cannot be empty")
    if len(text) > LONGEST or _CONTROL.search(text):
        raise UnfitValueError(f"{name} has {LONGEST} characters at most, and no line breaks")
    return text or None


def _texts(value: FieldValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _birthday(value: date | None, today: date) -> date | None:
    if value is not None and value > today:
        raise UnfitValueError("birthday is in the future")
    return value


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts, trimmed, each once whatever its spelling, in their order."""
    found: dict[str, str] = {}
    for text in texts:
        if _CONTROL.search(text):
            raise UnfitValueError(f"{text!r} has a line break or another control character")
        if key := fold(text):
            found.setdefault(key, text.strip())
    return tuple(found.values())


def address(text: str) -> str:
    """An email address, its domain in lower case (RFC 5321 section 2.4). Raises UnfitValueError."""
    if len(text) > EMAIL_LONGEST or re.fullmatch(EMAIL, text) is None:
        raise UnfitValueError(f"{text!r} is no email address")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


# ---------------------------------------------------------------- custom fields
def custom_value(name: str, value: Any, *, custom: Mapping[str, str]) -> FieldValue:
    """The value of a custom field, None for no value. Raises UnfitValueError."""
    kind = custom.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, list(custom), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnfitValueError(f"there is no custom field {name!r}{hint}", advice="They are declared under [custom_fields].")
    if value is None or value in ("", []):
        return None
    try:
        return _KINDS[kind](value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnfitValueError(f"custom field {name!r} is {_WRITTEN[kind]}") from error


def _plain_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    if "\0" in value:
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_INTEGER <= value < _INTEGER:
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> date:
    return date.fromisoformat(_plain_text(value))


def _datetime(value: Any) -> datetime:
    moment = datetime.fromisoformat(_plain_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _list(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return distinct(value)


_KINDS: Mapping[str, Callable[[Any], FieldValue]] = {
    "text": _plain_text,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "list": _list,
}


def custom_from_text(name: str, text: str, *, custom: Mapping[str, str]) -> Any:
    """The JSON form of what somebody typed on a command line; empty is no value. Raises UnfitValueError."""
    kind = custom.get(name)
    if text == "":
        return None
    if kind == "integer" and text.lstrip("+-").isdecimal() and text.isascii():
        return int(text)
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


_WRITTEN: Mapping[str, str] = {
    "text": "a text",
    "integer": "a whole number of 64 bits",
    "boolean": "true or false",
    "date": 'a date, such as "2026-01-31"',
    "datetime": 'a time with its zone, such as "2026-01-31T08:00:00Z"',
    "list": "a list of texts",
}
