"""Differences of people, structure and links, and the digest of a plan."""

from __future__ import annotations

from syncd.model.plan import Action, Link, PersonChange, Plan, StructureChange
from syncd.model.records import DirectoryPresence, OrganizationRecord, PersonRecord, StoredIdentity, StoredPerson
from syncd.reconcile.people import diff_person, disable_missing, missing_ids
from syncd.reconcile.relations import diff_links, grants_from, keeping
from syncd.reconcile.structure import diff_structure


def person(presence: DirectoryPresence = DirectoryPresence.ACTIVE, **fields: object) -> StoredPerson:
    return StoredPerson(7, "e1", "uid=a,dc=x", "uid=a,dc=x", b"old", presence, fields)  # type: ignore[arg-type]


def record(dn: str = "uid=a,dc=x", **fields: object) -> PersonRecord:
    return PersonRecord("e1", dn, dn, b"new", fields)  # type: ignore[arg-type]


def test_a_new_person_has_every_field_with_a_value() -> None:
    change = diff_person(record(username="a", phone=None, emails=(), title="Boss"), None)
    assert change.action is Action.CREATE
    assert change.fields == {"username": (None, "a"), "title": (None, "Boss")}


def test_only_managed_fields_are_compared() -> None:
    change = diff_person(record(username="a"), person(username="a", phone="+49 1"))
    assert (change.action, change.fields) == (Action.UPDATE, {})


def test_an_attribute_gone_from_the_directory_becomes_none() -> None:
    assert diff_person(record(phone=None), person(phone="+49 1")).fields == {"phone": ("+49 1", None)}


def test_an_attribute_that_is_new_in_the_directory_is_taken() -> None:
    assert diff_person(record(phone="+49 1"), person()).fields == {"phone": (None, "+49 1")}
    assert diff_person(record(emails=("a@x",)), person(emails=())).fields == {"emails": ((), ("a@x",))}


def test_no_emails_and_no_list_of_emails_are_the_same() -> None:
    assert diff_person(record(emails=()), person(emails=None)).fields == {}


def test_false_and_nothing_are_not_the_same() -> None:
    assert diff_person(record(**{"custom.vip": False}), person()).fields == {"custom.vip": (None, False)}


def test_a_move_is_an_update_that_names_both_dns() -> None:
    change = diff_person(record("uid=a,ou=new,dc=x"), person())
    assert change.fields == {"dn": ("uid=a,dc=x", "uid=a,ou=new,dc=x")}


def test_one_who_was_missing_returns() -> None:
    assert diff_person(record(), person(DirectoryPresence.MISSING)).action is Action.RETURN


def test_missing_are_those_present_before_and_not_seen() -> None:
    known = {
        "there": StoredIdentity(1, b"", True, ""),
        "gone": StoredIdentity(2, b"", True, ""),
        "long gone": StoredIdentity(3, b"", False, ""),
    }
    assert missing_ids(known, ["there", "new"]) == ["gone"]
    assert disable_missing(["gone"], {"gone": person()}) == [PersonChange(Action.DISABLE, "gone", None, person(), {})]
    # whoever was seen may come one by one, and in any order
    assert missing_ids(known | {"a": StoredIdentity(4, b"", True, "")}, iter(["there", "a"])) == ["gone"]


def organization(key: str, name: str) -> OrganizationRecord:
    return OrganizationRecord(key=key, name=name)


def test_structure_is_created_renamed_and_removed_by_key() -> None:
    stored = {"1": organization("1", "One"), "2": organization("2", "Two"), "3": organization("3", "Three")}
    desired = {"1": organization("1", "One"), "2": organization("2", "Deux"), "4": organization("4", "Four")}
    changes = diff_structure(desired, stored, removing=True)
    assert changes == (
        StructureChange(Action.UPDATE, "2", stored["2"], desired["2"]),
        StructureChange(Action.REMOVE, "3", stored["3"], None),
        StructureChange(Action.CREATE, "4", None, desired["4"]),
    )
    kept = diff_structure(desired, stored, removing=False)
    assert [(c.action, c.key) for c in kept] == [(Action.UPDATE, "2"), (Action.CREATE, "4")]


def test_links_are_deltas_and_only_of_the_people_given() -> None:
    stored = [Link("a", "r1"), Link("a", "r2"), Link("missing", "r1")]
    desired = {"a": frozenset({"r2", "r3"}), "b": frozenset({"r1"})}
    changes = diff_links(["b", "a"], lambda e: desired[e], stored)
    assert changes.added == (Link("a", "r3"), Link("b", "r1"))
    assert changes.removed == (Link("a", "r1"),)


def test_what_nobody_can_deny_is_kept() -> None:
    wanted = {"a": frozenset({"r1"}), "b": frozenset({"r2"})}
    held = [Link("a", "r2"), Link("b", "r3"), Link("c", "r2"), Link("c", "r3")]
    assert keeping(wanted, held, identifiers=(), people=()) is wanted
    assert keeping(wanted, held, identifiers={"r2"}, people={"b"}) == {
        "a": {"r1", "r2"},
        "b": {"r2", "r3"},
        "c": {"r2"},
    }


def test_links_of_all_people_are_there() -> None:
    stored = [Link(name, target) for name in "abc" for target in ("r1", "r2")]
    changes = diff_links("cba", lambda e: frozenset({"r3", "r4"}), stored)
    assert changes.added == tuple(Link(name, target) for name in "abc" for target in ("r3", "r4"))
    assert changes.removed == tuple(stored)
    assert diff_links("ba", lambda e: frozenset({"r"}), []).added == (Link("a", "r"), Link("b", "r"))


def test_grants_follow_from_the_identifiers_and_each_set_is_mapped_once() -> None:
    asked: list[frozenset[str]] = []

    def roles_for(identifiers: frozenset[str]) -> frozenset[str]:
        asked.append(identifiers)
        return frozenset({f"role-{text}" for text in identifiers} | {"everyone"})

    shared = frozenset({"k1"})
    desired = grants_from({"a": shared, "b": shared}, {"k1": "admins"}, roles_for)
    assert desired("a") == desired("b") == {"role-admins", "everyone"}
    assert desired("nobody") == {"everyone"}
    assert len(asked) == 2


def test_a_plan_has_the_same_digest_in_any_order() -> None:
    changes = [diff_person(record(username="a"), None)._replace(entry_id=name) for name in ("x", "y")]
    one = Plan(directory="corp", people=tuple(changes), grants_added=(Link("x", "r"), Link("y", "r")))
    two = Plan(directory="corp", people=tuple(changes[::-1]), grants_added=(Link("y", "r"), Link("x", "r")))
    other = Plan(directory="corp", people=tuple(changes[:1]))
    assert one.digest == two.digest != other.digest
    assert one.counts["users_created"] == 2
    assert not one.is_empty
    assert Plan(directory="corp").is_empty
