"""From the rows of `users` to whole people: one query for each further table, for as many people as are asked for at once.

Names that many people share (roles, role identifiers, organizations, units) are read once and looked up instead of being joined
to every row, and most people have one or two of everything: an export spends its time here, so short ways are taken. Rows that
name what is no longer there count as nothing; `syncd db check` finds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, select

from syncd.accounts.gate import login_reasons
from syncd.model.account import AccountState
from syncd.model.records import FieldValue
from syncd.model.views import MANUAL, DirectoryIdentity, PersonView, RoleGrant, unit_path
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.types import from_json

# the fields of PersonView that are columns of `users`, which are its first, in their order
OWN_FIELDS = PersonView._fields[: PersonView._fields.index("emails")]

# the columns of DirectoryIdentity and of its account
_IDENTITY = ("entry_id", "dn", "missing_since", "missing_reason", "first_seen_at")
_ACCOUNT = tuple(f"account_{name}" for name in AccountState._fields)

UserIds = Callable[[Column[Any]], ColumnElement[bool]]


def own_fields() -> Select[Any]:
    """What `PersonAssembler.people` makes people of."""
    return select(*(t.users.c[name] for name in OWN_FIELDS))


def id_in(connection: Connection, ids: Sequence[int]) -> UserIds:
    """These users."""
    return lambda column: among(connection, column, ids)


class _Unit(NamedTuple):
    parent: int | None
    name: str


class _Identifier(NamedTuple):
    directory: int
    identifier: str


class _Organization(NamedTuple):
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class _Belongings:
    """By user: what the other tables have of the people at hand. Who has nothing in a table is not in its mapping."""

    emails: Mapping[int, list[str]]
    tags: Mapping[int, list[str]]
    custom: Mapping[int, dict[str, FieldValue]]
    # (organization, unit)
    access: Mapping[int, list[tuple[int, int | None]]]
    # (role, directory)
    grants: Mapping[int, list[tuple[int, int | None]]]
    identifiers: Mapping[int, list[_Identifier]]
    # (directory, the columns of _IDENTITY, those of _ACCOUNT)
    identities: Mapping[int, list[Any]]


class PersonAssembler:
    """Makes people inside one reading transaction; what it has looked up, it keeps for the next call."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        """`now`: when the question is asked, for what ends with the clock."""
        self._connection = connection
        self._now = now
        self._directories: dict[int | None, str] = {None: MANUAL}
        self._directories.update(self._rows(select(t.directories.c.id, t.directories.c.name)))
        self._roles: dict[int, str] = {}
        self._identifiers: dict[int, _Identifier] = {}
        self._organizations: dict[int, _Organization] = {}
        self._units: dict[int, _Unit] = {}
        self._paths: dict[int, str] = {}

    def people(self, rows: Iterable[Sequence[Any]], ids: UserIds) -> list[PersonView]:
        """The people of these rows of `own_fields`, in the same order. `ids` must hold for each of them."""
        found = _Belongings(
            emails=self._texts(t.user_emails.c.email, ids),
            tags=self._texts(t.user_tags.c.tag, ids),
            custom=self._custom(ids),
            access=self._access(ids),
            grants=self._grants(ids),
            identifiers=self._memberships(ids),
            identities=self._identities(ids),
        )
        return [self._person(row, found) for row in rows]

    # ------------------------------------------------------------ one query for each table
    def _texts(self, column: Column[str], ids: UserIds) -> Mapping[int, list[str]]:
        table = column.table.c
        query = select(table.user_id, column).where(ids(table.user_id)).order_by(table.user_id, table.position)
        found: dict[int, list[str]] = defaultdict(list)
        for user, text in self._rows(query):
            found[user].append(text)
        return found

    def _custom(self, ids: UserIds) -> Mapping[int, dict[str, FieldValue]]:
        custom = t.user_custom_fields.c
        query = select(custom.user_id, custom.name, custom.value).where(ids(custom.user_id))
        found: dict[int, dict[str, FieldValue]] = defaultdict(dict)
        for user, name, value in self._rows(query.order_by(custom.user_id, custom.name)):
            found[user][name] = from_json(value)
        return found

    def _access(self, ids: UserIds) -> Mapping[int, list[tuple[int, int | None]]]:
        access = t.access.c
        rows = self._rows(select(access.user_id, access.organization_id, access.unit_id).where(ids(access.user_id)))
        found: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        for user, organization, unit in rows:
            found[user].append((organization, unit))
        columns = t.organizations.c.id, t.organizations.c.name, t.organizations.c.enabled
        for number, name, enabled in self._look_up(columns, {row[1] for row in rows} - self._organizations.keys()):
            self._organizations[number] = _Organization(name, enabled)
        self._load_units({row[2] for row in rows if row[2] is not None})
        return found

    def _load_units(self, wanted: set[int]) -> None:
        """The units and all those above them, level by level."""
        columns = t.units.c.id, t.units.c.parent_id, t.units.c.name
        while wanted := wanted - self._units.keys():
            above = set()
            for number, parent, name in self._look_up(columns, wanted):
                self._units[number] = _Unit(parent, name)
                above.add(parent)
            wanted = above - {None}

    def _grants(self, ids: UserIds) -> Mapping[int, list[tuple[int, int | None]]]:
        grants = t.grants.c
        rows = self._rows(select(grants.user_id, grants.role_id, grants.directory_id).where(ids(grants.user_id)))
        found: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        for user, role, directory in rows:
            found[user].append((role, directory))
        columns = t.roles.c.id, t.roles.c.name
        self._roles.update(self._look_up(columns, {row[1] for row in rows} - self._roles.keys()))
        return found

    def _memberships(self, ids: UserIds) -> Mapping[int, list[_Identifier]]:
        memberships, identifiers = t.memberships.c, t.role_identifiers.c
        rows = self._rows(select(memberships.user_id, memberships.role_identifier_id).where(ids(memberships.user_id)))
        columns = identifiers.id, identifiers.directory_id, identifiers.identifier
        for number, directory, text in self._look_up(columns, {row[1] for row in rows} - self._identifiers.keys()):
            self._identifiers[number] = _Identifier(directory, text)
        found: dict[int, list[_Identifier]] = defaultdict(list)
        for user, number in rows:
            if number in self._identifiers:
                found[user].append(self._identifiers[number])
        return found

    def _identities(self, ids: UserIds) -> Mapping[int, list[Any]]:
        columns = t.identities.c
        named = (columns[name] for name in (*_IDENTITY, *_ACCOUNT))
        found: dict[int, list[Any]] = defaultdict(list)
        for user, *rest in self._rows(select(columns.user_id, columns.directory_id, *named).where(ids(columns.user_id))):
            found[user].append(rest)
        return found

    def _rows(self, query: Any) -> Sequence[Any]:
        return self._connection.execute(query).all()

    def _look_up(self, columns: tuple[Column[Any], ...], numbers: set[int]) -> Sequence[Any]:
        """These columns of the rows with these numbers, which the first of the columns holds."""
        return self._rows(select(*columns).where(among(self._connection, columns[0], numbers))) if numbers else ()

    # ------------------------------------------------------------ one person
    def _person(self, row: Sequence[Any], found: _Belongings) -> PersonView:
        user: int = row[0]
        access = found.access.get(user, ())
        numbers = {organization for organization, _ in access}
        organizations = [self._organizations[number] for number in numbers if number in self._organizations]
        units = {unit for _, unit in access if unit in self._units}
        directories = self._directories_of(found.identities.get(user, ()), found.identifiers.get(user, ()))
        reasons = login_reasons(
            enabled=row[_ENABLED],
            auth_status=row[_AUTH_STATUS],
            missing_in=[identity.name for identity in directories if identity.missing_since is not None],
            organizations_enabled=len([None for organization in organizations if organization.enabled]),
            units=len(units),
            manual=row[_MANUAL],
            accounts=[(identity.name, identity.account) for identity in directories if identity.missing_since is None],
            now=self._now,
        )
        others = (
            tuple(found.emails.get(user, ())),
            tuple(found.tags.get(user, ())),
            found.custom.get(user, {}),
            reasons,
            tuple(sorted([organization.name for organization in organizations])),
            tuple(sorted([self._path(unit) for unit in units])),
            self._roles_of(found.grants.get(user, ())),
            directories,
        )
        return PersonView._make((*row, *others))

    def _roles_of(self, grants: Iterable[tuple[int, int | None]]) -> tuple[RoleGrant, ...]:
        sources: dict[int, list[str]] = {}
        for role, directory in grants:
            if role in self._roles:
                sources.setdefault(role, []).append(self._directories[directory])
        return tuple(sorted([RoleGrant(self._roles[role], tuple(sorted(given))) for role, given in sources.items()]))

    def _directories_of(self, identities: Sequence[Any], identifiers: Sequence[_Identifier]) -> tuple[DirectoryIdentity, ...]:
        found = [
            DirectoryIdentity._make(
                (
                    name,
                    *rest[: len(_IDENTITY)],
                    tuple(sorted([text for origin, text in identifiers if origin == number])),
                    AccountState._make(rest[len(_IDENTITY) :]),
                )
            )
            for number, *rest in identities
            if (name := self._directories.get(number))
        ]
        return tuple(found) if len(found) < 2 else tuple(sorted(found, key=attrgetter("name")))

    def _path(self, unit: int) -> str:
        path = self._paths.get(unit)
        if path is None:
            path = self._paths[unit] = unit_path(path_names(unit, self._units))
        return path


_ENABLED, _AUTH_STATUS, _MANUAL = (OWN_FIELDS.index(name) for name in ("enabled", "auth_status", "manual"))


def path_names(unit: int, units: Mapping[int, tuple[int | None, str]]) -> tuple[str, ...]:
    """The names from the top down to a unit. `units`: number -> (parent, name). A circle, which should not be, ends it."""
    names: list[str] = []
    seen: set[int] = set()
    current: int | None = unit
    while current is not None and current not in seen:
        seen.add(current)
        parent, name = units[current]
        names.append(name)
        current = parent
    return tuple(reversed(names))
