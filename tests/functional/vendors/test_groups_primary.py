"""Active Directory's primary groups: membership that no list has and that moves by a number on the person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.model.run import Mode
from tests.functional.vendors.site import VendorSite
from tests.servers.samba import SambaAd

DOMAIN_USERS = "513"


@pytest.fixture
def primary_site(samba_site: VendorSite) -> Iterator[VendorSite]:
    """anna and bert in `team`, which is in `wide`."""
    site = samba_site
    site.settings["roles"]["primary_group"] = True
    site.add_person("anna")
    site.add_person("bert")
    site.add_group("team", site.written["anna"], site.written["bert"])
    site.add_group("wide", site.written["team"])
    yield site
    # no group goes while somebody has it as the primary one
    server(site).delete_tree(site.people_dn)


def server(site: VendorSite) -> SambaAd:
    assert isinstance(site.server, SambaAd)
    return site.server


def rid(site: VendorSite, group: str) -> str:
    """The last part of the group's SID."""
    sid = site.server.search(base=site.written[group], attributes=("objectSid",))[0][1]["objectSid"][0]
    return str(int.from_bytes(sid[-4:], "little"))


def make_primary(site: VendorSite, person: str, group: str) -> None:
    site.server.modify(site.written[person], {"primaryGroupID": rid(site, group)})


def members(site: VendorSite, group: str) -> set[str]:
    found = site.server.search(base=site.written[group], attributes=("member",))[0][1].get("member", [])
    return {dn.decode().partition(",")[0].removeprefix("CN=") for dn in found}


@pytest.mark.parametrize("member_attribute", ["member", "memberOf"])
def test_who_has_a_group_as_primary_is_in_it(primary_site: VendorSite, member_attribute: str) -> None:
    site = primary_site
    site.settings["roles"] |= {"member_attribute": member_attribute, "map": {"wide": ["clerk"]}}
    make_primary(site, "anna", "team")
    # the server took anna off the list
    assert members(site, "team") == {"bert"}
    site.synced()
    assert site.identifiers_of("anna") == site.identifiers_of("bert") == {"team", "wide"}
    assert site.roles_of("anna") == {"clerk"}
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before


def test_without_the_setting_it_does_not_count(primary_site: VendorSite) -> None:
    site = primary_site
    site.settings["roles"]["primary_group"] = False
    make_primary(site, "anna", "team")
    site.synced()
    assert (site.identifiers_of("anna"), site.identifiers_of("bert")) == (set(), {"team", "wide"})


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.SWEEP, Mode.CHANGES])
def test_becoming_and_ceasing_to_be_primary(primary_site: VendorSite, mode: Mode) -> None:
    site = primary_site
    site.add_group("other", site.written["bert"])
    site.settings["roles"]["map"] = {"team": ["clerk"], "other": ["agent"]}
    site.synced()
    assert site.roles_of("bert") == {"clerk", "agent"}
    make_primary(site, "bert", "other")
    run = site.synced(mode)
    assert run.counts is not None
    assert (run.counts["memberships_removed"], run.counts["grants_removed"]) == (0, 0)
    # off the list of the one, and as a member of the other: nothing about `other` changed but its list
    assert site.roles_of("bert") == {"clerk", "agent"}
    site.server.modify(site.written["bert"], {"primaryGroupID": DOMAIN_USERS})
    assert members(site, "other") == {"bert"}
    site.server.modify(site.written["other"], {"member": []})
    site.synced(mode)
    assert site.roles_of("bert") == {"clerk"}
    # a person whom the run does not look at keeps theirs
    site.server.modify(site.written["other"], {"member": site.written["anna"]})
    make_primary(site, "anna", "other")
    site.synced(mode)
    site.server.modify(site.written["team"], {"member": site.written["bert"]})
    site.server.modify(site.written["bert"], {"sn": "Other"})
    site.synced(mode)
    assert (site.roles_of("anna"), site.roles_of("bert")) == ({"agent"}, {"clerk"})


def test_domain_users_and_what_contains_them(primary_site: VendorSite) -> None:
    site = primary_site
    domain = server(site).domain_dn
    site.settings["roles"] |= {
        "base_dn": domain,
        "filter": "(&(objectClass=group)(|(cn=Domain Users)(cn=Users)(cn=team)))",
        "map": {"Domain Users": ["employee"]},
    }
    make_primary(site, "anna", "team")
    site.server.modify(site.written["team"], {"member": []})
    site.synced()
    assert site.identifiers_of("bert") == {"Domain Users", "Users"}
    # by another primary group in Domain Users by its list
    assert site.identifiers_of("anna") == {"team", "Domain Users", "Users"}
    assert site.roles_of("bert") == {"employee"}
