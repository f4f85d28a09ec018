"""The messages of a simple bind with controls, and of "Who am I?" (RFC 4532), on a connection that is read here.

ldap3 binds for the sync; a login needs what comes beside the answer, and leaves no object behind that knows a password.
"""

from __future__ import annotations

from syncd.directory.ber import OCTET_STRING, SEQUENCE, BerError, elements, encode, encode_integer
from syncd.directory.bind_answers import PASSWORD_POLICY
from syncd.directory.cutter import Message
from syncd.directory.messages import EXTENDED_RESPONSE, Result, parse_result
from syncd.directory.results import SUCCESS
from syncd.directory.wire import Wire

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_BIND_REQUEST, _BIND_RESPONSE, _EXTENDED_REQUEST = 0x60, 0x61, 0x77
_SIMPLE, _REQUEST_NAME, _RESPONSE_VALUE = 0x80, 0x80, 0x8B
_VERSION = 3


def encode_bind(dn: str, password: str) -> tuple[bytes, bytes]:
    """A BindRequest (RFC 4511 section 4.2), and the control that asks for what the password policy says."""
    operation = encode(
        _BIND_REQUEST,
        encode_integer(_VERSION),
        encode(OCTET_STRING, dn.encode()),
        encode(_SIMPLE, password.encode()),
    )
    return operation, encode(SEQUENCE, encode(OCTET_STRING, PASSWORD_POLICY.encode()))


def bind_response(wire: Wire, message_id: int) -> Result:
    """Wait for the answer. Raises DirectoryError."""
    return _answer(wire, message_id, tag=_BIND_RESPONSE)[0]


def encode_who_am_i() -> bytes:
    """The extended request."""
    return encode(_EXTENDED_REQUEST, encode(_REQUEST_NAME, WHO_AM_I.encode()))


def who_am_i_response(wire: Wire, message_id: int) -> str | None:
    """The authorization identity, "" for nobody; None when the server will not say. Raises DirectoryError."""
    result, message = _answer(wire, message_id, tag=EXTENDED_RESPONSE)
    if result.code != SUCCESS:
        return None
    with wire.malformed():
        body = message.body
        values = [body[start:end] for tag, start, end in elements(body, 0, len(body)) if tag == _RESPONSE_VALUE]
    return str(values[0], "utf-8", "replace") if values else ""


def _answer(wire: Wire, message_id: int, *, tag: int) -> tuple[Result, Message]:
    while True:
        for message in wire.receive((message_id,), patient=False):
            with wire.malformed():
                if message.tag != tag:
                    raise BerError(f"an answer of type {message.tag:#04x} instead of {tag:#04x}")
                return parse_result(message), message
