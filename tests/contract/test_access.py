"""What other systems ask of a person, on both databases, and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.accounts.permissions import policy
from syncd.errors import NotFoundError
from syncd.model.access import Access
from syncd.model.caller import Caller
from syncd.model.permission import OPERATOR, OURS
from syncd.services.access import AccessService
from syncd.store import schema as t
from syncd.store.access import SqlAccess
from syncd.store.permissions import SqlPermissions
from tests.fakes.edge import FakeClock
from tests.fakes.host import FakeHost, Serve
from tests.fakes.management import logged_in
from tests.fakes.people_rows import NOON, Rows, later


@dataclass
class Town:
    """Two organizations with trees of units, and Ben."""

    rows: Rows
    access: AccessService
    places: dict[str, int]
    ben: int

    def of(self) -> Access:
        return self.access.of(self.ben)

    def units(self) -> list[tuple[str, bool]]:
        return [(unit.path, unit.direct) for unit in self.of().facts.units]

    def role(self, name: str, *permissions: str, organization: int | None = None) -> int:
        number = self.rows.role(name, organization=organization)
        for permission in permissions:
            self.rows.row(t.role_permissions, role_id=number, permission=permission)
        return number


@pytest.fixture
def town(engine: Engine) -> Town:
    rows = Rows(engine)
    rules = policy(administrator_roles=["Administrator"], operator_roles=["operator"], auditor_roles=["auditor"])
    service = AccessService(store=SqlAccess(engine), policy=rules, clock=FakeClock(later(60)))
    places = {name: rows.organization(name) for name in ("Acme", "Beta")}
    places["Europe"] = rows.unit(places["Acme"], "Europe")
    places["Spain"] = rows.unit(places["Acme"], "Spain", parent=places["Europe"])
    places["Madrid"] = rows.unit(places["Acme"], "Mad/rid", parent=places["Spain"])
    places["Asia"] = rows.unit(places["Acme"], "Asia")
    places["Shop"] = rows.unit(places["Beta"], "Shop")
    return Town(rows=rows, access=service, places=places, ben=rows.user("Ben", manual=True))


def test_s17_s19_access_is_to_organizations_and_units(town: Town) -> None:
    access = town.of()
    assert access.facts.reasons == ("no_organization", "no_unit")
    assert access.facts.organizations == access.facts.units == access.facts.roles == ()
    town.rows.access(town.ben, town.places["Beta"])
    town.rows.access(town.ben, town.places["Acme"], town.places["Asia"])
    access = town.of()
    assert [(each.name, each.enabled) for each in access.facts.organizations] == [("Acme", True), ("Beta", True)]
    assert town.units() == [("Asia", True)]
    assert access.facts.reasons == ()


def test_s20_a_unit_comes_with_everything_below_it(town: Town) -> None:
    corp = town.rows.directory()
    town.rows.access(town.ben, town.places["Acme"], town.places["Europe"])
    town.rows.access(town.ben, town.places["Acme"], town.places["Spain"], directory=corp)
    town.rows.access(town.ben, town.places["Beta"], town.places["Shop"])
    assert town.units() == [
        ("Europe", True), ("Europe/Spain", True), ("Europe/Spain/Mad\\/rid", False), ("Shop", True),
    ]  # fmt: skip


def test_s24_permissions_of_several_roles_add_up(town: Town) -> None:
    acme = town.places["Acme"]
    town.rows.access(town.ben, acme)
    for role in (
        town.role("a", "crm:leads.read", "users:read"), town.role("b", "crm:leads.read", "crm:leads.write"),
        town.role("operator"), town.role("local", "shop:sell", "crm:leads.read", organization=acme),
    ):  # fmt: skip
        town.rows.grant(town.ben, role)
    corp = town.rows.directory()
    town.rows.grant(town.ben, 1, directory=corp)
    access = town.of()
    assert not access.everything
    assert access.permissions == tuple(sorted({"crm:leads.read", "crm:leads.write", "users:read", *map(str, OPERATOR)}))
    assert access.local == {acme: ("crm:leads.read", "shop:sell")}
    assert [(role.name, role.organization_id) for role in access.facts.roles] == [
        ("a", None), ("b", None), ("local", acme), ("operator", None),
    ]  # fmt: skip


def test_s23_a_role_of_an_organization_that_was_taken_away_counts_for_nothing(town: Town, engine: Engine) -> None:
    """By hand nobody has one without the other; a run may take the access from under a role that was given by hand."""
    acme = town.places["Acme"]
    town.rows.grant(town.ben, town.role("local", "shop:sell", organization=acme))
    assert (town.of().facts.roles, dict(town.of().local)) == ((), {})
    assert SqlPermissions(engine).roles_of_user(town.ben) == ()
    town.rows.access(town.ben, acme)
    assert dict(town.of().local) == {acme: ("shop:sell",)}
    assert [role.name for role in SqlPermissions(engine).roles_of_user(town.ben)] == ["local"]


def test_s23_a_role_of_one_organization_opens_nothing_here(town: Town) -> None:
    town.rows.access(town.ben, town.places["Acme"])
    town.rows.grant(town.ben, town.role("administrator", "users:write", organization=town.places["Acme"]))
    access = town.of()
    assert (access.everything, access.permissions, dict(access.local)) == (False, (), {})


def test_administrators_hold_everything_there_is_a_name_for(town: Town) -> None:
    town.rows.grant(town.ben, town.role("Administrator", "crm:x"))
    access = town.of()
    assert access.everything
    assert set(access.permissions) == {*OURS, "crm:x"}


def test_s40_every_reason_is_told(town: Town, engine: Engine) -> None:
    corp = town.rows.directory()
    dora = town.rows.user("dora", enabled=False, auth_status="locked")
    town.rows.identity(dora, corp, "uid=dora,dc=x", account_disabled=True)
    off = town.rows.organization("Off", enabled=False)
    town.rows.access(dora, off, town.rows.unit(off, "Desk"))
    facts = town.access.of(dora).facts
    assert facts.reasons == ("disabled", "locked", "directory_disabled:corp", "no_organization")
    assert [(each.name, each.enabled) for each in facts.organizations] == [("Off", False)]


def test_whoever_is_not_there(town: Town) -> None:
    for look in (
        lambda: town.access.of(4711),
        lambda: town.access.of_username("nobody"),
        lambda: town.access.of_username("\x00"),
    ):
        with pytest.raises(NotFoundError):
            look()
    assert town.access.of_username("BEN").facts.id == town.ben
    # a name that was given up is nobody's
    town.rows.user("old", username_key=None, email_key=None, created_at=NOON)
    with pytest.raises(NotFoundError):
        town.access.of_username("old")


async def test_s20_s24_other_systems_ask_over_http(town: Town, serve: Serve) -> None:
    town.rows.access(town.ben, town.places["Acme"], town.places["Spain"])
    town.rows.grant(town.ben, town.role("seller", "shop:sell", organization=town.places["Acme"]))
    host = FakeHost()
    host.management = SimpleNamespace(access=town.access)
    client = await serve(host)
    asking = logged_in(host, Caller(name="crm", user_id=77, permissions=frozenset({"access:read"})))
    answer = await client.get(f"/api/v1/users/{town.ben}/access", headers=asking)
    told: dict[str, Any] = await answer.json()
    assert answer.status == 200
    acme = town.places["Acme"]
    assert told == {
        "user_id": town.ben, "username": "Ben", "can_log_in": True, "reasons": [],
        "organizations": [{"id": acme, "name": "Acme", "enabled": True}],
        "units": [
            {"id": town.places["Spain"], "organization_id": acme, "path": "Europe/Spain", "direct": True},
            {"id": town.places["Madrid"], "organization_id": acme, "path": "Europe/Spain/Mad\\/rid", "direct": False},
        ],
        "roles": [{"id": 1, "name": "seller", "organization_id": acme}],
        "everything": False, "permissions": [],
        "organization_permissions": [{"organization_id": acme, "permissions": ["shop:sell"]}],
    }  # fmt: skip
    assert await (await client.get("/api/v1/access?username=ben", headers=asking)).json() == told
    for path, status in (("/api/v1/access?username=nobody", 404), ("/api/v1/users/4711/access", 404), ("/api/v1/access", 422)):
        assert (await client.get(path, headers=asking)).status == status
    other = logged_in(host, Caller(name="sam", user_id=78, permissions=OURS - {"access:read"}))
    assert (await client.get(f"/api/v1/users/{town.ben}/access", headers=other)).status == 403
