"""A changed base, filter, scope, mapping or id attribute is noticed; what it would take away is held, what it adds is not."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.run import Mode
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site


@pytest.fixture
def two_units(make_site: SiteFactory) -> Site:
    """Six people in two units, far too few for any threshold."""
    site = make_site({"roles": {"map": {"crew": ["sailor"]}}})
    sales = site.slapd.add_ou("sales", parent=site.people_dn)
    site.slapd.add_people(4, parent=site.people_dn)
    dns = site.slapd.add_people(2, parent=sales, first=4)
    site.add_group("crew", *dns)
    site.synced()
    return site


CHANGES: dict[str, dict[str, Any]] = {
    "base": {"users": {"base_dn": "ou=sales,ou=people,dc=example,dc=com"}},
    "filter": {"users": {"filter": "(&(objectClass=inetOrgPerson)(!(uid=u000001)))"}},
    "scope": {"users": {"scope": "one"}},
    "mapping of a field": {"users": {"attributes": {"username": "uid", "email": "mail", "last_name": "sn", "first_name": "o"}}},
    "roles": {"roles": {"map": {"crew": ["captain"]}}},
    "groups": {"roles": {"filter": "(cn=nothing)"}},
    "nesting of units": {"units": {"from": "none"}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_changed_configuration_would_remove_is_held(two_units: Site, name: str) -> None:
    before = two_units.snapshot()
    original = {key: dict(value) for key, value in two_units.settings.items()}
    for section, values in CHANGES[name].items():
        two_units.settings[section] = {**two_units.settings.get(section, {}), **values}
    run = two_units.sync()
    assert run.outcome == "held", f"{run.outcome}: {run.message}"
    assert "configuration_changed" in {objection.code for objection in two_units.held_plan().objections}
    assert len(two_units.present()) == 6
    assert all(two_units.roles_of(user) >= {"sailor"} for user in ("u000004", "u000005"))
    assert {user: person["first_name"] for user, person in two_units.people().items()}["u000001"] == "Given1"
    two_units.settings = original
    assert two_units.synced().plan_id is None
    assert two_units.snapshot()["grants"] == before["grants"]


def test_a_wider_configuration_needs_nobodys_approval(two_units: Site) -> None:
    sales = f"ou=sales,{two_units.people_dn}"
    two_units.settings["users"]["filter"] = "(|(objectClass=inetOrgPerson)(objectClass=account))"
    two_units.slapd.add_people(1, parent=sales, first=50)
    assert two_units.synced().counts is not None
    assert "u000050" in two_units.present()
    # from now on this is the configuration: an ordinary leaver is no question of it
    two_units.slapd.delete(f"uid=u000050,{sales}")
    two_units.synced()
    assert "u000050" not in two_units.present()


def test_an_approved_change_is_the_new_configuration(two_units: Site) -> None:
    two_units.settings["users"]["filter"] = "(&(objectClass=inetOrgPerson)(!(uid=u000001)))"
    assert two_units.sync().outcome == "held"
    assert two_units.approve().outcome == "succeeded"
    assert "u000001" not in two_units.present()
    two_units.synced()


def test_a_changed_role_map_is_held_in_a_run_for_roles_alone(two_units: Site) -> None:
    two_units.settings["roles"]["map"] = {"crew": ["captain"]}
    run = two_units.sync(Mode.ROLES)
    assert run.outcome == "held"
    assert two_units.roles_of("u000004") == {"sailor", "captain"}
    assert two_units.approve().outcome == "succeeded"
    assert two_units.roles_of("u000004") == {"captain"}
    two_units.synced()


def test_roles_that_are_switched_off_are_held(two_units: Site) -> None:
    two_units.settings["roles"] = {"enabled": False}
    run = two_units.sync()
    assert run.outcome == "held"
    assert two_units.roles_of("u000004") == {"sailor"}
    assert two_units.approve().outcome == "succeeded"
    assert two_units.roles_of("u000004") == set()
