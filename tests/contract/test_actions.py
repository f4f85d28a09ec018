"""Enable, disable, activate and their like over a real store, on both databases; the neighbours are fakes."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.accounts.tokens import digest
from syncd.errors import (
    AboveCallerError,
    ConflictError,
    CountMismatchError,
    LastAdministratorError,
    NotFoundError,
    OneselfError,
    PreconditionFailedError,
    StateError,
    UsageError,
)
from syncd.model.actions import Action, Result
from syncd.model.caller import Caller
from syncd.services.actions import MAX_AT_ONCE, ActionService
from syncd.store import schema as t
from syncd.store.actions import SqlActions
from tests.contract.company import rows
from tests.fakes.edge import FakeClock
from tests.fakes.logins import People
from tests.fakes.management import ADMIN, FakeCeiling, FakeDoer, FakeFinder
from tests.fakes.people_rows import NOON, Rows, later

WHY = "left in March, ticket 12"
SUPPORT = Caller(name="sam", user_id=1_000_001, permissions=frozenset({"users:state"}))


class Office:
    """A store with some people, and the service over it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rows = Rows(engine)
        self.clock = FakeClock(later(60))
        self.ceiling, self.finder = FakeCeiling(), FakeFinder()
        self.passwords, self.users, self.links = FakeDoer(), FakeDoer(), FakeDoer()
        self.actions = ActionService(
            store=SqlActions(engine, administrator_roles=["Administrator"]),
            passwords=self.passwords,
            users=self.users,
            links=self.links,  # type: ignore[arg-type]
            ceiling=self.ceiling,
            finder=self.finder,
            clock=self.clock,
        )

    def user(self, name: str, **values: Any) -> int:
        return self.rows.user(name, manual=True, **values)

    def row(self, user_id: int) -> Any:
        (row,) = rows(self.engine, t.users, id=user_id)
        return row

    def events(self, user_id: int) -> list[Any]:
        """What was done to somebody; what follows from it for their access is told beside it."""
        events = rows(self.engine, t.audit_events, subject_type="user", subject_id=user_id)
        return [event for event in events if event.action.startswith("user.")]

    def session(self, user_id: int) -> None:
        self.rows.row(
            t.sessions, user_id=user_id, digest=digest(f"s{user_id}"), created_at=NOON, last_seen_at=NOON,
            expires_at=later(600),
        )  # fmt: skip

    def link(self, user_id: int) -> None:
        self.rows.row(t.links, user_id=user_id, purpose="reset", digest=b"x", created_at=NOON, expires_at=later(600))


@pytest.fixture
def office(engine: Engine) -> Office:
    return Office(engine)


# ---------------------------------------------------------------- one
@pytest.mark.parametrize("status", ["active", "locked", "reset", "expired"])
def test_s37_disable_keeps_the_authentication_status_and_ends_what_was_open(office: Office, status: str) -> None:
    ben, other = office.user("ben", auth_status=status, failed_logins=4), office.user("cleo")
    for user_id in (ben, other):
        office.session(user_id)
        office.link(user_id)
    done = office.actions.act(Action.DISABLE, ben, caller=ADMIN, reason=f"  {WHY} ")
    assert (done.id, done.result, done.code) == (ben, Result.CHANGED, None)
    row = office.row(ben)
    assert (row.enabled, row.auth_status, row.failed_logins, row.version) == (False, status, 4, 2)
    assert row.updated_at == office.clock.now()
    assert [session.user_id for session in rows(office.engine, t.sessions)] == [other]
    assert [link.user_id for link in rows(office.engine, t.links)] == [other]
    (event,) = office.events(ben)
    assert (event.action, event.actor, event.request_id, event.reason) == ("user.disabled", "anna", "req-1", WHY)
    assert (event.before, event.after, event.at) == ({"enabled": True}, {"enabled": False}, office.clock.now())
    assert office.row(other).version == 1


@pytest.mark.parametrize("status", ["active", "locked", "reset", "expired"])
def test_s36_enable_keeps_the_authentication_status_and_the_directorys_word(office: Office, status: str) -> None:
    corp = office.rows.directory()
    ben = office.rows.user("ben", enabled=False, auth_status=status, failed_logins=3)
    office.rows.identity(ben, corp, "uid=ben,dc=x", account_disabled=True, missing_since=later(1), missing_reason="gone")
    before = rows(office.engine, t.identities)
    assert office.actions.act(Action.ENABLE, ben, caller=ADMIN).result is Result.CHANGED
    row = office.row(ben)
    assert (row.enabled, row.auth_status, row.failed_logins, row.version) == (True, status, 3, 2)
    assert rows(office.engine, t.identities) == before
    assert [(event.action, event.reason) for event in office.events(ben)] == [("user.enabled", None)]


@pytest.mark.parametrize(
    ("action", "values", "code"),
    [
        (Action.ENABLE, {}, "already_enabled"),
        (Action.DISABLE, {"enabled": False}, "already_disabled"),
        (Action.ACTIVATE, {}, "not_locked"),
        (Action.ACTIVATE, {"auth_status": "reset", "failed_logins": 3}, "not_locked"),
        (Action.ACTIVATE, {"auth_status": "expired"}, "not_locked"),
    ],
)
def test_s36_s37_s42_what_is_so_already_stays_and_says_so(
    office: Office, action: Action, values: dict[str, Any], code: str
) -> None:
    ben = office.user("ben", **values)
    before = office.row(ben)
    done = office.actions.act(action, ben, caller=ADMIN, reason=WHY)
    assert (done.result, done.code) == (Result.UNCHANGED, code)
    assert office.row(ben) == before
    assert office.events(ben) == []


def test_s42_activate_unlocks_and_zeroes_the_counter(office: Office) -> None:
    ben = office.user("ben", auth_status="locked", failed_logins=11, locked_at=NOON, enabled=False)
    assert office.actions.act(Action.ACTIVATE, ben, caller=ADMIN, reason=WHY).result is Result.CHANGED
    row = office.row(ben)
    assert (row.auth_status, row.failed_logins, row.locked_at, row.enabled) == ("active", 0, None, False)
    (event,) = office.events(ben)
    assert (event.action, event.reason) == ("user.activated", WHY)
    assert event.before == {"auth_status": "locked", "failed_logins": 11}
    assert event.after == {"auth_status": "active", "failed_logins": 0}


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.RESET_PASSWORD])
def test_s36_s37_s58_nobody_does_it_to_themselves(office: Office, action: Action) -> None:
    anna = office.user("anna", auth_status="locked")
    with pytest.raises(OneselfError):
        office.actions.act(action, anna, caller=replace(ADMIN, user_id=anna), reason=WHY)
    assert office.events(anna) == []
    assert office.users.calls == []


def test_s70_an_administrator_may_reset_their_own_password(office: Office) -> None:
    anna = office.user("anna")
    assert office.actions.act(Action.RESET_PASSWORD, anna, caller=replace(ADMIN, user_id=anna), reason=WHY).result == "changed"
    assert office.passwords.calls == [("reset", anna, WHY)]


@pytest.mark.parametrize("action", list(Action))
def test_nobody_acts_on_somebody_who_may_do_more(office: Office, action: Action) -> None:
    boss = office.user("boss", auth_status="locked")
    office.ceiling.above.add(boss)
    with pytest.raises(AboveCallerError):
        office.actions.act(action, boss, caller=SUPPORT, reason=WHY)
    assert office.events(boss) == office.users.calls == office.passwords.calls == []


@pytest.mark.parametrize("action", [Action.DISABLE, Action.RESET_PASSWORD, Action.DELETE])
@pytest.mark.parametrize("reason", [None, "", "  x ", "y" * 501])
def test_what_takes_something_away_needs_a_reason(office: Office, action: Action, reason: str | None) -> None:
    ben = office.user("ben")
    with pytest.raises(UsageError, match="reason of 3 to 500"):
        office.actions.act(action, ben, caller=ADMIN, reason=reason)
    with pytest.raises(UsageError, match="reason of 3 to 500"):
        office.actions.rows(action, [ben], caller=ADMIN, reason=reason)
    assert office.row(ben).enabled


@pytest.mark.parametrize("action", [Action.ENABLE, Action.DISABLE, Action.ACTIVATE])
def test_whom_there_is_not_is_not_found(office: Office, action: Action) -> None:
    with pytest.raises(NotFoundError):
        office.actions.act(action, 4711, caller=ADMIN, reason=WHY)


@pytest.mark.parametrize(
    ("action", "values"),
    [(Action.ENABLE, {"enabled": False}), (Action.DISABLE, {}), (Action.ACTIVATE, {"auth_status": "locked"})],
)
def test_another_version_than_the_caller_saw_is_left_alone(office: Office, action: Action, values: dict[str, Any]) -> None:
    ben = office.user("ben", version=7, **values)
    before = office.row(ben)
    with pytest.raises(PreconditionFailedError):
        office.actions.act(action, ben, caller=ADMIN, reason=WHY, if_match=6)
    assert office.row(ben) == before
    assert office.actions.act(action, ben, caller=ADMIN, reason=WHY, if_match=7).result is Result.CHANGED


# ---------------------------------------------------------------- the last administrator
def administrator(office: Office, name: str, role: int, **values: Any) -> int:
    """With access, without which nobody acts."""
    number = office.user(name, **values)
    office.rows.grant(number, role)
    organization = office.rows.organization(f"Of {name}")
    office.rows.access(number, organization, office.rows.unit(organization, "Main"))
    return number


def test_s37_the_last_administrator_stays(office: Office) -> None:
    role = office.rows.role("administrator")
    anna = administrator(office, "anna", role)
    for number, values in enumerate(({"enabled": False}, {"auth_status": "locked"})):
        administrator(office, f"other{number}", role, **values)
    with pytest.raises(LastAdministratorError):
        office.actions.act(Action.DISABLE, anna, caller=ADMIN, reason=WHY)
    assert office.row(anna).enabled
    bert = administrator(office, "bert", role, auth_status="reset")
    assert office.actions.act(Action.DISABLE, anna, caller=ADMIN, reason=WHY).result is Result.CHANGED
    with pytest.raises(LastAdministratorError):
        office.actions.act(Action.DISABLE, bert, caller=ADMIN, reason=WHY)


@pytest.mark.parametrize(
    "said",
    [{"missing_since": NOON}, {"account_disabled": True}, {"account_locked_until": later(600)}, {"account_expires_at": NOON}],
)
def test_s37_an_administrator_whom_a_directory_keeps_out_is_nobody_to_rely_on(office: Office, said: dict[str, Any]) -> None:
    role, corp = office.rows.role("administrator"), office.rows.directory()
    anna = administrator(office, "anna", role)
    dora = office.rows.user("dora")
    office.rows.grant(dora, role, directory=corp)
    office.rows.identity(dora, corp, "uid=dora,dc=x", **said)
    with pytest.raises(LastAdministratorError):
        office.actions.act(Action.DISABLE, anna, caller=ADMIN, reason=WHY)
    # who cannot act is no loss, though they are an administrator
    assert office.actions.act(Action.DISABLE, dora, caller=ADMIN, reason=WHY).result is Result.CHANGED


def test_s37_two_administrators_who_disable_each_other_at_once_leave_one(office: Office) -> None:
    role = office.rows.role("administrator")
    pair = [administrator(office, name, role) for name in ("anna", "bert")]
    together = threading.Barrier(2)
    ends: list[object] = []

    def disable(victim: int, by: int) -> None:
        together.wait()
        try:
            ends.append(office.actions.act(Action.DISABLE, victim, caller=replace(ADMIN, user_id=by), reason=WHY).result)
        except ConflictError as error:
            ends.append(error.code)

    threads = [threading.Thread(target=disable, args=order) for order in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, ends)) == ["changed", "last_administrator"]
    assert [office.row(user).enabled for user in pair].count(True) == 1


# ---------------------------------------------------------------- many
def test_s39_s53_s59_each_row_has_its_result_and_none_stops_another(office: Office) -> None:
    anna, ben, cleo, dora, emil = (office.user(name) for name in ("anna", "ben", "cleo", "dora", "emil"))
    boss, off = office.user("boss"), office.user("off", enabled=False)
    office.ceiling.above.add(boss)
    caller = replace(SUPPORT, user_id=anna)
    ids = [ben, anna, 4711, boss, off, cleo]
    done = list(office.actions.rows(Action.DISABLE, ids, caller=caller, reason=WHY))
    assert [(row.id, row.result.value, row.code) for row in done] == [
        (ben, "changed", None), (anna, "refused", "oneself"), (4711, "refused", "not_found"), (boss, "refused", "above_caller"),
        (off, "unchanged", "already_disabled"), (cleo, "changed", None),
    ]  # fmt: skip
    assert all(row.message for row in done if row.result is not Result.CHANGED)
    office.users.refusals = {ben: StateError("owns 3 records"), dora: RuntimeError("a bug, with a secret: hunter2")}
    done = list(office.actions.rows(Action.DELETE, [ben, dora, emil, anna], caller=caller, reason=WHY))
    assert [(row.result.value, row.code) for row in done] == [
        ("refused", "wrong_state"), ("refused", "internal_error"), ("changed", None), ("refused", "oneself"),
    ]  # fmt: skip
    assert "hunter2" not in str(done)
    assert office.users.calls == [("delete", emil, WHY)]
    office.passwords.refusals = {off: StateError("is disabled")}
    done = list(office.actions.rows(Action.RESET_PASSWORD, [emil, off, anna], caller=caller, reason=WHY))
    assert [(row.result.value, row.code) for row in done] == [
        ("changed", None), ("refused", "wrong_state"), ("refused", "oneself"),
    ]  # fmt: skip


def test_s39_an_id_that_comes_twice_counts_once(office: Office) -> None:
    assert office.actions.chosen(ids=[3, 1, 3, 2, 1]) == [3, 1, 2]


def test_s39_a_filter_means_exactly_as_many_as_expected_or_nothing_is_done(office: Office) -> None:
    office.finder.known = {"two": [1, 2], "many": range(MAX_AT_ONCE + 5)}
    assert office.actions.chosen(matching="two", count=2) == [1, 2]
    for text, count in (("two", 1), ("two", 3), ("many", MAX_AT_ONCE)):
        with pytest.raises(CountMismatchError, match=f"not {count}"):
            office.actions.chosen(matching=text, count=count)
    for wrong in ({}, {"ids": [1], "matching": "two"}, {"matching": "two"}):
        with pytest.raises(UsageError):
            office.actions.chosen(**wrong)


# ---------------------------------------------------------------- entries
def test_an_entry_is_linked_only_by_somebody_above_both_ends(office: Office) -> None:
    corp = office.rows.directory()
    ben, boss = office.user("ben"), office.rows.user("boss")
    office.rows.identity(boss, corp, "uid=boss,dc=x", entry_id="e-boss")
    by_dn: dict[str, Any] = {"directory": "corp", "dn": "UID=Boss, dc=x", "entry_id": None}
    by_id: dict[str, Any] = {"directory": "corp", "dn": None, "entry_id": "e-boss"}
    office.ceiling.above = {boss}
    for which in (by_dn, by_id):
        with pytest.raises(AboveCallerError):
            office.actions.link(ben, caller=SUPPORT, reason=WHY, **which)
        # nobody takes an entry, and what it may do, for themselves; or gives their own away
        for user_id, caller in ((ben, replace(ADMIN, user_id=ben)), (ben, replace(ADMIN, user_id=boss))):
            with pytest.raises(OneselfError):
                office.actions.link(user_id, caller=caller, reason=WHY, **which)
    with pytest.raises(AboveCallerError):
        office.actions.unlink(boss, directory="corp", caller=SUPPORT, reason=WHY)
    with pytest.raises(UsageError):
        office.actions.link(ben, directory="corp", dn="no dn", entry_id=None, caller=ADMIN, reason=WHY)
    assert office.links.calls == []


@pytest.mark.parametrize("status", ["reset", "expired", "locked"])
def test_no_password_of_ours_is_awaited_of_whoever_is_no_break_glass_account_any_more(office: Office, status: str) -> None:
    people = People(office.engine)
    anna = people.of_directory("anna", "uid=anna,dc=x", break_glass=True, auth_status=status)
    assert office.actions.break_glass(anna, on=False, caller=ADMIN, reason=WHY)
    now = "locked" if status == "locked" else "active"
    assert (people.row(anna).auth_status, people.row(anna).has_access) == (now, now == "active")


def test_the_entry_that_is_present_is_the_one_that_is_meant(office: Office) -> None:
    corp = office.rows.directory()
    old, new = office.rows.user("old"), office.rows.user("new")
    office.rows.identity(old, corp, "uid=x,dc=x", missing_since=NOON, dn_since=NOON + timedelta(days=1))
    office.rows.identity(new, corp, "uid=x,dc=x")
    store = SqlActions(office.engine, administrator_roles=[])
    assert store.entry_owner("corp", dn="uid=x,dc=x", entry_id=None) == new
    assert store.entry_owner("corp", dn=None, entry_id=f"entry-{old}") == old
    assert store.entry_owner("hq", dn="uid=x,dc=x", entry_id=None) is None
