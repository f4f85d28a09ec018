"""Role identifiers, memberships, roles and grants in the store; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from syncd.errors import StoreError
from syncd.model.plan import Link
from syncd.store import schema as t
from tests.contract.company import Company, contents, person, role, rows
from tests.fakes.people_rows import Rows


def links(company: Company) -> tuple[set[Link], set[Link]]:
    store = company.store
    return set(store.memberships(company.name)), set(store.grants(company.name))


@pytest.fixture
def crm(company: Company) -> Company:
    company.roles = [role("g1", "crm-admins"), role("g2", "crm-users")]
    company.add(person("a"), person("b"))
    company.memberships = {("a", "g1"), ("a", "g2"), ("b", "g2")}
    company.grants = {("a", "Administrator"), ("a", "Member"), ("b", "Member")}
    company.sync()
    return company


def test_new_people_come_with_their_roles(crm: Company, engine: Engine) -> None:
    assert links(crm) == ({Link(*link) for link in crm.memberships}, {Link(*link) for link in crm.grants})
    (event,) = [row for row in rows(engine, t.audit_events, action="user.created") if row.after["username"] == "a"]
    assert sorted(event.after["role_identifiers"]) == ["crm-admins", "crm-users"]
    assert sorted(event.after["roles"]) == ["Administrator", "Member"]
    assert crm.plan().is_empty


def test_only_differences_are_written(crm: Company, engine: Engine) -> None:
    before = contents(engine)
    crm.memberships = {("a", "g1"), ("b", "g1"), ("b", "g2")}
    crm.grants = {("a", "Member"), ("b", "Member"), ("b", "Administrator")}
    crm.sync()
    assert links(crm) == ({Link(*link) for link in crm.memberships}, {Link(*link) for link in crm.grants})
    after = contents(engine)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"memberships", "grants", "audit_events", "directories"}
    assert crm.plan().is_empty


def test_one_audit_event_a_person_and_kind(crm: Company, engine: Engine) -> None:
    crm.memberships = {("b", "g1"), ("b", "g2")}
    crm.grants = {("b", "Member"), ("b", "Administrator"), ("b", "Auditor")}
    crm.sync()
    a, b = (crm.store.identities("corp")[entry_id].user_id for entry_id in "ab")
    events = {
        (row.action, row.subject_id): (row.before, row.after)
        for row in rows(engine, t.audit_events, run_id=crm.runs)
        if row.subject_type == "user"
    }
    assert events == {
        ("memberships.changed", a): ({"removed": ["crm-admins", "crm-users"]}, None),
        ("memberships.changed", b): (None, {"added": ["crm-admins"]}),
        ("user.roles_changed", a): ({"removed": ["Administrator", "Member"]}, None),
        ("user.roles_changed", b): (None, {"added": ["Administrator", "Auditor"]}),
    }


def test_manual_grants_and_those_of_other_directories_stay(crm: Company, engine: Engine) -> None:
    user_id = crm.store.identities("corp")["a"].user_id
    roles = {row.name: row.id for row in rows(engine, t.roles)}
    by_hand = Rows(engine)
    by_hand.grant(user_id, roles["Member"])
    other = by_hand.directory("other")
    by_hand.identity(user_id, other, "uid=a,dc=other", entry_id="o")
    by_hand.grant(user_id, roles["Member"], directory=other)
    crm.grants = {("b", "Member")}
    crm.memberships = set()
    crm.sync()
    assert sorted((row.role_id, row.directory_id) for row in rows(engine, t.grants, user_id=user_id) if row.directory_id) == [
        (roles["Member"], other)
    ]
    assert [row.role_id for row in rows(engine, t.grants, user_id=user_id) if row.directory_id is None] == [roles["Member"]]
    assert set(crm.store.grants("other")) == {Link("o", "Member")}


def test_a_role_of_that_name_is_used_and_not_made_twice(company: Company, engine: Engine) -> None:
    by_hand = Rows(engine).role("member")
    company.add(person("a"))
    company.grants = {("a", "Member")}
    plan = company.sync()
    assert plan.roles_created == ("Member",)
    assert [(row.id, row.name) for row in rows(engine, t.roles)] == [(by_hand, "member")]
    assert [row.role_id for row in rows(engine, t.grants)] == [by_hand]


def test_two_spellings_of_a_role_are_one_grant(company: Company, engine: Engine) -> None:
    company.add(person("a"))
    company.grants = {("a", "Member"), ("a", "MEMBER")}
    company.sync()
    assert len(rows(engine, t.roles)) == 1
    assert len(rows(engine, t.grants)) == 1


def test_a_grant_of_a_role_that_someone_deleted_meanwhile_is_refused(crm: Company, engine: Engine) -> None:
    crm.grants = {("a", "Administrator"), ("a", "Member"), ("b", "Member"), ("b", "Administrator")}
    plan = crm.plan()
    with engine.begin() as connection:
        connection.execute(t.grants.delete())
        connection.execute(t.roles.delete())
    with pytest.raises(StoreError, match="role"):
        crm.sync(plan)
    assert rows(engine, t.grants) == []


def test_role_identifiers_are_renamed_and_removed(crm: Company, engine: Engine) -> None:
    before = {row.external_key: row.id for row in rows(engine, t.role_identifiers)}
    crm.roles = [role("g1", "crm-chiefs"), role("g3")]
    crm.memberships = {("a", "g1"), ("b", "g3")}
    counts = crm.sync().counts
    assert (counts["role_identifiers_created"], counts["role_identifiers_updated"]) == (1, 1)
    assert counts["role_identifiers_removed"] == 1
    after = {row.external_key: (row.id, row.identifier) for row in rows(engine, t.role_identifiers)}
    assert after["g1"] == (before["g1"], "crm-chiefs")
    assert set(after) == {"g1", "g3"}
    assert crm.plan().is_empty


def test_a_role_identifier_takes_the_memberships_of_the_missing_with_it(crm: Company, engine: Engine) -> None:
    del crm.people["a"]
    crm.roles = crm.roles[1:]
    crm.sync()
    assert len(rows(engine, t.memberships)) == 2
    assert crm.plan().is_empty


def test_who_is_missing_keeps_their_roles_and_has_them_again_on_return(crm: Company, engine: Engine) -> None:
    left = crm.people.pop("a")
    crm.sync()
    assert links(crm) == ({Link("b", "g2")}, {Link("b", "Member")})
    assert len(rows(engine, t.grants)) == 3
    crm.add(left)
    crm.sync()
    assert links(crm) == ({Link(*link) for link in crm.memberships}, {Link(*link) for link in crm.grants})
    assert rows(engine, t.audit_events, run_id=crm.runs, action="user.roles_changed") == []
    assert crm.plan().is_empty


def test_who_returns_has_exactly_the_roles_of_now(crm: Company) -> None:
    left = crm.people.pop("a")
    crm.sync()
    crm.add(left)
    crm.memberships = {("a", "g2"), ("b", "g2")}
    crm.grants = {("a", "Auditor"), ("b", "Member")}
    crm.sync()
    assert links(crm) == ({Link(*link) for link in crm.memberships}, {Link(*link) for link in crm.grants})
    assert crm.plan().is_empty


def test_a_return_without_roles_takes_the_old_ones_away(crm: Company) -> None:
    left = crm.people.pop("a")
    crm.sync()
    crm.add(left)
    crm.memberships, crm.grants = {("b", "g2")}, {("b", "Member")}
    crm.sync()
    assert links(crm) == ({Link("b", "g2")}, {Link("b", "Member")})
    assert crm.plan().is_empty


def test_a_return_while_the_groups_are_not_known_whole_takes_nothing_away(crm: Company) -> None:
    left = crm.people.pop("a")
    crm.sync()
    crm.add(left)
    crm.memberships = {("a", "g1"), ("b", "g2")}
    plan = replace(crm.plan(), relations_digest=None)
    crm.sync(plan)
    assert set(crm.store.memberships("corp")) == {Link("a", "g1"), Link("a", "g2"), Link("b", "g2")}
    assert crm.store.structure("corp").relations_digest is None


def test_a_directory_without_roles_leaves_them_alone(crm: Company) -> None:
    left = crm.people.pop("a")
    crm.relations = False
    crm.roles, before = crm.roles, crm.grants
    crm.sync()
    crm.add(left)
    crm.sync()
    assert set(crm.store.grants("corp")) == {Link(*link) for link in before}


def test_links_of_someone_who_is_not_in_the_store_are_refused(crm: Company) -> None:
    plan = replace(crm.plan(), grants_added=(Link("nobody", "Member"),))
    with pytest.raises(StoreError, match="'nobody'"):
        crm.sync(plan)


def test_many_links_span_batches_and_keep_a_person_together(
    company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.apply.BATCH", 10)
    company.roles = [role(f"g{i}") for i in range(7)]
    company.add(*(person(f"p{i}") for i in range(15)))
    company.sync()
    company.memberships = {(f"p{i}", f"g{j}") for i in range(15) for j in range(7)}
    company.sync()
    assert links(company)[0] == {Link(*link) for link in company.memberships}
    assert len(rows(engine, t.audit_events, action="memberships.changed")) == 15
