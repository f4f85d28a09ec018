"""What other systems ask of a person: whether they can log in, where they belong, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessOrganization:
    """An organization that a person has access to."""

    id: int
    name: str
    # access to one that is not enabled lets nobody in
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessUnit:
    """A unit that a person may work in."""

    id: int
    organization_id: int
    # names from the top, syncd.model.views.unit_path
    path: str
    # whether access was given to this unit itself; else to one above it
    direct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRole:
    """A role that a person has, from whatever source."""

    id: int
    name: str
    # None: system-wide
    organization_id: int | None
    # as stored with the role
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFacts:
    """What the store knows of it, from one moment."""

    id: int
    username: str | None
    # syncd.accounts.gate; empty: they can log in
    reasons: tuple[str, ...]
    organizations: tuple[AccessOrganization, ...]
    # with everything below them, in the order of their paths
    units: tuple[AccessUnit, ...]
    roles: tuple[AccessRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The facts, and what follows from the roles."""

    facts: AccessFacts
    # an administrator, who may do whatever syncd has a name for
    everything: bool
    # system-wide, in order
    permissions: tuple[str, ...]
    # organization -> what counts in it alone, in order
    local: Mapping[int, tuple[str, ...]]
