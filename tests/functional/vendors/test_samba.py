"""What is Active Directory's own: objectGUID, account names, links kept by the server, a domain with other partitions."""

from __future__ import annotations

from uuid import UUID

from tests.functional.vendors.site import MEMBERSHIPS, VendorSite
from tests.servers.samba import SambaAd


def test_people_are_known_by_object_guid(samba_site: VendorSite) -> None:
    samba_site.add_person("anna")
    samba_site.synced()
    raw = samba_site.server.search("(uid=anna)", attributes=("objectGUID",))[0][1]["objectGUID"][0]
    # the first three fields are little-endian; read otherwise they make another, valid UUID
    assert samba_site.stored()["anna"][0] == str(UUID(bytes_le=raw))
    assert samba_site.server.search(f"(objectGUID={UUID(bytes_le=raw)})", attributes=("uid",))[0][1] == {"uid": [b"anna"]}


def test_memberships_by_member_of_alone(samba_site: VendorSite) -> None:
    samba_site.write_company()
    samba_site.settings["roles"]["member_attribute"] = "memberOf"
    samba_site.synced()
    assert {name: samba_site.identifiers_of(name) for name in MEMBERSHIPS} == MEMBERSHIPS


def test_the_server_keeps_members_true_when_people_move_or_go(samba_site: VendorSite) -> None:
    anna, bert = samba_site.add_person("anna"), samba_site.add_person("bert")
    group = samba_site.add_group("team", anna, bert)
    samba_site.synced()
    before = samba_site.server.search(base=group, attributes=("uSNChanged", "whenChanged"))
    elsewhere = samba_site.server.add_ou("Elsewhere", parent=samba_site.people_dn)
    samba_site.server.rename(anna, "CN=anna", new_superior=elsewhere)
    samba_site.server.delete(bert)
    # nothing about the group itself says so
    assert samba_site.server.search(base=group, attributes=("uSNChanged", "whenChanged")) == before
    run = samba_site.synced()
    assert run.counts is not None
    assert (run.counts["users_created"], run.counts["users_disabled"], run.counts["users_moved"]) == (0, 1, 1)
    assert samba_site.identifiers_of("anna") == {"team"}


def test_a_name_in_the_dn_is_no_account_name(samba_site: VendorSite) -> None:
    dn = samba_site.add_person("anna")
    samba_site.synced()
    (before,) = samba_site.persons_named("anna")
    samba_site.server.rename(dn, "CN=Anna Miller\\, Dr.")
    run = samba_site.synced()
    assert run.counts is not None
    assert (run.counts["users_moved"], run.counts["users_created"]) == (1, 0)
    (after,) = samba_site.persons_named("anna")
    assert (after["id"], after["username"]) == (before["id"], "anna")


def test_a_whole_domain_over_tls_by_user_principal_name(samba_site: VendorSite, samba_server: SambaAd) -> None:
    samba_site.add_person("anna")
    samba_site.settings |= {
        "urls": [samba_server.ldaps_url],
        "tls": {"ca_file": str(samba_server.ca_file)},
        "base_dn": samba_server.domain_dn,
        "bind_dn": samba_server.reader_upn,
    }
    samba_site.settings["users"] |= {
        "base_dn": samba_server.domain_dn,
        # the domain's own accounts have no address
        "filter": "(&(objectCategory=person)(objectClass=user)(mail=*))",
    }
    # the server names its other partitions, and nobody lives there
    samba_site.synced()
    assert "anna" in samba_site.present()
    assert samba_site.stored()["anna"] == samba_site.truth()["anna"]
