"""One edit of one user: what differs from what is stored is checked, written, and told.

Roles are told in an audit event of their own, in the words of a run that gives or takes some, so that who follows the events
looks in one place; everything else is in one `user.updated`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from syncd.accounts.fields import further
from syncd.errors import LastAdministratorError, ManagedFieldError, ReasonNeededError
from syncd.model.records import CUSTOM_PREFIX, FieldValue
from syncd.model.text import fold
from syncd.model.useredit import Decides, Place, UserEdit
from syncd.model.views import PersonView
from syncd.store import schema as t
from syncd.store.administrators import is_administrator, somebody_administers
from syncd.store.announce import announce
from syncd.store.apply_names import NAMES
from syncd.store.apply_values import PLAIN, write_other_fields
from syncd.store.journal import Journal
from syncd.store.queries_people import people_by_ids
from syncd.store.role_events import add_roles
from syncd.store.user_rules import (
    names_of,
    place_names,
    require_free_names,
    require_places,
    require_roles,
    require_unit,
    unit_paths,
)
from syncd.store.userrows import touch_user


@dataclass(slots=True, kw_only=True)
class Editor:
    """Applies an edit to a row of `locked_user`."""

    journal: Journal
    row: Row[Any]
    edit: UserEdit
    administrator_roles: Collection[str]
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    # names of roles
    roles_removed: list[str] = field(default_factory=list)
    roles_added: list[str] = field(default_factory=list)
    takes_away: bool = False

    @property
    def connection(self) -> Connection:
        return self.journal.connection

    @property
    def user_id(self) -> int:
        return int(self.row.id)

    def apply(self, *, decides: Decides, reason: str | None) -> int:
        """The version afterwards; the same as before when nothing differs. Raises SyncdError, after which nothing may stay."""
        administers = is_administrator(self.connection, self.user_id, administrator_roles=self.administrator_roles)
        columns = self._write_fields(decides)
        columns |= self._write_owner()
        reach = self._write_access()
        roles = self._write_roles()
        self._write_groups()
        if not self.after and not self.before and not roles:
            return int(self.row.version)
        if self.takes_away and reason is None:
            raise ReasonNeededError("taking away a role, access or a group needs a reason")
        at = self.journal.at
        touch_user(self.connection, self.user_id, at=at, **columns)
        if administers and self.takes_away and (reach or roles):
            self._require_administrator()
        self._note(reason)
        announce(self.connection, [self.user_id], journal=self.journal)
        return int(self.row.version) + 1

    def _note(self, reason: str | None) -> None:
        if self.before or self.after:
            self.journal.note("user.updated", "user", self.user_id, before=self.before, after=self.after, reason=reason)
        add_roles(self.journal, self.user_id, removed=self.roles_removed, added=self.roles_added, reason=reason)
        self.journal.write()

    # ------------------------------------------------------------ fields
    def _write_fields(self, decides: Decides) -> dict[str, Any]:
        """The columns of `users` to be set; other fields are written."""
        if not self.edit.fields:
            return {}
        person = people_by_ids(self.connection, [self.user_id], now=self.journal.at)[0]
        changed = self._changed_fields(person)
        if not changed:
            return {}
        managed = decides(present_directories(self.connection, self.user_id))
        if "email" in changed and "emails" not in {*changed, *managed}:
            self._change(changed, "emails", person.emails, _further(person.emails, changed["email"]))
        for name in changed:
            if name in managed:
                shown = name.removeprefix(CUSTOM_PREFIX)
                raise ManagedFieldError(f"{shown} of user {self.user_id} is decided by directory {managed[name]}")
        require_free_names(self.connection, changed, own=self.user_id)
        others = [(self.user_id, name, value) for name, value in changed.items() if name not in PLAIN]
        write_other_fields(self.connection, others, replace=True)
        if "email" in changed:
            # a link in the former mailbox must not open the account
            links = t.links.c
            self.connection.execute(delete(t.links).where(links.user_id == self.user_id, links.used_at.is_(None)))
        columns: dict[str, Any] = {name: value for name, value in changed.items() if name in PLAIN}
        return columns | {
            f"{name}_key": fold(str(changed[name])) if changed[name] else None for name in NAMES if name in changed
        }

    def _changed_fields(self, person: PersonView) -> dict[str, FieldValue]:
        changed: dict[str, FieldValue] = {}
        for name, value in self.edit.fields.items():
            custom = name.startswith(CUSTOM_PREFIX)
            old = person.custom.get(name.removeprefix(CUSTOM_PREFIX)) if custom else getattr(person, name)
            # a name that was released is written, but not had
            released = name in NAMES and value is not None and self.row._mapping[f"{name}_key"] is None
            # those of a directory may be repeated as they are
            sent = name == "emails" and value != old
            new = _further(value, self.edit.fields.get("email", person.email)) if sent else value
            self._change(changed, name, old, new, released=released)
        return changed

    def _change(
        self, changed: dict[str, FieldValue], name: str, old: FieldValue, value: FieldValue, *, released: bool = False
    ) -> None:
        if old != value or released:
            changed[name] = value
            self.before[name], self.after[name] = old, value

    def _write_owner(self) -> dict[str, Any]:
        if self.edit.owner_unit_id is None or self.edit.owner_unit_id[0] == self.row.owner_unit_id:
            return {}
        new, old = self.edit.owner_unit_id[0], self.row.owner_unit_id
        former = unit_paths(self.connection, [old]).get(old) if old is not None else None
        self.before["owner_unit"] = former[1] if former else None
        self.after["owner_unit"] = require_unit(self.connection, new) if new is not None else None
        return {"owner_unit_id": new}

    # ------------------------------------------------------------ access, roles, groups
    def _write_access(self) -> bool:
        """Whether it changed."""
        if self.edit.places is None:
            return False
        access, old = t.access.c, self._places(manual=True)
        new = self.edit.places
        if old == new:
            return False
        names = require_places(self.connection, new)
        former = place_names(self.connection, old)
        self._tell("access", list(former.values()), list(names.values()), taken=bool(old - new))
        self.connection.execute(delete(t.access).where(access.user_id == self.user_id, access.directory_id.is_(None)))
        rows = [{"user_id": self.user_id, "organization_id": o, "unit_id": u, "directory_id": None} for o, u in new]
        if rows:
            self.connection.execute(insert(t.access), rows)
        return True

    def _write_roles(self) -> bool:
        """Whether they changed. A role of an organization goes with the access to it, so both are looked at."""
        if self.edit.role_ids is None and self.edit.places is None:
            return False
        old, given = self._granted(manual=True), self._granted(manual=False)
        new = old if self.edit.role_ids is None else self.edit.role_ids
        if old == new and self.edit.places is None:
            return False
        organizations = {place.organization_id for place in self._places(manual=True) | self._places(manual=False)}
        if old == new and not new:
            return False
        names = require_roles(self.connection, new, from_directories=given, organizations=organizations)
        if old == new:
            return False
        self.roles_removed = _known(self.connection, t.roles, old - new)
        self.roles_added = sorted(names[role] for role in new - old)
        self.takes_away = self.takes_away or bool(old - new)
        grants = t.grants.c
        self.connection.execute(
            delete(t.grants).where(
                grants.user_id == self.user_id, grants.directory_id.is_(None), grants.role_id.in_(sorted(old - new))
            )
        )
        rows = [{"user_id": self.user_id, "role_id": role, "directory_id": None} for role in sorted(new - old)]
        if rows:
            self.connection.execute(insert(t.grants), rows)
        return True

    def _write_groups(self) -> None:
        if self.edit.group_ids is None:
            return
        members = t.group_members.c
        old = frozenset(self.connection.scalars(select(members.group_id).where(members.user_id == self.user_id)))
        new = self.edit.group_ids
        if old == new:
            return
        names = names_of(self.connection, t.groups.c.name, new, "group")
        self._tell("groups", _known(self.connection, t.groups, old), sorted(names.values()), taken=bool(old - new))
        self.connection.execute(
            delete(t.group_members).where(members.user_id == self.user_id, members.group_id.in_(sorted(old - new)))
        )
        rows = [{"user_id": self.user_id, "group_id": group} for group in sorted(new - old)]
        if rows:
            self.connection.execute(insert(t.group_members), rows)

    def _places(self, *, manual: bool) -> frozenset[Place]:
        access = t.access.c
        whose = access.directory_id.is_(None) if manual else access.directory_id.is_not(None)
        rows = self.connection.execute(
            select(access.organization_id, access.unit_id).where(access.user_id == self.user_id, whose)
        )
        return frozenset(Place(organization, unit) for organization, unit in rows)

    def _granted(self, *, manual: bool) -> frozenset[int]:
        grants = t.grants.c
        whose = grants.directory_id.is_(None) if manual else grants.directory_id.is_not(None)
        return frozenset(self.connection.scalars(select(grants.role_id).where(grants.user_id == self.user_id, whose)))

    def _tell(self, name: str, before: list[str], after: list[str], *, taken: bool) -> None:
        self.before[name], self.after[name] = before, after
        self.takes_away = self.takes_away or taken

    # ------------------------------------------------------------ afterwards
    def _require_administrator(self) -> None:
        """Raises LastAdministratorError when this was the last one, and no longer is, or can no longer act."""
        roles = self.administrator_roles
        reasons = people_by_ids(self.connection, [self.user_id], now=self.journal.at)[0].reasons
        still = is_administrator(self.connection, self.user_id, administrator_roles=roles)
        if still and not {"no_organization", "no_unit"} & set(reasons):
            return
        if not somebody_administers(self.connection, roles, now=self.journal.at, but=self.user_id):
            raise LastAdministratorError(f"user {self.user_id} is the last administrator who can act")


def _further(emails: FieldValue, primary: FieldValue) -> FieldValue:
    """Further addresses, without the primary one."""
    return further(emails, primary) if isinstance(emails, tuple) and isinstance(primary, str) else emails


def _known(connection: Connection, table: Any, numbers: Iterable[int]) -> list[str]:
    """The names of what there is of these, in order."""
    query = select(table.c.name).where(table.c.id.in_(sorted(numbers)))
    return sorted(connection.scalars(query))


def present_directories(connection: Connection, user_id: int) -> list[str]:
    """That have the user now."""
    query = select(t.directories.c.name).join(t.identities, t.identities.c.directory_id == t.directories.c.id)
    return list(connection.scalars(query.where(t.identities.c.user_id == user_id, t.identities.c.missing_since.is_(None))))
