"""Who an entry is: the id that stays when everything else changes (invariant 4).

The text must be the same forever, or everyone is someone else after an upgrade: UUIDs are lower case, objectGUID is read in
Active Directory's own byte order, and an attribute the site names counts exactly as it is written.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable

from syncd.mapping.convert import decode, guid_text, sid_text
from syncd.mapping.problems import BadValue, MappingIssue
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry

# ids that are hexadecimal text, where case means nothing
_HEX_TEXT = frozenset(("entryuuid", "nsuniqueid", "ipauniqueid", "ibm-entryuuid"))
_LONGEST = 255


def _edirectory_guid(raw: bytes) -> str:
    if len(raw) != 16:
        raise ValueError(f"has {len(raw)} bytes, a GUID has 16")
    return str(uuid.UUID(bytes=raw))


_BINARY: dict[str, Callable[[bytes], str]] = {"objectguid": guid_text, "objectsid": sid_text, "guid": _edirectory_guid}


def entry_id_reader(attribute: str) -> Callable[[Entry], str]:
    """A function that gives an entry's id, from that attribute. It raises MappingIssue `no_entry_id`."""
    key = canonical_attribute(attribute)
    convert = _BINARY.get(key) or _text_reader(attribute, lower=key in _HEX_TEXT)

    def read(entry: Entry) -> str:
        values = entry.attributes.get(key)
        if not values:
            raise MappingIssue("no_entry_id", f"{attribute} is missing or may not be read")
        if len(values) > 1:
            raise MappingIssue("no_entry_id", f"{attribute} has {len(values)} values, an id is one")
        try:
            return convert(values[0])
        except ValueError as error:
            raise MappingIssue("no_entry_id", str(error) if isinstance(error, BadValue) else f"{attribute} {error}") from None

    return read


def version_reader(attribute: str | None) -> Callable[[Entry], str | None]:
    """A function that gives the server's version of an entry; None where there is none."""
    key = canonical_attribute(attribute) if attribute else ""

    def read(entry: Entry) -> str | None:
        values = entry.attributes.get(key)
        return str(min(values), "utf-8", "replace") if values else None

    return read


def _text_reader(attribute: str, *, lower: bool) -> Callable[[bytes], str]:
    def convert(raw: bytes) -> str:
        text = decode(raw, attribute)
        if text is None:
            raise ValueError("is blank")
        if len(text) > _LONGEST:
            raise ValueError(f"has {len(text)} characters, more than the {_LONGEST} of an id")
        return text.lower() if lower else text

    return convert


def could_be_id(attribute: str, text: str) -> bool:
    """Whether a stored key can be such an id at all: units have ids of entries as keys, or names."""
    if canonical_attribute(attribute) not in _UUIDS:
        return True
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def is_entry_id(attribute: str, text: str) -> bool:
    """Whether a stored key is such an id for certain, and no name."""
    key = canonical_attribute(attribute)
    if key == "nsuniqueid":
        return _NS_UNIQUE_ID.fullmatch(text) is not None
    return key in _UUIDS and could_be_id(attribute, text)


def id_filter(attribute: str, entry_ids: Iterable[str]) -> str:
    """The filter (RFC 4515) that matches the entries with these ids, as `entry_id_reader` gave them."""
    encode = _TO_BYTES.get(canonical_attribute(attribute))
    items = (escaped(encode(text)) if encode else escaped(text.encode()) for text in entry_ids)
    return "(|" + "".join(f"({attribute}={value})" for value in items) + ")"


def escaped(raw: bytes) -> str:
    """A value for a filter: all but plain letters, digits and a few marks as their bytes (RFC 4515 section 3)."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:02x}" for byte in raw)


_NS_UNIQUE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){3}")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@")
_UUIDS = frozenset(("entryuuid", "objectguid", "guid", "ipauniqueid", "ibm-entryuuid"))
# objectSid is asked for by its text, which Active Directory understands
_TO_BYTES: dict[str, Callable[[str], bytes]] = {
    "objectguid": lambda text: uuid.UUID(text).bytes_le,
    "guid": lambda text: uuid.UUID(text).bytes,
}
