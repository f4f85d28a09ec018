"""Links as changes of a plan: what they claim, what they count for, and how they are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.mapping.mapper import PersonMapper
from syncd.mapping.structure import Structure
from syncd.mapping.validate import validate_mapping
from syncd.model.entry import Entry
from syncd.model.hold import Kind, Objection
from syncd.model.plan import Action, Link, PersonChange, Plan
from syncd.model.records import DirectoryPresence, PersonRecord, StoredPerson
from syncd.reconcile.guard import judge, limits_of
from syncd.reconcile.people import diff_person
from syncd.reconcile.render import rows, rules_of
from syncd.reconcile.split import split
from syncd.settings.checks import remarks
from syncd.settings.directory import DirectorySettings


def settings(**sections: Any) -> DirectorySettings:
    base = {"urls": ["ldap://localhost"], "base_dn": "dc=x", "organization": "Corp", "units": {"from": "none"}}
    return DirectorySettings.model_validate(base | sections)


def link(entry_id: str, user_id: int, old: dict[str, Any], **new: Any) -> PersonChange:
    """An entry with these fields that becomes one of a user who has those."""
    record = PersonRecord(entry_id, f"uid={entry_id}", f"uid={entry_id}", b"f", new, link_key="7")
    user = StoredPerson(user_id, entry_id, "", "", b"", DirectoryPresence.ACTIVE, old)
    change = diff_person(record, user)
    return change._replace(action=Action.LINK, fields={**change.fields, "dn": (None, record.dn)})


def plan(*people: PersonChange, **values: Any) -> Plan:
    return Plan(directory="corp", people=people, people_seen=len(people), **values)


# ---------------------------------------------------------------- the key
def mapper(attribute: str | None, precedence: str = "") -> PersonMapper:
    sections = {"link": {"attribute": attribute}} if attribute else {}
    return PersonMapper(settings(**sections), custom_fields={}, entry_id_attribute="entryUUID", precedence=precedence)


def entry(*values: bytes) -> Entry:
    person = {"entryuuid": [b"0f8fad5b-d9cb-469f-a165-70867728950e"], "uid": [b"a"], "mail": [b"a@x.de"], "sn": [b"A"]}
    return Entry("uid=a,dc=x", {**person, "givenname": [b"A"], "cn": [b"A"], **({"badge": list(values)} if values else {})})


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([b" ABC 7 "], "abc 7"),
        (["Stra\u00dfe".encode()], "strasse"),
        ([b"  "], None),
        ([], None),
        ([b"\xff"], None),
    ],
)
def test_the_key_is_the_folded_value(values: list[bytes], key: str | None) -> None:
    made = mapper("badge").map(
        entry(*values), entry_id="e", fingerprint=b"f", structure=Structure(settings(), entry_id_attribute="entryUUID")
    )
    assert made.link_key == key


def test_the_key_and_the_precedence_are_part_of_the_fingerprint() -> None:
    def fingerprint(attribute: str | None, value: bytes, precedence: str = "") -> bytes:
        structure = Structure(settings(), entry_id_attribute="entryUUID")
        return mapper(attribute, precedence).fingerprint(entry(value), structure)

    assert "badge" in mapper("badge").attributes
    assert fingerprint("badge", b"1") != fingerprint("badge", b"2")
    assert fingerprint(None, b"1") == fingerprint(None, b"2")
    assert len({fingerprint("badge", b"1", text) for text in ("", "x", "y")}) == 3


def test_a_password_is_no_key() -> None:
    assert any("link.attribute" in problem for problem in validate_mapping(settings(link={"attribute": "userPassword"}), {}))
    assert validate_mapping(settings(link={"attribute": "employeeNumber"}), {}) == []


def test_where_the_fields_are_not_known_it_is_said() -> None:
    def told(**sections: Any) -> bool:
        return any(remark.keys[0] == "link" for remark in remarks("corp", settings(**sections)))

    link = {"link": {"attribute": "employeeNumber"}}
    assert told(**link)
    assert not told()
    assert not told(**link, vendor="openldap")
    assert not told(**link, users={"attributes": {"username": "uid", "email": "mail", "last_name": "sn"}})


# ---------------------------------------------------------------- the plan
def test_a_link_is_counted_as_one_and_not_as_a_move() -> None:
    counts = plan(link("a", 7, {}, username="a")).counts
    assert (counts["users_linked"], counts["users_moved"], counts["users_created"]) == (1, 0, 0)


def test_a_plan_that_links_another_user_is_another_plan() -> None:
    first, second = (plan(link("a", user_id, {}, username="a")) for user_id in (7, 8))
    assert first.digest != second.digest


def test_it_is_shown_with_the_user_and_the_rule() -> None:
    made = rows(plan(link("a", 7, {"title": "x"}, title="y")), rules_of(settings(link={"attribute": "badge"})))
    shown = [(row.action, row.field, row.before, row.after, row.rule) for row in made]
    assert shown[0] == ("link", None, None, 7, 'link.attribute = "badge": the same person as this user')
    assert ("link", "title", "x", "y", "the configuration has no rule for it") in shown


# ---------------------------------------------------------------- the guard
def test_values_that_links_take_away_are_judged() -> None:
    safety = settings(safety={"max_blanked_values": "1", "max_renamed_users": "1"}).safety
    old = {"username": "old", "phone": "1"}
    few = plan(link("a", 1, old, username="a", phone=None))
    assert judge(few, limits_of(safety)) == ()
    many = plan(*(link(str(n), n, old, username=f"a{n}", phone=None) for n in range(12)))
    found = {objection.kind: (objection.count, objection.population) for objection in judge(many, limits_of(safety))}
    assert found == {Kind.VALUES_BLANKED: (12, 12), Kind.USERNAMES_CHANGED: (12, 12)}


def test_who_is_not_linked_yet_gets_no_roles_yet() -> None:
    kept, blanked = link("a", 1, {}, username="a"), link("b", 2, {"phone": "1"}, username="b", phone=None)
    whole = replace(plan(kept, blanked), grants_added=(Link("a", "r"), Link("b", "r")), linked_with=frozenset({"hr"}))
    objection = Objection(code="x", kind=Kind.VALUES_BLANKED, message="x", count=1, population=1, limit=0, of="phone")
    safe, held = split(whole, [objection])
    assert ([c.entry_id for c in safe.people], safe.grants_added) == (["a"], (Link("a", "r"),))
    assert ([c.entry_id for c in held.people], held.grants_added) == (["b"], (Link("b", "r"),))
    assert safe.linked_with == {"hr"}


def test_who_takes_a_name_that_a_held_link_frees_waits() -> None:
    blanked = link("b", 2, {"username": "free", "phone": "1"}, username="b", phone=None)
    newcomer = diff_person(PersonRecord("c", "uid=c", "uid=c", b"f", {"username": "free"}), None)
    objection = Objection(code="x", kind=Kind.VALUES_BLANKED, message="x", count=1, population=1, limit=0, of="phone")
    safe, held = split(plan(blanked, newcomer), [objection])
    assert safe.people == ()
    assert {change.entry_id for change in held.people} == {"b", "c"}
