"""What the store says of people in several directories, and links as it applies them; on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, update

from syncd.errors import StoreError
from syncd.model.plan import Action, Plan
from syncd.model.records import LinkedIdentity, PersonRecord
from syncd.reconcile.people import diff_person
from syncd.store import schema as t
from tests.contract.company import Company, contents, organization, person, rows


def keyed(entry_id: str, key: str | None, **fields: object) -> PersonRecord:
    return person(entry_id, **fields)._replace(link_key=key)  # type: ignore[arg-type]


@pytest.fixture
def other(company: Company) -> Company:
    """A second directory of the same store."""
    return Company(company.store, name="branch", organizations=[organization("branch")], relations=False)


def linked_plan(company: Company, other: Company, entry_id: str, **fields: object) -> Plan:
    """The other directory's plan to make this entry one of the person with the same id in the first."""
    record = keyed(f"b-{entry_id}", "7", organization="branch", **fields)
    before = company.store.people(company.name, [entry_id])[entry_id]
    before = before._replace(fields={**before.fields, "organization": None, "unit": None}, dn="")
    change = diff_person(record, before)
    change = change._replace(action=Action.LINK, fields={**change.fields, "dn": (None, record.dn)})
    return replace(other.plan(), people=(change,), elsewhere={record.entry_id: frozenset({company.name})})


def test_entries_are_found_by_their_keys(company: Company, other: Company) -> None:
    company.add(keyed("a", "7"), keyed("b", "8"), keyed("c", None))
    company.sync()
    other.add(keyed("x", "7", username="x"))
    other.sync()
    ids = {**company.store.identities("corp"), **company.store.identities("branch")}
    a, x = (
        LinkedIdentity(name, entry_id, f"uid={entry_id},ou=people,dc=example,dc=com", ids[entry_id].user_id, "7", present=True)
        for name, entry_id in (("corp", "a"), ("branch", "x"))
    )
    assert list(company.store.linked_identities({"7", "9"})) == [x, a]
    assert company.store.linked_identities(set()) == []
    assert [one.entry_id for one in company.store.separate_identities("corp", others={"branch"})] == ["a"]
    assert company.store.separate_identities("corp", others={"elsewhere"}) == []
    del company.people["a"]
    company.sync()
    assert [one.present for one in company.store.linked_identities({"7"})] == [True, False]
    assert company.store.separate_identities("corp", others={"branch"}) == []


def test_a_link_adds_an_entry_and_changes_the_user_by_its_fields(company: Company, other: Company, engine: Engine) -> None:
    company.add(keyed("a", "7", title="old", organization="acme"), person("b"))
    company.sync()
    before = contents(engine)
    user_id = company.store.identities("corp")["a"].user_id
    other.sync(linked_plan(company, other, "a", username="anna", title="new"))
    after = contents(engine)
    assert company.store.identities("branch")["b-a"].user_id == user_id
    (user,) = rows(engine, t.users, id=user_id)
    assert (user.username, user.username_key, user.title, user.version) == ("anna", "anna", "new", 2)
    assert len(rows(engine, t.access, user_id=user_id)) == 2
    (event,) = rows(engine, t.audit_events, action="user.linked")
    assert (event.subject_id, event.directory) == (user_id, "branch")
    assert event.after["dn"] == "uid=anna,ou=people,dc=example,dc=com"
    # of the first directory nothing is another
    assert set(before["identities"]) < set(after["identities"])
    assert set(before["access"]) < set(after["access"])
    entries = company.store.identities_of_users([user_id])[user_id]
    assert [(one.directory, one.link_key) for one in entries] == [("branch", "7"), ("corp", "7")]
    # the entry is one like any other from now on
    other.add(keyed("b-a", "7", username="anna", title="new", organization="branch"))
    assert other.plan().people == ()


def test_a_link_to_a_user_who_was_deleted_meanwhile_fails(company: Company, other: Company, engine: Engine) -> None:
    company.add(keyed("a", "7"), person("b"))
    company.sync()
    plan = linked_plan(company, other, "a")
    del company.people["a"]
    company.sync()
    assert company.store.purge("corp", missing_before=company.at().replace(year=2027), run_id=None, at=company.at()) == 1
    with pytest.raises(StoreError, match="someone deleted"):
        other.sync(plan)
    assert rows(engine, t.identities, entry_id="b-a") == []


def test_nobody_is_created_whom_a_linked_directory_brought_meanwhile(company: Company, other: Company, engine: Engine) -> None:
    other.add(keyed("x", "7", username="x"))
    plan = replace(other.plan(), linked_with=frozenset({"corp"}))
    company.add(keyed("a", "7"))
    company.sync()
    before = len(rows(engine, t.users))
    with pytest.raises(StoreError, match="corp brought people with the same link keys, '7' for one"):
        other.sync(plan)
    assert len(rows(engine, t.users)) == before
    # without a rule the keys mean nothing, and a manual user is never linked by one
    with engine.begin() as connection:
        connection.execute(update(t.users).values(manual=True))
    other.sync(replace(other.plan(), linked_with=frozenset({"corp"})))
    assert len(rows(engine, t.users)) == before + 1


def test_who_is_to_be_mapped_anew(company: Company, other: Company, engine: Engine) -> None:
    company.add(keyed("a", "7", title="old"), person("b"))
    company.sync()
    other.sync(linked_plan(company, other, "a", username="a"))
    assert (company.store.unsettled("corp"), company.store.unsettled("branch")) == ([], [])
    kept = company.people.pop("a")
    plan = company.plan()
    company.sync(replace(plan, passing_on=frozenset({"a"}), elsewhere={"a": frozenset({"branch"})}))
    assert (company.store.unsettled("corp"), company.store.unsettled("branch")) == ([], ["b-a"])
    (identity,) = rows(engine, t.identities, entry_id="b-a")
    assert (identity.fingerprint, identity.version) == (b"", None)
    # whoever returns finds the other's entry marked, which is no reason to be marked as well
    company.add(kept)
    company.sync(replace(company.plan(), elsewhere={"a": frozenset({"branch"})}))
    assert company.store.unsettled("corp") == []


def test_who_is_elsewhere_than_the_plan_says_is_looked_at_by_all(company: Company, other: Company) -> None:
    company.add(keyed("a", "7", title="old"))
    company.sync()
    other.sync(linked_plan(company, other, "a", username="a"))
    company.add(keyed("a", "7", title="new"))
    company.sync(replace(company.plan(), elsewhere={}))
    assert (company.store.unsettled("corp"), company.store.unsettled("branch")) == (["a"], ["b-a"])
