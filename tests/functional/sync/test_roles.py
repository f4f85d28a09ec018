"""Who has which role: every membership style, nesting of any depth, and the mapping to the store's roles."""

from __future__ import annotations

import pytest

from syncd.model.run import Mode
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site


def nested(site: Site) -> None:
    """anna in leaf; leaf in mid1 and mid2; both in top (a diamond); top in loop, loop in leaf (a cycle); self in itself."""
    anna, bert = site.add_person("anna"), site.add_person("bert")
    names = {name: f"cn={name},{site.groups_dn}" for name in ("leaf", "mid1", "mid2", "top", "loop", "self", "empty")}
    site.add_group("leaf", anna, names["loop"])
    site.add_group("mid1", names["leaf"])
    site.add_group("mid2", names["leaf"])
    site.add_group("top", names["mid1"], names["mid2"], bert)
    site.add_group("loop", names["top"])
    site.add_group("self", names["self"], bert)
    site.add_group("empty")


def test_nesting_cycles_and_diamonds(site: Site) -> None:
    nested(site)
    site.synced()
    around = {"leaf", "mid1", "mid2", "top", "loop"}
    assert site.identifiers_of("anna") == around
    assert site.identifiers_of("bert") == around | {"self"}
    assert {row["identifier"] for row in site.rows("SELECT identifier FROM role_identifiers")} == around | {"self", "empty"}


def test_without_nesting_only_direct_members_count(site: Site) -> None:
    nested(site)
    site.settings["roles"]["nested"] = False
    site.synced()
    assert site.identifiers_of("anna") == {"leaf"}
    assert site.identifiers_of("bert") == {"top", "self"}


def test_ten_levels_deep(site: Site) -> None:
    inner = site.add_person("anna")
    for level in range(10):
        inner = site.add_group(f"level{level}", inner)
    site.synced()
    assert site.identifiers_of("anna") == {f"level{level}" for level in range(10)}


def test_unique_member(site: Site) -> None:
    anna = site.add_person("anna")
    site.slapd.add(
        f"cn=u,{site.groups_dn}", {"objectClass": "groupOfUniqueNames", "cn": "u", "uniqueMember": [f"{anna}#'0101'B"]}
    )
    # found without a word of configuration: both kinds of groups are the default
    site.synced()
    assert site.identifiers_of("anna") == {"u"}


def test_member_uid(site: Site) -> None:
    site.add_person("anna")
    site.add_person("bert")
    site.slapd.add(
        f"cn=posix,{site.groups_dn}",
        {"objectClass": "posixGroup", "cn": "posix", "gidNumber": "1", "memberUid": ["anna", "ghost"]},
    )
    site.settings["roles"] |= {"member_attribute": "memberUid", "filter": "(objectClass=posixGroup)"}
    run = site.synced()
    assert site.identifiers_of("anna") == {"posix"}
    assert site.identifiers_of("bert") == set()
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 1
    site.slapd.modify(f"cn=posix,{site.groups_dn}", {"memberUid": ["bert"]})
    site.synced()
    assert (site.identifiers_of("anna"), site.identifiers_of("bert")) == (set(), {"posix"})


def test_member_of_on_the_person_alone(make_site: SiteFactory) -> None:
    site = make_site(overlays=("memberof",))
    anna, bert = site.add_person("anna"), site.add_person("bert")
    inner = site.add_group("inner", anna)
    site.add_group("outer", inner, bert)
    site.settings["roles"] |= {"member_attribute": "memberOf", "map": {"outer": ["reader"]}}
    site.synced()
    assert site.identifiers_of("anna") == {"inner", "outer"}
    assert site.identifiers_of("bert") == {"outer"}
    assert site.roles_of("anna") == {"reader"}
    site.slapd.modify(f"cn=outer,{site.groups_dn}", {"member": [bert]})
    site.synced()
    assert site.identifiers_of("anna") == {"inner"}


def test_member_dns_are_compared_as_names_not_as_text(site: Site) -> None:
    dn = f"cn=Smith\\, John+uid=js,{site.people_dn}"
    site.slapd.add(
        dn, {"objectClass": "inetOrgPerson", "uid": "js", "cn": "Smith, John", "sn": "Smith", "mail": "js@example.com"}
    )
    site.add_group("team", f"UID=JS+CN=smith\\2C  john, OU=People,{site.slapd.base_dn.upper()}")
    site.synced()
    assert site.identifiers_of("js") == {"team"}


def test_mapping_exact_by_pattern_to_several_and_the_default(site: Site) -> None:
    anna, bert = site.add_person("anna"), site.add_person("bert")
    site.add_group("CRM-Admins", anna)
    site.add_group("crm-sales-eu", bert)
    site.add_group("unmapped", bert)
    site.settings["roles"] |= {
        "map": {"crm-admins": ["administrator", "auditor"], "/crm-sales-.*/": ["sales"]},
        "default": ["everyone"],
    }
    site.synced()
    assert site.roles_of("anna") == {"administrator", "auditor", "everyone"}
    assert site.roles_of("bert") == {"sales", "everyone"}
    assert site.identifiers_of("bert") == {"crm-sales-eu", "unmapped"}


def test_a_changed_mapping_needs_no_new_read(site: Site) -> None:
    anna = site.add_person("anna")
    site.add_group("clerks", anna)
    site.settings["roles"]["map"] = {"clerks": ["clerk"]}
    site.synced()
    site.slapd.stop()
    site.settings["roles"]["map"] = {"clerks": ["agent"]}
    assert site.sync(Mode.ROLES).outcome == "held"
    assert site.roles_of("anna") == {"clerk", "agent"}
    run = site.approve()
    assert run.counts is not None
    assert (run.outcome, run.counts["grants_added"], run.counts["grants_removed"]) == ("succeeded", 0, 1)
    assert site.roles_of("anna") == {"agent"}
    before = site.snapshot()
    site.synced(Mode.ROLES)
    assert site.snapshot() == before


def test_a_role_is_the_same_in_any_spelling(site: Site) -> None:
    anna = site.add_person("anna")
    site.add_group("admins", anna)
    site.settings["roles"]["map"] = {"admins": ["administrator"]}
    site.synced()
    for spelling in ("Administrator", "ADMINISTRATOR"):
        site.settings["roles"] |= {"map": {"admins": [spelling]}, "default": ["administrator"]}
        run = site.synced()
        assert run.counts is not None
        assert (run.counts["grants_added"], run.counts["grants_removed"], run.counts["roles_created"]) == (0, 0, 0)
        assert site.roles_of("anna") == {"administrator"}


def test_a_removed_membership_takes_the_role_and_manual_grants_stay(site: Site) -> None:
    anna, bert = site.add_person("anna"), site.add_person("bert")
    group = site.add_group("admins", anna, bert)
    site.settings["roles"]["map"] = {"admins": ["administrator"]}
    site.synced()
    site.execute("INSERT INTO grants (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.username = 'anna'")
    site.slapd.modify(group, {"member": [bert]})
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["memberships_removed"], run.counts["grants_removed"]) == (1, 1)
    assert site.rows("SELECT directory_id FROM grants g JOIN users u ON u.id = g.user_id WHERE u.username = 'anna'") == [
        {"directory_id": None}
    ]


def test_a_group_that_is_gone_takes_its_roles_along(site: Site) -> None:
    anna = site.add_person("anna")
    group = site.add_group("admins", anna)
    site.settings["roles"]["map"] = {"admins": ["clerk"]}
    site.add_group("others", anna)
    site.synced()
    site.slapd.delete(group)
    site.synced()
    assert site.roles_of("anna") == set()
    assert [row["identifier"] for row in site.rows("SELECT * FROM role_identifiers")] == ["others"]


def test_a_renamed_group_is_the_same_identifier_under_another_name(site: Site) -> None:
    anna = site.add_person("anna")
    group = site.add_group("old", anna)
    site.synced()
    (before,) = site.rows("SELECT id FROM role_identifiers")
    site.slapd.rename(group, "cn=new")
    site.synced()
    (after,) = site.rows("SELECT id, identifier FROM role_identifiers")
    assert after == {"id": before["id"], "identifier": "new"}


def test_a_role_is_taken_even_from_one_whose_entry_cannot_be_used(site: Site) -> None:
    anna, bert = site.add_person("anna"), site.add_person("bert")
    group = site.add_group("admins", anna, bert)
    site.settings["roles"]["map"] = {"admins": ["administrator"]}
    site.synced()
    site.slapd.modify(anna, {"mail": "broken"})
    assert site.sync().outcome == "partial"
    assert site.roles_of("anna") == {"administrator"}
    site.slapd.modify(group, {"member": [bert]})
    assert site.sync().outcome == "partial"
    assert site.roles_of("anna") == set()


@pytest.mark.parametrize("count", [0, 1, 2500])
def test_groups_of_any_size(site: Site, count: int) -> None:
    dns = site.slapd.add_people(count, parent=site.people_dn)
    site.add_group("all", *dns)
    site.settings["page_size"] = 1000
    site.synced()
    assert site.rows("SELECT count(*) AS n FROM memberships")[0]["n"] == count


def test_who_could_not_be_moved_on_does_not_keep_the_roles_of_their_old_name(site: Site) -> None:
    bert, old = site.add_person("bert"), site.add_person("zoe")
    group = site.add_group("clerks", site.add_person("cleo"))
    site.settings["roles"]["map"] = {"clerks": ["clerk"]}
    site.synced()
    before = {name: person["id"] for name, person in site.people().items()}
    # zoe moves on with an address that cannot be used, so that the store keeps her where she was; bert takes her place
    site.slapd.rename(old, "uid=zoe2")
    site.slapd.modify(f"uid=zoe2,{site.people_dn}", {"mail": "broken"})
    site.slapd.rename(bert, "uid=zoe")
    site.slapd.modify(f"uid=zoe,{site.people_dn}", {"uid": ["zoe", "bert"]})
    site.settings["users"]["attributes"] = {
        "username": {"attribute": "uid", "prefer": "^bert$"},
        "email": "mail",
        "last_name": "sn",
    }
    site.sync()
    for members in ([old, bert], [old]):
        site.slapd.modify(group, {"member": members})
        site.sync()
        holders = {row["user_id"] for row in site.rows("SELECT user_id FROM grants")}
        assert holders == {before["bert"]}
