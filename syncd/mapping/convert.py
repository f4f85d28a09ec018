"""What one raw value means: bytes to text, and text to what a field needs.

Text is strict UTF-8 (RFC 4517 section 3.3.6): old servers hold Latin-1, and a replacement character would be a name that is
nobody's. NUL is refused, since PostgreSQL cannot keep it. Outer white space goes, and a value of nothing else is no value (a
directory string may not be empty, so people write a space).

Converters raise ValueError with the rest of a sentence ("is not a whole number"); the rules know the attribute.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from syncd.mapping.problems import BadValue, shown
from syncd.mapping.times import any_date, any_time, filetime
from syncd.model.records import FieldValue

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_INTEGER_LIMIT = 2**63
_BOOLEANS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_PHONE = re.compile(r"[\d\s()+./*#,;:=\-‐-–]*\d(?:[\d\s()+./*#,;=\-‐-–]|ext\.?|x)*", re.IGNORECASE)
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]++"
_plain_email = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*+@(?=[A-Za-z0-9-]+\.)[A-Za-z0-9]++(?:[.-][A-Za-z0-9]++)*+(?<=[A-Za-z])"
).fullmatch
# up to here no label of a domain can be too long
_SHORT = 64
# image formats that browsers show, by their first bytes
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_IMAGE_LIMIT = 1024 * 1024


# ---------------------------------------------------------------- bytes
def decode(raw: bytes, attribute: str) -> str | None:
    """The text of a value, None when there is nothing but white space. Raises BadValue."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadValue(attribute, f"{shown(raw)} is not UTF-8") from None
    if "\0" in text:
        raise BadValue(attribute, f"{shown(text)} has a NUL character in it")
    return text.strip() or None


def guid_text(raw: bytes) -> str:
    """objectGUID as a UUID's text. The first three fields are little-endian ([MS-DTYP] 2.3.4.2)."""
    if len(raw) != 16:
        raise ValueError(f"has {len(raw)} bytes, a GUID has 16")
    return str(uuid.UUID(bytes_le=raw))


def sid_text(raw: bytes) -> str:
    """objectSid as S-1-5-… ([MS-DTYP] 2.4.2.2): the authority big-endian, the sub-authorities little-endian."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise ValueError(f"has {len(raw)} bytes and is no SID")
    parts = [int.from_bytes(raw[start : start + 4], "little") for start in range(8, len(raw), 4)]
    return "-".join(map(str, ["S", raw[0], int.from_bytes(raw[2:8], "big"), *parts]))


def image(raw: bytes) -> bytes:
    """A picture that a browser shows (JPEG, PNG, GIF, WebP), 1 MiB at most."""
    if len(raw) > _IMAGE_LIMIT:
        raise ValueError(f"has {len(raw)} bytes, more than the {_IMAGE_LIMIT} of a picture")
    if not raw.startswith(_IMAGES) and not (raw[:4] == b"RIFF" and raw[8:12] == b"WEBP"):
        raise ValueError("is not a JPEG, PNG, GIF or WebP picture")
    return raw


# ---------------------------------------------------------------- text
def integer(text: str) -> int:
    """A whole number that a database's 64 bits hold (RFC 4517 section 3.3.16)."""
    if _INTEGER.fullmatch(text) is None:
        raise ValueError("is not a whole number")
    number = int(text)
    if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        raise ValueError("is too large a number")
    return number


def boolean(text: str) -> bool:
    """TRUE and FALSE (RFC 4517 section 3.3.3) in any case, and yes, no, on, off, 1, 0, since schemas differ."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("is neither TRUE nor FALSE") from None


def phone(text: str) -> str:
    """A telephone number with its white space squeezed and no `tel:` before it; it is not rewritten otherwise."""
    number = " ".join(text.split())
    if number.lower().startswith("tel:"):
        number = number[4:].lstrip()
    if _PHONE.fullmatch(number) is None:
        raise ValueError("is not a telephone number")
    return number


def email(text: str) -> str:
    """An address of valid syntax, its domain in lower case. Whether anything is delivered there is not asked.

    Domains of private networks (`corp.local`) are accepted as well.
    """
    if len(text) <= _SHORT and _plain_email(text) is not None:
        local, _, domain = text.partition("@")
        return text if domain.islower() else f"{local}@{domain.lower()}"
    # slow to import and seldom needed
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise ValueError(f"is not an email address ({reason})") from None


# text to text; the rest end a chain
TEXT_CONVERTERS: dict[str, Callable[[str], str]] = {
    "text": str,
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "phone": phone,
    "email": email,
}
FINAL_CONVERTERS: dict[str, Callable[[str], FieldValue]] = {
    "integer": integer,
    "boolean": boolean,
    "date": any_date,
    "datetime": any_time,
    "filetime": filetime,
}
# bytes to text; they begin a chain
RAW_CONVERTERS: dict[str, Callable[[bytes], str]] = {"guid": guid_text, "sid": sid_text}
