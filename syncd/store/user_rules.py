"""What must hold of a user's names, roles and access, looked at inside the transaction that changes them.

All transactions that write audit events take turns (syncd.store.engine), so nobody takes a name between the look and the
change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, or_, select

from syncd.errors import LastRoleError, NameTakenError, NoSuchReferenceError, RoleOrganizationError
from syncd.model.records import FieldValue
from syncd.model.text import fold
from syncd.model.useredit import Place
from syncd.model.views import unit_path
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.queries_person import path_names


# ---------------------------------------------------------------- names
def require_free_names(connection: Connection, fields: Mapping[str, FieldValue], *, own: int | None = None) -> None:
    """That nobody else has this username or primary address, nor the one as the other: a login form takes either.

    A name that was released (without a key) is free. Raises NameTakenError.
    """
    for field in ("username", "email"):
        value = fields.get(field)
        if isinstance(value, str):
            _require_free(connection, field, value, own)


def _require_free(connection: Connection, field: str, value: str, own: int | None) -> None:
    key, users = fold(value), t.users.c
    query = select(users.id, users.username_key, users.email_key).where(or_(users.username_key == key, users.email_key == key))
    for holder in connection.execute(query.order_by(users.id)):
        if holder.id != own:
            as_what = "username" if holder.username_key == key else "primary email"
            raise NameTakenError(f"{field} {value!r} is the {as_what} of user {holder.id}")


# ---------------------------------------------------------------- references
def names_of(connection: Connection, column: Column[Any], numbers: Collection[int], what: str) -> dict[int, str]:
    """Number -> name of the rows of a table. Raises NoSuchReferenceError for one that is not there."""
    if not numbers:
        return {}
    table = column.table.c
    rows = connection.execute(select(table.id, column).where(among(connection, table.id, list(numbers)))).all()
    found = {number: str(name) for number, name in rows}
    missing = sorted(set(numbers) - found.keys())
    if missing:
        raise NoSuchReferenceError(f"there is no {what} {missing[0]}")
    return found


def unit_paths(connection: Connection, unit_ids: Collection[int]) -> dict[int, tuple[int, str]]:
    """Unit -> (organization, path). Those that do not exist are left out."""
    units: dict[int, tuple[int | None, str]] = {}
    homes: dict[int, int] = {}
    wanted = set(unit_ids)
    while wanted := wanted - units.keys():
        columns = select(t.units.c.id, t.units.c.parent_id, t.units.c.name, t.units.c.organization_id)
        rows = connection.execute(columns.where(among(connection, t.units.c.id, sorted(wanted)))).all()
        units.update({row.id: (row.parent_id, row.name) for row in rows})
        homes.update({row.id: row.organization_id for row in rows})
        wanted = {row.parent_id for row in rows if row.parent_id is not None}
    return {number: (homes[number], unit_path(path_names(number, units))) for number in unit_ids if number in units}


def place_names(connection: Connection, places: Iterable[Place]) -> dict[Place, str]:
    """What each place is called, in their order; those that are not there are left out."""
    ordered = sorted(places, key=_order)
    table = t.organizations.c
    query = select(table.id, table.name).where(among(connection, table.id, [place.organization_id for place in ordered]))
    organizations = {number: str(name) for number, name in connection.execute(query)} if ordered else {}
    units = unit_paths(connection, {place.unit_id for place in ordered if place.unit_id is not None})
    found: dict[Place, str] = {}
    for place in ordered:
        name = organizations.get(place.organization_id)
        home, path = units.get(place.unit_id, (None, "")) if place.unit_id is not None else (place.organization_id, "")
        if name is not None and home == place.organization_id:
            found[place] = f"{name}: {path}" if path else name
    return found


def require_places(connection: Connection, places: Collection[Place]) -> dict[Place, str]:
    """What each place is called. Raises NoSuchReferenceError for what does not exist, or a unit of another organization."""
    found = place_names(connection, places)
    for place in sorted(places, key=_order):
        if place not in found:
            names_of(connection, t.organizations.c.name, [place.organization_id], "organization")
            raise NoSuchReferenceError(f"organization {place.organization_id} has no unit {place.unit_id}")
    return found


def _order(place: Place) -> tuple[int, int]:
    return place.organization_id, place.unit_id or 0


def require_unit(connection: Connection, unit_id: int) -> str:
    """The path of a unit. Raises NoSuchReferenceError."""
    found = unit_paths(connection, [unit_id]).get(unit_id)
    if found is None:
        raise NoSuchReferenceError(f"there is no unit {unit_id}")
    return found[1]


# ---------------------------------------------------------------- roles
def require_roles(
    connection: Connection, manual: Collection[int], *, from_directories: Collection[int], organizations: Collection[int]
) -> dict[int, str]:
    """What the roles given by hand are called, when somebody may have them.

    `organizations`: that they have access to. Raises NoSuchReferenceError, LastRoleError, RoleOrganizationError.
    """
    names = names_of(connection, t.roles.c.name, manual, "role")
    if not manual and not from_directories:
        raise LastRoleError
    roles = t.roles.c
    bound = select(roles.id, roles.organization_id).where(
        among(connection, roles.id, list(manual)), roles.organization_id.is_not(None)
    )
    for number, organization in connection.execute(bound.order_by(roles.id)):
        if organization not in organizations:
            raise RoleOrganizationError(
                f"role {names[number]!r} is for people with access to organization {organization}, which this user has not"
            )
    return names
