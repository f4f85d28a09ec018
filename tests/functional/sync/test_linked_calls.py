"""The same people in two directories, linked and parted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.bootstrap import open_database
from syncd.errors import LeaseHeldError, NotFoundError, StateError, UsageError
from syncd.model.caller import Caller
from syncd.model.checks import CheckStatus
from syncd.services.ports_store import Relinked
from tests.functional.cli import syncd
from tests.functional.sync.pair import Pair, both_have_anna, neighbours


@pytest.fixture
def apart(pair: Pair) -> Iterator[Pair]:
    """Anna is two users, from before there was a rule; the content of the store is right before and after."""
    both_have_anna(pair)
    neighbours(pair)
    pair.hr.add_group("hr-admins", f"uid=anna,{pair.hr.people_dn}")
    pair.mail.add_group("mail-staff", f"uid=anna.berg,{pair.mail.people_dn}")
    rules = {name: pair.hr.root["directories"][name].pop("link") for name in ("hr", "mail")}
    pair.sync("hr")
    pair.sync("mail")
    for name, rule in rules.items():
        pair.hr.root["directories"][name]["link"] = rule
    pair.sync("hr")
    pair.sync("mail")
    pair.sync("hr")
    assert pair.issue_codes() == ["link_separate", "link_separate"]
    yield pair
    database = open_database(pair.hr.configuration())
    try:
        assert [line.text for line in database.integrity() if line.status is not CheckStatus.PASS] == []
    finally:
        database.close()


ROOT = Caller(name="root", everything=True)


def number(pair: Pair, username: str) -> int:
    return next(user["id"] for user in pair.users().values() if user["username"] == username)


def linked(pair: Pair, user_id: int, **entry: str) -> Relinked:
    entry = entry or {"dn": f"UID=anna.berg, {pair.mail.people_dn}"}
    with pair.hr.runtime() as runtime:
        return runtime.links.link(user_id, directory="mail", caller=ROOT, reason="the same person", **entry)  # type: ignore[arg-type]


def of(pair: Pair, table: str, user_id: int) -> list[dict[str, Any]]:
    return pair.hr.rows(f"SELECT * FROM {table} WHERE user_id = :u", u=user_id)


def test_two_users_become_one(apart: Pair) -> None:
    anna, other = number(apart, "anna"), number(apart, "anna.berg")
    apart.mail.slapd.rename(f"uid=anna.berg,{apart.mail.people_dn}", "uid=a.berg")
    apart.mail.slapd.modify(f"cn=mail-staff,{apart.mail.groups_dn}", {"member": [f"uid=a.berg,{apart.mail.people_dn}"]})
    apart.sync("mail")
    hr = apart.rows_of("hr")
    done = linked(apart, anna, dn=f"uid=a.berg,{apart.mail.people_dn}")
    assert (done.user_id, done.other_id, done.other) == (anna, other, "deleted")
    assert apart.names() == ["anna", "bob", "zoe"]
    assert {row["user_id"] for row in apart.hr.rows("SELECT user_id FROM memberships")} == {anna}
    assert len(of(apart, "access", anna)) == 2
    assert [row["dn"] for row in of(apart, "dn_history", anna)] == [f"uid=anna.berg,{apart.mail.people_dn}"]
    assert apart.roles() == {("administrator", "hr"), ("employee", "mail")}
    # hr is only told to look again
    changed = {table for table, rows in apart.rows_of("hr").items() if rows != hr[table]}
    assert changed == {"identities"}
    for name in ("mail", "hr", "mail"):
        apart.sync(name)
    assert (apart.user()["id"], apart.user()["username"], apart.user()["title"]) == (anna, "anna", "Director")
    assert apart.issue_codes() == []
    assert [apart.changes(name) for name in ("hr", "mail")] == [{}, {}]
    events = apart.hr.rows("SELECT * FROM audit_events WHERE action IN ('user.linked', 'user.merged') ORDER BY action")
    assert [(event["actor"], event["subject_id"], event["reason"]) for event in events] == [
        ("root", anna, "the same person"),
        ("root", other, "the same person"),
    ]


def test_the_better_directorys_entry_can_be_the_one_that_moves(apart: Pair) -> None:
    other = number(apart, "anna.berg")
    with apart.hr.runtime() as runtime:
        dn = f"uid=anna,{apart.hr.people_dn}"
        runtime.links.link(other, directory="hr", dn=dn, caller=ROOT, reason="the same person")
    apart.sync("mail")
    apart.sync("hr")
    user = apart.user()
    assert (user["id"], user["username"], user["title"], user["phone"]) == (other, "anna", "Director", None)
    assert [apart.changes(name) for name in ("mail", "hr")] == [{}, {}]


def test_a_user_with_something_of_their_own_is_kept_disabled(apart: Pair) -> None:
    anna, other = number(apart, "anna"), number(apart, "anna.berg")
    role = apart.hr.rows("SELECT id FROM roles WHERE name = 'employee'")[0]["id"]
    apart.hr.execute("INSERT INTO grants (user_id, role_id) VALUES (:u, :r)", u=other, r=role)
    assert linked(apart, anna).other == "kept"
    kept = apart.users()[other]
    assert (bool(kept["manual"]), bool(kept["enabled"]), kept["username_key"]) == (True, False, None)
    assert [row["directory_id"] for row in of(apart, "grants", other)] == [None]
    for name in ("mail", "hr"):
        apart.sync(name)
    assert apart.users()[other] == kept


def test_a_user_with_another_entry_keeps_their_name_for_others_too(apart: Pair) -> None:
    """Who only gives one of two entries away is told to lose that, and nothing else."""
    anna, other = number(apart, "anna"), number(apart, "anna.berg")
    linked(apart, anna)
    assert linked(apart, number(apart, "bob")).other == "stays"
    with apart.hr.runtime() as runtime:
        events = runtime.management.events.page(types=["user.unlinked"]).items
    assert [(event.subject_id, set(event.changes)) for event in events] == [(anna, {"entry_id", "dn"})]
    assert apart.users()[anna]["username"] == "anna"
    assert other not in apart.users()


def test_roles_that_move_with_an_entry_are_told(apart: Pair) -> None:
    anna, bob = number(apart, "anna"), number(apart, "bob")
    apart.hr.execute("INSERT INTO grants (user_id, role_id) SELECT :u, id FROM roles WHERE name = 'employee'", u=bob)
    linked(apart, anna)
    assert linked(apart, bob).other == "stays"
    with apart.hr.runtime() as runtime:
        new = runtime.links.unlink(bob, directory="mail", caller=ROOT, reason="two people after all").other_id
        events = runtime.management.events.page(types=["user.roles_changed"]).items
    # who has the role by hand too neither gets it nor loses it
    assert [(event.subject_id, event.changes, event.reason) for event in events if event.actor == "root"] == [
        (anna, {"added": (None, ["employee"])}, "the same person"),
        (anna, {"removed": (["employee"], None)}, "the same person"),
        (new, {"added": (None, ["employee"])}, "two people after all"),
    ]


def test_parted_again_it_is_a_user_of_its_own(apart: Pair) -> None:
    anna = number(apart, "anna")
    linked(apart, anna)
    apart.sync("mail")
    with apart.hr.runtime() as runtime:
        done = runtime.links.unlink(anna, directory="mail", caller=ROOT, reason="two people after all")
    assert done.other == "created"
    assert of(apart, "access", anna) != []
    apart.sync("mail")
    apart.sync("hr")
    users = apart.users()
    assert (users[anna]["username"], users[done.other_id]["username"]) == ("anna", "anna.berg")
    assert users[done.other_id]["title"] == "Boss"
    assert apart.roles() == {("administrator", "hr"), ("employee", "mail")}
    # the rule does not undo what somebody decided
    apart.sync("mail")
    assert apart.issue_codes() == ["link_separate", "link_separate"]
    assert [apart.changes(name) for name in ("mail", "hr")] == [{}, {}]


def test_a_manual_user_becomes_the_directorys_by_call(apart: Pair) -> None:
    other = number(apart, "anna.berg")
    apart.hr.execute(
        "INSERT INTO users (username, username_key, manual, enabled, auth_status, created_at, updated_at) "
        "SELECT 'byhand', 'byhand', :t, enabled, auth_status, created_at, updated_at FROM users WHERE id = :u",
        u=other,
        t=True,
    )
    byhand = number(apart, "byhand")
    linked(apart, byhand)
    apart.sync("mail")
    user = apart.users()[byhand]
    assert (user["username"], bool(user["manual"])) == ("anna.berg", False)


@contextmanager
def refused(error: type[Exception], words: str, pair: Pair) -> Iterator[None]:
    before = pair.hr.snapshot()
    with pytest.raises(error, match=words):
        yield
    assert pair.hr.snapshot() == before


def test_what_cannot_be_is_refused_and_nothing_is_written(apart: Pair) -> None:
    anna, other, zoe = (number(apart, name) for name in ("anna", "anna.berg", "zoe"))
    with refused(UsageError, "already", apart):
        linked(apart, other)
    with refused(UsageError, "has an entry of mail already", apart):
        linked(apart, zoe)
    with refused(NotFoundError, "the store has no entry", apart):
        linked(apart, anna, dn=f"uid=nobody,{apart.mail.people_dn}")
    with refused(UsageError, "is not a DN", apart):
        linked(apart, anna, dn="nobody")
    with refused(NotFoundError, "there is no user 999", apart):
        linked(apart, 999)
    with apart.hr.runtime() as runtime:
        links = runtime.links
        with refused(UsageError, "by its DN or by its id", apart):
            links.link(anna, directory="mail", caller=ROOT, reason="the same person")
        with refused(UsageError, "a reason of", apart):
            links.link(anna, directory="mail", entry_id="x", caller=ROOT, reason=" ")
        with refused(NotFoundError, "no directory is called 'nowhere'", apart):
            links.unlink(anna, directory="nowhere", caller=ROOT, reason="two people")
        with refused(StateError, "has no other entry", apart):
            links.unlink(anna, directory="hr", caller=ROOT, reason="two people")
        with refused(StateError, "has no entry of mail", apart):
            links.unlink(anna, directory="mail", caller=ROOT, reason="two people")
        with runtime.lease.hold("mail"), pytest.raises(LeaseHeldError):
            linked(apart, anna)


@pytest.mark.parametrize("column", ["manual", "break_glass"])
def test_nothing_is_taken_from_a_manual_user_or_a_break_glass_account(apart: Pair, column: str) -> None:
    anna, other = number(apart, "anna"), number(apart, "anna.berg")
    apart.hr.execute(f"UPDATE users SET {column} = :t WHERE id = :u", t=True, u=other)
    with refused(UsageError, "nothing is taken", apart):
        linked(apart, anna)


def test_the_command_line_links_and_parts(apart: Pair) -> None:
    env = {"SYNCD_STORE__URL": apart.hr.store_url, "SYNCD_HTTP__LISTEN": "127.0.0.1:0"}
    for name, one in apart.hr.root["directories"].items():
        for key in ("urls", "base_dn", "bind_dn", "bind_password", "organization"):
            value = one[key][0] if key == "urls" else one[key]
            env[f"SYNCD_DIRECTORIES__{name.upper()}__{key.upper()}"] = value
    anna, other, dn = number(apart, "anna"), number(apart, "anna.berg"), f"uid=anna.berg,{apart.mail.people_dn}"
    arguments = ("users", "link", "anna", "--directory", "mail", "--dn", dn, "--reason", "the same person")
    done = syncd(*arguments, "--output", "json", env=env)
    assert (done.code, done.json()) == (0, {"user": anna, "other": other, "became": "deleted", "dn": dn}), done.err
    again = syncd(*arguments, env=env)
    assert again.code == 2
    assert f"is an entry of user {anna} already" in again.err
    shown = syncd("users", "show", "anna", env=env)
    assert f"in hr: uid=anna,{apart.hr.people_dn}" in shown.out
    assert f"in mail: {dn}" in shown.out
    parted = syncd("users", "unlink", "anna", "--directory", "mail", "--reason", "two people", env=env)
    assert parted.code == 0
    assert f"{dn} is no longer an entry of user {anna}." in " ".join(parted.out.split())
