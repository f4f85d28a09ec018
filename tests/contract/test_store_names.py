"""Usernames and emails: unique at every moment, passed on within one run; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Engine

from syncd.model.records import NameHolder
from syncd.store import schema as t
from syncd.store.apply_names import split
from tests.contract.company import Company, person, rows
from tests.fakes.people_rows import Rows


def names(company: Company, field: str = "username") -> dict[str, object]:
    """Entry id -> the name its person has in the store."""
    stored = company.store.people(company.name, list(company.store.identities(company.name)))
    return {entry_id: person.fields[field] for entry_id, person in stored.items()}


def rename(company: Company, **usernames: str) -> None:
    for entry_id, username in usernames.items():
        company.add(person(entry_id, username=username, email=f"{entry_id}@example.com"))


def readdress(company: Company, **emails: str) -> None:
    for entry_id, email in emails.items():
        company.add(person(entry_id, email=f"{email}@example.com"))


@pytest.fixture
def three(company: Company) -> Company:
    rename(company, a="a", b="b", c="c")
    company.sync()
    return company


def test_two_people_swap_usernames(three: Company) -> None:
    rename(three, a="b", b="a")
    three.sync()
    assert names(three) == {"a": "b", "b": "a", "c": "c"}
    assert three.plan().is_empty


def test_two_people_swap_emails(three: Company) -> None:
    readdress(three, a="b", b="a")
    three.sync()
    assert names(three, "email") == {"a": "b@example.com", "b": "a@example.com", "c": "c@example.com"}
    assert three.plan().is_empty


def test_three_people_pass_their_names_round(three: Company) -> None:
    rename(three, a="b", b="c", c="a")
    three.sync()
    assert names(three) == {"a": "b", "b": "c", "c": "a"}
    assert three.plan().is_empty


def test_a_new_person_takes_the_name_that_another_gives_up(three: Company) -> None:
    rename(three, a="x", d="a")
    three.sync()
    assert names(three) == {"a": "x", "b": "b", "c": "c", "d": "a"}
    assert three.plan().is_empty


def test_a_chain_longer_than_a_batch(company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.apply_context.BATCH", 5)
    rename(company, **{f"e{i}": f"n{i}" for i in range(40)})
    company.sync()
    rename(company, **{f"e{i}": f"n{i + 1}" for i in range(40)}, new="n0")
    company.sync()
    assert names(company) == {f"e{i}": f"n{i + 1}" for i in range(40)} | {"new": "n0"}
    assert all(row.username_key == row.username for row in rows(engine, t.users))


def test_another_spelling_of_ones_own_name_is_no_clash(three: Company) -> None:
    rename(three, a="A")
    three.sync()
    assert names(three)["a"] == "A"
    assert three.plan().is_empty


@pytest.mark.parametrize("seed", range(4))
def test_any_permutation_of_names_in_one_run(company: Company, seed: int) -> None:
    rng = random.Random(seed)
    people = [f"p{i}" for i in range(12)]
    rename(company, **{entry_id: entry_id for entry_id in people})
    company.sync()
    for _ in range(3):
        shuffled = rng.sample(people, len(people))
        rename(company, **dict(zip(people, shuffled, strict=True)))
        leaver = rng.choice(people)
        left = company.people.pop(leaver)
        company.sync()
        assert company.plan().is_empty
        company.people[leaver] = left
    company.sync()
    assert company.plan().is_empty
    assert names(company) == dict(zip(people, shuffled, strict=True))


def test_the_name_of_a_missing_person_is_free_and_comes_back_with_them_when_it_is_free_again(
    three: Company, engine: Engine
) -> None:
    left = three.people.pop("a")
    three.add(person("d", username="a", email="a@example.com"))
    three.sync()
    (missing,) = [row for row in rows(engine, t.users, username="a") if row.username_key is None]
    assert (missing.username, missing.email, missing.email_key) == ("a", "a@example.com", None)
    rename(three, d="d")
    three.add(left)
    three.sync()
    (returned,) = rows(engine, t.users, id=missing.id)
    assert (returned.username_key, returned.email_key) == ("a", "a@example.com")
    assert three.plan().is_empty


def test_a_person_returns_without_a_name_that_the_directory_no_longer_manages_and_someone_else_has(
    three: Company, engine: Engine
) -> None:
    user_id = three.store.identities("corp")["a"].user_id
    left = three.people.pop("a")
    three.sync()
    with engine.begin() as connection:
        connection.execute(t.users.update().where(t.users.c.id == user_id).values(email_key=None))
    Rows(engine).user("someone", email="a@example.com", manual=True)
    fields = {name: value for name, value in left.fields.items() if name != "email"}
    three.add(left._replace(fields=fields))
    three.sync()
    (row,) = rows(engine, t.users, id=user_id)
    assert (row.username_key, row.email, row.email_key) == ("a", "a@example.com", None)


def test_s5_an_unmanaged_address_that_became_a_username_does_not_return(three: Company, engine: Engine) -> None:
    left = three.people.pop("a")
    fields = {name: value for name, value in left.fields.items() if name != "email"}
    three.add(person("d", username="a@example.com", email="d@example.com"))
    three.sync()
    three.add(left._replace(fields=fields))
    three.sync()
    named = {row.username: (row.username_key, row.email_key) for row in rows(engine, t.users)}
    assert named["a@example.com"] == ("a@example.com", "d@example.com")
    assert named["a"] == ("a", None)
    assert three.plan().is_empty


def test_s5_a_username_becomes_anothers_address_in_one_run(three: Company, engine: Engine) -> None:
    """Whoever gives it up does so first, in the same transaction: at no moment do two people have it."""
    three.add(person("a", username="x@example.com", email="a@example.com"))
    three.sync()
    three.add(person("a", username="a", email="a@example.com"), person("b", username="b", email="x@example.com"))
    plan = three.plan()
    assert {change.entry_id for change in split(plan.people, ())[0]} == {"a", "b"}
    three.sync(plan)
    named = {row.username: (row.username_key, row.email_key) for row in rows(engine, t.users)}
    assert (named["a"], named["b"]) == (("a", "a@example.com"), ("b", "x@example.com"))
    assert three.plan().is_empty


def test_a_manual_user_keeps_their_name_and_the_newcomer_becomes_an_issue(company: Company, engine: Engine) -> None:
    Rows(engine).user("Ann", manual=True)
    company.add(person("e1", username="ann"), person("e2", username="bob"))
    plan = company.sync()
    assert [(issue.key, issue.code) for issue in plan.issues_opened] == [("e1", "username_taken")]
    assert set(company.store.identities("corp")) == {"e2"}
    assert company.plan().is_empty


# ---------------------------------------------------------------- who holds a name
def test_holders_of_names(three: Company, engine: Engine) -> None:
    manual = Rows(engine).user("Manual", manual=True)
    branch = Company(three.store, name="branch")
    branch.add(person("b1", username="elsewhere"))
    branch.sync()
    del three.people["a"]
    three.sync()
    ids = {row.username: row.id for row in rows(engine, t.users)}
    found = three.store.name_holders("corp", "username", {"a", "b", "manual", "elsewhere", "nobody"})
    assert found == {
        "a": NameHolder(ids["a"], "a", "corp", "a", False),
        "b": NameHolder(ids["b"], "b", "corp", "b", True),
        "manual": NameHolder(manual, None, None, "Manual", True),
        "elsewhere": NameHolder(ids["elsewhere"], None, "branch", "elsewhere", True),
    }
    assert set(three.store.name_holders("corp", "email", ["a@example.com", "x@example.com"])) == {"a@example.com"}


def test_a_person_of_two_directories_is_this_ones_first(three: Company, engine: Engine) -> None:
    user_id = three.store.identities("corp")["a"].user_id
    other = Rows(engine).directory("aaa")
    Rows(engine).identity(user_id, other, "uid=a,dc=other", entry_id="other")
    assert three.store.name_holders("corp", "username", ["a"])["a"].directory == "corp"
    assert three.store.name_holders("aaa", "username", ["a"])["a"].entry_id == "other"


def test_holders_of_very_many_names(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    rename(company, **{f"e{i}": f"n{i}" for i in range(30)})
    company.sync()
    keys = {f"n{i}" for i in range(10, 60)}
    few = company.store.name_holders("corp", "username", keys)
    monkeypatch.setattr("syncd.store.names.FEW", 10)
    assert company.store.name_holders("corp", "username", keys) == few
    assert set(few) == {f"n{i}" for i in range(10, 30)}


def test_a_name_is_compared_folded(company: Company) -> None:
    company.add(person("e1", username="Straße  Ü", email="X@Example.com"))
    company.sync()
    assert set(company.store.name_holders("corp", "username", ["strasse ü"])) == {"strasse ü"}
    assert set(company.store.name_holders("corp", "email", ["x@example.com"])) == {"x@example.com"}
