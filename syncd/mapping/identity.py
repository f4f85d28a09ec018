"""Who an entry is: the id that stays when everything else changes (invariant 4).

The text must be the same forever, or everyone is someone else after an upgrade: UUIDs are lower case, objectGUID is read in
Active Directory's own byte order, and an attribute the site names counts exactly as it is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

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


def _text_reader(attribute: str, *, lower: bool) -> Callable[[bytes], str]:
    def convert(raw: bytes) -> str:
        text = decode(raw, attribute)
        if text is None:
            raise ValueError("is blank")
        if len(text) > _LONGEST:
            raise ValueError(f"has {len(text)} characters, more than the {_LONGEST} of an id")
        return text.lower() if lower else text

    return convert
