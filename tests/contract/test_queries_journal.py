"""Issues, audit events and counts, over SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.errors import NotFoundError
from syncd.model.records import DirectoryPresence
from syncd.model.run import Mode, Outcome, RunResult, Trigger
from syncd.model.views import AuditEventView, IssueView, PeopleCounts
from syncd.store import schema as t
from syncd.store.queries import Queries
from syncd.store.runs import SqlRunStore
from tests.fakes.people_rows import NOON, Rows, later


@pytest.fixture
def rows(engine: Engine) -> Rows:
    return Rows(engine)


@pytest.fixture
def queries(engine: Engine) -> Queries:
    return Queries(engine)


@pytest.fixture
def runs(engine: Engine) -> SqlRunStore:
    return SqlRunStore(engine)


def run_once(runs: SqlRunStore, directory: str = "corp") -> int:
    run, _ = runs.request(directory, mode=Mode.FULL, trigger=Trigger.CLI, at=NOON)
    runs.start(run.id, at=NOON)
    return runs.finish(run.id, RunResult(outcome=Outcome.PARTIAL), at=NOON).id


def issue(rows: Rows, directory: int, key: str, opened: int, closed: int | None = None) -> None:
    rows.row(
        t.issues, directory_id=directory, key=key, subject="person", dn=f"uid={key}", code="bad_value", message="Bad.",
        opened_run_id=opened, opened_at=NOON, closed_run_id=closed, closed_at=None if closed is None else later(1),
    )  # fmt: skip


# ---------------------------------------------------------------- issues
def test_open_issues_and_those_of_a_run(rows: Rows, queries: Queries, runs: SqlRunStore) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    first, second, third = (run_once(runs) for _ in range(3))
    elsewhere = run_once(runs, "branch")
    issue(rows, corp, "stays", first)
    issue(rows, corp, "mended", first, closed=second)
    issue(rows, corp, "brief", second, closed=third)
    issue(rows, branch, "other", elsewhere)

    def keys(**conditions: Any) -> list[str]:
        return [found.key for found in queries.issues(**conditions)]

    assert keys() == ["stays", "other"]
    assert keys(directory="corp") == ["stays"]
    assert keys(run_id=first) == ["stays", "mended"]
    assert keys(run_id=second) == ["stays", "brief"]
    assert keys(run_id=third) == ["stays"]
    assert keys(run_id=elsewhere) == ["other"]
    assert keys(run_id=elsewhere, directory="corp") == []
    assert keys(directory="nowhere") == []


def test_an_issue_says_everything_about_itself(rows: Rows, queries: Queries, runs: SqlRunStore) -> None:
    corp = rows.directory()
    first = run_once(runs)
    issue(rows, corp, "ana", first)
    (found,) = queries.issues()
    assert found == IssueView(
        id=found.id, directory="corp", subject="person", key="ana", dn="uid=ana", code="bad_value", message="Bad.",
        opened_run_id=first, opened_at=NOON, closed_run_id=None, closed_at=None,
    )  # fmt: skip


def test_issues_come_in_pages(rows: Rows, queries: Queries) -> None:
    corp = rows.directory()
    for number in range(5):
        issue(rows, corp, f"k{number}", 1)
    first = queries.issues(limit=3)
    assert [found.key for found in first] == ["k0", "k1", "k2"]
    assert [found.key for found in queries.issues(limit=3, after_id=first[-1].id)] == ["k3", "k4"]


def test_issues_of_an_unknown_run_are_not_found(queries: Queries) -> None:
    with pytest.raises(NotFoundError, match="4711"):
        queries.issues(run_id=4711)


# ---------------------------------------------------------------- audit
def test_audit_events_of_one_thing_come_newest_first(rows: Rows, queries: Queries) -> None:
    for number in range(4):
        rows.row(
            t.audit_events, at=later(number), actor="run", run_id=number, action="user.updated", subject_type="user",
            subject_id=7, directory="corp", before={"title": None}, after={"title": f"T{number}"}, reason="r",
        )  # fmt: skip
    rows.row(t.audit_events, at=NOON, actor="root", action="role.created", subject_type="role", subject_id=7)
    rows.row(t.audit_events, at=NOON, actor="root", action="user.created", subject_type="user", subject_id=8)
    found = queries.audit_events("user", 7, limit=3)
    assert [event.after for event in found] == [{"title": "T3"}, {"title": "T2"}, {"title": "T1"}]
    assert found[0] == AuditEventView(
        id=found[0].id, at=later(3), actor="run", run_id=3, request_id=None, action="user.updated", subject_type="user",
        subject_id=7, directory="corp", before={"title": None}, after={"title": "T3"}, reason="r",
    )  # fmt: skip
    assert [event.after for event in queries.audit_events("user", 7, before_id=found[-1].id)] == [{"title": "T0"}]
    (role,) = queries.audit_events("role", 7)
    assert (role.action, role.before, role.after, role.directory) == ("role.created", None, None, None)


# ---------------------------------------------------------------- counts
def test_counts_of_a_directory_and_of_the_store(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    rows.role_identifier(corp, "staff")
    for number in range(4):
        user = rows.user(f"u{number}")
        rows.identity(user, corp, f"uid=u{number}", missing_since=NOON if number == 0 else None)
    rows.identity(user, branch, "uid=u3,dc=b")
    rows.user("hand", manual=True)
    rows.row(t.dn_history, user_id=user, directory_id=corp, dn="uid=was", valid_from=NOON, valid_to=later(9))
    rows.row(t.dn_history, user_id=user, directory_id=corp, dn="uid=and", valid_from=NOON, valid_to=later(3))
    issue(rows, corp, "open", 1)
    issue(rows, corp, "closed", 1, closed=2)
    assert queries.people_counts("corp") == PeopleCounts(
        directory="corp", present=3, missing=1, users=4, manual=0, open_issues=1, role_identifiers=1,
        last_dn_change_at=later(9),
    )  # fmt: skip
    assert queries.people_counts("branch") == PeopleCounts(
        directory="branch", present=1, missing=0, users=1, manual=0, open_issues=0, role_identifiers=0, last_dn_change_at=None
    )
    assert queries.people_counts() == PeopleCounts(
        directory=None, present=4, missing=1, users=5, manual=1, open_issues=1, role_identifiers=1, last_dn_change_at=later(9)
    )
    assert queries.people_by_presence("corp") == {DirectoryPresence.ACTIVE: 3, DirectoryPresence.MISSING: 1}


def test_a_directory_nobody_has_heard_of_has_nobody(queries: Queries) -> None:
    assert queries.people_counts("nowhere").present == 0
    assert queries.people_by_presence("nowhere") == {DirectoryPresence.ACTIVE: 0, DirectoryPresence.MISSING: 0}
