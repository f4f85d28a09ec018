"""What is 389 Directory Server's own: memberOf of nested groups, groups that may be empty, names it writes anew."""

from __future__ import annotations

from tests.functional.vendors.site import MEMBERSHIPS, VendorSite


def test_people_are_known_by_ns_unique_id(ds389_site: VendorSite) -> None:
    ds389_site.add_person("anna")
    ds389_site.synced()
    unique_id = ds389_site.server.search("(uid=anna)", attributes=("nsUniqueId",))[0][1]["nsUniqueId"][0].decode()
    # four groups of eight, which is no UUID
    assert [len(part) for part in unique_id.split("-")] == [8, 8, 8, 8]
    assert ds389_site.stored()["anna"][0] == unique_id


def test_memberships_by_member_of_alone(ds389_site: VendorSite) -> None:
    """The plug-in writes the groups of groups into memberOf, too: the result is that of following `member`."""
    ds389_site.write_company()
    ds389_site.settings["roles"]["member_attribute"] = "memberOf"
    ds389_site.synced()
    assert {name: ds389_site.identifiers_of(name) for name in MEMBERSHIPS} == MEMBERSHIPS


def test_the_last_member_leaves_and_the_group_stays(ds389_site: VendorSite) -> None:
    dn = ds389_site.add_person("anna")
    ds389_site.add_person("bert")
    group = ds389_site.add_group("team", dn)
    ds389_site.synced()
    ds389_site.server.delete(dn)
    # referential integrity took the member away, and a group without one is allowed
    assert ds389_site.server.search(base=group, attributes=("member",)) == [(group, {})]
    run = ds389_site.synced()
    assert run.counts is not None
    assert run.counts["users_disabled"] == 1
    assert [row["identifier"] for row in ds389_site.rows("SELECT identifier FROM role_identifiers")] == ["team"]


def test_members_that_the_server_writes_in_small_letters(ds389_site: VendorSite) -> None:
    office = ds389_site.server.add_ou("Head Office", parent=ds389_site.people_dn)
    dn = ds389_site.add_person("anna", parent=office)
    group = ds389_site.add_group("team", dn)
    ds389_site.server.rename(office, "ou=Main Office")
    members = ds389_site.server.search(base=group, attributes=("member",))[0][1]["member"]
    assert members == [f"uid=anna,ou=main office,{ds389_site.people_dn}".encode()]
    ds389_site.synced()
    assert ds389_site.stored()["anna"][1] == f"uid=anna,ou=Main Office,{ds389_site.people_dn}"
    assert ds389_site.identifiers_of("anna") == {"team"}


def test_over_tls(ds389_site: VendorSite) -> None:
    ds389_site.add_person("anna")
    ds389_site.settings |= {"urls": [ds389_site.slapd.ldaps_url], "tls": {"ca_file": str(ds389_site.slapd.ca_file)}}
    ds389_site.synced()
    assert ds389_site.present() == {"anna"}
