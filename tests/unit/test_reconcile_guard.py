"""The guard: what each kind counts, where exactly it stops, and what no setting can lift."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.creation import NewFields
from syncd.model.hold import Kind, Objection
from syncd.model.plan import Action, Link, PersonChange, Plan, StructureChange
from syncd.model.records import FOREVER, OrganizationRecord, RoleIdentifierRecord, UnitRecord
from syncd.reconcile.guard import allowed, blanked_fields, judge, judge_purge, limits_of, renames
from syncd.settings.directory import SafetySettings
from syncd.settings.limits import Limit, parse_limit

DEFAULTS = limits_of(SafetySettings())
# nothing but the ceilings
EVERYTHING = dict.fromkeys(DEFAULTS, parse_limit("100%"))


def limits(kind: Kind, text: str) -> dict[Kind, Limit]:
    """One limit to be tried, while the others allow what they can."""
    return EVERYTHING | {kind: parse_limit(text)}


def disabled(count: int) -> tuple[PersonChange, ...]:
    return tuple(PersonChange(Action.DISABLE, f"gone{n}", None, None, {}) for n in range(count))


def changed(count: int, action: Action = Action.UPDATE, **fields: tuple[Any, Any]) -> tuple[PersonChange, ...]:
    return tuple(PersonChange(action, f"{action}{n}", None, None, fields) for n in range(count))


def links(count: int, target: str = "r") -> tuple[Link, ...]:
    return tuple(Link(f"e{n}", target) for n in range(count))


def removals(count: int, record: Any) -> tuple[StructureChange[Any], ...]:
    return tuple(StructureChange(Action.REMOVE, f"k{n}", record, None) for n in range(count))


ROLE = RoleIdentifierRecord(key="k", identifier="admins", dn=None)
UNIT = UnitRecord(key="k", name="Sales", organization="o", parent=None)
ORGANIZATION = OrganizationRecord(key="o", name="Example")


def users(count: int, population: int) -> Plan:
    return Plan(directory="corp", people=disabled(count), people_known=population, people_seen=max(population - count, 1))


def roles(count: int, population: int) -> Plan:
    return Plan(directory="corp", role_identifiers=removals(count, ROLE), populations={"role_identifiers": population})


def units(count: int, population: int) -> Plan:
    return Plan(
        directory="corp",
        units=removals(count - 1, UNIT),
        organizations=removals(min(count, 1), ORGANIZATION),
        populations={"units": population},
    )


def members(count: int, population: int) -> Plan:
    return Plan(directory="corp", memberships_removed=links(count, "k"), members_before={"k": ("crm-admins", population)})


def grants(count: int, population: int) -> Plan:
    return Plan(directory="corp", grants_removed=links(count), populations={"grants": population})


def values(count: int, population: int) -> Plan:
    return Plan(
        directory="corp", people=changed(count, phone=("1", None)), people_seen=1, populations={"field:phone": population}
    )


def ids(count: int, population: int) -> Plan:
    return Plan(directory="corp", reanchored=frozenset(map(str, range(count))), people_known=population, people_seen=1)


def usernames(count: int, population: int) -> Plan:
    return Plan(directory="corp", people=changed(count, username=("a", "b")), people_known=population, people_seen=1)


# kind -> code, a plan in which so many of so many go, its words
KINDS: dict[Kind, tuple[str, Callable[[int, int], Plan], str]] = {
    Kind.USERS_DISABLED: ("too_many_removed", users, "{} of {} people would be disabled"),
    Kind.ROLES_REMOVED: ("roles_removed", roles, "{} of {} role identifiers would be removed"),
    Kind.UNITS_REMOVED: ("units_removed", units, "{} of {} organizations and units would be removed"),
    Kind.MEMBERS_LOST: ("members_lost", members, "crm-admins would lose {} of its {} members"),
    Kind.GRANTS_REVOKED: ("grants_revoked", grants, "{} of {} grants of roles would be revoked"),
    Kind.VALUES_BLANKED: ("values_blanked", values, "{} of {} people would lose their phone"),
    Kind.IDS_REANCHORED: ("ids_reanchored", ids, "{} of {} people come with a new entry id under the name (DN) they had"),
    Kind.USERNAMES_CHANGED: ("usernames_changed", usernames, "{} of {} people would get another username"),
}
NAMED = {Kind.MEMBERS_LOST: "crm-admins", Kind.VALUES_BLANKED: "phone"}


# ---------------------------------------------------------------- how many
@pytest.mark.parametrize(
    ("text", "population", "expected"),
    [
        ("10%", 0, 0),
        ("10%", 9, 0),
        ("10%", 10, 1),
        ("10%", 19, 1),
        ("10%", 20, 2),
        ("29%", 100, 29),
        ("2.5%", 1000, 25),
        ("0.1%", 999, 0),
        ("0", 1000, 0),
        ("0%", 1000, 0),
        ("200", 1000, 200),
        ("200", 399, 199),
        ("10%, at least 10", 50, 10),
        ("10%, at least 10", 101, 10),
        ("10%, at least 10", 110, 11),
        ("10%, at most 1000", 10_009, 1000),
        ("10%, at most 1000", 10_010, 1000),
        ("10%, at most 1000", 9_990, 999),
        ("10%, at least 10, at most 10", 10_000, 10),
        # a company of 50 and one of 200,000
        ("10%, at least 10, at most 1000", 50, 10),
        ("10%, at least 10, at most 1000", 200_000, 1000),
        ("0, from 5", 4, 4),
        ("0, from 5", 5, 0),
        # the ceiling
        ("100%", 9, 9),
        ("100%", 10, 5),
        ("100%", 11, 5),
        ("51%", 100, 50),
        ("50%", 100, 50),
        ("1000", 1000, 500),
        ("10%, at least 10", 9, 10),
        ("10%, at least 10", 10, 5),
        ("0, from 1000", 999, 499),
        ("0, from 1000", 10, 5),
    ],
)
def test_so_many_of_so_many_may_go(text: str, population: int, expected: int) -> None:
    assert allowed(parse_limit(text), population) == expected


@pytest.mark.parametrize(("population", "expected"), [(9, 9), (10, 10), (11, 5), (12, 6)])
def test_the_ceiling_of_a_role_identifier_begins_at_eleven(population: int, expected: int) -> None:
    assert allowed(parse_limit("100%"), population, ceiling_from=11) == expected


@given(
    st.builds(Limit, st.none() | st.floats(0, 1), st.integers(0, 10**6), st.none() | st.integers(10**6), st.integers(0, 10**6)),
    st.integers(10, 10**6),
)
def test_no_setting_allows_more_than_half_of_ten_or_more(limit: Limit, population: int) -> None:
    assert allowed(limit, population) <= population / 2


def test_every_kind_but_the_configuration_has_its_setting() -> None:
    assert set(DEFAULTS) == set(Kind) - {Kind.CONFIGURATION}
    names = {name for name in SafetySettings.model_fields if name.startswith("max_")}
    for number, name in enumerate(sorted(names)):
        assert Limit(None, number, None, 0) in limits_of(SafetySettings(**{name: str(number)})).values()
    assert len(names) == len(DEFAULTS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("max_removed_users", Kind.USERS_DISABLED),
        ("max_purged_users", Kind.USERS_PURGED),
        ("max_removed_roles", Kind.ROLES_REMOVED),
        ("max_removed_units", Kind.UNITS_REMOVED),
        ("max_lost_members", Kind.MEMBERS_LOST),
        ("max_revoked_grants", Kind.GRANTS_REVOKED),
        ("max_blanked_values", Kind.VALUES_BLANKED),
        ("max_reanchored_entries", Kind.IDS_REANCHORED),
        ("max_renamed_users", Kind.USERNAMES_CHANGED),
    ],
)
def test_each_setting_limits_its_own_kind(name: str, kind: Kind) -> None:
    changed = limits_of(SafetySettings(**{name: "7"}))
    assert {k for k in DEFAULTS if changed[k] != DEFAULTS[k]} == {kind}
    assert changed[kind] == Limit(None, 7, None, 0)


# ---------------------------------------------------------------- every kind
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("text", "most", "population"), [("10%", 3, 39), ("4", 4, 100), ("0", 0, 10), ("10%, at most 2", 2, 100)]
)
def test_what_is_allowed_passes_and_one_more_is_held(kind: Kind, text: str, most: int, population: int) -> None:
    code, plan, words = KINDS[kind]
    assert judge(plan(most, population), limits(kind, text)) == ()
    message = f"{words.format(most + 1, population)}, more than the {most} allowed in one run"
    assert judge(plan(most + 1, population), limits(kind, text)) == (
        Objection(
            code=code, kind=kind, message=message, count=most + 1, population=population, limit=most, of=NAMED.get(kind)
        ),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("population", "most"), [(11, 5), (12, 6), (1000, 500)])
def test_no_setting_lets_more_than_half_go(kind: Kind, population: int, most: int) -> None:
    code, plan, _ = KINDS[kind]
    assert judge(plan(most, population), EVERYTHING) == ()
    (objection,) = judge(plan(most + 1, population), EVERYTHING)
    assert (objection.code, objection.limit) == (code, most)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {Kind.MEMBERS_LOST}))
def test_the_ceiling_begins_at_ten(kind: Kind) -> None:
    code, plan, _ = KINDS[kind]
    assert judge(plan(8, 9), EVERYTHING) == ()
    assert judge(plan(5, 10), EVERYTHING) == ()
    assert [objection.code for objection in judge(plan(6, 10), EVERYTHING)] == [code]


def test_all_of_ten_members_may_go_if_the_limit_of_members_says_so() -> None:
    assert judge(members(10, 10), EVERYTHING) == ()
    assert judge(members(10, 10), DEFAULTS) == ()
    assert len(judge(members(6, 10), limits(Kind.MEMBERS_LOST, "50%"))) == 1


@pytest.mark.parametrize(
    ("kind", "population", "most"),
    [
        (Kind.USERS_DISABLED, 50, 10), (Kind.USERS_DISABLED, 200_000, 1000),
        (Kind.ROLES_REMOVED, 50, 10), (Kind.ROLES_REMOVED, 20_000, 500),
        (Kind.UNITS_REMOVED, 50, 10), (Kind.UNITS_REMOVED, 20_000, 500),
        (Kind.MEMBERS_LOST, 11, 5), (Kind.MEMBERS_LOST, 3001, 1500),
        (Kind.GRANTS_REVOKED, 100, 20), (Kind.GRANTS_REVOKED, 200_000, 2000),
        (Kind.VALUES_BLANKED, 50, 10), (Kind.VALUES_BLANKED, 200_000, 1000),
        (Kind.IDS_REANCHORED, 50, 5), (Kind.IDS_REANCHORED, 200_000, 100),
        (Kind.USERNAMES_CHANGED, 50, 10), (Kind.USERNAMES_CHANGED, 200_000, 1000),
    ],
)  # fmt: skip
def test_the_defaults_suit_small_and_large(kind: Kind, population: int, most: int) -> None:
    code, plan, _ = KINDS[kind]
    assert judge(plan(most, population), DEFAULTS) == ()
    assert [(o.code, o.limit) for o in judge(plan(most + 1, population), DEFAULTS)] == [(code, most)]


def test_an_empty_plan_is_fine() -> None:
    assert judge(Plan(directory="corp"), dict.fromkeys(DEFAULTS, parse_limit("0"))) == ()


# ---------------------------------------------------------------- nothing there
def test_an_empty_directory_is_held_whatever_is_allowed() -> None:
    plan = Plan(directory="corp", people=disabled(3), people_known=3, people_seen=0)
    message = "the directory shows nobody, though the store holds 3 of its people"
    assert judge(plan, EVERYTHING) == (
        Objection(code="empty_result", kind=Kind.USERS_DISABLED, message=message, count=3, population=3, limit=0),
    )
    assert judge(Plan(directory="corp", people=disabled(1), people_known=1), EVERYTHING)
    assert judge(Plan(directory="corp", people=disabled(1), people_known=1, people_seen=1), EVERYTHING) == ()
    assert judge(Plan(directory="corp", people_known=0, people_seen=0), EVERYTHING) == ()


@pytest.mark.parametrize(
    ("kind", "words"), [(Kind.ROLES_REMOVED, "role identifiers"), (Kind.UNITS_REMOVED, "organizations and units")]
)
@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_loss_of_all_structure_is_held_whatever_is_allowed(kind: Kind, words: str, count: int) -> None:
    plan = KINDS[kind][1]
    message = f"the directory shows none of the {count} {words} that the store holds of it"
    populated = replace(plan(count, count), people_known=3, people_seen=3)
    assert judge(populated, EVERYTHING) == (
        Objection(code="empty_result", kind=kind, message=message, count=count, population=count, limit=0),
    )


def test_units_that_only_people_named_may_go_with_the_last_of_them() -> None:
    assert judge(units(2, 2), EVERYTHING) == ()
    for known, seen in ((1, 1), (1, 0), (0, 1)):
        found = judge(replace(units(2, 2), people_known=known, people_seen=seen), EVERYTHING)
        assert Kind.UNITS_REMOVED in {objection.kind for objection in found}


def test_one_of_two_may_go() -> None:
    assert judge(roles(1, 2), EVERYTHING) == judge(units(1, 2), EVERYTHING) == ()


def test_without_a_population_a_removal_counts_as_the_loss_of_all() -> None:
    """A planner that forgets to count must not open the door."""
    unknown = Plan(
        directory="corp",
        role_identifiers=removals(1, ROLE),
        units=removals(1, UNIT),
        grants_removed=links(10),
        people_known=1,
        people_seen=1,
    )
    assert [o.code for o in judge(unknown, EVERYTHING)] == ["empty_result", "empty_result", "grants_revoked"]


# ---------------------------------------------------------------- what counts
def test_only_who_is_disabled_counts_as_removed() -> None:
    people = disabled(1) + changed(5) + changed(5, Action.RETURN) + changed(5, Action.CREATE)
    plan = Plan(directory="corp", people=people, people_known=9, people_seen=8)
    (objection,) = judge(plan, dict.fromkeys(DEFAULTS, parse_limit("0")))
    assert (objection.code, objection.count) == ("too_many_removed", 1)


def test_only_removals_of_structure_count() -> None:
    other = [StructureChange(action, "x", ROLE, ROLE) for action in (Action.CREATE, Action.UPDATE)]
    plan = Plan(directory="corp", role_identifiers=(*removals(1, ROLE), *other), populations={"role_identifiers": 5})
    (objection,) = judge(plan, limits(Kind.ROLES_REMOVED, "0"))
    assert objection.count == 1


def _identifiers(losses: Iterable[tuple[str, int, int]]) -> Plan:
    """name, members lost, members before"""
    losses = list(losses)
    return Plan(
        directory="corp",
        memberships_removed=tuple(link for name, lost, _ in losses for link in links(lost, f"key of {name}")),
        members_before={f"key of {name}": (name, before) for name, _, before in losses},
    )


def test_each_role_identifier_counts_for_itself() -> None:
    plan = _identifiers([("a", 5, 11), ("b", 6, 11), ("c", 9, 12), ("d", 50, 100)])
    found = judge(plan, DEFAULTS)
    assert [(o.of, o.count, o.population, o.limit) for o in found] == [("c", 9, 12, 6), ("b", 6, 11, 5)]


def test_role_identifiers_that_lose_as_much_stand_in_the_order_of_their_names() -> None:
    plan = _identifiers([("z", 6, 11), ("m", 6, 11), ("a", 6, 11)])
    assert [o.of for o in judge(plan, DEFAULTS)] == ["a", "m", "z"]


def test_twenty_role_identifiers_are_named() -> None:
    losses = [(f"group{n:02}", 6, 11) for n in range(20)]
    found = judge(_identifiers(losses), DEFAULTS)
    assert [o.of for o in found] == [name for name, *_ in losses]
    assert not any("more role identifiers" in o.message for o in found)


@pytest.mark.parametrize("count", [21, 45])
def test_of_more_than_twenty_role_identifiers_the_rest_is_counted(count: int) -> None:
    losses = [(f"group{n:02}", 6, 11) for n in range(count)]
    found = judge(_identifiers(losses), DEFAULTS)
    assert [o.of for o in found] == [name for name, *_ in losses[:20]]
    words = "group19 would lose 6 of its 11 members, more than the 5 allowed in one run"
    assert found[-1].message == f"{words}; so would {count - 20} more role identifiers"
    assert not any("more role identifiers" in o.message for o in found[:-1])


def test_a_role_identifier_that_nobody_counted_is_named_by_its_key() -> None:
    plan = Plan(directory="corp", memberships_removed=links(11, "k"))
    (objection,) = judge(plan, DEFAULTS)
    assert (objection.of, objection.count, objection.population, objection.limit) == ("k", 11, 11, 5)


@pytest.mark.parametrize(
    ("old", "new", "blanked"),
    [
        ("x", None, True), ("x", "", True), (("x",), (), True), (("x",), None, True), (b"x", None, True), (0, None, True),
        (False, None, True), ("x", "y", False), (None, None, False), ((), None, False), ("", None, False), (None, "x", False),
        ("x", 0, False), ("x", False, False),
    ],
)  # fmt: skip
def test_a_value_is_blanked_when_there_was_one_and_is_none(old: Any, new: Any, blanked: bool) -> None:
    for action in (Action.UPDATE, Action.RETURN):
        (change,) = changed(1, action, title=(old, new))
        assert blanked_fields(change) == (["title"] if blanked else [])


def test_neither_a_dn_nor_a_new_person_is_blanked() -> None:
    assert blanked_fields(changed(1, dn=("uid=a", None), title=("x", None))[0]) == ["title"]
    # an account that ends being locked is none, one of which nobody can say any more that it is disabled is
    for field, old, new, blanked in (
        ("account.locked_until", FOREVER, None, False),
        ("account.password_must_change", True, None, False),
        ("account.disabled", True, None, True),
        ("account.disabled", True, False, False),
        ("account.disabled", False, None, False),
    ):
        (change,) = changed(1, Action.UPDATE, **{field: (old, new)})
        assert blanked_fields(change) == ([field] if blanked else [])
    assert blanked_fields(changed(1, Action.CREATE, title=("x", None))[0]) == []
    assert blanked_fields(changed(1, Action.DISABLE, title=("x", None))[0]) == []
    assert blanked_fields(PersonChange(Action.CREATE, "e", None, None, NewFields({"title": None}))) == []


def test_each_field_counts_for_itself_and_of_those_who_have_it() -> None:
    people = changed(3, title=("x", None), phone=("1", None)) + changed(2, Action.RETURN, title=("x", ()))
    plan = Plan(directory="corp", people=people, people_known=90, people_seen=90, populations={"field:title": 40})
    found = judge(plan, limits(Kind.VALUES_BLANKED, "10%, at most 2"))
    assert [(o.of, o.count, o.population, o.limit) for o in found] == [("phone", 3, 90, 2), ("title", 5, 40, 2)]


@pytest.mark.parametrize("action", [Action.UPDATE, Action.RETURN])
def test_a_new_username_counts(action: Action) -> None:
    (change,) = changed(1, action, username=("a", "b"))
    assert renames(change)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (Action.UPDATE, {"username": (None, "b")}),
        (Action.UPDATE, {"username": ("a", None)}),
        (Action.UPDATE, {"email": ("a", "b")}),
        (Action.CREATE, {"username": ("a", "b")}),
        (Action.DISABLE, {"username": ("a", "b")}),
    ],
)
def test_what_is_no_change_of_a_username(action: Action, fields: dict[str, Any]) -> None:
    assert not renames(changed(1, action, **fields)[0])


# ---------------------------------------------------------------- the configuration
REMOVING = {
    "people disabled: 1": {"people": disabled(1)},
    "organizations removed: 1": {"organizations": removals(1, ORGANIZATION)},
    "units removed: 1": {"units": removals(1, UNIT)},
    "role identifiers removed: 1": {"role_identifiers": removals(1, ROLE)},
    "memberships removed: 2": {"memberships_removed": links(2)},
    "grants revoked: 2": {"grants_removed": links(2)},
    "values blanked: 4": {"people": changed(2, title=("x", None), phone=("x", None))},
}
COUNTED: dict[str, Any] = {
    "people_known": 9, "people_seen": 8, "populations": {"role_identifiers": 5, "units": 5, "grants": 9}
}  # fmt: skip


@pytest.mark.parametrize("words", REMOVING)
def test_another_configuration_takes_nothing_away_unasked(words: str) -> None:
    changes: dict[str, Any] = REMOVING[words] | COUNTED
    assert judge(Plan(directory="corp", **changes), EVERYTHING) == ()
    message = f"the configuration has changed, and this run would take something away ({words})"
    count = int(words.split(": ")[1])
    assert judge(Plan(directory="corp", config_changed=True, **changes), EVERYTHING) == (
        Objection(
            code="configuration_changed", kind=Kind.CONFIGURATION, message=message, count=count, population=9, limit=0
        ),
    )  # fmt: skip


def test_another_configuration_says_all_that_it_takes_away() -> None:
    changes: dict[str, Any] = {"people": disabled(2), "grants_removed": links(3)}
    plan = Plan(directory="corp", config_changed=True, **changes, **COUNTED)
    (objection,) = judge(plan, EVERYTHING)
    assert objection.message.endswith("(people disabled: 2, grants revoked: 3)")
    assert objection.count == 5


def test_another_configuration_that_only_adds_passes() -> None:
    changes: dict[str, Any] = {"people": changed(3, Action.CREATE) + changed(3, title=("x", "y")), "grants_added": links(3)}
    assert judge(Plan(directory="corp", config_changed=True, **changes, **COUNTED), EVERYTHING) == ()


# ---------------------------------------------------------------- together
def test_all_objections_are_said_in_the_same_order() -> None:
    plan = Plan(
        directory="corp",
        people=disabled(6) + changed(6, title=("x", None), username=("a", "b")),
        role_identifiers=removals(6, ROLE),
        units=removals(6, UNIT),
        memberships_removed=links(6, "k"),
        members_before={"k": ("admins", 11)},
        grants_removed=links(6),
        reanchored=frozenset("abcdef"),
        people_known=11,
        people_seen=5,
        populations={"role_identifiers": 11, "units": 11, "grants": 11},
        config_changed=True,
    )
    assert [o.code for o in judge(plan, EVERYTHING)] == [
        "too_many_removed", "roles_removed", "units_removed", "members_lost", "grants_revoked", "values_blanked",
        "ids_reanchored", "usernames_changed", "configuration_changed",
    ]  # fmt: skip


# ---------------------------------------------------------------- purge
def test_a_purge_is_held_beyond_its_limit() -> None:
    limit = DEFAULTS[Kind.USERS_PURGED]
    assert judge_purge(10, 50, limit) is None
    message = "11 of 50 people would be deleted for good, more than the 10 allowed in one purge"
    assert judge_purge(11, 50, limit) == Objection(
        code="too_many_purged", kind=Kind.USERS_PURGED, message=message, count=11, population=50, limit=10
    )
    assert judge_purge(0, 0, parse_limit("0")) is None


@pytest.mark.parametrize(("count", "population", "held"), [(9, 9, False), (5, 10, False), (6, 10, True), (501, 1000, True)])
def test_no_setting_lets_a_purge_delete_more_than_half(count: int, population: int, held: bool) -> None:
    assert (judge_purge(count, population, parse_limit("100%")) is not None) == held
