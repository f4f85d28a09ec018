"""The life of people and roles: the same result on OpenLDAP, 389 Directory Server and Active Directory."""

from __future__ import annotations

from tests.functional.vendors.site import MEMBERSHIPS, NESTED, VendorSite


def test_first_import_of_people_and_of_groups_with_a_diamond_and_a_cycle(site: VendorSite) -> None:
    site.write_company()
    run = site.synced()
    assert run.counts is not None
    assert run.counts["users_created"] == 30
    assert site.stored() == site.truth()
    assert len(site.stored()) == 30
    assert {name: site.identifiers_of(name) for name in MEMBERSHIPS} == MEMBERSHIPS
    assert {row["identifier"] for row in site.rows("SELECT identifier FROM role_identifiers")} == set(NESTED)
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before


def test_a_renamed_ou_keeps_everyone_and_their_roles(site: VendorSite) -> None:
    site.write_company()
    site.settings["roles"]["map"] = {"all": ["member"], "munich": ["brewer"]}
    site.synced()
    ids = site.ids()
    site.rename_ou(f"ou=Berlin,{site.people_dn}", "ou=Potsdam")
    run = site.synced()
    assert run.counts is not None
    names = ("users_created", "users_disabled", "users_moved", "grants_removed", "memberships_removed")
    assert [run.counts[name] for name in names] == [0, 0, 10, 0, 0]
    assert site.ids() == ids
    assert site.stored() == site.truth()
    assert site.roles_of("anna") == {"member"}
    assert {name: site.identifiers_of(name) for name in MEMBERSHIPS} == MEMBERSHIPS
    assert len(site.rows("SELECT * FROM dn_history")) == 10


def test_a_renamed_person_keeps_their_row_and_roles(site: VendorSite) -> None:
    dn = site.add_person("anna")
    site.add_group("team", dn)
    site.synced()
    (old,) = site.persons_named("anna")
    rdn = dn.partition("=")[0]
    site.server.rename(dn, f"{rdn}=anne")
    new = f"{rdn}=anne,{site.people_dn}"
    site.server.modify(new, {"mail": "anne@example.com", "sn": "Other"} | account_name(site, "anne"))
    site.server.modify(site.written["team"], {"member": new})
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["users_created"], run.counts["users_disabled"], run.counts["users_moved"]) == (0, 0, 1)
    (person,) = site.persons_named("anne")
    assert (person["id"], person["entry_id"]) == (old["id"], old["entry_id"])
    assert (person["email"], person["last_name"]) == ("anne@example.com", "Other")
    assert site.identifiers_of("anne") == {"team"}


def account_name(site: VendorSite, name: str) -> dict[str, str]:
    """What else says who somebody is where the name in the DN does not."""
    return {"sAMAccountName": name, "uid": name} if site.id_attribute == "objectGUID" else {}


def test_who_is_deleted_is_disabled_and_the_name_goes_to_another_person(site: VendorSite) -> None:
    dn = site.add_person("bob")
    site.add_person("anna")
    site.add_group("admins", dn, site.written["anna"])
    site.settings["roles"]["map"] = {"admins": ["administrator"]}
    site.synced()
    (old,) = site.persons_named("bob")
    site.server.delete(dn)
    site.server.modify(site.written["admins"], {"member": site.written["anna"]})
    run = site.synced()
    assert run.counts is not None
    assert run.counts["users_disabled"] == 1
    assert site.present() == {"anna"}

    site.add_person("bob")
    site.synced()
    gone, new = site.persons_named("bob")
    assert gone["id"] == old["id"]
    assert gone["missing_since"] is not None
    assert new["missing_since"] is None
    assert new["entry_id"] != old["entry_id"]
    assert site.stored() == site.truth()
    granted = {row["user_id"] for row in site.rows("SELECT user_id FROM grants")}
    assert new["id"] not in granted


def test_names_with_commas_and_other_signs_are_members_however_they_are_written(site: VendorSite) -> None:
    people = {
        "js": "Smith\\, John",
        "ab": 'a\\+b\\=c\\\\d\\"e',
        "space": "\\20lead",
        "hash": "\\#hash",
        "li": "李小龍",
    }
    for uid, name in people.items():
        site.written[uid] = f"cn={name},{site.people_dn}"
        entry = {name: value for name, value in site.server.person(uid).items() if name != "cn"}
        site.server.add(site.written[uid], entry)
    site.add_group("all", *(site.written[uid] for uid in people))
    # the same name in other letters, and with the comma as a number
    site.add_group("other", f"CN=smith\\2c john, OU=People,{site.server.base_dn.upper()}")
    site.synced()
    assert site.stored() == site.truth()
    assert {uid: site.identifiers_of(uid) for uid in people} == {
        uid: {"all", "other"} if uid == "js" else {"all"} for uid in people
    }
