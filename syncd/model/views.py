"""What the store shows to people and programs: the CLI, the API and the export speak of these, and of nothing closer to SQL.

Values are complete and read-only; no password hash, key or other secret has a place in them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, NamedTuple, TypeVar

from syncd.model.account import NOTHING_SAID, AccountState
from syncd.model.records import FieldValue
from syncd.model.userfilter import Condition

# the source of what no directory gave
MANUAL = "manual"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list. `next` is what to ask for the following part with, None at the end; opaque to whoever passes it on."""

    items: tuple[T, ...]
    next: str | None = None


# ---------------------------------------------------------------- people
class UserState(enum.StrEnum):
    """Which people a list shows."""

    ALL = "all"
    # switched on, and every directory of theirs still has them and has not disabled them
    ACTIVE = "active"
    # the others: switched off by an administrator, disabled in a directory, or gone from one
    DISABLED = "disabled"
    # any reason at all (syncd.accounts.gate), so everyone who is disabled and some who are not
    CANNOT_LOG_IN = "cannot-log-in"
    # gone from a directory; manual users never are
    MISSING = "missing"
    # after too many failed logins, until an administrator activates them
    LOCKED = "locked"


class UserSort(enum.StrEnum):
    """What lists of people are sorted by. Who has none comes last, by id."""

    USERNAME = "username"
    EMAIL = "email"
    # last name, first name, further names
    NAME = "name"
    # in the order in which they were made
    CREATED = "created"
    LAST_LOGIN = "last_login"


class UserOrder(NamedTuple):
    """The order of a list."""

    key: UserSort = UserSort.USERNAME
    descending: bool = False

    @classmethod
    def parse(cls, text: str) -> UserOrder:
        """ "name", or "-name" for descending. Raises ValueError."""
        return cls(UserSort(text.removeprefix("-")), text.startswith("-"))

    def __str__(self) -> str:
        return ("-" if self.descending else "") + self.key.value


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which people a list shows; all conditions must hold."""

    state: UserState = UserState.ALL
    # name of a directory that has or had them
    directory: str | None = None
    # words that all occur in the username, the names, the primary email or the title, in any order, without regard to case
    text: str = ""
    # ids
    role: int | None = None
    group: int | None = None
    organization: int | None = None
    unit: int | None = None
    # what else must hold
    condition: Condition | None = None


class RoleGrant(NamedTuple):
    """A role of a person."""

    name: str
    # names of directories, in order; "manual" for what an administrator gave
    sources: tuple[str, ...]


class DirectoryIdentity(NamedTuple):
    """Who a person is in one directory."""

    name: str
    entry_id: str
    # as the directory spells it; the last known one of somebody missing
    dn: str
    # since when the directory no longer has the entry; None while it has
    missing_since: datetime | None
    missing_reason: str | None
    first_seen_at: datetime
    # nesting resolved; of somebody missing those they had
    role_identifiers: tuple[str, ...]
    # what it says of the account; of somebody missing what it said last, which no longer counts
    account: AccountState = NOTHING_SAID


class PersonView(NamedTuple):
    """A person with everything they have. A named tuple, since an export makes hundreds of thousands; use the names."""

    id: int
    username: str | None
    prefix: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    suffix: str | None
    display_name: str | None
    title: str | None
    phone: str | None
    birthday: date | None
    # the primary address; further ones are in `emails`
    email: str | None
    # the administrator's switch; see `can_log_in` for what comes of everything together
    enabled: bool
    # active, locked, reset, expired
    auth_status: str
    manual: bool
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None
    login_count: int
    failed_logins: int
    # one more with every change
    version: int
    # in their order, without the primary address
    emails: tuple[str, ...]
    tags: tuple[str, ...]
    custom: Mapping[str, FieldValue]
    # why they cannot log in at the time of the question (syncd.accounts.gate); empty when they can
    reasons: tuple[str, ...]
    organizations: tuple[str, ...]
    # paths of names, see `unit_path`
    units: tuple[str, ...]
    roles: tuple[RoleGrant, ...]
    directories: tuple[DirectoryIdentity, ...]

    @property
    def can_log_in(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class DnPeriod:
    """A DN a person had, or has, in a directory."""

    directory: str
    dn: str
    since: datetime
    # None: still
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCounts:
    """How many there are, of one directory or of the whole store."""

    # None: of the whole store
    directory: str | None
    # identities: one person in two directories counts in both, and twice in the whole store's
    present: int
    missing: int
    # people, once each
    users: int
    manual: int
    open_issues: int
    role_identifiers: int
    # when a run last saw an entry under a new DN; None: never
    last_dn_change_at: datetime | None


# ---------------------------------------------------------------- what people belong to
@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role of the store."""

    id: int
    name: str
    description: str
    # None: system-wide
    organization: str | None
    # people who have it, from whatever source
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleIdentifierView:
    """What a directory calls a role."""

    directory: str
    identifier: str
    dn: str | None
    # people who have it, nesting resolved
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationView:
    """An organization."""

    id: int
    name: str
    enabled: bool
    # directories that use it, in order; none for one that only administrators use
    directories: tuple[str, ...]
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitView:
    """A business unit."""

    id: int
    organization: str
    parent_id: int | None
    name: str
    path: str
    # 0 at the top of its organization
    depth: int
    # None: made by hand
    directory: str | None
    # people in it, not counting those of units below
    users: int


def unit_path(names: tuple[str, ...]) -> str:
    """The names of a unit and those above it, topmost first, as one text: "Europe/Spain". A slash inside a name is "\\/"."""
    return "/".join(name.replace("\\", "\\\\").replace("/", "\\/") for name in names)


# ---------------------------------------------------------------- what happened
@dataclass(frozen=True, slots=True, kw_only=True)
class IssueView:
    """An entry that could not be used."""

    id: int
    directory: str
    subject: str
    key: str
    dn: str
    code: str
    message: str
    opened_run_id: int
    opened_at: datetime
    # None: still open
    closed_run_id: int | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEventView:
    """One change of one thing, and who made it."""

    id: int
    at: datetime
    actor: str
    run_id: int | None
    request_id: str | None
    action: str
    subject_type: str
    subject_id: int
    directory: str | None
    before: object
    after: object
    reason: str | None
