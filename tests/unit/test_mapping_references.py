"""Groups and who is in them: spellings, nesting, names, memberOf, and what must not be taken over."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.nesting import containing
from syncd.mapping.references import GroupSet
from syncd.model.dn import normalize
from syncd.model.entry import Entry
from syncd.model.records import RoleIdentifierRecord
from syncd.settings.directory import RolesSettings

PEOPLE = {normalize(f"uid=u{n},ou=People,dc=x"): f"p{n}" for n in range(10)}


def roles(**settings: Any) -> RolesSettings:
    return RolesSettings.model_validate(settings)


def dn(name: str) -> str:
    """u1: a person, anything else: a group."""
    return f"uid={name},ou=People,dc=x" if name[0] == "u" and name[1:].isdigit() else f"cn={name},ou=Groups,dc=x"


def group(name: str, members: Iterable[str | bytes] = (), *, attribute: str = "member", key: str = "", **more: Any) -> Entry:
    values = [member if isinstance(member, bytes) else member.encode() for member in members]
    attributes = {"entryuuid": [(key or f"id-{name}").encode()], "cn": [name.encode()]}
    if values:
        attributes[attribute.lower()] = values
    attributes |= more.pop("changes", {})
    return Entry(more.pop("dn", dn(name)), {name: values for name, values in attributes.items() if values})


def group_set(entries: Sequence[Entry], known: dict[str, RoleIdentifierRecord] | None = None, /, **settings: Any) -> GroupSet:
    found = GroupSet(roles(**settings), entry_id_attribute="entryUUID", known=known)
    for entry in entries:
        found.add(entry)
    return found


def graph(edges: dict[str, str], **settings: Any) -> dict[str, set[str]]:
    """Groups as {"a": "u1 b"}: who has which identifier."""
    found = group_set([group(name, map(dn, members.split())) for name, members in edges.items()], **settings)
    return {person: {key[3:] for key in keys} for person, keys in found.resolve(PEOPLE).memberships.items()}


# ---------------------------------------------------------------- members by DN
def test_members_in_any_spelling() -> None:
    found = group_set(
        [group("a", ["UID=U1, ou=PEOPLE,DC=x", "uid=u2,ou=People,dc=x", "0.9.2342.19200300.100.1.1=u3;ou=People;dc=x"])]
    )
    resolved = found.resolve(PEOPLE)
    assert resolved.memberships == {"p1": {"id-a"}, "p2": {"id-a"}, "p3": {"id-a"}}
    assert resolved.dangling == 0
    assert found.records == {"id-a": RoleIdentifierRecord(key="id-a", identifier="a", dn=dn("a"))}
    assert (found.issues, found.is_whole, found.by_name) == ([], True, False)


def test_members_that_lead_to_nobody_are_counted_and_harmless() -> None:
    members = [dn("u1"), dn("u77"), "cn=dummy", "nonsense", b"uid=\xff,dc=x", dn("a"), dn("elsewhere")]
    resolved = group_set([group("a", members)]).resolve(PEOPLE)
    assert resolved.memberships == {"p1": {"id-a"}}
    assert resolved.dangling == 5


def test_an_empty_group_is_a_role_identifier_too() -> None:
    found = group_set([group("empty")])
    assert list(found.records) == ["id-empty"]
    assert found.resolve(PEOPLE).memberships == {}


def test_bit_strings_of_unique_members() -> None:
    members = [dn("u1") + "#'0101'B", dn("u2") + "#''B", dn("u3"), "cn=a'B"]
    unique = group_set([group("a", members, attribute="uniqueMember")], member_attribute="uniqueMember")
    assert set(unique.resolve(PEOPLE).memberships) == {"p1", "p2", "p3"}
    plain = group_set([group("a", members)], member_attribute="member")
    assert set(plain.resolve(PEOPLE).memberships) == {"p3"}


def test_both_kinds_of_members_by_default() -> None:
    both = group("a", [dn("u1"), dn("b")], changes={"uniquemember": [(dn("u2") + "#'1'B").encode(), dn("u1").encode()]})
    other = group("b", [dn("u3")], attribute="uniqueMember")
    assert group_set([both, other]).resolve(PEOPLE).memberships == {
        "p1": {"id-a"},
        "p2": {"id-a"},
        "p3": {"id-a", "id-b"},
    }


# ---------------------------------------------------------------- nesting
@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": "u1 b", "b": "u2"}, {"p1": "a", "p2": "a b"}),
        ({"a": "b", "b": "c", "c": "d", "d": "u1"}, {"p1": "a b c d"}),
        ({"a": "u1 b", "b": "u2 a"}, {"p1": "a b", "p2": "a b"}),
        ({"a": "u1 a"}, {"p1": "a"}),
        ({"top": "l r", "l": "low", "r": "low", "low": "u1"}, {"p1": "top l r low"}),
        ({"a": "b", "b": "c u2", "c": "a u1", "out": "b"}, {"p1": "a b c out", "p2": "a b c out"}),
        ({"a": "u1", "b": "u1", "c": "u2"}, {"p1": "a b", "p2": "c"}),
        ({"a": "b", "b": ""}, {}),
    ],
)
def test_nesting(edges: dict[str, str], expected: dict[str, str]) -> None:
    assert graph(edges) == {person: set(names.split()) for person, names in expected.items()}


def test_nesting_switched_off() -> None:
    assert graph({"a": "u1 b", "b": "u2"}, nested=False) == {"p1": {"a"}, "p2": {"b"}}
    found = group_set([group("a", [dn("b")]), group("b")], nested=False)
    assert found.resolve(PEOPLE).dangling == 0


NAMES = ["a", "b", "c", "d", "e", "u0", "u1", "u2"]


@given(st.dictionaries(st.sampled_from(NAMES[:5]), st.sets(st.sampled_from(NAMES)), max_size=5))
def test_nesting_is_reachability(edges: dict[str, set[str]]) -> None:
    def reaches(name: str, person: str, seen: frozenset[str]) -> bool:
        members = edges.get(name, set())
        return person in members or any(reaches(m, person, seen | {name}) for m in members - seen if m in edges)

    expected = {f"p{n}": {name for name in edges if reaches(name, f"u{n}", frozenset([name]))} for n in range(3)}
    found = graph({name: " ".join(members) for name, members in edges.items()})
    assert found == {person: names for person, names in expected.items() if names}


def test_depth_is_no_limit() -> None:
    depth = 5000
    parents = [{number + 1} for number in range(depth)] + [set()]
    assert len(containing(0, parents)) == depth + 1


def test_equal_sets_are_one_object() -> None:
    found = group_set([group("a", map(dn, ["u1", "u2"])), group("b", map(dn, ["u2", "u1"])), group("c", [dn("u3")])])
    held = found.resolve(PEOPLE).memberships
    assert held["p1"] == {"id-a", "id-b"}
    assert held["p1"] is held["p2"]


def test_many_groups_and_a_giant_one_take_seconds_at_most() -> None:
    people = {f"uid=u{n},ou=people,dc=x": f"p{n}" for n in range(20_000)}
    entries = [group("giant", [*map("uid=u{},ou=People,dc=x".format, range(20_000)), *(dn(f"g{n}") for n in range(4_000))])]
    entries += [group(f"g{n}", [dn(f"u{n}"), dn(f"g{n + 1}")]) for n in range(3_900, 4_000)]
    entries += [group(f"g{n}", [dn(f"u{n}")]) for n in range(3_900)]
    start = time.perf_counter()
    resolved = group_set(entries).resolve(people)
    assert time.perf_counter() - start < 10
    assert len(resolved.memberships) == 20_000
    assert len(resolved.memberships["p3999"]) == 101
    assert resolved.dangling == 1


# ---------------------------------------------------------------- members by name
def test_members_by_name() -> None:
    found = group_set(
        [group("a", ["JD", " other ", "nobody", b"\xff"], attribute="memberUid"), group("b", ["a"], attribute="memberUid")],
        member_attribute="memberUid",
    )
    assert found.by_name
    resolved = found.resolve({"jd": "p1", "other": "p2"})
    assert resolved.memberships == {"p1": {"id-a"}, "p2": {"id-a"}}
    assert resolved.dangling == 3


# ---------------------------------------------------------------- memberOf
def by_person(entries: Sequence[Entry], known: dict[str, RoleIdentifierRecord] | None = None, /, **settings: Any) -> GroupSet:
    return group_set(entries, known, member_attribute="memberOf", **settings)


def test_member_of_with_readable_groups() -> None:
    found = by_person([group("a"), group("b", [dn("a")], attribute="memberOf"), group("c", [dn("b")], attribute="memberOf")])
    references = {"p1": ("CN=A, ou=Groups,dc=x", "cn=Domain Users,dc=x"), "p2": (dn("c"),), "p3": ()}
    resolved = found.resolve_references(references)
    assert resolved.memberships == {"p1": {"id-a"}, "p2": {"id-a", "id-b", "id-c"}}
    assert resolved.dangling == 1
    assert set(found.records) == {"id-a", "id-b", "id-c"}
    assert by_person([group("a"), group("b", [dn("a")], attribute="memberOf")], nested=False).resolve_references(
        {"p1": (dn("b"),)}
    ).memberships == {"p1": {"id-b"}}


def test_member_of_with_names_alone() -> None:
    found = by_person([])
    references = {"p1": ("CN=CRM-Admins,dc=x", "nonsense"), "p2": ("cn=crm-admins, dc=x", "cn=b,dc=x")}
    resolved = found.resolve_references(references)
    assert resolved.memberships == {"p1": {"crm-admins"}, "p2": {"b", "crm-admins"}}
    assert resolved.dangling == 1
    assert found.records["crm-admins"] == RoleIdentifierRecord(
        key="crm-admins", identifier="CRM-Admins", dn="CN=CRM-Admins,dc=x"
    )
    assert found.issues == []


def test_one_name_in_two_branches_gives_nothing_to_the_second() -> None:
    references = {"p1": ("cn=admins,ou=b,dc=x",), "p2": ("cn=Admins,ou=a,dc=x",)}
    found = by_person([])
    assert found.resolve_references(references).memberships == {"p2": {"admins"}}
    assert [(issue.key, issue.code, issue.subject) for issue in found.issues] == [
        ("dn:cn=admins,ou=b,dc=x", "duplicate_identifier", "role")
    ]
    known = {"admins": RoleIdentifierRecord(key="admins", identifier="admins", dn="CN=admins,OU=b,DC=x")}
    assert by_person([], known).resolve_references(references).memberships == {"p1": {"admins"}}
    assert by_person([]).resolve_references({"p1": ("cn= ,dc=x",)}).dangling == 1


# ---------------------------------------------------------------- who gets the identifier
def record(key: str, identifier: str) -> RoleIdentifierRecord:
    return RoleIdentifierRecord(key=key, identifier=identifier, dn=dn(identifier))


TWINS = [
    group("Admins", [dn("u1")], key="2", dn="cn=Admins,ou=a,dc=x"),
    group("admins", [dn("u2")], key="1", dn="cn=admins,ou=b,dc=x"),
]


def test_of_two_groups_of_one_name_the_lowest_id_has_it() -> None:
    for entries in (TWINS, TWINS[::-1]):
        found = group_set(entries)
        assert list(found.records) == ["1"]
        assert [(issue.key, issue.code) for issue in found.issues] == [("2", "duplicate_identifier")]
        assert "cn=admins,ou=b,dc=x" in found.issues[0].message
        assert found.resolve(PEOPLE).memberships == {"p2": {"1"}}


def test_who_has_it_already_keeps_it() -> None:
    found = group_set(TWINS, {"2": record("2", "ADMINS")})
    assert list(found.records) == ["2"]
    assert found.records["2"].identifier == "Admins"
    assert [issue.key for issue in found.issues] == ["1"]
    assert found.resolve(PEOPLE).memberships == {"p1": {"2"}}


def test_who_takes_a_name_that_is_taken_keeps_their_own() -> None:
    found = group_set(TWINS, {"1": record("1", "sales"), "2": record("2", "admins")})
    assert {key: kept.identifier for key, kept in found.records.items()} == {"2": "Admins", "1": "sales"}
    assert [issue.key for issue in found.issues] == ["1"]
    assert found.resolve(PEOPLE).memberships == {"p1": {"2"}, "p2": {"1"}}


def test_names_may_be_swapped() -> None:
    found = group_set([group("a", key="1"), group("b", key="2")], {"1": record("1", "b"), "2": record("2", "a")})
    assert {key: kept.identifier for key, kept in found.records.items()} == {"1": "a", "2": "b"}
    assert found.issues == []


def test_a_kept_name_is_not_kept_against_its_new_owner() -> None:
    entries = [group("b", key="1"), group("b", key="2", dn="cn=b,ou=z,dc=x"), group("a", key="3")]
    found = group_set(entries, {"1": record("1", "b"), "2": record("2", "a")})
    assert {key: kept.identifier for key, kept in found.records.items()} == {"1": "b", "3": "a"}


# ---------------------------------------------------------------- bad groups
def test_a_group_that_cannot_be_used_is_an_issue_and_still_nests() -> None:
    entries = [
        group("top", [dn("bad"), dn("anonymous")]),
        group("bad", [dn("u1")], changes={"cn": [b"\xff"]}),
        group("anonymous", [dn("u2")], changes={"entryuuid": []}),
        group("lost", [dn("u3")], dn="nonsense"),
        group("unnamed", [dn("u4")], changes={"cn": []}),
    ]
    found = group_set(entries)
    assert sorted((issue.key, issue.code, issue.subject) for issue in found.issues) == [
        ("dn:" + dn("anonymous"), "no_entry_id", "role"),
        ("id-bad", "bad_value", "role"),
        ("id-lost", "invalid_dn", "role"),
        ("id-unnamed", "missing_field", "role"),
    ]
    assert found.resolve(PEOPLE).memberships == {"p1": {"id-top"}, "p2": {"id-top"}}
    assert not found.is_whole


def test_a_group_that_cannot_be_used_keeps_what_the_store_has() -> None:
    found = group_set([group("bad", [dn("u1")], changes={"cn": []})], {"id-bad": record("id-bad", "good")})
    assert found.records == {"id-bad": record("id-bad", "good")}
    assert [issue.key for issue in found.issues] == ["id-bad"]
    assert found.resolve(PEOPLE).memberships == {"p1": {"id-bad"}}
    assert found.is_whole


def test_a_group_that_comes_twice_counts_once() -> None:
    found = group_set([group("a", [dn("u1")]), group("a", [dn("u2")], dn="cn=a,ou=moved,dc=x")])
    assert found.issues == []
    assert found.resolve(PEOPLE).memberships == {"p1": {"id-a"}}


def test_a_second_group_under_one_dn_replaces_nothing() -> None:
    found = group_set([group("a", [dn("u1")]), group("a", [dn("u2")], key="id-new")])
    assert len(found.records) == 1
    assert len(found.issues) == 1


# ---------------------------------------------------------------- the digest
def test_the_digest_is_that_of_groups_members_and_settings() -> None:
    entries = [group("a", map(dn, ["u1", "u2"])), group("b", [dn("a")])]
    base = group_set(entries).digest(b"map")
    assert len(base) == 16
    assert group_set(entries[::-1]).digest(b"map") == base
    assert group_set([group("a", map(dn, ["u2", "u1"])), entries[1]]).digest(b"map") == base
    others = [
        group_set(entries).digest(b"other"),
        group_set(entries, nested=False).digest(b"map"),
        group_set(entries[:1]).digest(b"map"),
        group_set([group("a", [dn("u1")]), entries[1]]).digest(b"map"),
        group_set([group("a", map(dn, ["u1", "u2"]), key="id-x"), entries[1]]).digest(b"map"),
        group_set([group("a", map(dn, ["u1", "u2"]), changes={"cn": [b"A"]}), entries[1]]).digest(b"map"),
        group_set([group("a", map(dn, ["u1", "u2"]), dn="cn=a,dc=x"), entries[1]]).digest(b"map"),
        group_set([group("a"), group("b", map(dn, ["u1", "u2", "a"]))]).digest(b"map"),
    ]
    assert len({base, *others}) == len(others) + 1


def test_a_group_whose_members_come_in_parts_is_an_issue_and_nothing_is_gone_for_sure() -> None:
    stored = RoleIdentifierRecord(key="id-big", identifier="big", dn=None)
    found = GroupSet(RolesSettings(), entry_id_attribute="entryUUID", known={"id-big": stored})
    found.add(Entry("cn=big,dc=x", {"cn": [b"big"], "entryuuid": [b"id-big"], "member;range=0-1499": [b"uid=u1,dc=x"]}))
    assert [issue.code for issue in found.issues] == ["ranged_members"]
    assert found.records == {"id-big": stored}
    assert not found.is_whole
    assert found.may_remove


def test_a_group_in_parts_makes_uncertain_what_contains_it_and_nothing_else() -> None:
    big = Entry(dn("big"), {"cn": [b"big"], "entryuuid": [b"id-big"], "member": [], "member;range=0-1": [b"a", b"b"]})
    known = {"id-big": RoleIdentifierRecord(key="id-big", identifier="big", dn=None)}
    entries = [group("all", [dn("outer")]), group("outer", [dn("big"), dn("u1")]), group("other", [dn("u2")]), big]
    resolved = group_set(entries, known).resolve(PEOPLE)
    assert resolved.uncertain == {"id-big", "id-outer", "id-all"}
    assert resolved.memberships == {"p1": {"id-outer", "id-all"}, "p2": {"id-other"}}
    # one that is new has no identifier anybody could have
    assert group_set(entries).resolve(PEOPLE).uncertain == {"id-outer", "id-all"}
    flat = group_set(entries, known, nested=False)
    assert flat.resolve(PEOPLE).uncertain == {"id-big"}
    assert group_set(entries[:3]).resolve(PEOPLE).uncertain == frozenset()


def test_of_a_group_whose_own_groups_come_in_parts_nothing_may_be_taken_away() -> None:
    entry = Entry(dn("big"), {"cn": [b"big"], "entryuuid": [b"id-big"], "memberof;range=0-1": [b"a", b"b"]})
    found = by_person([entry])
    assert (found.is_whole, found.may_remove) == (False, False)


def test_without_an_id_a_group_may_be_any() -> None:
    found = group_set([group("a", changes={"entryuuid": []})])
    assert (found.is_whole, found.may_remove) == (False, False)
