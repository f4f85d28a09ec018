"""What the directory side promises, row by row of docs/features.md, on a real slapd over both databases."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from syncd.bootstrap import open_check
from syncd.mapping.roles import RoleMap
from syncd.model.checks import CheckStatus
from syncd.model.run import Mode, Trigger
from syncd.services.check import CheckService
from syncd.services.people import mapped_identifiers
from syncd.settings.root import RootSettings
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority


def entries(server: Slapd) -> dict[str, Any]:
    """Every entry with all its attributes, operational ones too."""
    return dict(server.search(attributes=("*", "+")))


def checked(settings: RootSettings) -> dict[str, CheckStatus]:
    """Name of each check of the first directory -> its result."""
    return {checked.line.name: checked.line.status for checked in open_check(settings).check("corp")}


# ---------------------------------------------------------------- setting up
def test_s26_a_directory_is_checked_before_its_first_import(site: Site) -> None:
    site.add_person("anna")
    assert CheckStatus.FAIL not in checked(site.configuration()).values()
    assert site.rows("SELECT * FROM users") == []
    site.settings["bind_password"] = "wrong"
    assert checked(site.configuration())["bind"] is CheckStatus.FAIL


def test_s77_a_check_sends_the_stored_password_to_the_configured_servers_only(site: Site) -> None:
    """There is no way to check another host with it: what is checked is the configuration as it is."""
    assert set(signature(CheckService.check).parameters) == {"self", "name"}
    site.add_person("anna")
    servers = {checked.server for checked in open_check(site.configuration()).check("corp")}
    assert servers - {""} == {site.slapd.url}


# ---------------------------------------------------------------- importing
def test_s27_users_are_imported(site: Site) -> None:
    site.add_person("anna", givenName="Anna", title="Engineer")
    site.synced()
    anna = site.people()["anna"]
    assert (anna["email"], anna["first_name"], anna["manual"]) == ("anna@example.com", "Anna", False)


def test_s28_role_identifiers_are_imported_and_mapped_and_unmapped_ones_are_shown(make_site: SiteFactory) -> None:
    site = make_site({"roles": {"map": {"crm-admins": ["administrator"]}}})
    anna = site.add_person("anna")
    site.add_group("crm-admins", anna)
    site.add_group("canteen", anna)
    site.synced()
    assert site.roles_of("anna") == {"administrator"}
    assert site.identifiers_of("anna") == {"crm-admins", "canteen"}
    with site.runtime() as runtime:
        roles = runtime.settings.directories["corp"].roles
        found = mapped_identifiers(runtime.queries.role_identifiers(), {"corp": RoleMap(roles.map, roles.default)})
    assert {item.identifier.identifier: item.roles for item in found} == {"crm-admins": ("administrator",), "canteen": ()}


def test_s31_nothing_is_ever_written_to_the_directory(site: Site) -> None:
    site.add_person("anna")
    site.add_group("staff", f"uid=anna,{site.people_dn}")
    before = entries(site.slapd)
    site.synced()
    site.execute("UPDATE users SET title = 'Boss', enabled = FALSE")
    site.synced()
    site.synced(Mode.SWEEP)
    assert entries(site.slapd) == before


def test_s32_distinguished_names_are_there_for_directory_users_with_their_history(site: Site) -> None:
    dn = site.add_person("anna")
    site.synced()
    site.slapd.rename(dn, "uid=anna.berg")
    site.synced()
    with site.runtime() as runtime:
        person = runtime.queries.user("anna.berg")
        history = runtime.queries.dn_history(person.id)
    assert [identity.dn for identity in person.directories] == [f"uid=anna.berg,{site.people_dn}"]
    assert {period.dn for period in history} == {dn, f"uid=anna.berg,{site.people_dn}"}


# ---------------------------------------------------------------- the connection
@pytest.mark.parametrize("how", ["none", "ldaps", "starttls"])
def test_s75_the_connection_is_plain_or_encrypted_as_configured(make_site: SiteFactory, authority: Authority, how: str) -> None:
    site = make_site(tls=authority)
    site.add_person("anna")
    if how != "none":
        site.settings["tls"] = {"ca_file": str(site.slapd.ca_file), "starttls": how == "starttls"}
    if how == "ldaps":
        site.settings["urls"] = [site.slapd.ldaps_url]
    site.synced()
    assert site.present() == {"anna"}


def test_s75_a_certificate_of_an_unknown_authority_is_refused(make_site: SiteFactory, authority: Authority) -> None:
    site = make_site({"connect_timeout": 5}, tls=authority)
    site.settings["urls"] = [site.slapd.ldaps_url]
    run = site.sync()
    assert (run.outcome, run.code) == ("failed", "tls_unknown_issuer")


def test_s76_by_a_bind_account(site: Site) -> None:
    site.add_person("anna")
    site.settings["bind_password"] = "wrong"
    assert site.sync().code == "invalid_credentials"
    del site.settings["bind_password"]
    site.synced()


def test_s76_anonymously(make_site: SiteFactory) -> None:
    site = make_site({"bind": "anonymous", "bind_dn": None, "bind_password": None}, acl=["to * by * read"])
    site.add_person("anna")
    site.synced()
    assert site.present() == {"anna"}


# ---------------------------------------------------------------- what is read, and how it is mapped
def test_s80_the_filter_and_the_attributes_are_the_sites_own(make_site: SiteFactory) -> None:
    mapping = {
        "username": "uid",
        "email": "mail",
        "last_name": "sn",
        "phone": "telephoneNumber",
        "display_name": "{cn} ({uid})",
    }
    site = make_site({"users": {"filter": "(&(objectClass=inetOrgPerson)(employeeType=staff))", "attributes": mapping}})
    site.add_person("anna", employeeType="staff", telephoneNumber="+34 1", cn="Anna Berg")
    site.add_person("robot", employeeType="machine")
    site.synced()
    assert site.present() == {"anna"}
    anna = site.people()["anna"]
    assert (anna["phone"], anna["display_name"]) == ("+34 1", "Anna Berg (anna)")


def test_s81_role_filter_id_and_member_attribute_and_a_mapping_to_several_roles(make_site: SiteFactory) -> None:
    roles = {
        "filter": "(objectClass=posixGroup)",
        "id_attribute": "description",
        "member_attribute": "memberUid",
        "map": {"r-admins": ["administrator", "employee"], "/r-.*/": ["employee"]},
    }
    site = make_site({"roles": roles})
    site.add_person("anna")
    site.add_person("bob")
    group = {"objectClass": "posixGroup", "cn": "a", "gidNumber": "1", "description": "r-admins", "memberUid": ["anna"]}
    site.slapd.add(f"cn=a,{site.groups_dn}", group)
    site.slapd.add(f"cn=b,{site.groups_dn}", {**group, "cn": "b", "description": "r-desk", "memberUid": ["bob"]})
    site.synced()
    assert (site.roles_of("anna"), site.roles_of("bob")) == ({"administrator", "employee"}, {"employee"})


def test_s83_whoever_has_no_unit_gets_the_default_one(make_site: SiteFactory) -> None:
    site = make_site({"units": {"from": "attribute:departmentNumber", "default": "Everybody Else"}})
    site.add_person("anna", departmentNumber="Sales")
    site.add_person("bob")
    site.synced()
    sql = "SELECT u.username, n.name FROM users u JOIN access a ON a.user_id = u.id JOIN units n ON n.id = a.unit_id"
    assert {row["username"]: row["name"] for row in site.rows(sql)} == {"anna": "Sales", "bob": "Everybody Else"}


# ---------------------------------------------------------------- several, and when
def test_s84_several_directories_stand_side_by_side_and_nobody_is_linked_without_a_rule(
    make_site: SiteFactory, tmp_path: Path
) -> None:
    site = make_site()
    (tmp_path / "other").mkdir()
    with Slapd(tmp_path / "other", base_dn="dc=other,dc=org") as other:
        other.add("uid=anna.o,dc=other,dc=org", {**other.person("anna.o"), "cn": "Anna"})
        site.add_person("anna")
        second = {
            "urls": [other.url], "base_dn": other.base_dn, "bind_dn": other.reader_dn, "bind_password": other.reader_password,
            "organization": "Other",
        }  # fmt: skip
        site.root = {"directories": {"other": second}}
        site.synced()
        with site.runtime() as runtime:
            runtime.sync.request("other", mode=Mode.FULL, trigger=Trigger.CLI)
            run = runtime.sync.work("other")
        assert run is not None
        assert run.outcome == "succeeded"
        sql = (
            "SELECT d.name, u.id FROM identities i JOIN directories d ON d.id = i.directory_id JOIN users u ON u.id = i.user_id"
        )
        found = site.rows(sql)
        assert sorted(row["name"] for row in found) == ["corp", "other"]
        assert len({row["id"] for row in found}) == 2


def test_s85_runs_are_kept_with_their_counts_for_a_set_time(site: Site) -> None:
    site.add_person("anna")
    run = site.synced()
    assert run.counts is not None
    assert run.counts["users_created"] == 1
    later = site.synced()
    with site.runtime() as runtime:
        assert [found.id for found in runtime.runs.list(directory="corp")] == [later.id, run.id]
        assert later.finished_at is not None
        assert runtime.runs.prune(finished_before=later.finished_at) == 1
        assert [found.id for found in runtime.runs.list(directory="corp")] == [later.id]
