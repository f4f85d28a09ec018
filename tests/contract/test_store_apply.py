"""Applying plans: nothing for nothing, edges of transactions, issues, audit; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from syncd.errors import StoppedError
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine, write
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import START, Company, contents, issue, organization, person, role, rows, unit


def fill(company: Company) -> None:
    company.units = [unit("eng"), unit("web", parent="eng")]
    company.roles = [role("g1"), role("g2")]
    company.add(*(person(f"p{i}", organization="acme", unit="web", tags=("x",)) for i in range(12)))
    company.memberships = {(f"p{i}", "g1") for i in range(12)}
    company.grants = {(f"p{i}", "Member") for i in range(12)}
    company.issues = [issue("x"), issue("y")]


def turn_over(company: Company) -> None:
    """Changes of all kinds at once: whatever a plan can have, this one has."""
    company.organizations = [organization("acme", "Renamed"), organization("second")]
    company.units = [unit("eng", name="Engineering"), unit("ops")]
    company.people = {f"p{i}": person(f"p{i}", organization="acme", unit="ops", title="t") for i in range(9)}
    company.add(person("p1", username="p2"), person("p2", username="p1"), person("new", username="p11", organization="acme"))
    company.roles = [role("g1", "renamed"), role("g3")]
    company.memberships = {(f"p{i}", "g3") for i in range(9)} | {("new", "g3")}
    company.grants = {(f"p{i}", "Auditor") for i in range(9)}
    company.issues = [issue("z")]


# ---------------------------------------------------------------- nothing to do
def test_an_empty_plan_writes_nothing(company: Company, engine: Engine) -> None:
    fill(company)
    company.sync()
    before = contents(engine)
    for _ in range(3):
        plan = company.plan()
        assert plan.is_empty
        company.sync(plan)
    assert contents(engine) == before


def test_an_empty_plan_for_an_unknown_directory_writes_nothing(company: Company, engine: Engine) -> None:
    company.organizations, company.relations = [], False
    company.sync()
    assert rows(engine, t.directories) == []


def test_another_way_to_look_at_relations_writes_only_that(company: Company, engine: Engine) -> None:
    fill(company)
    company.sync()
    before = contents(engine)
    company.sync(replace(company.plan(), relations_digest=b"another mapping"))
    after = contents(engine)
    assert {name for name in after if after[name] != before[name]} == {"directories"}
    assert company.store.structure("corp").relations_digest == b"another mapping"


def test_relations_digest_is_kept_of_the_whole_run(company: Company) -> None:
    fill(company)
    company.sync()
    assert company.store.structure("corp").relations_digest == company.digest()


# ---------------------------------------------------------------- stopping
class StopAfter:
    """Says stop when it was asked often enough."""

    def __init__(self, edges: int) -> None:
        self.left = edges

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def apply(company: Company, stopping: Callable[[], bool], progress: Callable[[int], None] = lambda done: None) -> None:
    company.runs += 1
    company.apply(company.plan(), progress=progress, stopping=stopping)


def test_stopped_at_any_edge_the_store_is_whole_and_the_next_run_does_the_rest(
    company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (3,))
    fill(company)
    company.sync()
    whole = company.store.structure("corp").relations_digest
    turn_over(company)
    stops = 0
    for edges in range(60):
        before = contents(engine)
        try:
            apply(company, StopAfter(edges))
        except StoppedError:
            stops += 1
            assert edges > 0 or contents(engine) == before
            assert edges == 0 or company.store.structure("corp").relations_digest is None
        else:
            break
    assert stops > 3
    assert company.store.structure("corp").relations_digest not in (None, whole)
    assert company.plan().is_empty


def test_a_first_import_that_was_cut_off_is_finished_by_the_next(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (5,))
    fill(company)
    with pytest.raises(StoppedError):
        apply(company, StopAfter(4))
    known = company.store.identities("corp")
    assert 0 < len(known) < 12
    # whoever is there has their roles, too
    assert {link.entry_id for link in company.store.grants("corp")} == set(known)
    assert company.store.structure("corp").relations_digest is None
    company.sync()
    assert len(company.store.identities("corp")) == 12
    assert company.plan().is_empty


def test_progress_counts_up_to_the_changes_of_the_plan(company: Company) -> None:
    fill(company)
    seen: list[int] = []
    total = sum(company.plan().counts.values())
    apply(company, lambda: False, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == total


# ---------------------------------------------------------------- issues
def test_issues_open_once_and_close_with_the_run_that_no_longer_sees_them(company: Company, engine: Engine) -> None:
    company.issues = [issue("x"), issue("y")]
    company.sync()
    assert company.plan().is_empty
    assert set(company.store.open_issues("corp")) == {"x", "y"}
    company.issues = [issue("x"), issue("z")]
    company.sync()
    assert set(company.store.open_issues("corp")) == {"x", "z"}
    (closed,) = rows(engine, t.issues, key="y")
    assert (closed.opened_run_id, closed.closed_run_id, closed.closed_at) == (1, 2, company.at())


def test_an_issue_with_other_words_is_a_new_one_and_the_old_one_is_history(company: Company, engine: Engine) -> None:
    company.issues = [issue("x", "has no mail")]
    company.sync()
    company.issues = [issue("x", "has no name")]
    company.sync()
    assert [(row.message, row.closed_run_id) for row in rows(engine, t.issues)] == [("has no mail", 2), ("has no name", None)]
    assert company.store.open_issues("corp")["x"].message == "has no name"


def test_issues_of_two_directories_are_kept_apart(company: Company) -> None:
    other = Company(company.store, name="branch", issues=[issue("x")], organizations=[])
    other.sync()
    company.issues = [issue("x")]
    company.sync()
    company.issues = []
    company.sync()
    assert set(other.store.open_issues("branch")) == {"x"}
    assert company.store.open_issues("corp") == {}


# ---------------------------------------------------------------- audit
def test_each_change_of_a_person_has_an_event_with_before_and_after(company: Company, engine: Engine) -> None:
    company.add(person("a", title="old", avatar=b"picture"), person("b"))
    company.sync()
    company.add(person("a", title="new", avatar=b"another"))
    del company.people["b"]
    company.sync()
    company.add(person("b"))
    company.sync()
    found = [row for row in rows(engine, t.audit_events) if row.subject_type == "user"]
    assert [row.action for row in found] == [
        "user.created", "user.created", "user.updated", "user.disabled", "user.returned",
    ]  # fmt: skip
    assert {(row.actor, row.directory, row.request_id) for row in found} == {("run", "corp", None)}
    created, updated, disabled, returned = found[0], found[2], found[3], found[4]
    assert created.before is None
    assert (created.after["username"], created.after["title"]) == ("a", "old")
    assert created.after["avatar"]["bytes"] == len(b"picture")
    assert (updated.before["title"], updated.after["title"]) == ("old", "new")
    assert set(updated.after) == {"title", "avatar"}
    assert updated.before["avatar"]["sha256"] != updated.after["avatar"]["sha256"]
    assert (updated.run_id, updated.at) == (2, START + timedelta(hours=2))
    assert disabled.reason == "not found in corp by run 2"
    assert returned.reason == "found in corp again by run 3"


def test_the_same_story_gives_the_same_rows_on_both_databases(sqlite_url: str, postgres_url: str) -> None:
    told = []
    for url in (sqlite_url, postgres_url):
        engine = open_engine(StoreSettings(url=url))
        company = Company(SqlSyncStore(engine))
        fill(company)
        company.sync()
        company.add(person("p1", username="p2"), person("p2", username="p1"), person("new", username="Ünï  x"))
        company.people.pop("p3")
        company.organizations = [organization("acme", "Renamed"), organization("second")]
        company.units = [unit("eng"), unit("lab", organization="second")]
        company.memberships = {("p1", "g2"), ("new", "g1")}
        company.issues = [issue("y"), issue("w")]
        company.sync()
        company.add(person("p3", title="back"))
        company.sync()
        assert company.plan().is_empty
        told.append(contents(engine))
        engine.dispose()
    assert told[0] == told[1]
    assert len(told[0]["users"]) == 13


# ---------------------------------------------------------------- other writers
def test_other_writers_get_their_turn_while_a_plan_is_applied(company: Company, engine: Engine) -> None:
    company.add(*(person(f"p{i:05}") for i in range(8000)))
    plan = company.plan()
    waits: list[float] = []
    over = threading.Event()

    def keep_writing() -> None:
        while not over.is_set():
            started = time.monotonic()
            with write(engine) as connection:
                connection.execute(t.groups.insert().values(name=f"g{len(waits)}", name_key=f"g{len(waits)}", created_at=START))
            waits.append(time.monotonic() - started)
            over.wait(0.005)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        company.sync(plan)
    finally:
        over.set()
        writer.join()
    assert len(company.store.identities("corp")) == 8000
    assert len(rows(engine, t.groups)) == len(waits) > 3
    assert max(waits) < 10
