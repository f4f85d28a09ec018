"""What of the read model needs the configuration: which roles of the store a directory's role identifiers stand for.

The store keeps every role identifier, mapped or not; the mapping is in the configuration, so the two meet here. What is
unmapped is what an administrator looks for when writing a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syncd.mapping.roles import RoleMap
from syncd.model.views import RoleIdentifierView


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedIdentifier:
    """A role identifier and the roles that follow from it now."""

    identifier: RoleIdentifierView
    # names in order; empty: no line of the mapping matches it
    roles: tuple[str, ...]
    # False: its directory is no longer in the configuration, so there is no mapping
    configured: bool


def mapped_identifiers(
    identifiers: Iterable[RoleIdentifierView], mappings: Mapping[str, RoleMap]
) -> tuple[MappedIdentifier, ...]:
    """Each identifier with the roles it gives; `mappings` by the name of the directory. Default roles are not among them:
    everybody has those, whatever their identifiers."""
    return tuple(_mapped(identifier, mappings.get(identifier.directory)) for identifier in identifiers)


def _mapped(identifier: RoleIdentifierView, mapping: RoleMap | None) -> MappedIdentifier:
    if mapping is None:
        return MappedIdentifier(identifier=identifier, roles=(), configured=False)
    roles = tuple(sorted(mapping.roles_of(identifier.identifier)))
    return MappedIdentifier(identifier=identifier, roles=roles, configured=True)
