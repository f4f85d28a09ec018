"""The parts of explain that need no server: taking a filter apart, the shortest ways up, the trace of a mapping."""

from __future__ import annotations

import pytest

from syncd.mapping.account import AccountRule
from syncd.mapping.mapper import PersonMapper
from syncd.mapping.nesting import shortest_paths
from syncd.model.entry import Entry
from syncd.services.explain_entry import shown
from syncd.services.explain_lookup import Who
from syncd.settings.directory import DirectorySettings
from syncd.settings.filters import and_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(&(a=1)(!(b=2)))", ("(a=1)", "(!(b=2))")),
        ("(& (a=1) (|(b=2)(&(c=3)(d=4))) )", ("(a=1)", "(|(b=2)(&(c=3)(d=4)))")),
        ("(&(cn=\\28x\\29))", ("(cn=\\28x\\29)",)),
        ("(&)", ()),
        ("(|(a=1)(b=2))", ()),
        ("(a=1)", ()),
    ],
)
def test_the_parts_of_a_filter(text: str, parts: tuple[str, ...]) -> None:
    assert and_parts(text) == parts


def test_the_shortest_way_to_each_group_and_no_end_in_a_cycle() -> None:
    # 0 is in 1 and 2, both are in 3, 3 is in 0
    assert shortest_paths([0], [{1, 2}, {3}, {3}, {0}, set()]) == {0: (0,), 1: (0, 1), 2: (0, 2), 3: (0, 1, 3)}
    assert shortest_paths([0, 3], [{1}, {3}, set(), set()]) == {0: (0,), 3: (3,), 1: (0, 1)}


def test_a_trace_has_every_rule_with_its_value_or_what_is_wrong() -> None:
    settings = DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "dc=example"})
    mapper = PersonMapper(settings, custom_fields={}, entry_id_attribute="entryUUID")
    traced = {one.name: one for one in mapper.trace(Entry("uid=a,dc=example", {"uid": [b"a"], "mail": [b"broken"]}))}
    assert (traced["username"].value, traced["username"].problem) == ("a", "")
    assert traced["email"].problem.startswith("mail 'broken' is not an email address")
    assert (traced["first_name"].value, traced["first_name"].problem) == (None, "")
    assert traced["last_name"].problem == "last_name is required and has no value (sn)"


def test_a_trace_has_the_account_s_fields_and_what_is_wrong_with_them() -> None:
    settings = DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "dc=example"})
    rule = AccountRule("ds389")
    mapper = PersonMapper(settings, custom_fields={}, entry_id_attribute="nsUniqueId", account=rule)
    assert set(rule.attributes) <= set(mapper.attributes)
    traced = {one.name: one for one in mapper.trace(Entry("uid=a,dc=example", {"nsaccountlock": [b"TRUE"]}))}
    assert (traced["account.disabled"].value, traced["account.disabled"].attributes) == (True, rule.attributes)
    wrong = {one.name: one for one in mapper.trace(Entry("uid=a,dc=example", {"nsaccountlock": [b"perhaps"]}))}
    assert wrong["account.disabled"].problem == "nsAccountLock 'perhaps' is neither TRUE nor FALSE"
    assert wrong["account.disabled"].value is None


def test_values_are_shown_as_text_or_by_their_size() -> None:
    assert [shown(raw) for raw in ("é".encode(), b"\xff\x00", b"\x00", b"two\nlines")] == [
        "é",
        "2 bytes",
        "1 bytes",
        "two\nlines",
    ]
    assert shown(b"x" * 300) == "x" * 200 + "... (300 bytes)"


def test_whom_a_text_means() -> None:
    assert (Who.of("dn: uid=a,dc=b ").dn, Who.of("uid=a").dn, Who.of("email:uid=a").dn) == ("uid=a,dc=b", "uid=a", None)
    assert (Who.of("anna").dn, Who.of("a=b,=").dn, Who.of("x:anna")) == (None, None, Who("", "x:anna"))
