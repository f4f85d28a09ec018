"""`syncd roles`, `groups`, `orgs` and `units`, on a real database."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from tests.fakes.people_rows import Rows
from tests.functional.cli import Result, syncd

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str) -> Run:
    config = tmp_path / "syncd.toml"
    config.write_text(f"""
[store]
url = "{sqlite_url}"
[directories.corp]
urls = ["ldap://127.0.0.1:1"]
base_dn = "dc=example,dc=com"
[directories.corp.roles.map]
"crm-admins" = ["Clerk"]
""")

    def call(*arguments: str) -> Result:
        return syncd("-c", config, *arguments)

    return call


@pytest.fixture
def rows(sqlite_url: str) -> Any:
    engine = open_engine(StoreSettings(url=sqlite_url))
    yield Rows(engine)
    engine.dispose()


def made(run: Run, *arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--output", "json")
    assert (result.code, result.err) == (0, "")
    document: dict[str, Any] = result.json()
    return document


def items(run: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(run, *arguments)["items"]
    return found


def test_s23_roles_on_the_command_line(run: Run, rows: Rows) -> None:
    made(run, "orgs", "create", "Acme")
    role = made(run, "roles", "create", "Buyer", "--org", "acme", "--permission", "erp:buy", "--permission", "erp:ask")
    assert (role["organization"], role["permissions"], role["version"]) == ("Acme", ["erp:ask", "erp:buy"], 1)
    edited = made(run, "roles", "edit", "buyer", "--add", "erp:sell", "--remove", "erp:ask", "--description", "buys")
    assert (edited["permissions"], edited["description"], edited["version"]) == (["erp:buy", "erp:sell"], "buys", 2)
    wide = made(run, "roles", "edit", f"id:{role['id']}", "--system", "--permission", "users:read")
    assert (wide["organization_id"], wide["permissions"]) == (None, ["users:read"])
    assert run("roles", "list").out.split() == [
        "ID",
        "ROLE",
        "ORGANIZATION",
        "PEOPLE",
        "DESCRIPTION",
        "1",
        "Buyer",
        "0",
        "buys",
    ]
    assert items(run, "roles", "list", "BUY")[0]["id"] == role["id"]
    assert items(run, "roles", "list", "--org", "Acme") == []
    assert made(run, "roles", "show", "Buyer") == items(run, "roles", "list")[0] | {
        name: wide[name] for name in ("created_at", "updated_at")
    }
    assert {row["name"]: row["roles"] for row in items(run, "roles", "permissions")}["users:read"] == 1
    anna = rows.user("anna", manual=True)
    rows.grant(anna, role["id"])
    refused = run("roles", "delete", "Buyer", "--reason", "ticket 4711")
    assert (refused.code, refused.out) == (1, "")
    assert "1 people have the role Buyer" in refused.err
    assert run("roles", "edit", "Buyer", "--org", "Acme", "--system").code == 2
    assert run("roles", "create", "x", "--permission", "Users Read").code == 2


def test_s21_groups_on_the_command_line(run: Run, rows: Rows) -> None:
    anna, bert = rows.user("anna", manual=True), rows.user("bert", manual=True, display_name="Bert B.")
    group = made(run, "groups", "create", "Board", "--description", "meets")
    assert made(run, "groups", "members", "add", "Board", "anna", f"id:{bert}") == {"group": group["id"], "changed": 2}
    assert [row["username"] for row in items(run, "groups", "members", "list", "Board")] == ["anna", "bert"]
    table = run("groups", "members", "list", "Board", "BERT").out
    assert table.splitlines()[1].split(maxsplit=2) == [str(bert), "bert", "Bert B.  bert@example.com"]
    first = made(run, "groups", "members", "list", "Board", "--limit", "1")
    assert first["next"] == str(anna)
    rest = items(run, "groups", "members", "list", "Board", "--after", first["next"])
    assert [row["id"] for row in rest] == [bert]
    assert made(run, "groups", "members", "remove", "Board", "anna", "--reason", "left")["changed"] == 1
    assert made(run, "groups", "edit", "board", "--name", "Council")["version"] == 4
    assert made(run, "groups", "show", "Council")["members"] == 1
    done = run("groups", "delete", "Council", "--reason", "dissolved")
    assert (done.code, done.out) == (0, f"Group {group['id']} is deleted.\n")
    assert run("groups", "list").out == "no group\n"
    missing = run("groups", "show", "Council")
    assert (missing.code, missing.err.startswith("error: there is no group 'Council'")) == (1, True)


def test_s20_organizations_and_units_on_the_command_line(run: Run) -> None:
    acme = made(run, "orgs", "create", "Acme")
    europe = made(run, "units", "create", "Europe", "--org", "Acme")
    spain = made(run, "units", "create", "Spain", "--org", "Acme", "--parent", "europe")
    assert (spain["path"], spain["parent_id"]) == ("Europe/Spain", europe["id"])
    madrid = made(run, "units", "create", "Madrid", "--org", str(acme["id"]), "--parent", str(spain["id"]))
    shown = run("units", "list").out.splitlines()
    assert [line[line.index("Europe") :] if "Europe" in line else line for line in shown[1:2]] == [
        "Europe      Acme               0  manual"
    ]
    assert shown[3].split() == [str(madrid["id"]), "Madrid", "Acme", "0", "manual"]
    document = run("units", "list", "--output", "csv").out
    read = list(csv.DictReader(io.StringIO(document)))
    assert [row["path"] for row in read] == ["Europe", "Europe/Spain", "Europe/Spain/Madrid"]
    assert [unit["id"] for unit in items(run, "units", "list", "--division", str(spain["id"]))] == [spain["id"], madrid["id"]]
    assert made(run, "units", "edit", "Europe/Spain", "--org", "Acme", "--top")["path"] == "Spain"
    assert made(run, "units", "edit", str(spain["id"]), "--parent", "Europe", "--org", "Acme", "--name", "España")["path"] == (
        "Europe/España"
    )
    circle = run("units", "edit", str(europe["id"]), "--parent", str(madrid["id"]))
    assert (circle.code, "lies below it" in circle.err) == (1, True)
    assert run("units", "show", "Europe").code == 2
    assert run("units", "delete", str(spain["id"]), "--reason", "closed").code == 1
    assert run("units", "delete", str(madrid["id"]), "--reason", "closed").code == 0


def test_s17_organizations_are_switched_on_the_command_line(run: Run) -> None:
    acme = made(run, "orgs", "create", "Acme", "--disabled")
    assert acme["enabled"] is False
    assert made(run, "orgs", "enable", "Acme", "--reason", "bought")["enabled"] is True
    assert run("orgs", "disable", "Acme", "--reason", "sold").out == "Organization Acme is disabled.\n"
    assert [row["name"] for row in items(run, "orgs", "list", "--disabled")] == ["Acme"]
    assert items(run, "orgs", "list", "--enabled") == []
    assert made(run, "orgs", "edit", "acme", "--name", "Acme Ltd")["name"] == "Acme Ltd"
    assert made(run, "orgs", "show", str(acme["id"]))["version"] == 4
    (row,) = csv.DictReader(io.StringIO(run("orgs", "list", "--output", "csv").out))
    assert row["name"] == "Acme Ltd"
    assert run("orgs", "delete", "Acme Ltd", "--reason", "gone").code == 0
    assert run("orgs", "list").out == "no organization\n"


def test_s28_identifiers_that_no_line_maps(run: Run, rows: Rows) -> None:
    corp = rows.directory()
    for identifier in ("crm-admins", "unknown"):
        rows.role_identifier(corp, identifier)
    found = items(run, "roles", "identifiers")
    assert [(row["identifier"], row["roles"], row["mapped"]) for row in found] == [
        ("crm-admins", ["Clerk"], True), ("unknown", [], False),
    ]  # fmt: skip
    assert [row["identifier"] for row in items(run, "roles", "identifiers", "--unmapped")] == ["unknown"]
