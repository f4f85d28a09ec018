"""Exit codes of runs, and plans as programs see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.cli.planviews import plan_json
from syncd.cli.runviews import run_json, run_row, shown_changes, totals
from syncd.cli.sync import exit_code, worst
from syncd.model.hold import Kind, Objection
from syncd.model.plan import Action, Link, NameRelease, PersonChange, Plan, StructureChange
from syncd.model.records import Issue, OrganizationRecord, PersonRecord
from syncd.model.run import Mode, Outcome, Run, Trigger
from syncd.services.planned import Planned
from syncd.settings.directory import DirectorySettings

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def run(outcome: Outcome, code: str | None = None) -> Run:
    return Run(id=7, directory="corp", mode=Mode.FULL, trigger=Trigger.CLI, outcome=outcome, requested_at=NOON, code=code)


@pytest.mark.parametrize(
    ("outcome", "code", "expected"),
    [
        (Outcome.SUCCEEDED, None, 0),
        (Outcome.PARTIAL, "entries_unusable", 0),
        (Outcome.HELD, "held", 4),
        (Outcome.HELD, "empty_result", 4),
        (Outcome.FAILED, "connection_refused", 69),
        (Outcome.FAILED, "size_limit_exceeded", 69),
        (Outcome.FAILED, "invalid_credentials", 77),
        (Outcome.FAILED, "invalid_filter", 78),
        (Outcome.FAILED, "database_unavailable", 75),
        (Outcome.FAILED, "stopped", 75),
        (Outcome.FAILED, "code_of_a_newer_version", 1),
        (Outcome.ABANDONED, None, 75),
    ],
)
def test_the_exit_code_of_a_run(outcome: Outcome, code: str | None, expected: int) -> None:
    assert exit_code(run(outcome, code)) == expected


def test_the_worst_exit_code_counts() -> None:
    assert worst([0, 3, 0]) == 3
    assert worst([4, 69]) == 69
    assert worst([69, 77, 1]) == 77
    assert worst([78, 77]) == 78
    assert worst([]) == 0
    assert worst([0, 99]) == 99


def test_a_run_has_the_keys_of_the_api_and_its_seconds() -> None:
    from syncd.http.schemas import RunResource

    assert set(run_json(run(Outcome.SUCCEEDED))) == set(RunResource.model_fields)
    assert run_row(run(Outcome.QUEUED))["seconds"] is None
    ended = Run(
        id=1, directory="corp", mode=Mode.FULL, trigger=Trigger.CLI, outcome=Outcome.SUCCEEDED, requested_at=NOON,
        started_at=NOON, finished_at=NOON + timedelta(seconds=2.25),
    )  # fmt: skip
    assert run_row(ended)["seconds"] == "2.2"


def test_counts_for_people() -> None:
    counts = {"issues": 2, "grants_added": 1, "users": 31, "users_created": 3, "units_created": 0, "members_unresolved": 4}
    assert shown_changes(counts) == [("users created", 3), ("grants added", 1), ("members unresolved", 4)]
    assert totals(counts) == ", 31 people, 2 entries that could not be used"
    assert totals({"users": 1, "issues": 0}) == ", 1 people"
    assert totals(None) == ""


def test_every_change_of_a_plan_is_an_object_with_the_same_keys() -> None:
    record = PersonRecord("p1", "uid=anna,dc=x", "uid=anna,dc=x", b"", {"avatar": b"123", "username": "anna"})
    plan = Plan(
        directory="corp",
        organizations=(StructureChange(Action.CREATE, "o", None, OrganizationRecord(key="o", name="Org")),),
        releases=(NameRelease(3, "p9", "email"),),
        people=(PersonChange(Action.CREATE, "p1", record, None, {"avatar": (None, b"123"), "username": (None, "anna")}),),
        memberships_added=(Link("p1", "g1"),),
        grants_removed=(Link("p1", "admin"),),
        roles_created=("admin",),
        issues_opened=(Issue(key="p2", dn="uid=b,dc=x", code="missing_field", message="no mail"),),
        issues_closed=("p3",),
    )
    settings = DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "dc=x"})
    whole = plan_json(Planned(plan=plan, server="ldap://a", entries_read=1), (), settings)
    found = whole["changes"]
    keys = ("directory", "held", "kind", "action", "id", "name", "field", "before", "after", "rule")
    assert {tuple(change) for change in found} == {keys}
    assert (whole["held"], whole["held_digest"]) == ([], None)
    assert [(change["kind"], change["action"], change["id"], change["name"]) for change in found] == [
        ("organization", "create", "o", "Org"),
        ("role", "create", None, "admin"),
        ("name", "remove", "p9", None),
        ("person", "create", "p1", "uid=anna,dc=x"),
        ("person", "create", "p1", "uid=anna,dc=x"),
        ("membership", "add", "p1", "g1"),
        ("grant", "remove", "p1", "admin"),
        ("issue", "open", "p2", "uid=b,dc=x"),
        ("issue", "close", "p3", None),
    ]
    avatar, username = found[3], found[4]
    assert (username["field"], username["before"], username["after"], username["rule"]) == (
        "username",
        None,
        "anna",
        "username = uid",
    )
    assert avatar["after"].startswith("3 bytes, SHA-256 a665a45920422f9d")
    assert (found[7]["after"], found[7]["rule"]) == ("no mail", "missing_field")


def test_a_plan_says_which_of_its_changes_would_be_held() -> None:
    plan = Plan(directory="corp", grants_added=(Link("p1", "admin"),), grants_removed=(Link("p2", "admin"),))
    objection = Objection(code="grants_revoked", kind=Kind.GRANTS_REVOKED, message="too many", count=1, population=1, limit=0)
    settings = DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "dc=x"})
    whole = plan_json(Planned(plan=plan, server=None, entries_read=0), (objection,), settings)
    assert [(change["action"], change["held"]) for change in whole["changes"]] == [("add", False), ("remove", True)]
    assert whole["held"][0]["code"] == "grants_revoked"
    assert whole["held_digest"] not in (None, whole["digest"])
