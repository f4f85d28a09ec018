"""Writes people and what they belong to straight into the tables, for tests of what reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert

from syncd.model.dn import normalize
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.engine import write
from syncd.store.searchrows import refresh_search
from syncd.store.types import to_json

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Rows:
    """Each method writes one row, in a transaction of its own, and gives back its number."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def directory(self, name: str = "corp") -> int:
        return self._number(t.directories, name=name, created_at=NOON)

    def organization(self, name: str, *, enabled: bool = True, directory: int | None = None) -> int:
        return self._number(
            t.organizations, name=name, name_key=fold(name), enabled=enabled, directory_id=directory, created_at=NOON,
            updated_at=NOON,
        )  # fmt: skip

    def organization_source(self, organization: int, directory: int, name: str) -> None:
        values = {"organization_id": organization, "directory_id": directory, "external_key": fold(name), "name": name}
        self.row(t.organization_sources, **values)

    def unit(self, organization: int, name: str, *, parent: int | None = None, directory: int | None = None) -> int:
        return self._number(
            t.units, organization_id=organization, parent_id=parent, name=name, directory_id=directory,
            external_key=None if directory is None else f"{parent}/{name}",
        )  # fmt: skip

    def role(self, name: str, *, organization: int | None = None, description: str = "") -> int:
        return self._number(
            t.roles, name=name, name_key=fold(name), organization_id=organization, description=description, created_at=NOON,
            updated_at=NOON,
        )  # fmt: skip

    def group(self, name: str) -> int:
        return self._number(t.groups, name=name, name_key=fold(name), created_at=NOON)

    def role_identifier(self, directory: int, identifier: str, *, dn: str | None = None) -> int:
        return self._number(t.role_identifiers, directory_id=directory, external_key=identifier, identifier=identifier, dn=dn)

    def user(self, username: str | None, **values: Any) -> int:
        """A person; `emails`, `tags` and `custom` go into their own tables."""
        emails, tags, custom = (values.pop(name, ()) for name in ("emails", "tags", "custom"))
        email = values.pop("email", f"{username}@example.com" if username else None)
        defaults = {
            "username": username, "username_key": fold(username) if username else None,
            "email": email, "email_key": fold(email) if email else None, "created_at": NOON, "updated_at": NOON,
            # as of somebody of whom nobody was told
            "has_access": False,
        }  # fmt: skip
        number = self._number(t.users, **(defaults | values))
        with write(self._engine) as connection:
            refresh_search(connection, [number])
        for position, email in enumerate(emails):
            self.row(t.user_emails, user_id=number, position=position, email=email)
        for position, tag in enumerate(tags):
            self.row(t.user_tags, user_id=number, position=position, tag=tag)
        for name, value in dict(custom).items():
            self.row(t.user_custom_fields, user_id=number, name=name, value=to_json(value))
        return number

    def identity(self, user: int, directory: int, dn: str, *, entry_id: str | None = None, **values: Any) -> None:
        defaults = {
            "user_id": user, "directory_id": directory, "entry_id": entry_id or f"entry-{user}", "dn": dn,
            "dn_key": normalize(dn), "fingerprint": b"x", "first_seen_at": NOON, "dn_since": NOON,
        }  # fmt: skip
        self.row(t.identities, **(defaults | values))

    def access(self, user: int, organization: int, unit: int | None = None, *, directory: int | None = None) -> None:
        self.row(t.access, user_id=user, organization_id=organization, unit_id=unit, directory_id=directory)

    def grant(self, user: int, role: int, *, directory: int | None = None) -> None:
        self.row(t.grants, user_id=user, role_id=role, directory_id=directory)

    def membership(self, user: int, identifier: int) -> None:
        self.row(t.memberships, user_id=user, role_identifier_id=identifier)

    def row(self, table: Table, **values: Any) -> None:
        with write(self._engine) as connection:
            connection.execute(insert(table).values(**values))

    def _number(self, table: Table, **values: Any) -> int:
        with write(self._engine) as connection:
            return _inserted(connection, table, values)


def _inserted(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    number: int = connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    return number
