"""Roles and role identifiers of a plan.

A role of the store is one for everybody: what exists under a name, whoever made it, is used and not made twice, and no run
ever deletes one. Role identifiers are the directory's own; there may be tens of thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, select

from syncd.model.plan import Action, StructureChange
from syncd.model.records import RoleIdentifierRecord
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import Applying, number_of
from syncd.store.audit import write_changed, write_created
from syncd.store.bulk import bulk_insert, bulk_update, reserve_ids

Change = StructureChange[RoleIdentifierRecord]


def create_roles(connection: Connection, applying: Applying, names: Iterable[str]) -> None:
    """Make the roles that do not exist. Raises StoreError."""
    known = _roles(connection)
    missing = list({fold(name): name for name in names if fold(name) not in known}.items())
    numbers = reserve_ids(connection, t.roles, len(missing))
    at = applying.at_text
    rows = [(number, name, key, at, at) for number, (key, name) in zip(numbers, missing, strict=True)]
    bulk_insert(connection, t.roles, ("id", "name", "name_key", "created_at", "updated_at"), rows)
    created = applying.auditor.created("role.created", "role")
    write_created(connection, [created(row[0], {"name": row[1]}) for row in rows])


def load_roles(connection: Connection, applying: Applying, names: Iterable[str]) -> None:
    """Know these roles by number. Raises StoreError when one does not exist."""
    known = _roles(connection)
    applying.roles = {name: number_of(known, fold(name), "role") for name in names}


def _roles(connection: Connection) -> dict[str, int]:
    return dict(connection.execute(select(t.roles.c.name_key, t.roles.c.id)).all())


def load_role_identifiers(connection: Connection, applying: Applying) -> None:
    """Know all role identifiers of the directory by number and by what they are called."""
    table = t.role_identifiers
    mine = table.c.directory_id == applying.directory_id
    rows = connection.execute(select(table.c.external_key, table.c.id, table.c.identifier).where(mine)).all()
    applying.role_identifiers = {key: number for key, number, _ in rows}
    applying.identifiers = {key: identifier for key, _, identifier in rows}


def write_role_identifiers(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Do one batch of creations and updates. Raises StoreError."""
    created = [change.after for change in changes if change.action is Action.CREATE and change.after]
    numbers = reserve_ids(connection, t.role_identifiers, len(created))
    mine = applying.directory_id
    rows = [(number, mine, r.key, r.identifier, r.dn) for number, r in zip(numbers, created, strict=True)]
    bulk_insert(connection, t.role_identifiers, ("id", "directory_id", "external_key", "identifier", "dn"), rows)
    applying.role_identifiers.update((row[2], row[0]) for row in rows)
    applying.identifiers.update((change.after.key, change.after.identifier) for change in changes if change.after)
    updated = [change.after for change in changes if change.action is Action.UPDATE and change.after]
    bulk_update(
        connection,
        t.role_identifiers,
        columns=("identifier", "dn"),
        keys=("id",),
        rows=[(r.identifier, r.dn, _number(applying, r.key)) for r in updated],
    )
    events = [applying.auditor.structure(c, "role_identifier", _number(applying, c.key)) for c in changes]
    write_changed(connection, events)


def remove_role_identifiers(connection: Connection, applying: Applying, changes: Sequence[Change]) -> None:
    """Take away one batch of what the directory no longer has, and from whoever still has it: people who are missing."""
    removed = [change for change in changes if change.key in applying.role_identifiers]
    numbers = [_number(applying, change.key) for change in removed]
    for column in (t.memberships.c.role_identifier_id, t.role_identifiers.c.id):
        connection.execute(delete(column.table).where(among(connection, column, numbers)))
    events = [applying.auditor.structure(c, "role_identifier", _number(applying, c.key)) for c in removed]
    write_changed(connection, events)


def _number(applying: Applying, key: str) -> int:
    return number_of(applying.role_identifiers, key, "role identifier")
