"""The LDAP messages a search is made of (RFC 4511), and the paged results control (RFC 2696).

The search request itself, with its filter, is encoded once per search by ldap3; what differs from page to page, the message
id and the cookie, is put around it here. Answers that are not entries are decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import ldap3
from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import search_operation
from pyasn1.codec.ber import encoder
from pyasn1.error import PyAsn1Error

from syncd.directory.ber import (
    BOOLEAN,
    ENUMERATED,
    OCTET_STRING,
    SEQUENCE,
    BerError,
    contents,
    elements,
    encode,
    encode_integer,
    integer,
)
from syncd.directory.cutter import Message
from syncd.errors import InvalidFilterError
from syncd.model.attributes import requested_attribute
from syncd.model.reading import Scope, Search
from syncd.settings.filters import check_filter

SEARCH_RESULT_DONE = 0x65
SEARCH_RESULT_REFERENCE = 0x73
EXTENDED_RESPONSE = 0x78
INTERMEDIATE_RESPONSE = 0x79
_UNBIND_REQUEST = 0x42
_ABANDON_REQUEST = 0x50
_CONTROLS = 0xA0
_REFERRAL = 0xA3
_RESPONSE_NAME = 0x8A

PAGED_RESULTS = "1.2.840.113556.1.4.319"
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"

_SCOPES = {Scope.BASE: ldap3.BASE, Scope.ONE: ldap3.LEVEL, Scope.SUB: ldap3.SUBTREE}
_ALWAYS, _NEVER = re.compile(r"\(&\s*\)"), re.compile(r"\(\|\s*\)")
# RFC 4511 section 4.5.1.8
_NO_ATTRIBUTES = "1.1"
_TRUE = encode(BOOLEAN, b"\xff")


# ---------------------------------------------------------------- requests
def encode_search(search: Search) -> bytes:
    """The SearchRequest of a search: aliases never followed, no limits of our own, values and types.

    Raises InvalidFilterError for a filter that RFC 4515 does not allow.
    """
    try:
        check_filter(search.filter)
    except ValueError as error:
        raise InvalidFilterError(f"The filter for {search.purpose} is not valid: {error}.") from error
    try:
        request = search_operation(
            search.base_dn,
            # RFC 4526's "always" and "never", which ldap3 does not know; parentheses in a value are escaped, so these are none
            _NEVER.sub("(!(objectClass=*))", _ALWAYS.sub("(objectClass=*)", search.filter)),
            _SCOPES[search.scope],
            ldap3.DEREF_NEVER,
            list(dict.fromkeys(requested_attribute(name) for name in search.attributes)),
            size_limit=0,
            time_limit=0,
            types_only=False,
            auto_escape=False,
            auto_encode=True,
        )
        return bytes(encoder.encode(request))
    except (ValueError, LDAPExceptionError, PyAsn1Error) as error:
        what = f"base {search.base_dn!r}, filter {search.filter!r}, attributes {', '.join(search.attributes)!r}"
        raise InvalidFilterError(f"The search for {search.purpose} cannot be encoded ({what}): {error}.") from error


def require_names(search: Search, *, vendor: str) -> None:
    """Raise InvalidFilterError for attributes that would be asked for by OID on a server that does not answer that reliably.

    Samba ends a paged search so before all is read, with success; the OIDs of common attributes are translated.
    """
    oids = [name for name in map(requested_attribute, search.attributes) if name[:1].isdigit() and name != _NO_ATTRIBUTES]
    if oids and vendor == "active_directory":
        raise InvalidFilterError(
            f"The search for {search.purpose} asks for {', '.join(oids)}: Active Directory wants attributes by their names.",
            advice="Write the attribute's name (lDAPDisplayName) instead of its OID.",
        )


def encode_message(message_id: int, operation: bytes, controls: bytes = b"") -> bytes:
    """An LDAPMessage around an encoded operation and encoded controls."""
    return encode(SEQUENCE, encode_integer(message_id), operation, encode(_CONTROLS, controls) if controls else b"")


def paged_results(size: int, cookie: bytes) -> bytes:
    """The paged results control, critical: a server that cannot page must say so instead of sending what it likes."""
    value = encode(SEQUENCE, encode_integer(size), encode(OCTET_STRING, cookie))
    return encode(SEQUENCE, encode(OCTET_STRING, PAGED_RESULTS.encode()), _TRUE, encode(OCTET_STRING, value))


def abandon(message_id: int) -> bytes:
    """An AbandonRequest (RFC 4511 section 4.11), to which there is no answer."""
    return encode_integer(message_id, _ABANDON_REQUEST)


def unbind() -> bytes:
    """An UnbindRequest (RFC 4511 section 4.3), to which there is no answer either."""
    return encode(_UNBIND_REQUEST)


# ---------------------------------------------------------------- answers
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An LDAPResult (RFC 4511 section 4.1.9) with the controls beside it."""

    code: int
    matched_dn: str = ""
    text: str = ""
    referrals: tuple[str, ...] = ()
    # object identifier -> value, None where a control has none
    controls: dict[str, bytes | None]
    # responseName of an ExtendedResponse
    name: str = ""


def parse_result(message: Message) -> Result:
    """Decode the LDAPResult in a message. Raises BerError."""
    body = message.body
    parts = elements(body, 0, len(body))
    code = integer(body, *_expect(parts, ENUMERATED))
    matched_dn = _text(body, _expect(parts, OCTET_STRING))
    text = _text(body, _expect(parts, OCTET_STRING))
    referrals: tuple[str, ...] = ()
    name = ""
    for tag, start, end in parts:
        if tag == _REFERRAL:
            referrals = _strings(body, start, end)
        elif tag == _RESPONSE_NAME:
            name = _text(body, (start, end))
    controls = parse_controls(message.controls)
    return Result(code=code, matched_dn=matched_dn, text=text, referrals=referrals, controls=controls, name=name)


def parse_reference(message: Message) -> tuple[str, ...]:
    """The URLs of a SearchResultReference (RFC 4511 section 4.5.3), of which each leads to the same entries."""
    return _strings(message.body, 0, len(message.body))


def parse_cookie(value: bytes) -> bytes:
    """The cookie in the value of a paged results control; empty after the last page. Raises BerError."""
    if not value or value[0] != SEQUENCE:
        raise BerError("a paged results control without a value")
    start, end = contents(value, 1)
    if end != len(value):
        raise BerError("a paged results control of the wrong length")
    parts = elements(value, start, end)
    next(parts, None)
    begin, stop = _expect(parts, OCTET_STRING)
    return value[begin:stop]


def parse_controls(data: bytes) -> dict[str, bytes | None]:
    """The controls of a message: object identifier -> value, None where one has none. Raises BerError."""
    controls: dict[str, bytes | None] = {}
    for tag, start, end in elements(data, 0, len(data)):
        if tag != SEQUENCE:
            raise BerError("a control that is none")
        name, value = "", None
        for part, begin, stop in elements(data, start, end):
            if part == OCTET_STRING and not name:
                name = _text(data, (begin, stop))
            elif part == OCTET_STRING:
                value = data[begin:stop]
        controls[name] = value
    return controls


def _expect(parts: Iterator[tuple[int, int, int]], wanted: int) -> tuple[int, int]:
    tag, start, end = next(parts, (0, 0, 0))
    if tag != wanted:
        raise BerError("a result that is none")
    return start, end


def _strings(data: bytes, start: int, end: int) -> tuple[str, ...]:
    return tuple(_text(data, (begin, stop)) for _, begin, stop in elements(data, start, end))


def _text(data: bytes, span: tuple[int, int]) -> str:
    return str(data[slice(*span)], "utf-8", "replace")
