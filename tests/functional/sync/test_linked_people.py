"""The same people in two directories, found by a rule: two real slapds, one store."""

from __future__ import annotations

import pytest

from syncd.bootstrap import open_explain
from syncd.model.run import Mode, Trigger
from syncd.services.export import person_json
from tests.functional.sync.pair import ATTRIBUTES, Pair, both_have_anna, come_back, leave, neighbours


# ---------------------------------------------------------------- linking
def test_a_new_entry_with_a_known_key_is_the_same_user(pair: Pair) -> None:
    both_have_anna(pair)
    assert pair.changes("hr")["users_created"] == 1
    assert pair.changes("mail") == {"users_linked": 1, "organizations_created": 1, "units_created": 1}
    user = pair.user()
    assert (user["username"], user["title"], user["first_name"]) == ("anna", "Director", "Anna")
    assert pair.entries() == {"hr": [f"uid=anna,{pair.hr.people_dn}"], "mail": [f"uid=anna.berg,{pair.mail.people_dn}"]}
    (event,) = pair.hr.rows("SELECT * FROM audit_events WHERE action = 'user.linked'")
    assert event["subject_id"] == user["id"]
    assert "'e1'" in event["reason"]


def test_whichever_comes_first_the_better_one_decides(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("mail")
    assert pair.user()["username"] == "anna.berg"
    assert pair.changes("hr")["users_linked"] == 1
    user = pair.user()
    assert (user["username"], user["email"], user["title"]) == ("anna", "anna@example.com", "Director")
    # hr maps it and has none
    assert user["phone"] is None


def test_a_field_only_the_other_one_maps_is_the_others(pair: Pair) -> None:
    both_have_anna(pair)
    attributes = {key: rule for key, rule in ATTRIBUTES.items() if key != "phone"}
    pair.configure()
    for site in (pair.hr, pair.mail):
        site.root["directories"]["hr"]["users"]["attributes"] = attributes
    pair.sync("hr")
    pair.sync("mail")
    assert (pair.user()["phone"], pair.user()["title"]) == ("123", "Director")


@pytest.mark.parametrize("first", ["hr", "mail"])
def test_runs_in_turn_change_nothing(pair: Pair, first: str) -> None:
    both_have_anna(pair)
    pair.hr.add_person("carl", employeeNumber="E2", title="Clerk")
    pair.mail.add_person("carl", employeeNumber="E2", title="Assistant")
    second = {"hr": "mail", "mail": "hr"}[first]
    pair.sync(first)
    pair.sync(second)
    before = pair.hr.snapshot()
    for name in [first, second] * 5:
        assert pair.changes(name) == {}
    assert pair.hr.snapshot() == before


def test_a_change_in_the_lesser_one_changes_nothing_of_the_user(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("hr")
    pair.sync("mail")
    pair.mail.slapd.modify(f"uid=anna.berg,{pair.mail.people_dn}", {"title": "Chief"})
    pair.sync("mail")
    assert pair.user()["title"] == "Director"
    pair.hr.slapd.modify(f"uid=anna,{pair.hr.people_dn}", {"title": "President"})
    pair.sync("hr")
    assert pair.user()["title"] == "President"
    assert pair.changes("mail") == {}


# ---------------------------------------------------------------- dropping and returning
def test_when_the_better_one_drops_somebody_the_other_decides_until_they_return(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    pair.sync("mail")
    pair.hr.slapd.delete(f"uid=anna,{pair.hr.people_dn}")
    pair.sync("hr")
    anna = pair.user()["id"]
    assert pair.changes("mail")["users_updated"] == 1
    user = pair.users()[anna]
    assert (user["username"], user["title"], user["phone"]) == ("anna.berg", "Boss", "123")
    assert pair.changes("mail") == {}
    with pair.hr.runtime() as runtime:
        assert runtime.queries.user_by_id(anna).reasons[0] == "directory_missing:hr"


def test_who_returns_to_the_better_one_is_as_it_says_again(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    pair.sync("mail")
    # out of the filter and back, with the same entry
    leave(pair.hr, "anna")
    pair.sync("hr")
    pair.sync("mail")
    assert pair.user()["username"] == "anna.berg"
    come_back(pair.hr, "anna")
    assert pair.changes("hr")["users_returned"] == 1
    user = pair.user()
    assert (user["username"], user["username_key"], user["title"], user["phone"]) == ("anna", "anna", "Director", None)
    assert [pair.changes(name) for name in ("mail", "hr", "mail")] == [{}, {}, {}]


def test_when_the_lesser_one_drops_somebody_the_others_row_stays_as_it_is(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    pair.sync("mail")
    before = pair.rows_of("hr")
    leave(pair.mail, "anna.berg")
    assert pair.changes("mail")["users_disabled"] == 1
    assert pair.rows_of("hr") == before
    assert pair.user()["username"] == "anna"
    assert pair.changes("hr") == {}


def test_who_left_one_keeps_their_name_as_long_as_another_has_them(pair: Pair) -> None:
    """A newcomer is another person, whatever they are called."""
    both_have_anna(pair)
    neighbours(pair)
    pair.sync("hr")
    pair.sync("mail")
    leave(pair.hr, "anna")
    pair.hr.add_person("anna", title="Intern", mail="intern@example.com")
    pair.sync("hr")
    assert pair.names() == ["anna", "bob", "zoe"]
    assert pair.issue_codes() == ["username_taken"]
    # mail calls her otherwise, so that the name is free now
    pair.sync("mail")
    pair.sync("hr")
    titles = {user["username"]: user["title"] for user in pair.users().values() if user["title"]}
    assert titles == {"anna.berg": "Boss", "anna": "Intern"}
    assert pair.issue_codes() == []


def test_an_incremental_run_takes_over_the_fields_of_who_left_elsewhere(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.configure(hr={"feed": "syncrepl"}, mail={"feed": "syncrepl"})
    pair.sync("hr")
    pair.sync("mail")
    leave(pair.hr, "anna")
    pair.sync("hr")
    run = pair.sync("mail", Mode.CHANGES)
    assert run.feed == "syncrepl"
    assert pair.user()["username"] == "anna.berg"


def test_purged_from_one_the_user_stays_and_is_linked_again(pair: Pair) -> None:
    both_have_anna(pair)
    neighbours(pair)
    pair.hr.add_group("hr-admins", f"uid=anna,{pair.hr.people_dn}")
    pair.mail.add_group("mail-staff", f"uid=anna.berg,{pair.mail.people_dn}")
    pair.configure(hr={"safety": {"purge_after": "0s"}}, mail={"safety": {"purge_after": "0s"}})
    pair.sync("hr")
    pair.sync("mail")
    anna = pair.user()["id"]
    assert pair.roles() == {("administrator", "hr"), ("employee", "mail")}
    pair.mail.slapd.delete(f"uid=anna.berg,{pair.mail.people_dn}")
    pair.sync("mail")
    with pair.hr.runtime() as runtime:
        assert runtime.sync.purge("mail") == 1
    assert f"uid=anna.berg,{pair.mail.people_dn}" not in pair.entries()["mail"]
    assert pair.roles() == {("administrator", "hr")}
    assert pair.changes("hr") == {}
    pair.mail.add_person("ab", employeeNumber="E1")
    assert pair.changes("mail")["users_linked"] == 1
    assert pair.user()["id"] == anna


# ---------------------------------------------------------------- who is not linked
def test_two_entries_with_one_key_are_nobody_until_one_of_them_has_another(pair: Pair) -> None:
    both_have_anna(pair)
    pair.mail.add_person("anna.too", employeeNumber="E1")
    pair.sync("hr")
    pair.sync("mail")
    assert len(pair.users()) == 1
    assert pair.issue_codes() == ["link_ambiguous", "link_ambiguous"]
    assert pair.changes("mail") == {}
    pair.mail.slapd.modify(f"uid=anna.too,{pair.mail.people_dn}", {"employeeNumber": "E7"})
    assert pair.changes("mail") == {"users_linked": 1, "users_created": 1, "issues_closed": 2}
    assert pair.entries()["mail"] == [f"uid=anna.berg,{pair.mail.people_dn}", f"uid=anna.too,{pair.mail.people_dn}"]
    assert len(pair.users()) == 2


def test_a_key_of_two_users_links_nobody(pair: Pair) -> None:
    both_have_anna(pair)
    pair.hr.add_person("hannah", employeeNumber="E1")
    pair.sync("hr")
    pair.sync("mail")
    assert [user["username"] for user in pair.users().values()] == ["anna", "hannah"]
    (issue,) = pair.mail.issues().values()
    assert issue["code"] == "link_ambiguous"
    assert f"uid=hannah,{pair.hr.people_dn} of hr" in issue["message"]


def test_a_second_entry_for_a_user_who_has_one_is_not_taken(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("hr")
    pair.sync("mail")
    pair.mail.add_person("anna.new", employeeNumber="E1")
    assert pair.changes("mail") == {"issues_opened": 1}
    assert pair.issue_codes() == ["link_ambiguous"]


def test_people_who_were_two_users_before_the_rule_stay_so_with_an_issue(pair: Pair) -> None:
    both_have_anna(pair)
    rules = {name: pair.hr.root["directories"][name].pop("link") for name in ("hr", "mail")}
    pair.sync("hr")
    pair.sync("mail")
    assert len(pair.users()) == 2
    for name, rule in rules.items():
        pair.hr.root["directories"][name]["link"] = rule
    pair.sync("hr")
    pair.sync("mail")
    assert len(pair.users()) == 2
    assert pair.issue_codes() == ["link_separate"]
    pair.sync("hr")
    assert pair.issue_codes() == ["link_separate", "link_separate"]
    assert [pair.changes(name) for name in ("mail", "hr")] == [{}, {}]


@pytest.mark.parametrize("column", ["manual", "break_glass"])
def test_a_run_links_no_manual_user_and_no_break_glass_account(pair: Pair, column: str) -> None:
    both_have_anna(pair)
    pair.sync("hr")
    pair.hr.execute(f"UPDATE users SET {column} = {'true' if pair.hr.store_url.startswith('postgresql') else 1}")
    user, mine = pair.user(), pair.rows_of("hr")
    pair.sync("mail")
    assert pair.users()[user["id"]] == user
    assert pair.rows_of("hr") == mine
    assert len(pair.users()) == {"manual": 2, "break_glass": 1}[column]
    assert pair.issue_codes() == {"manual": [], "break_glass": ["link_protected"]}[column]


def test_people_who_share_a_username_only_are_two_people(pair: Pair) -> None:
    pair.hr.add_person("anna", employeeNumber="E1")
    pair.mail.add_person("anna", employeeNumber="E2")
    pair.sync("hr")
    before = pair.rows_of("hr")
    pair.sync("mail")
    assert len(pair.users()) == 1
    assert pair.issue_codes() == ["username_taken"]
    assert pair.rows_of("hr") == before


def test_explain_shows_both_entries_and_what_a_link_would_do(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("hr")
    anna = pair.user()["id"]
    with pair.hr.runtime() as runtime:
        new = open_explain(runtime).explain("anna.berg", directory="mail")
    (sighting,) = new.directories[0].sightings
    assert sighting.outlook is not None
    assert sighting.outlook.summary == f"would become one more entry of user {anna}, by the link rule"
    pair.sync("mail")
    with pair.hr.runtime() as runtime:
        before = pair.hr.snapshot()
        known = open_explain(runtime).explain("anna")
        assert pair.hr.snapshot() == before
        view = runtime.queries.user("anna")
    assert known.store is not None
    assert known.store.presence == {"hr": "present", "mail": "present"}
    assert [(one.name, one.dn) for one in view.directories] == [
        ("hr", f"uid=anna,{pair.hr.people_dn}"),
        ("mail", f"uid=anna.berg,{pair.mail.people_dn}"),
    ]
    for answer in known.directories:
        (sighting,) = answer.sightings
        assert sighting.outlook is not None
        assert (sighting.outlook.summary, sighting.outlook.changes) == ("nothing", ())
    assert person_json(view)["directories"][1]["dn"] == f"uid=anna.berg,{pair.mail.people_dn}"


def test_explain_says_why_nobody_is_linked(pair: Pair) -> None:
    both_have_anna(pair)
    pair.hr.add_person("hannah", employeeNumber="E1")
    pair.sync("hr")
    with pair.hr.runtime() as runtime:
        found = open_explain(runtime).explain("anna.berg", directory="mail")
    (sighting,) = found.directories[0].sightings
    assert sighting.outlook is not None
    assert "link_ambiguous" in sighting.outlook.notes[0]


# ---------------------------------------------------------------- names
def test_a_name_that_a_link_frees_goes_to_a_newcomer_in_the_same_run(pair: Pair) -> None:
    both_have_anna(pair)
    pair.sync("mail")
    pair.hr.add_person("anna.berg", title="Intern", mail="ab@mail.example.com")
    assert pair.changes("hr")["users_created"] == 1
    assert {user["username"]: user["title"] for user in pair.users().values()} == {"anna": "Director", "anna.berg": "Intern"}
    assert pair.user()["username"] == "anna"
    assert [pair.changes(name) for name in ("mail", "hr")] == [{}, {}]


def test_a_link_takes_nobodys_name(pair: Pair) -> None:
    both_have_anna(pair)
    pair.mail.add_person("anna", title="Somebody else", mail="else@example.com")
    pair.sync("mail")
    users = pair.users()
    pair.sync("hr")
    assert pair.issue_codes() == ["username_taken"]
    assert pair.users() == users
    pair.mail.slapd.rename(f"uid=anna,{pair.mail.people_dn}", "uid=other")
    pair.sync("mail")
    assert pair.changes("hr")["users_linked"] == 1
    assert pair.names() == ["anna", "other"]
    assert [pair.changes(name) for name in ("mail", "hr")] == [{}, {}]


# ---------------------------------------------------------------- nothing leaks
def company(pair: Pair) -> None:
    """Twelve people, the first four in both directories, with roles in each."""
    for number in range(8):
        pair.hr.add_person(f"h{number}", employeeNumber=f"E{number}", title="Clerk")
    for number in range(8):
        key = f"E{number}" if number < 4 else f"M{number}"
        pair.mail.add_person(f"m{number}", employeeNumber=key, title="Agent", mail=f"m{number}@mail.example.com")
    pair.hr.add_group("hr-staff", *(f"uid=h{n},{pair.hr.people_dn}" for n in range(8)))
    pair.hr.add_group("hr-admins", f"uid=h1,{pair.hr.people_dn}")
    pair.mail.add_group("mail-staff", *(f"uid=m{n},{pair.mail.people_dn}" for n in range(8)))
    pair.mail.add_group("mail-admins", f"uid=m2,{pair.mail.people_dn}")


def test_a_run_leaves_every_row_of_the_other_directory(pair: Pair) -> None:
    company(pair)
    pair.sync("hr")
    hr = pair.rows_of("hr")
    pair.sync("mail")
    assert pair.rows_of("hr") == hr
    assert len(pair.users()) == 12
    pair.mail.slapd.modify(f"uid=m1,{pair.mail.people_dn}", {"title": "Chief", "sn": "Other"})
    pair.mail.slapd.delete(f"cn=mail-admins,{pair.mail.groups_dn}")
    pair.mail.slapd.rename(f"uid=m3,{pair.mail.people_dn}", "uid=m33")
    pair.mail.slapd.modify(f"cn=mail-staff,{pair.mail.groups_dn}", {"member": [f"uid=m7,{pair.mail.people_dn}"]})
    pair.configure(mail={"safety": {"max_removed_roles": "100%", "max_lost_members": "100%", "max_revoked_grants": "100%"}})
    pair.sync("mail")
    assert pair.rows_of("hr") == hr
    assert ("administrator", "hr") in pair.roles()
    assert ("administrator", "mail") not in pair.roles()


def test_the_guard_counts_a_directorys_own_and_a_held_plan_is_its_own(pair: Pair) -> None:
    company(pair)
    pair.sync("hr")
    pair.sync("mail")
    for number in range(8):
        leave(pair.mail, f"m{number}")
    hr = pair.rows_of("hr")
    users = pair.users()
    with pair.hr.runtime() as runtime:
        runtime.sync.request("mail", mode=Mode.FULL, trigger=Trigger.CLI)
        held = runtime.sync.work("mail")
        assert held is not None
        assert held.outcome == "held"
        objection = next(iter(runtime.holds.open("mail").objections))  # type: ignore[union-attr]
        assert (objection.count, objection.population) == (8, 8)
    assert pair.users() == users
    assert pair.changes("hr") == {}
    with pair.hr.runtime() as runtime:
        assert runtime.holds.open("hr") is None
        assert runtime.holds.open("mail") is not None
    assert pair.rows_of("hr") == hr


def test_a_directory_that_leaves_the_configuration_takes_nothing_along(pair: Pair) -> None:
    company(pair)
    pair.sync("hr")
    pair.sync("mail")
    before = pair.hr.snapshot()
    pair.configure(names=("hr",))
    assert pair.changes("hr") == {}
    assert pair.hr.snapshot() == before
    pair.configure(names=("mail",))
    pair.sync("mail")
    # whom hr decided, mail decides now; nobody is gone
    users = {user["username"]: user["title"] for user in pair.users().values()}
    assert users == {f"m{number}": "Agent" for number in range(8)} | {f"h{number}": "Clerk" for number in range(4, 8)}
    assert pair.hr.rows("SELECT * FROM identities WHERE missing_since IS NOT NULL") == []
