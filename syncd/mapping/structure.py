"""Which organization and which unit a person belongs to.

Both come from the tree of organizational units, from an attribute, or from the configuration. What comes from the tree is
known before the first person is read; what comes from values is found as the people pass by, so that everyone must be placed,
changed or not, before what was found is all there is (`is_whole`).

Keys stay the same over renames where the directory lets them: the entry id of an OU. Otherwise they are folded names:
an organization's name, and for a unit its organization's key and its path. Of several spellings of one name the first in
sorted order is shown, whoever has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from syncd.mapping.identity import entry_id_reader
from syncd.mapping.problems import BadValue
from syncd.mapping.sources import AttributeSource, preferred_pattern
from syncd.mapping.units import Unit, UnitTree, clean_name
from syncd.model.dn import InvalidDN, normalize, parent_key
from syncd.model.entry import Entry
from syncd.model.records import Issue, OrganizationRecord, UnitRecord
from syncd.model.text import fold
from syncd.settings.directory import DirectorySettings

# keys of the organization and of the unit; None where a fault leaves the place unknown
Placement = tuple[str, str] | None
ATTRIBUTE_PREFIX = "attribute:"
# an RDN that may hold a comma of its own
_odd_rdn = re.compile(r'[\\";]').search


class Structure:
    """The organizations and units of one read, and who belongs where."""

    def __init__(self, settings: DirectorySettings, entries: Iterable[Entry] = (), *, entry_id_attribute: str) -> None:
        """`entries`: what the search of `structure_search` gave."""
        self.organizations: dict[str, OrganizationRecord] = {}
        self.units: dict[str, UnitRecord] = {}
        self._tree = UnitTree(entries, base_key=normalize(units_base(settings)), entry_id=entry_id_reader(entry_id_attribute))
        self._unknown = False
        self._places: dict[str, Placement] = {}
        self._paths: dict[tuple[str, str], str] = {}
        organization, units = settings.organization, settings.units
        self._default_unit = units.default
        self._organization_from, self._default_organization = (
            ("", organization) if isinstance(organization, str) else (organization.from_, organization.default)
        )
        self._units_from = units.from_
        preferred = None if isinstance(organization, str) else organization.prefer
        self._organization_source = _source(self._organization_from, preferred)
        self._unit_source = _source(self._units_from, units.prefer)
        self._by_place = self._organization_source is None and self._unit_source is None
        if self._organization_source is None:
            self._take_tree()

    @property
    def issues(self) -> list[Issue]:
        """Entries of units that could not be used."""
        return self._tree.issues

    @property
    def is_whole(self) -> bool:
        """Whether all there is, is in here: every unit was usable and everyone who was placed has a place. Only then may
        anything be removed that is not in here, and only when everyone was placed."""
        return not self._unknown and not self._tree.issues

    def place(self, entry: Entry) -> Placement:
        """Where a person belongs; None when a unit above them could not be used, or their DN cannot be read.

        Whoever has no place must keep the one the store has. Raises BadValue for an attribute that cannot be read.
        """
        try:
            if not self._by_place:
                return self._place_by_value(entry)
            head, _, parent = entry.dn.partition(",")
            if _odd_rdn(head):
                parent = parent_key(normalize(entry.dn))
            if parent not in self._places:
                self._places[parent] = self._place_below(normalize(parent))
            return self._places[parent]
        except InvalidDN:
            self._unknown = True
            return None
        except BadValue:
            self._unknown = True
            raise

    # ------------------------------------------------------------ by place
    def _place_below(self, key: str) -> Placement:
        """The place of everyone right below the entry with this key."""
        unit = self._tree.nearest(key) if self._uses_tree else None
        if self._tree.is_lost(unit):
            return None
        organization = self._organization_above(unit)
        if unit is not None and self._units_from == "ou" and unit.key in self.units:
            return organization, unit.key
        return organization, self._default(organization)

    @property
    def _uses_tree(self) -> bool:
        return "ou" in (self._organization_from, self._units_from)

    def _organization_above(self, unit: Unit | None) -> str:
        if self._organization_from == "ou" and unit is not None and unit.top.key is not None:
            return unit.top.key
        return self._organization(self._default_organization)

    def _take_tree(self) -> None:
        """The whole tree, whether or not anyone is in it."""
        for unit in self._tree.usable():
            assert unit.key is not None
            if self._organization_from == "ou" and unit.parent is None:
                self.organizations[unit.key] = OrganizationRecord(key=unit.key, name=unit.name)
            elif self._units_from == "ou":
                organization = self._organization_above(unit)
                parent = unit.parent.key if unit.parent is not None else None
                self.units[unit.key] = UnitRecord(
                    key=unit.key,
                    name=unit.name,
                    organization=organization,
                    parent=parent if parent in self.units else None,
                )

    # ------------------------------------------------------------ by value
    def _place_by_value(self, entry: Entry) -> Placement:
        unit = None
        if self._uses_tree:
            unit = self._tree.nearest(parent_key(normalize(entry.dn)))
            if self._tree.is_lost(unit):
                self._unknown = True
                return None
        if self._organization_source is not None:
            text = self._organization_source.one(entry)
            organization = self._organization(text or self._default_organization)
        else:
            organization = self._organization_above(unit)
        if self._unit_source is not None:
            return organization, self._path(organization, self._unit_source.one(entry))
        if unit is not None and self._units_from == "ou":
            return organization, self._unit_of(organization, unit)
        return organization, self._default(organization)

    def _unit_of(self, organization: str, unit: Unit) -> str:
        """A unit of the tree in an organization that is a value: each organization has its own copy of the branch."""
        key = f"{_segment(organization)}/{unit.key}"
        if key not in self.units:
            parent = self._unit_of(organization, unit.parent) if unit.parent is not None else None
            self.units[key] = UnitRecord(key=key, name=unit.name, organization=organization, parent=parent)
        return key

    def _organization(self, text: str) -> str:
        name = clean_name(text)
        key = fold(name)
        known = self.organizations.get(key)
        if known is None or name < known.name:
            self.organizations[key] = OrganizationRecord(key=key, name=name)
        return key

    def _default(self, organization: str) -> str:
        return self._path(organization, None)

    def _path(self, organization: str, text: str | None) -> str:
        """The unit at the end of a path of names with slashes; the default unit for an empty one."""
        known = self._paths.get((organization, text or ""))
        if known is not None:
            return known
        names = [name for part in (text or "").split("/") if (name := clean_name(part))] or [clean_name(self._default_unit)]
        key, parent = _segment(organization), None
        for name in names:
            key = f"{key}/{fold(name)}"
            unit = self.units.get(key)
            if unit is None:
                self.units[key] = UnitRecord(key=key, name=name, organization=organization, parent=parent)
            elif name < unit.name:
                self.units[key] = replace(unit, name=name)
            parent = key
        self._paths[organization, text or ""] = key
        return key


def units_base(settings: DirectorySettings) -> str:
    """The entry below which organizational units are looked for."""
    return settings.units.base_dn or settings.users.base_dn or settings.base_dn


def _source(where: str, prefer: str | None) -> AttributeSource | None:
    if not where.startswith(ATTRIBUTE_PREFIX):
        return None
    return AttributeSource(where.removeprefix(ATTRIBUTE_PREFIX), preferred_pattern(prefer))


def _segment(organization: str) -> str:
    """An organization's key as the first part of a path: no slash in it."""
    return organization.replace("%", "%25").replace("/", "%2f")
