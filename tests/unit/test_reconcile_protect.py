"""Break-glass accounts and the last administrator: what is left out of a plan, and the issues that say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.model.plan import Action, Link, NameRelease, PersonChange, Plan
from syncd.model.records import DirectoryPresence, Issue, PersonRecord, StoredPerson
from syncd.reconcile.people import diff_person
from syncd.reconcile.protect import protect


def record(entry_id: str, **fields: Any) -> PersonRecord:
    name = f"uid={entry_id}"
    return PersonRecord(entry_id, name, name, b"new", {"username": entry_id, "email": f"{entry_id}@x"} | fields)


def stored(entry_id: str, user_id: int = 1, *, present: bool = True) -> StoredPerson:
    old = record(entry_id)
    presence = DirectoryPresence.ACTIVE if present else DirectoryPresence.MISSING
    return StoredPerson(user_id, entry_id, old.dn, old.dn_key, b"old", presence, old.fields)


def update(entry_id: str, user_id: int = 1, **fields: Any) -> PersonChange:
    return diff_person(record(entry_id, **fields), stored(entry_id, user_id))


def comes_back(entry_id: str, **fields: Any) -> PersonChange:
    return diff_person(record(entry_id, **fields), stored(entry_id, present=False))


def create(entry_id: str, **fields: Any) -> PersonChange:
    return diff_person(record(entry_id, **fields), None)


def gone(entry_id: str, user_id: int = 1) -> PersonChange:
    return PersonChange(Action.DISABLE, entry_id, None, stored(entry_id, user_id), {})


def plan(*people: PersonChange, **more: Any) -> Plan:
    return Plan(directory="corp", people=people, relations_digest=b"r", config_digest=b"c", **more)


def guarded(
    whole: Plan,
    *,
    glass: str = "",
    administrators: str = "",
    roles: tuple[str, ...] = ("administrator",),
    stored_issues: tuple[Issue, ...] = (),
    **more: Any,
) -> Plan:
    """`glass` and `administrators`: one letter for each entry id."""
    return protect(
        whole,
        break_glass=frozenset(glass),
        administrators=frozenset(administrators),
        administrator_roles=frozenset(roles),
        open_issues={issue.key: issue for issue in stored_issues},
        **more,
    )


def ids(found: Plan) -> list[str]:
    return [change.entry_id for change in found.people]


def protected(entry_id: str, what: str, dn: str | None = None) -> Issue:
    message = f"the directory would {what}; a break-glass account is never touched by a run"
    return Issue(key=entry_id, dn=dn or f"uid={entry_id}", code="protected", message=message)


def last(entry_id: str, dn: str | None = None) -> Issue:
    message = "the directory would take away the last administrator; this person is kept until there is another one"
    return Issue(key=entry_id, dn=dn or f"uid={entry_id}", code="last_administrator", message=message)


def waits(entry_id: str) -> Issue:
    message = "this person takes a name that a protected account keeps, and waits for it"
    return Issue(key=entry_id, dn=f"uid={entry_id}", code="name_protected", message=message)


def without_change(whole: Plan) -> Plan:
    """What is left of a plan of which all was left out."""
    return Plan(directory="corp", config_digest=b"c", issues_opened=whole.issues_opened, issues_total=whole.issues_total)


# ---------------------------------------------------------------- break-glass accounts
def test_a_plan_that_touches_nobody_protected_is_left_alone() -> None:
    whole = plan(gone("a"), update("b", title="x"), grants_removed=(Link("c", "administrator"),))
    assert guarded(whole, glass="x", administrators="y") is whole


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (gone("a"), "disable this person"),
        (update("a", title="x", phone="1"), "change phone, change title"),
        (comes_back("a", title="x"), "enable this person again, change title"),
    ],
)
def test_no_change_touches_a_break_glass_account(change: PersonChange, what: str) -> None:
    found = guarded(plan(change), glass="a")
    assert found == without_change(found)
    assert found.issues_opened == (protected("a", what),)
    assert found.issues_total == 1


def test_a_refreshed_fingerprint_is_no_issue() -> None:
    found = guarded(plan(update("a")), glass="a")
    assert found == without_change(found)
    assert found.is_empty


def test_no_link_touches_a_break_glass_account() -> None:
    r, s, other = Link("a", "r"), Link("a", "s"), Link("b", "r")
    whole = plan(
        memberships_removed=(r, s, other), grants_removed=(r, other), memberships_added=(r, other), grants_added=(s, other)
    )
    found = guarded(whole, glass="a", dn_of={"a": "uid=anna"}.__getitem__)
    assert found.memberships_removed == found.memberships_added == found.grants_removed == found.grants_added == (other,)
    assert found.issues_opened == (protected("a", "revoke r, grant s, end 2 memberships, add 1 membership", "uid=anna"),)
    assert found.relations_digest is None


@pytest.mark.parametrize("kind", ["memberships_removed", "memberships_added", "grants_removed", "grants_added"])
def test_one_link_is_enough_for_an_issue(kind: str) -> None:
    found = guarded(plan(**{kind: (Link("a", "r"),)}), glass="a")
    assert found == without_change(found)
    assert [(issue.key, issue.dn) for issue in found.issues_opened] == [("a", "a")]


def test_what_concerns_others_goes_on() -> None:
    whole = plan(gone("a"), gone("b"), create("c"), releases=(NameRelease(1, "z", "email", "z@x"),), roles_created=("r",))
    found = guarded(whole, glass="a")
    assert ids(found) == ["b", "c"]
    assert (found.releases, found.roles_created) == (whole.releases, ("r",))


def test_whoever_takes_the_name_of_a_break_glass_account_waits_and_gets_nothing() -> None:
    whole = plan(
        gone("a"), create("n", username="a"), update("b", username="n2"), comes_back("r", email="a@x"),
        update("u", email="r@x"), releases=(NameRelease(1, "a", "username", "a"),),
        memberships_added=tuple(Link(name, "g") for name in "nbru"), grants_added=(Link("r", "x"), Link("b", "x")),
    )  # fmt: skip
    found = guarded(whole, glass="a")
    assert ids(found) == ["b"]
    assert found.releases == ()
    assert found.memberships_added == (Link("b", "g"), Link("u", "g"))
    assert found.grants_added == (Link("b", "x"),)
    assert found.issues_opened == (protected("a", "disable this person"), waits("n"), waits("r"), waits("u"))
    assert found.issues_total == 4


def test_an_absent_break_glass_account_keeps_its_names() -> None:
    releases = (NameRelease(1, "a", "username", "n"), NameRelease(2, "z", "username", "m"))
    found = guarded(plan(create("n"), create("m"), releases=releases), glass="a")
    assert ids(found) == ["m"]
    assert found.releases == releases[1:]
    assert found.issues_opened == (waits("n"),)


# ---------------------------------------------------------------- the last administrator
def test_the_last_administrator_is_not_disabled() -> None:
    found = guarded(plan(gone("a"), gone("b")), administrators="a")
    assert ids(found) == ["b"]
    assert found.issues_opened == (last("a"),)
    assert found.relations_digest is None


def test_the_last_administrators_role_is_not_revoked() -> None:
    whole = plan(grants_removed=(Link("a", "Administrator"), Link("a", "employee"), Link("b", "administrator")))
    found = guarded(whole, administrators="a", dn_of={"a": "uid=anna"}.__getitem__)
    assert found.grants_removed == (Link("a", "employee"), Link("b", "administrator"))
    assert found.issues_opened == (last("a", "uid=anna"),)


def test_of_several_who_would_all_go_the_one_known_longest_is_kept() -> None:
    whole = plan(gone("a", 7), gone("b", 3), gone("c", 5))
    assert ids(guarded(whole, administrators="abc")) == ["a", "c"]
    revoked = tuple(Link(name, "administrator") for name in "cba")
    assert guarded(plan(grants_removed=revoked), administrators="abc").grants_removed == revoked[:2]
    found = guarded(plan(gone("c", 5), grants_removed=revoked[1:]), administrators="abc")
    assert (ids(found), found.grants_removed) == ([], revoked[1:])
    assert found.issues_opened == (last("c"),)


def test_as_long_as_one_remains_the_others_may_go() -> None:
    whole = plan(gone("a"), grants_removed=(Link("b", "administrator"), Link("c", "employee")))
    assert guarded(whole, administrators="abc") is whole
    assert guarded(whole, administrators="") is whole


def test_another_role_makes_nobody_an_administrator() -> None:
    whole = plan(grants_removed=(Link("a", "employee"),))
    assert guarded(whole, administrators="a") is whole


def test_a_new_administrator_lets_the_old_one_go() -> None:
    for change in (create("n"), update("n"), comes_back("n")):
        whole = plan(gone("a"), change, grants_added=(Link("n", "ADMINISTRATOR"),))
        assert guarded(whole, administrators="a") is whole
    assert ids(guarded(plan(gone("a"), create("n"), grants_added=(Link("n", "employee"),)), administrators="a")) == ["n"]


def test_whoever_is_disabled_is_no_new_administrator() -> None:
    found = guarded(plan(gone("a"), gone("n"), grants_added=(Link("n", "administrator"),)), administrators="a")
    assert ids(found) == ["n"]


def test_a_break_glass_account_that_stays_is_administrator_enough() -> None:
    found = guarded(plan(gone("a"), gone("b")), glass="b", administrators="ab")
    assert ids(found) == ["a"]
    assert found.issues_opened == (protected("b", "disable this person"),)


def test_a_new_administrator_who_waits_for_a_name_is_none() -> None:
    whole = plan(gone("g"), gone("a"), create("n", username="g"), grants_added=(Link("n", "administrator"),))
    found = guarded(whole, glass="g", administrators="a")
    assert ids(found) == []
    assert set(found.issues_opened) == {protected("g", "disable this person"), waits("n"), last("a")}


def test_the_last_administrator_keeps_the_name_and_gets_their_other_changes() -> None:
    whole = plan(
        gone("a"), create("n", username="a"), create("m", email="z@x"), memberships_added=(Link("n", "g"), Link("m", "g")),
        releases=(NameRelease(1, "a", "username", "a"), NameRelease(2, "z", "email", "z@x")),
    )  # fmt: skip
    found = guarded(whole, administrators="a")
    assert ids(found) == ["m"]
    assert found.memberships_added == (Link("m", "g"),)
    assert found.releases == whole.releases[1:]
    assert found.issues_opened == (last("a"), waits("n"))
    whole = plan(update("a", title="x"), grants_removed=(Link("a", "administrator"),))
    found = guarded(whole, administrators="a")
    assert (found.people, found.grants_removed) == (whole.people, ())


# ---------------------------------------------------------------- issues over several runs
ISSUE = protected("a", "disable this person")
OTHER = Issue(key="a", dn="uid=a", code="bad_value", message="m")
ELSEWHERE = Issue(key="z", dn="z", code="c", message="m")


@pytest.mark.parametrize(
    ("was_open", "planned", "opened", "closed", "total"),
    [
        # the first run; and the second, whose planner thinks it is over
        ((), {}, (ISSUE,), (), 1),
        ((ISSUE,), {"issues_closed": ("a",)}, (), (), 1),
        # the words change
        ((protected("a", "change title"),), {"issues_closed": ("a",)}, (ISSUE,), ("a",), 1),
        # the same person has another issue: new, as it was, with other words, over
        ((), {"issues_opened": (OTHER,), "issues_total": 1}, (ISSUE,), (), 1),
        ((OTHER,), {"issues_total": 1}, (ISSUE,), ("a",), 1),
        (
            (OTHER,),
            {"issues_closed": ("a",), "issues_opened": (replace(OTHER, code="x"),), "issues_total": 1},
            (ISSUE,),
            ("a",),
            1,
        ),
        ((OTHER,), {"issues_closed": ("a",)}, (ISSUE,), ("a",), 1),
        # and the run after that
        ((ISSUE,), {"issues_closed": ("a",), "issues_opened": (OTHER,), "issues_total": 1}, (), (), 1),
        # others' issues
        ((ELSEWHERE,), {"issues_total": 1}, (ISSUE,), (), 2),
        ((ELSEWHERE,), {"issues_closed": ("z",)}, (ISSUE,), ("z",), 1),
        ((), {"issues_opened": (ELSEWHERE,), "issues_total": 1}, (ELSEWHERE, ISSUE), (), 2),
    ],
)
def test_an_issue_is_opened_once_and_stays(
    was_open: tuple[Issue, ...], planned: dict[str, Any], opened: tuple[Issue, ...], closed: tuple[str, ...], total: int
) -> None:
    found = guarded(plan(gone("a"), **planned), glass="a", stored_issues=was_open)
    assert (found.issues_opened, found.issues_closed, found.issues_total) == (opened, closed, total)


def test_with_its_issue_open_a_plan_that_touches_only_the_protected_is_empty() -> None:
    assert guarded(plan(gone("a"), issues_closed=("a",)), glass="a", stored_issues=(ISSUE,)).is_empty
    assert guarded(plan(gone("a"), issues_closed=("a",)), administrators="a", stored_issues=(last("a"),)).is_empty
