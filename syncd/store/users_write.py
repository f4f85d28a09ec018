"""Users made, changed and deleted by hand.

Only rows made by hand are written: what a directory brought is its own (invariant 7).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from syncd.errors import InUseError, ManagedFieldError
from syncd.model.caller import Caller
from syncd.model.mail import NewMail
from syncd.model.records import FieldValue
from syncd.model.text import fold
from syncd.model.useredit import Decides, FirstPlace, NewUser, UserDetail, UserEdit
from syncd.store import schema as t
from syncd.store.administrators import administers, require_other_administrator
from syncd.store.announce import announce, announce_deletion
from syncd.store.apply_names import NAMES
from syncd.store.apply_values import PLAIN, write_other_fields
from syncd.store.engine import Engine, read, write
from syncd.store.first_place import make_place
from syncd.store.gate import can_log_in
from syncd.store.journal import Journal
from syncd.store.links import new_link
from syncd.store.outbox import queue_mail
from syncd.store.passwords import put_password
from syncd.store.purge import delete_users
from syncd.store.searchrows import refresh_search
from syncd.store.user_detail import user_detail
from syncd.store.user_edit import Editor
from syncd.store.user_rules import names_of, require_free_names, require_places, require_roles, require_unit
from syncd.store.userrows import locked_user, require_version

# systems named in a refusal
_SHOWN = 5


class SqlUsers:
    """`UserStore` of services.ports_users."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ looking
    def detail(self, user_id: int, *, now: datetime) -> UserDetail:
        with read(self._engine) as connection:
            return user_detail(connection, user_id, now=now)

    def administrators(self, roles: Collection[str], *, now: datetime) -> int:
        with read(self._engine) as connection:
            given = select(t.grants.c.user_id).where(administers(connection, roles))
            query = select(func.count()).select_from(t.users).where(t.users.c.id.in_(given), can_log_in(now))
            return connection.execute(query).scalar_one()

    # ------------------------------------------------------------ making
    def create(
        self,
        new: NewUser,
        *,
        password_hash: str | None,
        mail: NewMail | None,
        link_expires_at: datetime | None,
        caller: Caller,
        at: datetime,
    ) -> int:
        with write(self._engine) as connection:
            journal = Journal(connection, caller=caller, at=at)
            number = insert_user(journal, new, password_hash=password_hash, invited=link_expires_at is not None)
            if link_expires_at is not None:
                link = new_link(connection, number, purpose="invitation", at=at, expires_at=link_expires_at)
                queue_mail(connection, None if mail is None else replace(mail, user_id=number, link_id=link), at=at)
            announce(connection, [number], journal=journal)
        return number

    def create_administrator(self, new: NewUser, place: FirstPlace, *, password_hash: str, caller: Caller, at: datetime) -> int:
        with write(self._engine) as connection:
            journal = Journal(connection, caller=caller, at=at)
            role, home = make_place(journal, place)
            whole = replace(new, role_ids=frozenset({role}), places=frozenset({home}), owner_unit_id=home.unit_id)
            number = insert_user(journal, whole, password_hash=password_hash, invited=False)
            announce(connection, [number], journal=journal)
        return number

    # ------------------------------------------------------------ changing
    def edit(
        self,
        user_id: int,
        edit: UserEdit,
        *,
        decides: Decides,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str | None,
        caller: Caller,
        at: datetime,
    ) -> int:
        with write(self._engine) as connection:
            row = locked_user(connection, user_id)
            require_version(row, if_match)
            editor = Editor(
                journal=Journal(connection, caller=caller, at=at), row=row, edit=edit, administrator_roles=administrator_roles
            )
            return editor.apply(decides=decides, reason=reason)

    def delete(
        self,
        user_id: int,
        *,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> None:
        with write(self._engine) as connection:
            row = locked_user(connection, user_id)
            require_version(row, if_match)
            _require_nobodys(connection, user_id)
            _require_owns_nothing(connection, user_id)
            require_other_administrator(connection, user_id, administrator_roles=administrator_roles, now=at)
            journal = Journal(connection, caller=caller, at=at)
            announce_deletion(connection, [user_id], journal=journal)
            delete_users(connection, [user_id])
            before = {name: row._mapping[name] for name in (*NAMES, "first_name", "last_name", "enabled")}
            journal.note("user.deleted", "user", user_id, before=before, reason=reason)


# ---------------------------------------------------------------- making
def insert_user(journal: Journal, new: NewUser, *, password_hash: str | None, invited: bool) -> int:
    """The number of a new manual user, with everything that is theirs and one audit event.

    Raises NameTakenError, NoSuchReferenceError, LastRoleError, RoleOrganizationError.
    """
    connection, at = journal.connection, journal.at
    require_free_names(connection, new.fields)
    told = _belongings(connection, new)
    number = _insert_row(connection, new, at=at, invited=invited)
    refresh_search(connection, [number])
    others = [(number, name, value) for name, value in new.fields.items() if name not in PLAIN]
    write_other_fields(connection, others, replace=False)
    _insert_relations(connection, number, new)
    if password_hash is not None:
        put_password(connection, number, password_hash, at=at)
    set_fields = {name: value for name, value in new.fields.items() if value not in (None, ())}
    how = {"invited": True} if invited else {}
    journal.note("user.created", "user", number, after={**set_fields, "enabled": new.enabled, **told, **how})
    return number


def _belongings(connection: Connection, new: NewUser) -> dict[str, Any]:
    """What they belong to, as the audit event tells it."""
    places = require_places(connection, new.places)
    organizations = {place.organization_id for place in new.places}
    roles = require_roles(connection, new.role_ids, from_directories=(), organizations=organizations)
    groups = names_of(connection, t.groups.c.name, new.group_ids, "group")
    told: dict[str, Any] = {"roles": sorted(roles.values())}
    if places:
        told["access"] = list(places.values())
    if groups:
        told["groups"] = sorted(groups.values())
    if new.owner_unit_id is not None:
        told["owner_unit"] = require_unit(connection, new.owner_unit_id)
    return told


def _insert_row(connection: Connection, new: NewUser, *, at: datetime, invited: bool) -> int:
    columns: dict[str, FieldValue | datetime] = {name: new.fields[name] for name in PLAIN if name in new.fields}
    columns |= keys_of(new.fields)
    row = insert(t.users).values(
        **columns,
        manual=True,
        enabled=new.enabled,
        auth_status="reset" if invited else "active",
        owner_unit_id=new.owner_unit_id,
        # nobody was told that they have access: announce does
        has_access=False,
        created_at=at,
        updated_at=at,
    )
    return int(connection.execute(row.returning(t.users.c.id)).scalar_one())


def keys_of(fields: Mapping[str, FieldValue]) -> dict[str, str | None]:
    """The columns by which names are compared."""
    return {f"{name}_key": fold(str(fields[name])) if fields[name] else None for name in NAMES if name in fields}


def _insert_relations(connection: Connection, number: int, new: NewUser) -> None:
    rows: list[tuple[Any, list[dict[str, Any]]]] = [
        (t.access, [{"organization_id": o, "unit_id": u, "directory_id": None} for o, u in sorted(new.places, key=str)]),
        (t.grants, [{"role_id": role, "directory_id": None} for role in sorted(new.role_ids)]),
        (t.group_members, [{"group_id": group} for group in sorted(new.group_ids)]),
    ]
    for table, values in rows:
        if values:
            connection.execute(insert(table), [{"user_id": number, **value} for value in values])


# ---------------------------------------------------------------- deleting
def _require_nobodys(connection: Connection, user_id: int) -> None:
    query = select(t.directories.c.name, t.identities.c.missing_since).join(
        t.identities, t.identities.c.directory_id == t.directories.c.id
    )
    found = connection.execute(query.where(t.identities.c.user_id == user_id).order_by(t.directories.c.name)).first()
    if found is None:
        return
    if found.missing_since is None:
        raise ManagedFieldError(f"user {user_id} is one of directory {found.name}: deleting them is up to it")
    raise ManagedFieldError(
        f"user {user_id} was one of directory {found.name}, and is deleted when its retention time is over",
        advice="`safety.purge_after` sets it; `syncd purge` deletes whose time is over.",
    )


def _require_owns_nothing(connection: Connection, user_id: int) -> None:
    records = t.owned_records.c
    query = select(records.system, func.count()).where(records.user_id == user_id).group_by(records.system)
    found = connection.execute(query.order_by(records.system)).all()
    if found:
        named = ", ".join(f"{count} in {system}" for system, count in found[:_SHOWN])
        raise InUseError(
            f"user {user_id} owns records: {named}",
            advice="Give them to somebody else there; each system takes its own back. `syncd users records list` shows them.",
        )
