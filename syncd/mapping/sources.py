"""Where a field's text comes from: an attribute, or a template of several.

Attributes are looked up by their canonical names with their options: `cn` is `cn`, never `cn;lang-en`, which a server returns
beside it (RFC 4512 section 2.5.2) and which a rule may name as well.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Protocol

from syncd.mapping.convert import decode
from syncd.model.attributes import canonical_attribute
from syncd.model.dn import InvalidDN, first_rdn
from syncd.model.entry import Entry
from syncd.model.text import fold

ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*", re.ASCII)
# passwords in their several dresses: never asked for, whoever asks (RFC 4519, RFC 3112, Active Directory, Samba)
SECRETS = frozenset(
    (
        "userpassword", "authpassword", "unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials",
        "sambantpassword", "sambalmpassword", "krbprincipalkey", "ipanthash", "pwdhistory", "msds-managedpassword",
        "ms-mcs-admpwd",
    )
)  # fmt: skip


class RuleError(ValueError):
    """A rule of the configuration that makes no sense; the message is the rest of a sentence about it."""


class Source(Protocol):
    """What a rule takes its text from."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes it reads, as the site wrote them."""

    @property
    def label(self) -> str:
        """What it is called in a message."""

    def one(self, entry: Entry) -> str | None:
        """Its text, one and the same whatever the order of values; None where there is none. Raises BadValue."""

    def all(self, entry: Entry) -> list[str]:
        """All its texts that are not blank, in the server's order. Raises BadValue."""


class AttributeSource:
    """The values of one attribute."""

    __slots__ = ("_key", "_prefer", "attributes", "label")

    def __init__(self, name: str, prefer: re.Pattern[str] | None = None) -> None:
        if ATTRIBUTE.fullmatch(name) is None:
            raise RuleError(f"{name!r} is not an attribute's name")
        self._key = canonical_attribute(name)
        if self._key.partition(";")[0] in SECRETS:
            raise RuleError(f"{name!r} holds passwords, which syncd never reads")
        self._prefer = prefer
        self.label = name
        self.attributes = (name,)

    def one(self, entry: Entry) -> str | None:
        values = entry.attributes.get(self._key)
        if not values:
            return None
        if len(values) == 1:
            return decode(values[0], self.label)
        texts = self.all(entry)
        return self.pick(texts, entry.dn) if texts else None

    def all(self, entry: Entry) -> list[str]:
        values = entry.attributes.get(self._key, ())
        return [text for raw in values if (text := decode(raw, self.label)) is not None]

    def raw(self, entry: Entry) -> bytes | None:
        """One raw value: the first in sorted order."""
        values = entry.attributes.get(self._key)
        return min(values) if values else None

    def pick(self, texts: Sequence[str], dn: str, is_current: Callable[[str], bool] | None = None) -> str:
        """One of several values, whatever order they come in (RFC 4511 section 4.1.7: there is none).

        In this order: those that match `prefer`, if any does; the one the store has now, where the caller can tell; the one
        that stands in the RDN; the first in sorted order.
        """
        preferred = [text for text in texts if self._prefer.search(text)] if self._prefer else []
        candidates = preferred or texts
        if is_current is not None:
            candidates = [text for text in candidates if is_current(text)] or candidates
        if len(candidates) > 1 and not preferred:
            named = self._in_rdn(dn)
            candidates = [text for text in candidates if fold(text) in named] or candidates
        return min(candidates, key=sorting_key)

    def _in_rdn(self, dn: str) -> frozenset[str]:
        try:
            rdn = first_rdn(dn)
        except InvalidDN:
            return frozenset()
        return frozenset(fold(ava.value) for ava in rdn if ava.type == self._key and isinstance(ava.value, str))


class Template:
    """`{givenName} {sn}`: text with attributes in it.

    It has a value when at least one of its attributes has; the others are left out and the spaces squeezed, so that a person
    with one name gets that. Braces are written twice to stand for themselves.
    """

    __slots__ = ("_pieces", "attributes", "label")

    def __init__(self, text: str, prefer: re.Pattern[str] | None = None) -> None:
        self.label = text
        self._pieces: list[str | AttributeSource] = []
        try:
            for literal, name, spec, conversion in string.Formatter().parse(text):
                self._pieces.append(literal)
                if spec or conversion:
                    raise RuleError(f"the template {text!r} has more than an attribute's name between its braces")
                if name is not None:
                    self._pieces.append(AttributeSource(name, prefer))
        except RuleError:
            raise
        except ValueError as error:
            raise RuleError(f"the template {text!r} has braces that do not match ({error})") from None
        sources = [piece for piece in self._pieces if isinstance(piece, AttributeSource)]
        if not sources:
            raise RuleError(f"the template {text!r} has no attribute in it; write it as `constant`")
        self.attributes = tuple(dict.fromkeys(name for source in sources for name in source.attributes))

    def one(self, entry: Entry) -> str | None:
        found = False
        texts: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                texts.append(piece)
            elif (text := piece.one(entry)) is not None:
                texts.append(text)
                found = True
        return " ".join("".join(texts).split()) if found else None

    def all(self, entry: Entry) -> list[str]:
        text = self.one(entry)
        return [] if text is None else [text]


def source_of(text: str, prefer: re.Pattern[str] | None = None) -> AttributeSource | Template:
    """The source a rule's string means: a template when it has braces. Raises RuleError."""
    return Template(text, prefer) if "{" in text or "}" in text else AttributeSource(text, prefer)


def sorting_key(text: str) -> tuple[str, str]:
    """The order of values: spellings of the same text together."""
    return (fold(text), text)


def preferred_pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise RuleError(f"prefers {text!r}, which is not a regular expression ({error})") from None
