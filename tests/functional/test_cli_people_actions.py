"""`syncd users enable|disable|activate` and `syncd keys` on a real database."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine
from tests.contract.company import rows
from tests.fakes.people_rows import NOON, Rows
from tests.functional.cli import Result, on_a_terminal, syncd

Run = Callable[..., Result]
WHY = ("--reason", "ticket 12")


@pytest.fixture
def config(store_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "syncd.toml"
    path.touch(mode=0o600)
    path.write_text(f'[store]\nurl = "{store_url}"\n')
    return path


@pytest.fixture
def run(config: Path) -> Run:
    return lambda *arguments: syncd("-c", config, *arguments)


@pytest.fixture
def database(store_url: str) -> Iterator[Engine]:
    engine = open_engine(StoreSettings(url=store_url))
    yield engine
    engine.dispose()


@pytest.fixture
def people(database: Engine) -> dict[str, int]:
    made = Rows(database)
    role = made.role("administrator")
    found = {name: made.user(name, manual=True) for name in ("anna", "ben", "cleo")}
    found["dora"] = made.user("dora", manual=True, auth_status="locked", failed_logins=10, locked_at=NOON)
    made.grant(found["anna"], role)
    organization = made.organization("Acme")
    for user_id in found.values():
        made.access(user_id, organization, made.unit(organization, f"Unit {user_id}"))
    return found


def row(database: Engine, user_id: int) -> Any:
    (found,) = rows(database, t.users, id=user_id)
    return found


def test_s37_s39_several_with_a_table_of_results(run: Run, database: Engine, people: dict[str, int]) -> None:
    done = run("users", "disable", "ben", "anna", "cleo", *WHY, "--yes")
    assert done.code == 1, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["ID", "USERNAME", "RESULT", "WHY"]
    assert [line[1:3] for line in lines[1:]] == [["ben", "changed"], ["anna", "refused"], ["cleo", "changed"]]
    assert "last administrator" in done.out
    assert [row(database, people[name]).enabled for name in ("anna", "ben", "cleo")] == [True, False, False]
    again = run("users", "disable", "ben", *WHY, "--output", "json")
    assert (again.code, [item["code"] for item in again.json()["items"]]) == (0, ["already_disabled"])
    back = run("users", "enable", f"id:{people['ben']}", "cleo@example.com", "-y", "--output", "csv")
    assert back.code == 0, back.err
    assert [line["result"] for line in csv.DictReader(io.StringIO(back.out))] == ["changed", "changed"]
    events = rows(database, t.audit_events, subject_id=people["ben"], subject_type="user")
    done_to_ben = [(event.action, event.reason) for event in events if event.action.startswith("user.")]
    assert done_to_ben == [("user.disabled", "ticket 12"), ("user.enabled", None)]


def test_a_break_glass_account_is_made_and_unmade(run: Run, database: Engine, people: dict[str, int]) -> None:
    assert run("users", "break-glass", "ben", *WHY).out == f"User {people['ben']} (ben) is a break-glass account now.\n"
    assert row(database, people["ben"]).break_glass
    assert run("users", "break-glass", "ben", *WHY).out.endswith("already.\n")
    (event,) = [each for each in rows(database, t.audit_events) if each.action == "user.updated"]
    assert (event.subject_id, event.after, event.reason) == (people["ben"], {"break_glass": True}, "ticket 12")
    assert run("users", "break-glass", "ben", "--off", *WHY).code == 0
    assert not row(database, people["ben"]).break_glass


def test_s42_activate(run: Run, database: Engine, people: dict[str, int]) -> None:
    done = run("users", "activate", "dora", "ben", "--yes", "--output", "json")
    assert (done.code, [item["code"] for item in done.json()["items"]]) == (0, [None, "not_locked"])
    assert (row(database, people["dora"]).auth_status, row(database, people["dora"]).failed_logins) == ("active", 0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("disable", *WHY), 2), (("disable", "ben", "--filter", "x", *WHY), 2), (("disable", "ben", "--reason", "x"), 2),
     (("disable", "ben", "nobody-of-that-name", *WHY, "-y"), 1)],
)  # fmt: skip
def test_s39_nothing_is_done_unless_it_is_clear_who_and_why(
    run: Run, database: Engine, people: dict[str, int], arguments: tuple[str, ...], code: int
) -> None:
    done = run("users", *arguments)
    assert (done.code, done.out) == (code, "")
    assert row(database, people["ben"]).enabled


def test_s39_more_than_one_is_asked_about(config: Path, run: Run, database: Engine, people: dict[str, int]) -> None:
    code, shown = on_a_terminal(["-c", config, "users", "disable", "ben", "cleo", *WHY], answer=b"n\n")
    assert code == 1
    assert "2 people (ben, cleo). Go on?" in shown
    assert all(row(database, people[name]).enabled for name in ("ben", "cleo"))
    # nobody there to answer is no yes
    assert run("users", "disable", "ben", "cleo", *WHY).code == 1
    assert row(database, people["ben"]).enabled
    code, shown = on_a_terminal(["-c", config, "users", "disable", "ben", "cleo", *WHY], answer=b"y\n")
    assert code == 0, shown
    assert not any(row(database, people[name]).enabled for name in ("ben", "cleo"))


def test_s39_s53_s59_a_filter_finds_whom_it_is_about(run: Run, database: Engine, people: dict[str, int]) -> None:
    for name in ("ben", "cleo"):
        Rows(database).row(t.user_tags, user_id=people[name], position=0, tag="summer")
    matching = ("--filter", 'tag eq "Summer"', "--yes", "--output", "json")
    off = run("users", "disable", *matching, *WHY)
    assert off.code == 0, off.err
    assert [item["username"] for item in off.json()["items"]] == ["ben", "cleo"]
    # a disabled person has nothing that could be reset
    reset = run("users", "reset", *matching, *WHY)
    assert (reset.code, [item["code"] for item in reset.json()["items"]]) == (1, ["wrong_state"] * 2)
    assert run("users", "enable", *matching).code == 0
    reset = run("users", "reset", *matching, *WHY)
    assert (reset.code, [item["result"] for item in reset.json()["items"]]) == (0, ["changed"] * 2)
    assert row(database, people["ben"]).auth_status == "reset"
    gone = run("users", "delete", *matching, *WHY)
    assert (gone.code, [item["result"] for item in gone.json()["items"]]) == (0, ["changed"] * 2)
    assert rows(database, t.users, id=people["cleo"]) == []
    assert run("users", "enable", *matching).json()["items"] == []
    wrong = run("users", "enable", "--filter", "shoe size eq 44")
    assert (wrong.code, wrong.out) == (2, "")


def test_s43_s45_keys(run: Run, database: Engine, people: dict[str, int]) -> None:
    first = run("keys", "create", "ben", "--organization", "acme", "--name", "report", "--expires", "2030-01-01")
    assert first.code == 0, first.err
    token = next(line.strip() for line in first.out.splitlines() if "syncd_k_" in line)
    listed = run("keys", "list", "ben", "--output", "json")
    (item,) = listed.json()["items"]
    assert (item["organization"], item["name"], item["expires_at"]) == ("Acme", "report", "2030-01-01T00:00:00Z")
    assert token.startswith(f"syncd_k_{item['id']}_")
    assert token not in listed.out
    second = run("keys", "create", "ben", "--organization", f"id:{item['organization_id']}", "--output", "json").json()
    assert second["replaced"] == item["id"]
    for named in (str(item["organization_id"]), "name:ACME"):
        first, second = second, run("keys", "create", "ben", "--organization", named, "--output", "json").json()
        assert (second["organization"], second["replaced"]) == ("Acme", first["id"])
    assert run("keys", "revoke", "ben", str(item["id"]), *WHY).code == 1
    ended = run("keys", "revoke", "ben", str(second["id"]), *WHY)
    assert (ended.code, ended.out) == (0, f"key {second['id']} for Acme is useless now\n")
    assert rows(database, t.api_keys) == []
    assert run("keys", "list", "ben").out == "no keys\n"


@pytest.mark.parametrize("organization", ["Nowhere", "id:4711", "4711", "id:x"])
def test_s43_no_key_without_an_organization(run: Run, people: dict[str, int], organization: str) -> None:
    done = run("keys", "create", "ben", "--organization", organization)
    assert done.code in (1, 2)
    assert organization.removeprefix("id:") in done.err
    assert done.out == ""
