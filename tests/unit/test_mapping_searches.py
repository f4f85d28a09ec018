"""What a directory is asked for, and the mapping from role identifiers to roles."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.mapping.roles import RoleMap
from syncd.mapping.searches import people_search, roles_search, structure_search, unique_attributes
from syncd.mapping.sources import RuleError
from syncd.model.reading import Scope, Search
from syncd.settings.directory import DirectorySettings


def settings(**sections: Any) -> DirectorySettings:
    return DirectorySettings.model_validate({"urls": ["ldap://localhost"], "base_dn": "dc=x"} | sections)


def test_people() -> None:
    assert people_search(settings(), ("entryUUID", "uid")) == Search(
        purpose="users", base_dn="dc=x", filter="(objectClass=inetOrgPerson)", attributes=("entryUUID", "uid")
    )
    own = settings(users={"base_dn": "ou=p,dc=x", "filter": "(uid=*)", "scope": "one"})
    search = people_search(own, ("uid",))
    assert (search.base_dn, search.filter, search.scope) == ("ou=p,dc=x", "(uid=*)", Scope.ONE)


def test_roles() -> None:
    search = roles_search(settings(roles={"base_dn": "ou=g,dc=x", "member_attribute": "uniqueMember"}), "nsUniqueId")
    assert search is not None
    assert (search.purpose, search.base_dn) == ("roles", "ou=g,dc=x")
    assert search.attributes == ("nsUniqueId", "cn", "uniqueMember")
    by_person = roles_search(settings(roles={"member_attribute": "memberOf"}), "entryUUID")
    assert by_person is not None
    assert by_person.attributes == ("entryUUID", "cn", "memberOf")
    assert roles_search(settings(roles={"enabled": False}), "entryUUID") is None


def test_units() -> None:
    search = structure_search(settings(users={"base_dn": "ou=p,dc=x"}), "entryUUID")
    assert search == Search(
        purpose="units", base_dn="ou=p,dc=x", filter="(objectClass=organizationalUnit)", attributes=("entryUUID", "ou")
    )
    assert structure_search(settings(units={"from": "none"}), "entryUUID") is None
    assert structure_search(settings(units={"from": "attribute:o"}, organization={"from": "attribute:o"}), "id") is None
    first_level = structure_search(settings(units={"from": "none", "base_dn": "dc=y"}, organization={"from": "ou"}), "id")
    assert first_level is not None
    assert first_level.base_dn == "dc=y"


def test_attributes_are_asked_for_once() -> None:
    assert unique_attributes(["entryUUID", "SN", "surname", "cn", "cn;lang-de", "2.5.4.3"]) == (
        "entryUUID",
        "SN",
        "cn",
        "cn;lang-de",
    )


# ---------------------------------------------------------------- roles
LINES = {
    "CRM-Admins": ["administrator"],
    "/crm-.*/": ["employee", "seller"],
    "/.*-(emea|apac)/": ["seller"],
    "Straße": ["road"],
}


def test_every_line_that_matches_counts() -> None:
    roles = RoleMap(LINES, ["guest"])
    assert roles.roles_for(frozenset()) == {"guest"}
    assert roles.roles_for(frozenset(["crm-admins"])) == {"guest", "administrator", "employee", "seller"}
    assert roles.roles_for(frozenset(["CRM-x", "other"])) == {"guest", "employee", "seller"}
    assert roles.roles_for(frozenset(["sales-EMEA"])) == {"guest", "seller"}
    assert roles.roles_for(frozenset(["STRASSE "])) == {"guest", "road"}


def test_a_pattern_must_match_the_whole_identifier() -> None:
    roles = RoleMap(LINES)
    assert roles.roles_of("my crm-admins") == frozenset()
    assert roles.roles_of("sales-emea-2") == frozenset()
    assert roles.roles_of("unknown") == frozenset()


def test_slashes_alone_are_no_pattern() -> None:
    assert RoleMap({"//": ["a"], "/": ["b"], "/x": ["c"]}).roles_of("/x") == {"c"}
    assert RoleMap({"//": ["a"], "/": ["b"]}).roles_of("/") == {"b"}


def test_lines_that_differ_in_case_add_up() -> None:
    assert RoleMap({"Admins": ["a"], "ADMINS": ["b"]}).roles_of("admins") == {"a", "b"}


def test_names_are_all_roles_the_mapping_can_give() -> None:
    assert RoleMap(LINES, ["guest"]).names == {"guest", "administrator", "employee", "seller", "road"}
    assert RoleMap({}).names == frozenset()


def test_the_digest_is_that_of_the_mapping() -> None:
    base = RoleMap(LINES, ["guest"]).digest
    assert RoleMap(dict(reversed(LINES.items())), ["guest"]).digest == base
    assert RoleMap({**LINES, "/crm-.*/": ["seller", "employee"]}, ["guest"]).digest == base
    others = [RoleMap(LINES), RoleMap({**LINES, "x": ["y"]}, ["guest"]), RoleMap(LINES, ["guest", "more"])]
    assert len({base, *(role_map.digest for role_map in others)}) == 4


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(RuleError, match="not a regular expression"):
        RoleMap({"/(/": ["a"]})
