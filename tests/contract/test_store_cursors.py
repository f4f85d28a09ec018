"""Where a directory's feed stands: written with the last transaction of a plan, by whoever read it last; on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from syncd.errors import LeaseLostError, RunStateError, StoppedError
from syncd.model.feed import Cursor, FeedKind, StoredCursor
from syncd.model.plan import Plan
from syncd.store import schema as t
from tests.contract.company import Company, contents, issue, person, role, rows, take


def at(position: str, feed: FeedKind = FeedKind.SYNCREPL) -> Cursor:
    return Cursor(feed=feed, position={"cookie": position, "server": "ldap://Ä"})


def moved(company: Company, cursor: Cursor) -> Plan:
    """The company's plan with a cursor that replaces the stored one."""
    stored = stored_cursor(company)
    return replace(company.plan(), cursor=cursor, cursor_replaces=stored.version if stored else 0)


def stored_cursor(company: Company) -> StoredCursor | None:
    return company.store.cursor(company.name)


def version(company: Company) -> int:
    found = stored_cursor(company)
    assert found is not None
    return found.version


def written(before: dict[str, list[tuple[object, ...]]], engine: Engine) -> set[str]:
    """The tables that are not what they were."""
    after = contents(engine)
    return {name for name in after if after[name] != before[name]}


@pytest.fixture
def followed(company: Company) -> Company:
    """A company of three with a cursor."""
    company.add(*(person(f"p{i}") for i in range(3)))
    company.roles, company.memberships = [role("g1")], {("p1", "g1")}
    company.sync(moved(company, at("one")))
    return company


# ---------------------------------------------------------------- reading and writing
def test_a_directory_has_no_cursor_before_one_is_written(company: Company) -> None:
    assert stored_cursor(company) is None
    company.sync()
    assert stored_cursor(company) is None


def test_the_cursor_comes_back_with_all_that_it_rests_on(followed: Company) -> None:
    found = stored_cursor(followed)
    assert found is not None
    assert (found.cursor, found.version) == (at("one"), 1)
    assert found.relations_digest == followed.digest()


def test_each_write_replaces_the_one_before(followed: Company) -> None:
    followed.add(person("new"))
    followed.sync(moved(followed, at("two")))
    assert version(followed) == 2
    followed.sync(moved(followed, at("0", FeedKind.USN)))
    found = stored_cursor(followed)
    assert found is not None
    assert (found.cursor, found.version) == (at("0", FeedKind.USN), 3)


def test_a_plan_without_a_cursor_leaves_the_stored_one(followed: Company) -> None:
    followed.add(person("new"))
    followed.sync()
    found = stored_cursor(followed)
    assert found is not None
    assert (found.cursor, found.version) == (at("one"), 1)


def test_a_cursor_belongs_to_its_directory(followed: Company) -> None:
    other = Company(followed.store, name="other")
    other.sync(moved(other, at("another")))
    assert (version(followed), version(other)) == (1, 1)
    found = stored_cursor(followed)
    assert found is not None
    assert found.cursor == at("one")


# ---------------------------------------------------------------- empty plans
def test_an_empty_plan_at_the_same_position_writes_nothing(followed: Company, engine: Engine) -> None:
    before = contents(engine)
    followed.sync(moved(followed, at("one")))
    assert written(before, engine) == set()


@pytest.mark.parametrize("cursor", [at("two"), at("one", FeedKind.DIRSYNC)], ids=["position", "feed"])
def test_an_empty_plan_that_moves_the_cursor_writes_only_that(followed: Company, engine: Engine, cursor: Cursor) -> None:
    before = contents(engine)
    followed.sync(moved(followed, cursor))
    assert written(before, engine) == {"directories"}
    assert version(followed) == 2
    assert followed.store.structure("corp").relations_digest == followed.digest()
    assert followed.plan().is_empty


def test_a_new_version_of_all_groups_is_all_that_an_empty_plan_writes(followed: Company, engine: Engine) -> None:
    before = contents(engine)
    followed.sync(replace(followed.plan(), groups_version=b"groups"))
    assert written(before, engine) == {"directories"}
    stored = followed.store.structure("corp")
    assert (stored.groups_version, stored.relations_digest) == (b"groups", followed.digest())
    before = contents(engine)
    followed.sync(replace(followed.plan(), groups_version=b"groups"))
    followed.sync(followed.plan())
    assert written(before, engine) == set()


# ---------------------------------------------------------------- two at once, and half of it
@pytest.mark.parametrize("replaces", [0, 2])
def test_a_cursor_that_somebody_else_moved_stays_and_so_does_everything(
    followed: Company, engine: Engine, replaces: int
) -> None:
    before = contents(engine)
    with pytest.raises(RunStateError, match="moved by somebody else"):
        followed.sync(replace(followed.plan(), cursor=at("two"), cursor_replaces=replaces, groups_version=b"groups"))
    assert written(before, engine) == set()


def test_nothing_of_the_last_transaction_is_there_when_the_cursor_was_moved(followed: Company) -> None:
    followed.add(person("new"))
    plan = replace(followed.plan(), cursor=at("two"), cursor_replaces=7, groups_version=b"groups", config_digest=b"config")
    with pytest.raises(RunStateError):
        followed.sync(plan)
    stored = followed.store.structure("corp")
    assert (stored.relations_digest, stored.groups_version, stored.config_digest) == (None, None, None)
    found = stored_cursor(followed)
    assert found is not None
    assert (found.cursor, found.version) == (at("one"), 1)


def test_a_cut_off_plan_leaves_the_old_cursor_at_every_edge(
    followed: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (2,))
    followed.add(*(person(f"p{i}", title="t") for i in range(9)))
    followed.memberships = {(f"p{i}", "g1") for i in range(9)}
    followed.issues = [issue("x")]
    stops = 0
    while True:
        edges = iter(range(stops))
        try:
            followed.apply(moved(followed, at("two")), stopping=lambda edges=edges: next(edges, None) is None)  # type: ignore[misc]
        except StoppedError:
            stops += 1
            found = stored_cursor(followed)
            assert found is not None
            assert (found.cursor, found.version) == (at("one"), 1)
        else:
            break
    assert stops > 2
    found = stored_cursor(followed)
    assert found is not None
    assert (found.cursor, found.version) == (at("two"), 2)
    assert followed.plan().is_empty


def test_who_lost_the_directory_moves_no_cursor(followed: Company, engine: Engine) -> None:
    epoch = followed.epoch()
    take(engine, "corp")
    before = contents(engine)
    with pytest.raises(LeaseLostError):
        followed.apply(moved(followed, at("two")), epoch=epoch)
    assert written(before, engine) == set()


# ---------------------------------------------------------------- versions
def test_new_versions_are_written_and_nothing_else(followed: Company, engine: Engine) -> None:
    before = contents(engine)
    plan = replace(followed.plan(), versions={"p0": "17", "p2": "18"})
    assert not plan.is_empty
    assert not any(plan.counts.values())
    followed.sync(plan)
    assert written(before, engine) == {"identities"}
    known = followed.store.identities("corp")
    assert {entry_id: known[entry_id].version for entry_id in known} == {"p0": "17", "p1": None, "p2": "18"}
    assert followed.store.structure("corp").relations_digest == followed.digest()
    assert followed.plan().is_empty


def test_versions_are_those_of_the_own_directory(followed: Company) -> None:
    other = Company(followed.store, name="other")
    other.add(person("p0", username="another"))
    other.sync()
    followed.sync(replace(followed.plan(), versions={"p0": "17"}))
    assert other.store.identities("other")["p0"].version is None


def test_versions_come_with_creation_change_and_return(followed: Company, engine: Engine) -> None:
    followed.add(person("p0", title="t")._replace(version="2"), person("new")._replace(version="1"))
    followed.sync()
    del followed.people["p0"]
    followed.sync()
    assert followed.store.identities("corp")["p0"].version == "2"
    followed.add(person("p0")._replace(version="3"))
    # another fingerprint, and no field that differs
    followed.add(person("new")._replace(version="4", fingerprint=b"another"))
    audited = len(rows(engine, t.audit_events, action="user.updated"))
    followed.sync()
    known = followed.store.identities("corp")
    assert (known["p0"].version, known["new"].version, known["new"].fingerprint) == ("3", "4", b"another")
    assert len(rows(engine, t.audit_events, action="user.updated")) == audited


# ---------------------------------------------------------------- some of them
def test_identities_of_some_are_the_same_as_those_of_all(followed: Company) -> None:
    other = Company(followed.store, name="other")
    other.add(person("p1", username="another"), person("q"))
    other.sync()
    del followed.people["p2"]
    followed.sync()
    known = followed.store.identities("corp")
    assert followed.store.identities_of("corp", ["p1", "p2", "q", "nobody"]) == {name: known[name] for name in ("p1", "p2")}
    assert followed.store.identities_of("corp", []) == {}
    assert followed.store.identities_of("unknown", ["p1"]) == {}


def test_many_identities_are_asked_for_in_parts(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.snapshot.PEOPLE", 2)
    company.add(*(person(f"p{i}") for i in range(7)))
    company.sync()
    assert company.store.identities_of("corp", list(company.people)) == company.store.identities("corp")


def test_only_those_present_are_counted(followed: Company) -> None:
    assert followed.store.present_count("unknown") == 0
    del followed.people["p2"]
    followed.sync()
    assert followed.store.present_count("corp") == 2
