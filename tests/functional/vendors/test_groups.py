"""Who is in which group: the same answer from OpenLDAP, 389 Directory Server and Active Directory."""

from __future__ import annotations

from collections.abc import Mapping

import ldap
import pytest

from syncd.model.run import Mode
from tests.functional.vendors.conftest import open_site
from tests.functional.vendors.site import VendorSite

# groups of groups: ten levels, one in itself, three in a circle, and a diamond
DEEP = {f"level{number}": (f"level{number - 1}" if number else "anna",) for number in range(10)}
SHAPES: dict[str, tuple[str, ...]] = {
    **DEEP,
    "self": ("self", "bert"),
    "ring1": ("ring3", "carl"),
    "ring2": ("ring1",),
    "ring3": ("ring2",),
    "bottom": ("dora",),
    "left": ("bottom",),
    "right": ("bottom",),
    "top": ("left", "right"),
}
IN_SHAPES = {
    "anna": set(DEEP),
    "bert": {"self"},
    "carl": {"ring1", "ring2", "ring3"},
    "dora": {"bottom", "left", "right", "top"},
    "emil": set(),
}
DIRECTLY = {"anna": {"level0"}, "bert": {"self"}, "carl": {"ring1"}, "dora": {"bottom"}, "emil": set()}


@pytest.fixture
def slapd_member_of_site(request: pytest.FixtureRequest, sqlite_url: str) -> VendorSite:
    return open_site(request.getfixturevalue("make_slapd")(overlays=("memberof", "syncprov")), sqlite_url, {})


@pytest.fixture(params=["slapd_member_of_site", "ds389_site", "samba_site"])
def member_of_site(request: pytest.FixtureRequest) -> VendorSite:
    """Each server, of which each keeps memberOf."""
    site: VendorSite = request.getfixturevalue(request.param)
    site.settings["roles"]["member_attribute"] = "memberOf"
    return site


def write_shapes(site: VendorSite) -> None:
    for name in IN_SHAPES:
        site.add_person(name)
    for name in SHAPES:
        site.written[name] = f"cn={name},{site.groups_dn}"
    for name, members in SHAPES.items():
        # a group that is still to come is no member on every server
        known = [member for member in members if member in IN_SHAPES or member in list(SHAPES)[: list(SHAPES).index(name)]]
        site.add_group(name, *(site.written[member] for member in known))
    for name, members in SHAPES.items():
        site.server.modify(site.written[name], {"member": [site.written[member] for member in members]})


def identifiers(site: VendorSite) -> dict[str, set[str]]:
    return {name: site.identifiers_of(name) for name in IN_SHAPES}


# ---------------------------------------------------------------- nesting
def test_nesting_of_every_shape(site: VendorSite) -> None:
    write_shapes(site)
    site.synced()
    assert identifiers(site) == IN_SHAPES
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before
    site.settings["roles"]["nested"] = False
    site.sync()
    approve_what_is_held(site)
    assert identifiers(site) == DIRECTLY


def approve_what_is_held(site: VendorSite) -> None:
    """So much less is more than a run may take away by itself."""
    if any(plan["state"] == "held" for plan in site.plans().values()):
        assert site.approve().outcome == "succeeded"


def test_a_group_taken_out_of_a_circle(site: VendorSite) -> None:
    write_shapes(site)
    site.settings["roles"]["map"] = {"ring3": ["clerk"]}
    site.synced()
    assert site.roles_of("carl") == {"clerk"}
    site.server.modify(site.written["ring2"], {"member": site.written["dora"]})
    site.synced()
    assert site.identifiers_of("carl") == {"ring1"}
    assert site.identifiers_of("dora") == IN_SHAPES["dora"] | {"ring1", "ring2", "ring3"}
    assert (site.roles_of("carl"), site.roles_of("dora")) == (set(), {"clerk"})


# ---------------------------------------------------------------- memberOf
def test_by_member_of_alone_the_same_comes_out(member_of_site: VendorSite) -> None:
    write_shapes(member_of_site)
    member_of_site.synced()
    assert identifiers(member_of_site) == IN_SHAPES


def test_by_member_of_where_no_group_may_be_read(member_of_site: VendorSite) -> None:
    """The name of the group in memberOf is the identifier then; what groups contain is only what the server itself says."""
    site = member_of_site
    site.add_person("anna")
    site.add_group("team", site.written["anna"])
    site.settings["roles"] |= {"filter": "(cn=no such group)", "map": {"team": ["clerk"]}}
    site.synced()
    assert site.identifiers_of("anna") == {"team"}
    assert site.roles_of("anna") == {"clerk"}


def test_by_member_of_who_leaves_a_group_loses_the_role(member_of_site: VendorSite) -> None:
    site = member_of_site
    site.add_person("anna")
    site.add_person("bert")
    site.add_group("inner", site.written["anna"], site.written["bert"])
    site.add_group("outer", site.written["inner"])
    site.settings["roles"]["map"] = {"outer": ["clerk"]}
    site.synced()
    assert site.roles_of("anna") == {"clerk"}
    site.server.modify(site.written["inner"], {"member": site.written["bert"]})
    site.synced()
    assert (site.roles_of("anna"), site.roles_of("bert")) == (set(), {"clerk"})
    # nothing about the people says that the group around theirs has lost it
    site.server.modify(site.written["outer"], {"member": site.written["anna"]})
    site.synced()
    assert (site.roles_of("anna"), site.roles_of("bert")) == ({"clerk"}, set())


# ---------------------------------------------------------------- members that come and go
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.SWEEP, Mode.CHANGES])
@pytest.mark.parametrize("site", ["slapd_member_of_site", "ds389_site"], indirect=True)
def test_a_member_that_names_nobody_yet_gets_the_role_on_arrival(site: VendorSite, mode: Mode) -> None:
    """Active Directory lets no group list who is not there."""
    site.settings["feed"] = "syncrepl"
    site.add_person("anna")
    later = site.server.person_dn("later", site.people_dn)
    group = site.add_group("team", site.written["anna"], later, f"cn=nobody,{site.groups_dn}")
    site.settings["roles"]["map"] = {"team": ["clerk"]}
    run = site.synced()
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 2
    assert site.roles_of("anna") == {"clerk"}
    before = site.server.search(base=group, attributes=("*", "+"))
    site.add_person("later")
    run = site.synced(mode)
    assert run.counts is not None
    assert (run.counts["members_unresolved"], run.counts["grants_added"]) == (1, 1)
    assert site.roles_of("later") == {"clerk"}
    assert site.server.search(base=group, attributes=("*", "+")) == before


def test_a_group_in_a_group_that_is_still_to_come(slapd_site: VendorSite) -> None:
    site = slapd_site
    site.add_person("anna")
    site.add_group("outer", f"cn=inner,{site.groups_dn}")
    site.synced()
    assert site.identifiers_of("anna") == set()
    site.add_group("inner", site.written["anna"])
    site.synced()
    assert site.identifiers_of("anna") == {"inner", "outer"}


def test_who_leaves_loses_what_the_directory_gave_and_keeps_the_rest(site: VendorSite) -> None:
    site.add_person("anna")
    site.add_person("bert")
    for name, members in {"admins": ("anna", "bert"), "bosses": ("anna", "bert")}.items():
        site.add_group(name, *(site.written[member] for member in members))
    site.settings["roles"]["map"] = {"admins": ["clerk", "auditor"], "bosses": ["auditor"]}
    site.synced()
    site.execute(
        "INSERT INTO grants (user_id, role_id) SELECT u.id, r.id FROM users u, roles r "
        "WHERE u.username = 'anna' AND r.name = 'clerk'"
    )
    site.server.modify(site.written["admins"], {"member": site.written["bert"]})
    run = site.synced()
    assert run.counts is not None
    assert (run.counts["memberships_removed"], run.counts["grants_removed"]) == (1, 1)
    # auditor by way of the other group, clerk by hand
    assert site.roles_of("anna") == {"auditor", "clerk"}
    by_directory = (
        "SELECT r.name FROM grants g JOIN roles r ON r.id = g.role_id JOIN users u ON u.id = g.user_id "
        "WHERE u.username = 'anna' AND g.directory_id IS NOT NULL"
    )
    assert [row["name"] for row in site.rows(by_directory)] == ["auditor"]
    assert site.roles_of("bert") == {"auditor", "clerk"}


# ---------------------------------------------------------------- names
# name of the person -> the RDN, and other ways to write the DN; {p} and {P} stand for what is behind it
SPELLINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "case": ("cn=Anna Miller", ("cn=anna miller,{p}", "CN=ANNA MILLER,{P}")),
    "spaces": ("cn=Bert  de Vries", ("cn=Bert de Vries,{p}", "cn = Bert  de  Vries , {p}")),
    "comma": ("cn=Smith\\, John", ("cn=Smith\\2C John,{p}", "cn=Smith\\2c  John,{P}")),
    "escapes": ('cn=a\\+b\\"c\\\\d', ("cn=a\\2Bb\\22c\\5Cd,{p}", "CN=A\\2bB\\22C\\5cD,{P}")),
    "equals": ("cn=x\\=y", ("cn=x\\3Dy,{p}", "CN=X\\3dY,{P}")),
    "nfc": (
        "cn=J\u00fcrgen \u00c5ngstr\u00f6m",
        ("cn=Ju\u0308rgen A\u030angstro\u0308m,{p}", "cn=j\\C3\\BCrgen \u00e5ngstr\u00f6m,{p}"),
    ),
    "nfd": ("cn=Zoe\u0308 Mu\u0308ller", ("cn=Zo\u00eb M\u00fcller,{p}",)),
    "width": ("cn=\u674e\u5c0f\u9f8d", ("cn=\\E6\\9D\\8E\\E5\\B0\\8F\\E9\\BE\\8D,{p}",)),
    "ends": ("cn=\\20lead", ("cn=\\ lead,{p}",)),
    "hash": ("cn=\\#1", ("cn=\\231,{p}",)),
}
# what no Active Directory has
MORE_SPELLINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "multi": ("cn=Eva Lang+uid=multi", ("uid=multi+cn=Eva Lang,{p}", "UID=MULTI + CN=eva lang,{P}")),
    "types": ("cn=Tom Oid", ("2.5.4.3=Tom Oid,{p}", "commonName=tom oid,{p}")),
    "plain": ("cn=x=z", ("cn=x\\=z,{p}", "cn=x\\3Dz,{p}")),
}
# the spellings that a server takes for no DN, or for nobody's, by the group that would have them
REFUSED = {"entryUUID": set[str](), "nsUniqueId": {"types1"}, "objectGUID": {"spaces2", "nfc1", "nfd1"}}


def write_spelling(site: VendorSite, name: str, rdn: str, spellings: tuple[str, ...]) -> set[str]:
    """A person, and a group for each spelling; the names of these groups."""
    dn = f"{rdn},{site.people_dn}"
    entry = {key: value for key, value in site.server.person(name).items() if key != "cn"}
    site.server.add(dn, entry if "cn=" in rdn else site.server.person(name))
    groups = set()
    for number, spelling in enumerate((rdn + ",{p}", *spellings)):
        member = spelling.replace("{p}", site.people_dn).replace("{P}", site.people_dn.upper())
        group = f"{name}{number}"
        if group in REFUSED[site.id_attribute]:
            with pytest.raises((ldap.INVALID_SYNTAX, ldap.INVALID_DN_SYNTAX, ldap.NO_SUCH_OBJECT)):
                site.add_group(group, member)
        else:
            site.add_group(group, member)
            groups.add(group)
    return groups


def test_a_member_is_who_the_name_means_however_it_is_written(site: VendorSite) -> None:
    table: Mapping[str, tuple[str, tuple[str, ...]]] = SPELLINGS
    if site.id_attribute != "objectGUID":
        table = {**SPELLINGS, **MORE_SPELLINGS}
    expected = {name: write_spelling(site, name, rdn, spellings) for name, (rdn, spellings) in table.items()}
    run = site.synced()
    assert {name: site.identifiers_of(name) for name in table} == expected
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 0


@pytest.mark.parametrize("site", ["slapd_site", "ds389_site"], indirect=True)
def test_names_that_only_look_alike_are_others(site: VendorSite) -> None:
    site.add_person("anna")
    parent = site.people_dn
    site.add_group(
        "team",
        f"uid=anna,ou=people,{site.people_dn}",
        f"uid=anna,{site.groups_dn}",
        f"cn=anna,{parent}",
        f"uid=an\u0430,{parent}",
        f"uid=anna\\20x,{parent}",
        f"uid=anna+cn=anna,{parent}",
    )
    run = site.synced()
    assert site.identifiers_of("anna") == set()
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 6


@pytest.mark.parametrize("site", ["slapd_site", "ds389_site"], indirect=True)
def test_unique_member_beside_member(site: VendorSite) -> None:
    site.add_person("anna")
    site.add_person("bert")
    site.server.add(
        f"cn=unique,{site.groups_dn}",
        {
            "objectClass": "groupOfUniqueNames",
            "cn": "unique",
            "uniqueMember": [f"{site.written['anna'].upper()}#'0101'B", f"CN=team,{site.groups_dn}"],
        },
    )
    site.add_group("team", site.written["bert"])
    site.synced()
    assert (site.identifiers_of("anna"), site.identifiers_of("bert")) == ({"unique"}, {"unique", "team"})


@pytest.mark.parametrize("site", ["slapd_site", "ds389_site"], indirect=True)
def test_member_uid(site: VendorSite) -> None:
    site.add_person("anna")
    site.add_person("bert")
    dn = f"cn=posix,{site.groups_dn}"
    site.server.add(dn, {"objectClass": "posixGroup", "cn": "posix", "gidNumber": "1", "memberUid": ["ANNA", "ghost"]})
    site.settings["roles"] |= {"member_attribute": "memberUid", "filter": "(objectClass=posixGroup)"}
    run = site.synced()
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 1
    assert (site.identifiers_of("anna"), site.identifiers_of("bert")) == ({"posix"}, set())
    site.add_person("ghost")
    site.server.modify(dn, {"memberUid": ["bert", "ghost"]})
    site.synced()
    found = {name: site.identifiers_of(name) for name in ("anna", "bert", "ghost")}
    assert found == {"anna": set(), "bert": {"posix"}, "ghost": {"posix"}}


@pytest.mark.parametrize("mode", [Mode.CHANGES, Mode.SWEEP])
def test_by_member_of_every_kind_of_run_sees_everyone(member_of_site: VendorSite, mode: Mode) -> None:
    """A group that takes somebody in is changed, and nothing says so of the person."""
    site = member_of_site
    site.settings["feed"] = {"objectGUID": "usn"}.get(site.id_attribute, "syncrepl")
    for name in ("anna", "bert", "carl"):
        site.add_person(name)
    site.add_group("team", site.written["anna"], site.written["carl"])
    site.synced()
    site.server.modify(site.written["team"], {"member": [site.written["bert"], site.written["carl"]]})
    site.server.modify(site.written["anna"], {"sn": "Other"})
    site.synced(mode)
    found = {name: site.identifiers_of(name) for name in ("anna", "bert", "carl")}
    assert found == {"anna": set(), "bert": {"team"}, "carl": {"team"}}
    site.add_person("dora")
    site.synced(mode)
    assert {name: site.identifiers_of(name) for name in found} == found
