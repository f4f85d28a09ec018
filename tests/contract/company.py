"""A directory as a value, and the plans that make a store true to it: what the contract tests of the store work with.

The plans are made by the real comparison (syncd.reconcile), from what the store under test answers, so that each test can end
with the question whether planning again finds nothing left to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from syncd.model.plan import Link, Plan
from syncd.model.records import FieldValue, Issue, OrganizationRecord, PersonRecord, RoleIdentifierRecord, UnitRecord
from syncd.model.text import fold
from syncd.reconcile.names import Claimants, resolve
from syncd.reconcile.people import diff_person, disable_missing, missing_ids
from syncd.reconcile.structure import diff_structure
from syncd.services.ports_store import SyncStore
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.lease import raise_epoch
from syncd.store.snapshot import SqlSyncStore

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def person(entry_id: str, username: str | None = None, dn: str | None = None, **fields: FieldValue) -> PersonRecord:
    """A person; username, email and last name are made from the entry id unless they are given."""
    username = username or entry_id
    values: dict[str, FieldValue] = {"username": username, "email": f"{username}@example.com", "last_name": username.title()}
    values |= {name.replace("custom_", "custom."): value for name, value in fields.items()}
    dn = dn or f"uid={username},ou=people,dc=example,dc=com"
    fingerprint = hashlib.sha256(repr((dn, sorted(values.items(), key=str))).encode()).digest()[:16]
    return PersonRecord(entry_id, dn, fold(dn), fingerprint, values, member_key=fold(username))


def organization(key: str, name: str | None = None) -> OrganizationRecord:
    return OrganizationRecord(key=key, name=name or key.title())


def unit(key: str, organization: str = "acme", parent: str | None = None, name: str | None = None) -> UnitRecord:
    return UnitRecord(key=key, name=name or key.title(), organization=organization, parent=parent)


def role(key: str, identifier: str | None = None) -> RoleIdentifierRecord:
    return RoleIdentifierRecord(key=key, identifier=identifier or key, dn=f"cn={key},ou=groups,dc=example,dc=com")


def issue(key: str, message: str = "has no mail") -> Issue:
    return Issue(key=key, dn=f"uid={key},dc=example,dc=com", code="missing_field", message=message)


@dataclass
class Company:
    """What one directory says. Tests change it and call `sync`."""

    store: SyncStore
    name: str = "corp"
    organizations: list[OrganizationRecord] = field(default_factory=lambda: [organization("acme")])
    units: list[UnitRecord] = field(default_factory=list)
    roles: list[RoleIdentifierRecord] = field(default_factory=list)
    people: dict[str, PersonRecord] = field(default_factory=dict)
    # (entry id, role identifier's key), (entry id, role's name)
    memberships: set[tuple[str, str]] = field(default_factory=set)
    grants: set[tuple[str, str]] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    # whether the directory has roles at all
    relations: bool = True
    runs: int = 0

    def add(self, *people: PersonRecord) -> None:
        self.people.update({record.entry_id: record for record in people})

    def at(self) -> datetime:
        """When the last run was: one hour after another."""
        return START + timedelta(hours=self.runs)

    def plan(self) -> Plan:
        """What would make the store say what the company says."""
        known = self.store.identities(self.name)
        gone = missing_ids(known, self.people)
        stored = self.store.structure(self.name)
        plan = Plan(
            directory=self.name,
            organizations=diff_structure({o.key: o for o in self.organizations}, stored.organizations, removing=True),
            units=diff_structure({u.key: u for u in self.units}, stored.units, removing=True),
            role_identifiers=diff_structure({r.key: r for r in self.roles}, stored.role_identifiers, removing=True),
            relations_digest=self.digest() if self.relations else None,
        )
        return self._with_issues(self._with_links(self._with_people(plan, gone)))

    def digest(self) -> bytes:
        told = repr((sorted(self.memberships), sorted(self.grants), sorted(self.roles, key=str)))
        return hashlib.sha256(told.encode()).digest()

    def sync(self, plan: Plan | None = None) -> Plan:
        """Plan and apply; the plan."""
        plan = plan or self.plan()
        self.runs += 1
        self.apply(plan)
        return plan

    def apply(
        self,
        plan: Plan,
        *,
        epoch: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Apply a plan; `epoch`: the newest, unless it is given."""
        epoch = self.epoch() if epoch is None else epoch
        self.store.apply(plan, run_id=self.runs, epoch=epoch, at=self.at(), progress=progress, stopping=stopping)

    def epoch(self) -> int:
        """The newest epoch of the directory's lease."""
        assert isinstance(self.store, SqlSyncStore)
        with read(self.store.engine) as connection:
            found = connection.scalar(select(t.leases.c.epoch).where(t.leases.c.directory == self.name))
        return found or take(self.store.engine, self.name)

    def _with_people(self, plan: Plan, gone: list[str]) -> Plan:
        known = self.store.identities(self.name)
        current = {entry_id: identity.fingerprint for entry_id, identity in known.items() if identity.present}
        fresh = [record for record in self.people.values() if current.get(record.entry_id) != record.fingerprint]
        stored = self.store.people(self.name, [record.entry_id for record in fresh])
        changes = [diff_person(record, stored.get(record.entry_id)) for record in fresh]
        claimants = Claimants(changes)
        holders = {
            (space, key): holder
            for space, keys in claimants.wanted_names().items()
            for key, holder in self.store.name_holders(self.name, space, keys).items()
        }
        absent = {*gone, *(e for e, i in known.items() if not i.present and e not in self.people)}
        resolution = resolve(
            changes, claimants, holders, directory=self.name, leaving=lambda e: e in absent, dn_of=lambda e: known[e].dn
        )
        disabled = disable_missing(gone, self.store.people(self.name, gone)) if gone else []
        return replace(
            plan, people=resolution.accepted + tuple(disabled), releases=resolution.releases, issues_opened=resolution.issues
        )

    def _with_links(self, plan: Plan) -> Plan:
        if not self.relations:
            return plan
        present = {e for e, i in self.store.identities(self.name).items() if i.present and e in self.people}
        present |= {change.entry_id for change in plan.people if change.action in ("create", "return")}
        memberships = self._difference(self.memberships, self.store.memberships(self.name), present)
        grants = self._difference(self.grants, self.store.grants(self.name), present)
        return replace(
            plan,
            memberships_added=memberships[0],
            memberships_removed=memberships[1],
            grants_added=grants[0],
            grants_removed=grants[1],
            roles_created=tuple(sorted({name for _, name in self.grants} - self.store.structure(self.name).roles)),
        )

    @staticmethod
    def _difference(
        desired: Iterable[tuple[str, str]], stored: Iterable[Link], present: set[str]
    ) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
        wanted, held = {Link(*link) for link in desired if link[0] in present}, {link for link in stored if link[0] in present}
        return tuple(sorted(wanted - held)), tuple(sorted(held - wanted))

    def _with_issues(self, plan: Plan) -> Plan:
        current = {i.key: i for i in (*plan.issues_opened, *self.issues)}
        stored = self.store.open_issues(self.name)
        return replace(
            plan,
            issues_opened=tuple(i for key, i in current.items() if stored.get(key) != i),
            issues_closed=tuple(key for key, i in stored.items() if current.get(key) != i),
        )


def take(engine: Engine, directory: str) -> int:
    """Take the directory away from whoever has it; the new epoch."""
    with write(engine) as connection:
        return raise_epoch(connection, directory, holder="a test", at=START)


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in a stable order: equal contents are equal stores, on whatever database."""
    with read(engine) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in t.metadata.sorted_tables
        }


def rows(engine: Engine, table: Any, **values: object) -> list[Any]:
    """The rows of a table with these values, in the order of their first column."""
    here = [table.c[name] == value for name, value in values.items()]
    with read(engine) as connection:
        return list(connection.execute(select(table).where(*here).order_by(*table.c[:1])))
