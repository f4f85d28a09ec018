"""Purging people who are gone for good; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from syncd.store import schema as t
from tests.contract.company import Company, contents, person, role, rows, unit
from tests.fakes.people_rows import Rows


@pytest.fixture
def leavers(company: Company) -> Company:
    """`old` left two hours before `young`; `here` is still there."""
    company.units = [unit("eng")]
    company.roles = [role("g1")]
    company.add(*(person(n, organization="acme", unit="eng", tags=("x",), custom_x=1) for n in ("old", "young", "here")))
    company.memberships = {(name, "g1") for name in ("old", "young", "here")}
    company.grants = {(name, "Member") for name in ("old", "young", "here")}
    company.sync()
    company.add(person("old", dn="uid=old,dc=moved", organization="acme", unit="eng", tags=("x",), custom_x=1))
    company.sync()
    del company.people["old"]
    company.sync()
    company.sync()
    del company.people["young"]
    company.sync()
    return company


def purge(company: Company, *, hours: float, run_id: int | None = None) -> int:
    """Purge who has been missing for that long at the time of the last run."""
    now = company.at()
    return company.store.purge(company.name, missing_before=now - timedelta(hours=hours), run_id=run_id, at=now)


def test_who_is_missing_for_longer_is_deleted_with_everything(leavers: Company, engine: Engine) -> None:
    user_id = leavers.store.identities("corp")["old"].user_id
    assert purge(leavers, hours=1) == 1
    assert set(leavers.store.identities("corp")) == {"young", "here"}
    for table in (
        t.users.c.id,
        t.identities,
        t.access,
        t.grants,
        t.memberships,
        t.user_tags,
        t.user_custom_fields,
        t.dn_history,
    ):
        column = table if table is t.users.c.id else table.c.user_id
        assert user_id not in {row[0] for row in rows(engine, column.table) if column.name in row._mapping}, column
    assert leavers.plan().is_empty


def test_the_audit_event_says_who_it_was_and_why(leavers: Company, engine: Engine) -> None:
    purge(leavers, hours=1, run_id=9)
    (event,) = rows(engine, t.audit_events, action="user.purged")
    assert event.before == {
        "username": "old", "email": "old@example.com", "entry_id": "old", "dn": "uid=old,dc=moved",
    }  # fmt: skip
    assert (event.actor, event.run_id, event.directory, event.after) == ("run", 9, "corp", None)
    assert event.reason.startswith("missing from corp since 2026-03-01T15:00:00")


def test_nobody_is_due(leavers: Company, engine: Engine) -> None:
    before = contents(engine)
    assert purge(leavers, hours=5) == 0
    assert leavers.store.purge("nowhere", missing_before=leavers.at(), run_id=None, at=leavers.at()) == 0
    assert contents(engine) == before


def test_exactly_at_the_limit_is_not_longer(leavers: Company) -> None:
    assert purge(leavers, hours=2) == 0
    assert purge(leavers, hours=0) == 1
    assert set(leavers.store.identities("corp")) == {"young", "here"}


def in_branch_too(leavers: Company, engine: Engine, **values: object) -> int:
    """`old` is in another directory as well, with a role from there; their number."""
    by_hand = Rows(engine)
    user_id = leavers.store.identities("corp")["old"].user_id
    branch = by_hand.directory("branch")
    by_hand.identity(user_id, branch, "uid=old,dc=branch", entry_id="b", **values)
    by_hand.grant(user_id, by_hand.role("Visitor"), directory=branch)
    by_hand.access(user_id, by_hand.organization("Branch", directory=branch), directory=branch)
    by_hand.membership(user_id, by_hand.role_identifier(branch, "visitors"))
    return user_id


def test_who_is_in_another_directory_stays_without_what_this_one_brought(leavers: Company, engine: Engine) -> None:
    user_id = in_branch_too(leavers, engine)
    others = {name: content for name, content in contents(engine).items() if name in ("user_tags", "user_custom_fields")}
    assert leavers.store.purgeable("corp", missing_before=leavers.at() - timedelta(hours=1)) == 1
    assert purge(leavers, hours=1) == 1
    assert purge(leavers, hours=1) == 0
    assert set(leavers.store.identities("corp")) == {"young", "here"}
    (user,) = rows(engine, t.users, id=user_id)
    assert (user.username, user.username_key) == ("old", "old")
    (branch,) = {identity.directory_id for identity in rows(engine, t.identities, user_id=user_id)}
    assert [grant.directory_id for grant in rows(engine, t.grants, user_id=user_id)] == [branch]
    assert [access.directory_id for access in rows(engine, t.access, user_id=user_id)] == [branch]
    assert len(rows(engine, t.memberships, user_id=user_id)) == 1
    assert rows(engine, t.dn_history, user_id=user_id) == []
    assert {name: contents(engine)[name] for name in others} == others
    (event,) = rows(engine, t.audit_events, action="user.unlinked")
    assert (event.subject_id, event.before) == (user_id, {"entry_id": "old", "dn": "uid=old,dc=moved"})
    assert leavers.plan().is_empty


def test_roles_that_go_with_the_entry_are_told(leavers: Company, engine: Engine) -> None:
    user_id = in_branch_too(leavers, engine)
    # which both directories give: nobody loses it
    (corp,), (shared,) = rows(engine, t.directories, name="corp"), rows(engine, t.roles, name="Visitor")
    Rows(engine).grant(user_id, shared.id, directory=corp.id)
    assert purge(leavers, hours=1) == 1
    events = rows(engine, t.audit_events, action="user.roles_changed", subject_id=user_id)
    assert [event.before for event in events if event.actor == "run" and event.before] == [{"removed": ["Member"]}]


def test_who_left_the_other_directory_later_waits_for_it(leavers: Company, engine: Engine) -> None:
    in_branch_too(leavers, engine, missing_since=leavers.at())
    assert purge(leavers, hours=1) == 0
    assert "old" in leavers.store.identities("corp")


def test_who_left_every_directory_long_ago_is_deleted(leavers: Company, engine: Engine) -> None:
    user_id = in_branch_too(leavers, engine, missing_since=leavers.at() - timedelta(hours=9))
    assert purge(leavers, hours=1) == 1
    assert rows(engine, t.users, id=user_id) == []
    assert rows(engine, t.identities, user_id=user_id) == []
    assert rows(engine, t.grants, user_id=user_id) == []


def test_who_owns_records_of_another_system_or_was_made_by_hand_stays(leavers: Company, engine: Engine) -> None:
    ids = {name: identity.user_id for name, identity in leavers.store.identities("corp").items()}
    with engine.begin() as connection:
        connection.execute(t.owned_records.insert().values(user_id=ids["old"], system="crm", reference="1"))
        connection.execute(t.users.update().where(t.users.c.id == ids["young"]).values(manual=True))
    assert purge(leavers, hours=-1) == 0


def test_many_are_purged_in_several_transactions(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.purge.BATCH", 4)
    company.add(*(person(f"p{i}") for i in range(10)), person("here"))
    company.sync()
    company.people = {"here": company.people["here"]}
    company.sync()
    assert purge(company, hours=-1) == 10
    assert set(company.store.identities("corp")) == {"here"}


def test_the_numbers_of_the_purged_are_never_given_again(company: Company, engine: Engine) -> None:
    company.add(person("a"))
    company.sync()
    old = company.store.identities("corp")["a"].user_id
    company.people.clear()
    company.sync()
    purge(company, hours=-1)
    company.add(person("b"))
    company.sync()
    assert company.store.identities("corp")["b"].user_id > old
    assert old in {row.subject_id for row in rows(engine, t.audit_events, action="user.created")}
