"""Roles, organizations and units made by hand beside those of a directory: runs use them, never fail on them, undo nothing."""

from __future__ import annotations

import pytest

from syncd.errors import ManagedFieldError
from syncd.model.caller import Caller
from syncd.model.checks import CheckStatus
from syncd.model.structure import OrganizationFields, RoleFields, UnitFields, Window
from syncd.store.integrity import integrity
from tests.functional.sync.site import Site
from tests.functional.sync.test_structure import placement

ROOT = Caller(name="root", everything=True)


def make_unit(site: Site, organization: str, name: str, parent: int | None = None) -> int:
    with site.runtime() as runtime:
        number = runtime.management.organizations.by_name(organization)
        assert number is not None
        fields = UnitFields(name=name, organization_id=number, parent_id=parent)
        return runtime.management.units.create(fields, caller=ROOT).id


def units(site: Site) -> dict[int, tuple[str, str | None]]:
    """Number -> (path, the directory it comes from)."""
    with site.runtime() as runtime:
        assert [line for line in integrity(runtime.engine) if line.status is CheckStatus.FAIL] == []
        found = runtime.management.units.list(Window(limit=1000)).items
    return {unit.id: (f"{unit.organization}: {unit.path}", unit.directory) for unit in found}


def put_into(site: Site, username: str, organization: str, unit: int) -> None:
    """Access by hand."""
    site.execute(
        "INSERT INTO access (user_id, organization_id, unit_id) "
        "SELECT u.id, o.id, :unit FROM users u, organizations o WHERE u.username = :u AND o.name = :o",
        u=username, o=organization, unit=unit,
    )  # fmt: skip


def unchanged_by_another_run(site: Site) -> None:
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before


# ---------------------------------------------------------------- a name that the directory brings later
def test_a_role_made_by_hand_is_used_when_the_directory_brings_its_name(site: Site) -> None:
    with site.runtime() as runtime:
        fields = RoleFields(name="CRM Admin", description="by hand", permissions=("crm:read",))
        role = runtime.management.roles.create(fields, caller=ROOT)
    site.add_group("admins", site.add_person("anna"))
    site.settings["roles"]["map"] = {"admins": ["crm  admin"]}
    site.synced()
    assert site.roles_of("anna") == {"CRM Admin"}
    with site.runtime() as runtime:
        kept = runtime.management.roles.get(role.id)
        assert len(runtime.management.roles.list(Window()).items) == 1
    assert (kept.fields, kept.version, kept.users) == (fields, 1, 1)
    unchanged_by_another_run(site)


def test_an_organization_made_by_hand_is_used_when_the_directory_brings_its_name(site: Site) -> None:
    with site.runtime() as runtime:
        made = runtime.management.organizations.create(OrganizationFields(name="EXAMPLE CORP"), caller=ROOT)
    site.settings["units"] = {"default": "Head office"}
    site.add_person("anna")
    site.synced()
    with site.runtime() as runtime:
        (used,) = runtime.management.organizations.list(Window()).items
        renamed = runtime.management.organizations.edit(made.id, {"name": "Example Ltd"}, caller=ROOT)
    assert (used.id, used.fields.name, used.directories, used.managed_by, used.users) == (
        made.id, "EXAMPLE CORP", ("corp",), None, 1,
    )  # fmt: skip
    site.add_person("bert")
    site.synced()
    with site.runtime() as runtime:
        (kept,) = runtime.management.organizations.list(Window()).items
    assert (kept.id, kept.fields.name, kept.version, kept.users) == (made.id, "Example Ltd", renamed.version, 2)
    unchanged_by_another_run(site)


def test_a_unit_made_by_hand_becomes_the_directorys_when_it_brings_the_name(site: Site) -> None:
    with site.runtime() as runtime:
        runtime.management.organizations.create(OrganizationFields(name="Example Corp"), caller=ROOT)
    germany = make_unit(site, "Example Corp", "GERMANY")
    berlin = make_unit(site, "Example Corp", "Berlin", germany)
    own = make_unit(site, "Example Corp", "Own", germany)
    ou = site.slapd.add_ou("Germany", parent=site.people_dn)
    site.add_person("anna", parent=site.slapd.add_ou("Berlin", parent=ou))
    site.synced()
    assert units(site) == {
        germany: ("Example Corp: Germany", "corp"),
        berlin: ("Example Corp: Germany/Berlin", "corp"),
        own: ("Example Corp: Germany/Own", None),
    }
    assert placement(site) == {"anna": ("Example Corp", "Germany/Berlin")}
    with site.runtime() as runtime, pytest.raises(ManagedFieldError, match="directory corp"):
        runtime.management.units.edit(berlin, {"name": "x"}, caller=ROOT)
    unchanged_by_another_run(site)


def test_s18_what_a_site_began_with_is_used_when_the_directory_brings_the_names(site: Site) -> None:
    site.settings |= {"organization": "Main", "units": {"from": "none", "default": "Main"}}
    with site.runtime() as runtime:
        first = {"username": "root", "first_name": "Root", "last_name": "Admin", "email": "root@example.com"}
        runtime.management.first_administrator.create(first, "Lens-Cap-42", organization=None, unit=None, caller=ROOT)
    site.add_person("anna")
    site.synced()
    assert placement(site) == {"anna": ("Main", "Main"), "root": ("Main", "Main")}
    assert list(units(site).values()) == [("Main: Main", "corp")]


# ---------------------------------------------------------------- what is put beside it stays
def test_what_was_put_into_a_directorys_unit_moves_with_it_and_outlives_it(site: Site) -> None:
    germany = site.slapd.add_ou("Germany", parent=site.people_dn)
    berlin = site.slapd.add_ou("Berlin", parent=germany)
    dn = site.add_person("anna", parent=berlin)
    site.synced()
    theirs = next(number for number, (path, _) in units(site).items() if path.endswith("Berlin"))
    own = make_unit(site, "Example Corp", "Own", theirs)
    put_into(site, "anna", "Example Corp", own)
    site.slapd.rename(berlin, "ou=Berlin", new_superior=site.people_dn)
    site.synced()
    assert units(site)[own] == ("Example Corp: Berlin/Own", None)
    site.slapd.rename(f"uid=anna,ou=Berlin,{site.people_dn}", "uid=anna", new_superior=germany)
    site.slapd.delete(f"ou=Berlin,{site.people_dn}")
    site.synced()
    assert units(site)[own] == ("Example Corp: Berlin/Own", None)
    assert units(site)[theirs] == ("Example Corp: Berlin", None)
    del dn
    unchanged_by_another_run(site)


def test_what_was_put_into_a_directorys_unit_comes_along_into_another_organization(site: Site) -> None:
    acme = site.slapd.add_ou("Acme", parent=site.people_dn)
    umbrella = site.slapd.add_ou("Umbrella", parent=site.people_dn)
    sales = site.slapd.add_ou("Sales", parent=acme)
    site.add_person("anna", parent=sales)
    site.add_person("bert", parent=umbrella)
    site.settings |= {"organization": {"from": "ou", "default": "Others"}, "units": {"default": "Staff"}}
    site.synced()
    theirs = next(number for number, (path, _) in units(site).items() if path == "Acme: Sales")
    own = make_unit(site, "Acme", "Own", theirs)
    deeper = make_unit(site, "Acme", "Deeper", own)
    put_into(site, "bert", "Acme", theirs)
    put_into(site, "bert", "Acme", deeper)
    site.slapd.rename(sales, "ou=Sales", new_superior=umbrella)
    site.synced()
    found = units(site)
    assert [found[number][0] for number in (theirs, own, deeper)] == [
        "Umbrella: Sales", "Umbrella: Sales/Own", "Umbrella: Sales/Own/Deeper",
    ]  # fmt: skip
    assert site.people().keys() == {"anna", "bert"}
    unchanged_by_another_run(site)


def test_an_organization_that_was_disabled_stays_so(site: Site) -> None:
    site.settings["units"] = {"default": "Staff"}
    site.add_person("anna")
    site.synced()
    with site.runtime() as runtime:
        (one,) = runtime.management.organizations.list(Window()).items
        runtime.management.organizations.disable(one.id, reason="sold, ticket 4711", caller=ROOT)
    site.add_person("bert")
    site.synced()
    with site.runtime() as runtime:
        assert not runtime.management.organizations.get(one.id).fields.enabled
        assert runtime.queries.user("bert").reasons == ("no_organization",)
