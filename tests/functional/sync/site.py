"""A site under test: a real slapd, a real database, and syncd between them, driven through its use cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from syncd.bootstrap import Runtime, open_runtime
from syncd.model.hold import ChangeRow, HeldPlan
from syncd.model.run import Mode, Run, Trigger
from syncd.settings.root import RootSettings
from tests.servers.slapd import Attributes, Slapd

Person = dict[str, Any]


@dataclass(slots=True)
class Site:
    """`sync` runs one full run; everything else is looked at in the database itself, not through syncd's own queries."""

    slapd: Slapd
    store_url: str
    settings: dict[str, Any] = field(default_factory=dict)
    root: dict[str, Any] = field(default_factory=dict)

    def configuration(self) -> RootSettings:
        directory: dict[str, Any] = {
            "urls": [self.slapd.url],
            "base_dn": self.slapd.base_dn,
            "bind_dn": self.slapd.reader_dn,
            "bind_password": self.slapd.reader_password,
            "organization": "Example Corp",
            "page_size": 20,
        }
        directory = merged(directory, self.settings)
        whole = merged({"store": {"url": self.store_url}, "directories": {"corp": directory}}, self.root)
        return RootSettings.model_validate(whole)

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        runtime = open_runtime(self.configuration())
        try:
            yield runtime
        finally:
            runtime.close()

    def sync(self, mode: Mode = Mode.FULL) -> Run:
        with self.runtime() as runtime:
            runtime.sync.request("corp", mode=mode, trigger=Trigger.CLI)
            run = runtime.sync.work("corp")
        assert run is not None
        return run

    def synced(self, mode: Mode = Mode.FULL) -> Run:
        """A run that must succeed, with nothing left out."""
        run = self.sync(mode)
        assert run.outcome == "succeeded", f"{run.outcome}: {run.code} {run.message}"
        return run

    # ------------------------------------------------------------ what the database says
    @contextmanager
    def database(self) -> Iterator[Connection]:
        with self.runtime() as runtime, runtime.engine.connect() as connection, connection.begin():
            yield connection

    def rows(self, sql: str, **values: object) -> list[dict[str, Any]]:
        with self.database() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def execute(self, sql: str, **values: object) -> None:
        with self.runtime() as runtime, runtime.engine.connect() as connection, connection.begin():
            connection.execute(text(sql), values)

    def people(self) -> dict[str, Person]:
        """Username -> user, with DN and state."""
        found = self.rows(
            "SELECT u.*, i.entry_id, i.dn, i.missing_since, i.missing_reason FROM users u JOIN identities i ON i.user_id = u.id"
        )
        return {row["username"]: row for row in found}

    def present(self) -> set[str]:
        return {name for name, person in self.people().items() if person["missing_since"] is None}

    def roles_of(self, username: str) -> set[str]:
        sql = (
            "SELECT r.name FROM grants g JOIN roles r ON r.id = g.role_id "
            "JOIN users u ON u.id = g.user_id WHERE u.username = :u"
        )
        return {row["name"] for row in self.rows(sql, u=username)}

    def identifiers_of(self, username: str) -> set[str]:
        sql = (
            "SELECT i.identifier FROM memberships m JOIN role_identifiers i ON i.id = m.role_identifier_id "
            "JOIN users u ON u.id = m.user_id WHERE u.username = :u"
        )
        return {row["identifier"] for row in self.rows(sql, u=username)}

    def issues(self) -> dict[str, dict[str, Any]]:
        """DN -> open issue."""
        return {row["dn"]: row for row in self.rows("SELECT * FROM issues WHERE closed_at IS NULL")}

    def snapshot(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table but those that tell of runs and held plans: equal snapshots, nothing written."""
        with self.runtime() as runtime, runtime.engine.connect() as connection:
            from syncd.store.schema import metadata

            return {
                table.name: sorted(
                    (tuple(row) for row in connection.execute(table.select()) if not _tells_of_a_plan(row)), key=repr
                )
                for table in metadata.sorted_tables
                if table.name not in ("runs", "leases", "held_plans")
            }

    # ------------------------------------------------------------ held plans
    def plans(self) -> dict[int, dict[str, Any]]:
        """Number -> held plan, whatever its state."""
        return {row["id"]: row for row in self.rows("SELECT * FROM held_plans ORDER BY id")}

    def held_plan(self) -> HeldPlan:
        """The one plan that is open."""
        with self.runtime() as runtime:
            plan = runtime.holds.open("corp")
        assert plan is not None, "no plan is held"
        return plan

    def held_changes(self) -> list[ChangeRow]:
        """All changes of the one plan that is open."""
        with self.runtime() as runtime:
            return list(runtime.plans.changes(self.held_plan().id))

    def approve(self, plan_id: int | None = None) -> Run:
        """Approve the plan that is open, and do the run that follows."""
        with self.runtime() as runtime:
            runtime.plans.approve(plan_id or self.held_plan().id, actor="anna", reason="they have really left")
            run = runtime.sync.work("corp")
        assert run is not None
        return run

    # ------------------------------------------------------------ what the directory gets
    def add_person(self, uid: str, *, parent: str | None = None, **attributes: Any) -> str:
        """An inetOrgPerson with what the default mapping needs; its DN."""
        dn = f"uid={uid},{parent or self.people_dn}"
        values: Attributes = {
            "objectClass": "inetOrgPerson",
            "uid": uid,
            "cn": uid.title(),
            "sn": uid.title(),
            "mail": f"{uid}@example.com",
        }
        self.slapd.add(dn, {**values, **attributes})
        return dn

    def add_group(self, cn: str, *members: str, **attributes: Any) -> str:
        dn = f"cn={cn},{self.groups_dn}"
        self.slapd.add(dn, {"objectClass": "groupOfNames", "cn": cn, "member": list(members) or ["cn=nobody"], **attributes})
        return dn

    @property
    def people_dn(self) -> str:
        return f"ou=people,{self.slapd.base_dn}"

    @property
    def groups_dn(self) -> str:
        return f"ou=groups,{self.slapd.base_dn}"


def _tells_of_a_plan(row: Any) -> bool:
    return getattr(row, "subject_type", None) == "plan"


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables of `over` laid upon those of `base`."""
    result = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both_tables else value
    return result
