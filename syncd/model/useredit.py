"""Users as people manage them by hand: what they may set, and everything that is shown of one.

Fields are one flat mapping, as runs have it (syncd.model.records): "username", "emails", "custom.NAME"; None takes a value
away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from syncd.model.records import FieldValue
from syncd.model.views import MANUAL, DnPeriod, PersonView

NEEDED = ("username", "first_name", "last_name", "email")
# names of the directories that have a user -> field -> the one that decides it
Decides = Callable[[Collection[str]], Mapping[str, str]]


class OwnedRecord(NamedTuple):
    """A record of another system that a user owns."""

    # letters, digits, ".", "_" and "-"
    system: str
    # what the record is called there: no control characters, no slash
    reference: str


# of an OwnedRecord
SYSTEM, SYSTEM_LONGEST = r"^[a-z0-9][a-z0-9._-]*$", 64
REFERENCE, REFERENCE_LONGEST = r"^[^\x00-\x1f\x7f/]+$", 200


class Place(NamedTuple):
    """Access to an organization and to a unit of it; None: to the organization alone."""

    organization_id: int
    unit_id: int | None = None


# ---------------------------------------------------------------- in
@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be made."""

    fields: Mapping[str, FieldValue]
    enabled: bool
    role_ids: frozenset[int]
    places: frozenset[Place] = frozenset()
    group_ids: frozenset[int] = frozenset()
    owner_unit_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEdit:
    """What is to be changed of a user; what is None or not there stays as it is."""

    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    # all roles given by hand, afterwards
    role_ids: frozenset[int] | None = None
    # all access given by hand, afterwards
    places: frozenset[Place] | None = None
    group_ids: frozenset[int] | None = None
    # (unit,): that one; (None,): nobody
    owner_unit_id: tuple[int | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPlace:
    """Where the first administrator belongs, by names; what does not exist is made."""

    role: str
    organization: str | None = None
    unit: str | None = None
    # what an organization and a unit are called that nobody named
    defaults: tuple[str, str] = ("Main", "Main")


# ---------------------------------------------------------------- out
@dataclass(frozen=True, slots=True, kw_only=True)
class Avatar:
    """A picture."""

    media_type: str
    data: bytes
    # SHA-256, hexadecimal
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDetail:
    """A role somebody has."""

    id: int
    name: str
    # None: system-wide
    organization_id: int | None
    organization: str | None
    # names of directories; "manual" for what was given by hand
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDetail:
    """Access that somebody has, from one source."""

    organization_id: int
    organization: str
    organization_enabled: bool
    unit_id: int | None
    # path of names
    unit: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing with a name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDetail:
    """Everything about a user that may be shown."""

    person: PersonView
    # the name is kept to be read only: it was given up, and may be somebody else's by now
    username_released: bool
    email_released: bool
    owner_unit: Named | None
    roles: tuple[RoleDetail, ...]
    access: tuple[AccessDetail, ...]
    groups: tuple[Named, ...]
    locked_at: datetime | None
    # when the local password was set; None: there is none
    password_set_at: datetime | None
    avatar_type: str | None
    avatar_digest: str | None
    sessions: int
    api_keys: int
    # records of other systems, counted by system
    records: Mapping[str, int]
    dn_history: Sequence[DnPeriod] = ()
    # field -> the directory that decides it
    managed: Mapping[str, str] = field(default_factory=dict)

    @property
    def manual_roles(self) -> frozenset[int]:
        """Given by hand."""
        return frozenset(role.id for role in self.roles if MANUAL in role.sources)

    @property
    def manual_places(self) -> frozenset[Place]:
        """Given by hand."""
        return frozenset(Place(each.organization_id, each.unit_id) for each in self.access if each.source == MANUAL)
