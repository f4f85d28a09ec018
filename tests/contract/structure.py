"""Managing structure over a real database: what the contract tests of roles, groups, organizations and units work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, select

from syncd.bootstrap import open_runtime
from syncd.model.caller import Caller
from syncd.model.checks import CheckStatus
from syncd.services.management import Management
from syncd.settings.root import RootSettings
from syncd.store import schema as t
from syncd.store.engine import read
from syncd.store.integrity import integrity
from tests.fakes.people_rows import Rows

ROOT = Caller(name="root", everything=True, request_id="req-1")
WHY = "ticket 4711"
CORP = {
    "urls": ["ldap://ldap.example.com"],
    "base_dn": "dc=example,dc=com",
    "organization": "Example Corp",
    "roles": {"base_dn": "ou=groups,dc=example,dc=com", "map": {"crm-admins": ["Clerk"]}, "default": ["Everybody"]},
    "units": {"default": "Head office"},
}


@dataclass(frozen=True, slots=True)
class Kit:
    """The use cases, rows to begin with, and what was written."""

    engine: Engine
    rows: Rows
    management: Management

    def caller(self, *permissions: str, user: int | None = None, **more: Any) -> Caller:
        return Caller(name="anna", user_id=user, permissions=frozenset(permissions), **more)

    def user(self, name: str, **values: Any) -> int:
        """Somebody made by hand."""
        return self.rows.user(name, manual=True, **values)

    def audit(self) -> list[dict[str, Any]]:
        """Events in their order, without times."""
        columns = [column for column in t.audit_events.c if column.name not in ("at", "run_id")]
        with read(self.engine) as connection:
            found = connection.execute(select(*columns).order_by(t.audit_events.c.id)).mappings()
            return [{key: value for key, value in row.items() if value is not None} for row in found]

    def actions(self) -> list[str]:
        return [event["action"] for event in self.audit()]

    def administrator(self, name: str = "root", *, organization: int, unit: int) -> int:
        """Somebody who can log in and has the administrator's role."""
        with read(self.engine) as connection:
            role = connection.scalar(select(t.roles.c.id).where(t.roles.c.name_key == "administrator"))
        user = self.user(name)
        self.rows.access(user, organization, unit)
        self.rows.grant(user, role or self.rows.role("administrator"))
        return user


@contextmanager
def opened(store_url: str, **settings: Any) -> Iterator[Kit]:
    """The use cases as the program has them."""
    root = RootSettings.model_validate({"store": {"url": store_url}, "directories": {"corp": CORP}} | settings)
    runtime = open_runtime(root)
    try:
        yield Kit(runtime.engine, Rows(runtime.engine), runtime.management)
    finally:
        runtime.close()


@pytest.fixture
def kit(store_url: str) -> Iterator[Kit]:
    """Whatever the test does, no rule of the store may be broken at its end."""
    with opened(store_url) as kit:
        yield kit
        assert [line for line in integrity(kit.engine) if line.status is CheckStatus.FAIL] == []
