"""Lists, exports and the audit trail on the command line, as a process."""

from __future__ import annotations

import csv
import io
import json

from tests.functional.test_cli_verbs import Site, site, synced  # noqa: F401 - fixtures


def test_s33_s40_people_are_listed_by_filter_view_and_order(synced: Site) -> None:  # noqa: F811
    page = synced.syncd(
        "users", "list", "--filter", 'userName sw "u00000" and id le 3', "--sort", "-username", "--output", "json"
    )
    assert [user["username"] for user in page.json()["items"]] == ["u000002", "u000001", "u000000"]
    view = synced.syncd("users", "list", "family3", "--view", "active", "--output", "json").json()
    assert [user["last_name"] for user in view["items"]] == ["Family3"]
    wrong = synced.syncd("users", "list", "--filter", "shoeSize gt 4")
    assert wrong.code == 2
    assert "column 1: `shoeSize` is not an attribute" in wrong.err
    assert "cannot be sorted" in synced.syncd("users", "list", "--sort", "phone").err


def test_s54_s55_an_export_of_some_people_has_the_fields_that_were_asked_for(synced: Site) -> None:  # noqa: F811
    asked = ("--filter", 'userName eq "u000003"', "--fields", "email, username")
    text = synced.syncd("export", "--format", "csv", *asked).out
    assert text == "email,username\r\nu000003@example.com,u000003\r\n"
    line = json.loads(synced.syncd("export", "--format", "jsonl", *asked).out)
    assert line == {"email": "u000003@example.com", "username": "u000003"}
    assert synced.syncd("export", "--format", "csv", "--fields", "password").code == 1


def test_the_audit_trail_and_the_login_attempts_are_listed_and_exported(synced: Site) -> None:  # noqa: F811
    events = synced.syncd("audit", "list", "--action", "user.*", "--subject", "user", "--limit", "3", "--output", "json").json()
    assert [event["action"] for event in events["items"]] == ["user.created"] * 3
    assert events["next"] == str(events["items"][-1]["id"])
    table = synced.syncd("audit", "list", "--action", "user.created", "--limit", "1").out
    assert "user.created" in table
    rows = list(csv.DictReader(io.StringIO(synced.syncd("audit", "export", "--format", "csv").out)))
    assert len({row["id"] for row in rows}) == len(rows) >= 10
    lines = synced.syncd("audit", "export", "--format", "jsonl", "--action", "user.created").out.splitlines()
    assert len(lines) == 10
    assert synced.syncd("audit", "logins", "--output", "json").json() == {"items": [], "next": None}
    assert synced.syncd("audit", "export", "--format", "jsonl", "--logins").out == ""
    assert synced.syncd("audit", "export", "--format", "csv", "--logins", "--actor", "x").code == 2


def test_a_directory_that_is_mistyped_is_not_one_of_which_there_is_nothing(synced: Site) -> None:  # noqa: F811
    for command in (("runs", "list"), ("plan", "list"), ("roles", "identifiers"), ("users", "list")):
        wrong = synced.syncd(*command, "--directory", "crop")
        assert (wrong.code, wrong.out) == (2, ""), command
        assert "no directory is called 'crop'; known: " in wrong.err
    assert "no plan is or was held" in synced.syncd("plan", "list").out
