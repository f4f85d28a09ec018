"""What a directory sends: an entry, as it was sent.

Values stay bytes until the mapping decides what they mean (RFC 4512 section 2.2: an attribute has values, not text), and
an unchanged entry is never decoded at all.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One SearchResultEntry (RFC 4511 section 4.5.2). A named tuple, since millions are made."""

    # the distinguished name in the server's own spelling
    dn: str
    # lower-cased attribute description, options kept ("cn;lang-en"), to the values in the server's order
    attributes: dict[str, list[bytes]]

    def first(self, attribute: str) -> bytes | None:
        """The first value of an attribute, named in lower case, or None."""
        values = self.attributes.get(attribute)
        return values[0] if values else None
