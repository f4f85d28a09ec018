"""One primary email address out of several, the same one every time.

Values of an attribute have no order, so "the first" changes between runs, and with it a login name, a mailbox or a unique
index. The primary address is, in this order:

1. one that matches `prefer`, when the rule has it and any does: the current one if it matches, else the first in sorted order;
2. the address the store has as primary now, as long as the directory still has it: another address that is added or removed
   changes nothing;
3. the one that stands in the RDN;
4. the first in sorted order.

The others are the further addresses, unless these have a rule of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from syncd.mapping.convert import decode, email
from syncd.mapping.problems import BadValue, shown
from syncd.mapping.rules import Parts, distinct
from syncd.mapping.sources import AttributeSource, RuleError, Source
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry
from syncd.model.text import fold
from syncd.settings.directory import Rule

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_OURS = frozenset(("smtp", "mailto"))


class Emails(NamedTuple):
    """A person's addresses."""

    primary: str | None
    # sorted, without the primary one; None for none
    others: tuple[str, ...] | None


NO_EMAILS = Emails(None, None)


class EmailRule:
    """The rule of the field `email`."""

    __slots__ = ("_key", "_parts", "attributes")

    def __init__(self, rule: Rule) -> None:
        """Raises RuleError."""
        self._parts = address_parts(rule)
        self.attributes = self._parts.attributes
        sources = self._parts.sources
        plain = len(sources) == 1 and isinstance(sources[0], AttributeSource) and not self._parts.chain
        self._key = canonical_attribute(self.attributes[0]) if plain else None

    def addresses(self, entry: Entry, current: str | None = None) -> Emails:
        """`current`: the primary address the store holds, if any. Raises BadValue."""
        if self._key is not None:
            values = entry.attributes.get(self._key)
            if values and len(values) == 1 and b":" not in values[0]:
                return self._only(values[0])
        for source in self._parts.sources:
            texts = source.all(entry)
            spellings = valid_addresses(texts, source, self._parts)
            if spellings:
                return _choose(spellings, source, entry.dn, current)
        default = self._parts.default
        return Emails(default, None) if isinstance(default, str) else NO_EMAILS

    def _only(self, raw: bytes) -> Emails:
        """The usual case: one value, nothing to choose."""
        text = decode(raw, self.attributes[0])
        if text is None:
            default = self._parts.default
            return Emails(default, None) if isinstance(default, str) else NO_EMAILS
        try:
            return Emails(email(text), None)
        except ValueError as error:
            raise BadValue(self.attributes[0], f"{shown(text)} {error}") from None


class FurtherEmailsRule:
    """The rule of the field `emails`."""

    __slots__ = ("_parts", "attributes")

    def __init__(self, rule: Rule) -> None:
        """Raises RuleError."""
        self._parts = address_parts(rule)
        self.attributes = self._parts.attributes

    def addresses(self, entry: Entry, primary: str | None) -> tuple[str, ...] | None:
        """All addresses but the primary one, sorted; None for none. Raises BadValue."""
        for source in self._parts.sources:
            spellings = valid_addresses(source.all(entry), source, self._parts)
            if spellings:
                return without(spellings, primary)
        return without([str(self._parts.default)], primary) if self._parts.default else None


def address_parts(rule: Rule) -> Parts:
    """The rule taken apart, its chain ending in the check of the syntax. Raises RuleError."""
    parts = Parts.of(rule)
    if parts.raw is not None:
        raise RuleError(f"converts {parts.chain[0]!r}, which gives no email address")
    if email not in parts.steps:
        parts.steps.append(email)
    parts.end("email")
    return parts


def valid_addresses(texts: Sequence[str], source: Source, parts: Parts) -> dict[str, str]:
    """Text as the directory has it -> valid address. Raises BadValue.

    Active Directory's proxyAddresses carry a scheme (`SMTP:` on the primary one, `smtp:` on others): it goes, and values of
    other schemes (`X500:`, `sip:`) are no email addresses and are left out. `prefer` sees the text with its scheme.
    """
    addresses: dict[str, str] = {}
    for text in texts:
        match = _SCHEME.fullmatch(text)
        if match is None or match[1].lower() in _OURS:
            address = parts.convert(match[2].strip() if match else text, source.label)
            if isinstance(address, str):
                addresses[text] = address
    return addresses


def without(addresses: Sequence[str] | dict[str, str], primary: str | None) -> tuple[str, ...] | None:
    """The addresses but one, each once whatever its spelling, sorted."""
    values = addresses.values() if isinstance(addresses, dict) else addresses
    gone = fold(primary) if primary is not None else None
    return distinct(address for address in values if fold(address) != gone)


def _choose(addresses: dict[str, str], source: Source, dn: str, current: str | None) -> Emails:
    texts = list(addresses)
    if len(texts) == 1 or not isinstance(source, AttributeSource):
        return Emails(addresses[texts[0]], None)
    kept = fold(current) if current is not None else None
    primary = addresses[source.pick(texts, dn, lambda text: fold(addresses[text]) == kept)]
    return Emails(primary, without(addresses, primary))
