"""The tree of organizational units, as their entries show it.

Units are found by their place, never by name: the parent of one is the nearest entry above it that is a unit too, whatever
lies between. The entry at the search base is not one of them; it is what they are below.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from syncd.mapping.problems import BadValue, MappingIssue
from syncd.mapping.sources import AttributeSource
from syncd.model.dn import InvalidDN, ancestors, first_rdn, normalize, parent_key
from syncd.model.entry import Entry
from syncd.model.records import Issue

_NAME = AttributeSource("ou")


@dataclass(slots=True)
class Unit:
    """An organizational unit's entry."""

    # entry id; None for an entry that could not be used
    key: str | None
    name: str
    dn_key: str
    parent: Unit | None = None

    @property
    def top(self) -> Unit:
        """The unit of the first level above it, or itself."""
        unit = self
        while unit.parent is not None:
            unit = unit.parent
        return unit


class UnitTree:
    """All organizational units below a base."""

    def __init__(self, entries: Iterable[Entry], *, base_key: str, entry_id: Callable[[Entry], str]) -> None:
        """An entry that cannot be used becomes an issue; what lies below it has no known place."""
        self.issues: list[Issue] = []
        self._units: dict[str, Unit] = {}
        self._entry_id = entry_id
        for entry in entries:
            dn_key = self._dn_key(entry)
            if dn_key is not None and dn_key != base_key:
                self._units[dn_key] = self._unit(entry, dn_key)
        for unit in self._units.values():
            unit.parent = self.nearest(parent_key(unit.dn_key))

    def usable(self) -> list[Unit]:
        """The units with a known place, parents before children."""
        units = (unit for unit in self._units.values() if not self.is_lost(unit))
        return sorted(units, key=lambda unit: (unit.dn_key.count(","), unit.dn_key))

    def nearest(self, dn_key: str) -> Unit | None:
        """The unit with this DN, else the nearest above it."""
        return next((self._units[key] for key in (dn_key, *ancestors(dn_key)) if key in self._units), None)

    def is_lost(self, unit: Unit | None) -> bool:
        """Whether it or a unit above it could not be used."""
        while unit is not None:
            if unit.key is None:
                return True
            unit = unit.parent
        return False

    def _dn_key(self, entry: Entry) -> str | None:
        try:
            return normalize(entry.dn)
        except InvalidDN as error:
            self._issue(entry, None, MappingIssue("invalid_dn", f"the DN cannot be read: {error}"))
            return None

    def _unit(self, entry: Entry, dn_key: str) -> Unit:
        key = None
        try:
            key = self._entry_id(entry)
            return Unit(key, _name(entry), dn_key)
        except BadValue as error:
            self._issue(entry, key, MappingIssue("bad_value", str(error)))
        except MappingIssue as issue:
            self._issue(entry, key, issue)
        return Unit(None, "", dn_key)

    def _issue(self, entry: Entry, key: str | None, issue: MappingIssue) -> None:
        self.issues.append(issue.as_issue(key=key or f"dn:{entry.dn}", dn=entry.dn, subject="unit"))


def clean_name(text: str) -> str:
    """A name as it is shown: NFC, white space squeezed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _name(entry: Entry) -> str:
    """The `ou` of the RDN, else of the attribute, else whatever the RDN holds."""
    rdn = first_rdn(entry.dn)
    texts = [ava.value for ava in rdn if ava.type == "ou" and isinstance(ava.value, str)]
    if not texts and (text := _NAME.one(entry)) is not None:
        texts = [text]
    texts += [ava.value for ava in rdn if isinstance(ava.value, str)]
    name = clean_name(texts[0]) if texts else ""
    if not name or "\0" in name:
        raise MappingIssue("bad_value", "the unit has no name")
    return name
