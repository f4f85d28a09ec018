"""The part of BER (ITU-T X.690) that LDAP uses (RFC 4511 section 5.1), as plain functions over bytes.

Definite lengths only, tags of one octet only, no constructed strings: everything else is an error in LDAP. Nothing is copied
until a value is cut out. What is read a million times has its own loop in `cutter`; this module is for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
SET = 0x31
BOOLEAN = 0x01
INTEGER = 0x02
OCTET_STRING = 0x04
ENUMERATED = 0x0A

# A group of a million members has about 100 MiB; a longer message is a mistake or an attack on our memory.
LONGEST = 256 * 1024 * 1024


class BerError(ValueError):
    """The bytes are not BER as LDAP has it."""


def contents(data: bytes, position: int) -> tuple[int, int]:
    """Where the contents start and end of an element whose length octets begin at `position`.

    Does not look whether the end is within `data`. Raises BerError for a length LDAP does not allow or that is longer than
    `LONGEST`, and IndexError when the length octets themselves are cut off.
    """
    length = data[position]
    position += 1
    if length < 0x80:
        return position, position + length
    octets = length & 0x7F
    if not 1 <= octets <= 8:
        raise BerError("an element of indefinite or absurd length")
    if position + octets > len(data):
        raise IndexError("length octets cut off")
    length = int.from_bytes(data[position : position + octets], "big")
    if length > LONGEST:
        raise BerError(f"an element of {length} bytes")
    position += octets
    return position, position + length


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Tag, start and end of the contents of each element between `start` and `end`, which they must fill exactly.

    Raises BerError.
    """
    position = start
    while position < end:
        tag = data[position]
        try:
            begin, position = contents(data, position + 1)
        except IndexError:
            raise BerError("an element that ends too early") from None
        if position > end:
            raise BerError("an element longer than what holds it")
        yield tag, begin, position


def integer(data: bytes, start: int, end: int) -> int:
    """The value of INTEGER or ENUMERATED contents."""
    if not 1 <= end - start <= 8:
        raise BerError("an integer of impossible size")
    return int.from_bytes(data[start:end], "big", signed=True)


def encode(tag: int, *parts: bytes) -> bytes:
    """An element with these contents."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def encode_integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER (or ENUMERATED) element."""
    return encode(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
