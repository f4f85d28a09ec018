"""Organizations and units, from the tree, from values, and from the configuration."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from syncd.mapping.problems import BadValue
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.model.records import OrganizationRecord, UnitRecord
from syncd.settings.directory import DirectorySettings


def settings(**sections: Any) -> DirectorySettings:
    return DirectorySettings.model_validate(
        {"urls": ["ldap://localhost"], "base_dn": "dc=x", "organization": "Corp"} | sections
    )


def unit(dn: str, key: str | None = None, *names: str) -> Entry:
    values = [name.encode() for name in names] or [dn.partition(",")[0].partition("=")[2].encode()]
    return Entry(dn, {"ou": values} | ({"entryuuid": [key.encode()]} if key else {}))


def structure(*units: Entry, **sections: Any) -> Structure:
    return Structure(settings(**sections), units, entry_id_attribute="entryUUID")


def person(dn: str, **attributes: str | bytes | list[str]) -> Entry:
    values = {}
    for name, value in attributes.items():
        many = value if isinstance(value, list) else [value]
        values[name] = [text.encode() if isinstance(text, str) else text for text in many]
    return Entry(dn, values)


TREE = (
    unit("ou=People,dc=x", "people"),
    unit("ou=France,ou=People,dc=x", "france"),
    unit("ou=Sales,ou=France,ou=People,dc=x", "sales"),
    unit("ou=Spain,ou=People,dc=x", "spain"),
)


# ---------------------------------------------------------------- from the configuration
def test_one_organization_and_one_unit() -> None:
    found = structure(organization="  Example   Corp ", units={"from": "none", "default": "Head Office"})
    # neither is made for nobody
    assert (found.organizations, found.units) == ({}, {})
    assert found.place(person("uid=a,dc=x")) == ("example corp", "example corp/head office")
    assert found.organizations == {"example corp": OrganizationRecord(key="example corp", name="Example Corp")}
    assert found.units == {
        "example corp/head office": UnitRecord(
            key="example corp/head office", name="Head Office", organization="example corp", parent=None
        )
    }
    assert found.is_whole


# ---------------------------------------------------------------- from the tree
def test_the_tree_in_one_organization() -> None:
    for order in permutations(TREE):
        found = structure(*order)
        assert found.organizations == {"corp": OrganizationRecord(key="corp", name="Corp")}
        assert found.units == {
            "people": UnitRecord(key="people", name="People", organization="corp", parent=None),
            "france": UnitRecord(key="france", name="France", organization="corp", parent="people"),
            "sales": UnitRecord(key="sales", name="Sales", organization="corp", parent="france"),
            "spain": UnitRecord(key="spain", name="Spain", organization="corp", parent="people"),
        }


@pytest.mark.parametrize(
    ("dn", "key"),
    [
        ("uid=a,ou=Sales,ou=France,ou=People,dc=x", "sales"),
        ("UID=A, OU=sales ,OU=FRANCE, OU=People, DC=x", "sales"),
        ("cn=Doe\\, J,ou=Sales,ou=France,ou=People,dc=x", "sales"),
        ('cn="Doe, J";ou=Sales,ou=France,ou=People,dc=x', "sales"),
        ("cn=x,cn=computers,ou=France,ou=People,dc=x", "france"),
        ("uid=a,ou=Unknown,ou=Spain,ou=People,dc=x", "spain"),
        ("ou=France,ou=People,dc=x", "people"),
        ("uid=a,dc=x", "corp/main"),
        ("uid=a", "corp/main"),
    ],
)
def test_people_are_in_the_deepest_unit_above_them(dn: str, key: str) -> None:
    found = structure(*TREE)
    assert found.place(person(dn)) == ("corp", key)
    assert found.place(person(dn)) == ("corp", key)
    assert key in found.units
    assert found.is_whole


def test_the_default_unit_is_there_only_when_someone_needs_it() -> None:
    found = structure(*TREE)
    found.place(person("uid=a,ou=Spain,ou=People,dc=x"))
    assert "corp/main" not in found.units
    found.place(person("uid=a,dc=x"))
    assert found.units["corp/main"] == UnitRecord(key="corp/main", name="Main", organization="corp", parent=None)


def test_the_base_itself_is_no_unit() -> None:
    found = structure(*TREE, users={"base_dn": "OU=people, DC=X"})
    assert "people" not in found.units
    assert found.units["france"].parent is None
    assert found.place(person("uid=a,ou=People,dc=x")) == ("corp", "corp/main")
    assert structure(*TREE, units={"base_dn": "ou=people,dc=x"}).units["spain"].parent is None


def test_the_base_needs_no_id() -> None:
    assert structure(unit("ou=People,dc=x"), TREE[1], users={"base_dn": "ou=People,dc=x"}).issues == []


def test_a_container_between_two_units_is_passed_over() -> None:
    found = structure(unit("ou=A,dc=x", "a"), unit("ou=B,l=Paris,ou=A,dc=x", "b"))
    assert found.units["b"].parent == "a"


def test_units_are_named_by_their_rdn() -> None:
    found = structure(
        unit("ou=R\\26D  Lab,dc=x", "one", "another", "R&D  Lab"),
        unit("l=Paris,dc=x", "two", "Bureau de Paris"),
        Entry("l=Lyon,dc=x", {"entryuuid": [b"three"]}),
        unit("l=Nice+ou=Sud,dc=x", "four", "x"),
    )
    assert {record.name for record in found.units.values()} == {"R&D Lab", "Bureau de Paris", "Lyon", "Sud"}


def test_a_rename_keeps_the_key() -> None:
    before = structure(*TREE)
    after = structure(*TREE[:3], unit("ou=España,ou=People,dc=x", "spain"))
    assert after.units["spain"].name == "España"
    assert after.place(person("uid=a,ou=España,ou=People,dc=x")) == before.place(person("uid=a,ou=Spain,ou=People,dc=x"))


def test_organizations_are_the_first_level() -> None:
    found = structure(*TREE, units={"from": "ou", "base_dn": "ou=People,dc=x"}, organization={"from": "ou", "default": "Rest"})
    assert found.organizations == {
        "france": OrganizationRecord(key="france", name="France"),
        "spain": OrganizationRecord(key="spain", name="Spain"),
    }
    assert found.units == {"sales": UnitRecord(key="sales", name="Sales", organization="france", parent=None)}
    assert found.place(person("uid=a,ou=Sales,ou=France,ou=People,dc=x")) == ("france", "sales")
    assert found.place(person("uid=a,ou=Spain,ou=People,dc=x")) == ("spain", "spain/main")
    assert found.units["spain/main"] == UnitRecord(key="spain/main", name="Main", organization="spain", parent=None)
    assert found.place(person("uid=a,ou=People,dc=x")) == ("rest", "rest/main")
    assert found.organizations["rest"].name == "Rest"


def test_organizations_without_units() -> None:
    found = structure(*TREE, units={"from": "none"}, organization={"from": "ou"})
    assert found.units == {}
    assert found.place(person("uid=a,ou=Sales,ou=France,ou=People,dc=x")) == ("people", "people/main")


def test_a_unit_that_cannot_be_used_is_an_issue_and_moves_nobody() -> None:
    found = structure(
        unit("ou=Good,dc=x", "good"),
        unit("ou=Bad,dc=x"),
        unit("ou=Below,ou=Bad,dc=x", "below"),
        Entry("ou=,dc=x", {"entryuuid": [b"blank"]}),
        Entry("nonsense", {"entryuuid": [b"nowhere"]}),
    )
    assert [(issue.key, issue.code, issue.subject) for issue in found.issues] == [
        ("dn:ou=Bad,dc=x", "no_entry_id", "unit"),
        ("blank", "bad_value", "unit"),
        ("dn:nonsense", "invalid_dn", "unit"),
    ]
    assert set(found.units) == {"good"}
    assert found.place(person("uid=a,ou=Good,dc=x")) == ("corp", "good")
    assert found.place(person("uid=a,ou=Bad,dc=x")) is None
    assert found.place(person("uid=a,ou=Below,ou=Bad,dc=x")) is None
    assert not found.is_whole


def test_a_dn_that_cannot_be_read_has_no_place() -> None:
    found = structure(*TREE)
    assert found.place(person("uid=a,nonsense")) is None
    assert not found.is_whole


# ---------------------------------------------------------------- from values
def test_units_from_a_path() -> None:
    found = structure(units={"from": "attribute:department"})
    assert found.place(person("uid=a,dc=x", department="Sales/EMEA / France")) == ("corp", "corp/sales/emea/france")
    assert found.place(person("uid=b,dc=x", department="Sales")) == ("corp", "corp/sales")
    assert found.place(person("uid=c,dc=x")) == ("corp", "corp/main")
    assert found.place(person("uid=d,dc=x", department=" / / ")) == ("corp", "corp/main")
    assert found.units["corp/sales/emea"] == UnitRecord(
        key="corp/sales/emea", name="EMEA", organization="corp", parent="corp/sales"
    )
    assert len(found.units) == 4
    assert found.is_whole


def test_the_spelling_of_a_name_depends_on_nobody_s_order() -> None:
    for order in permutations(("sales/emea", "Sales/EMEA", "SALES/Emea")):
        found = structure(units={"from": "attribute:department"}, organization={"from": "attribute:o"})
        for number, department in enumerate(order):
            company = {"sales": "ACME", "Sales": "Acme", "SALES": "acme"}[department.partition("/")[0]]
            placement = found.place(person(f"uid={number},dc=x", department=department, o=company))
            assert placement == ("acme", "acme/sales/emea")
        assert [record.name for record in found.units.values()] == ["SALES", "EMEA"]
        assert found.organizations["acme"].name == "ACME"


def test_several_values_are_chosen_by_rule() -> None:
    found = structure(units={"from": "attribute:ou"})
    assert found.place(person("uid=a,dc=x", ou=["b", "a"])) == ("corp", "corp/a")


def test_organizations_from_values_with_the_tree() -> None:
    found = structure(*TREE, organization={"from": "attribute:o", "default": "Other"})
    assert found.units == {}
    assert found.place(person("uid=a,ou=Sales,ou=France,ou=People,dc=x", o="Acme")) == ("acme", "acme/sales")
    assert found.place(person("uid=b,ou=France,ou=People,dc=x", o="Beta")) == ("beta", "beta/france")
    assert found.place(person("uid=c,dc=x")) == ("other", "other/main")
    assert found.units["acme/sales"] == UnitRecord(key="acme/sales", name="Sales", organization="acme", parent="acme/france")
    assert found.units["beta/france"].parent == "beta/people"
    assert "beta/sales" not in found.units


def test_organizations_from_the_tree_with_units_from_values() -> None:
    found = structure(*TREE, organization={"from": "ou"}, units={"from": "attribute:department", "base_dn": "ou=People,dc=x"})
    assert found.place(person("uid=a,ou=Spain,ou=People,dc=x", department="IT")) == ("spain", "spain/it")
    assert found.place(person("uid=a,ou=Sales,ou=France,ou=People,dc=x", department="IT")) == ("france", "france/it")


def test_a_slash_in_an_organization_s_name_makes_no_path() -> None:
    found = structure(organization={"from": "attribute:o"}, units={"from": "attribute:department"})
    one = found.place(person("uid=a,dc=x", o="a/b", department="c"))
    other = found.place(person("uid=b,dc=x", o="a", department="b/c"))
    assert one == ("a/b", "a%2fb/c")
    assert other == ("a", "a/b/c")


def test_values_that_cannot_be_read_are_told_and_nothing_is_gone_for_sure() -> None:
    found = structure(units={"from": "attribute:department"})
    with pytest.raises(BadValue, match=r"^department "):
        found.place(person("uid=a,dc=x", department=b"\xff"))
    assert not found.is_whole


def test_a_lost_unit_has_no_place_with_values_either() -> None:
    found = structure(unit("ou=Bad,dc=x"), organization={"from": "attribute:o"})
    assert found.place(person("uid=a,ou=Bad,dc=x", o="Acme")) is None
    assert not found.is_whole
