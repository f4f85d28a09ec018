"""`syncd users create|edit|create-admin|avatar|show` as processes, on a real database."""

from __future__ import annotations

import io
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.functional.cli import COMMAND, Result, environment, syncd

PASSWORD = "Correct-Horse-7"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
CHEAP = "[passwords]\nargon2_time_cost = 1\nargon2_memory = 8\nargon2_parallelism = 1\n"
ROOT = ("--username", "root", "--email", "root@example.com", "--first-name", "Root", "--last-name", "Admin")
ADA = ("ada", "--first-name", "Ada", "--last-name", "Lovelace", "--email", "ada@example.com")
Run = Callable[..., Result]


def configured(folder: Path, url: str) -> Path:
    path = folder / "syncd.toml"
    path.touch(mode=0o600)
    path.write_text(f'[store]\nurl = "{url}"\n[custom_fields]\nbadge = "integer"\nskills = "list"\n{CHEAP}')
    return path


@pytest.fixture
def run(store_url: str, tmp_path: Path) -> Run:
    """Runs a verb; `typed`: its standard input."""
    config = configured(tmp_path, store_url)

    def call(*arguments: str | Path, typed: str = "") -> Result:
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode()))):
            return syncd("-c", config, *arguments)

    return call


def shown(run: Run, user: str) -> Any:
    return run("users", "show", user, "--output", "json").json()


@pytest.fixture
def root(run: Run) -> Run:
    """A store with its first administrator."""
    done = run("users", "create-admin", *ROOT, "--password-stdin", typed=PASSWORD + "\n")
    assert (done.code, done.out) == (0, "User 1 (root) is an administrator.\n"), done.err
    return run


# ---------------------------------------------------------------- the first administrator
def test_s18_an_empty_store_gets_its_first_administrator(root: Run) -> None:
    user = shown(root, "root")
    assert (user["can_log_in"], user["organizations"], user["units"]) == (True, ["Main"], ["Main"])
    assert [(role["name"], role["sources"]) for role in user["roles"]] == [("administrator", ["manual"])]
    refused = root("users", "create-admin", "--username", "two", "--password-stdin", typed=PASSWORD)
    assert (refused.code, "one administrator already" in refused.err) == (1, True)
    two = ("--username", "two", "--email", "two@example.com", "--first-name", "T", "--last-name", "W")
    forced = root("users", "create-admin", *two, "--force", "--organization", "Acme", "--password-stdin", typed=PASSWORD)
    assert forced.code == 0, forced.err
    assert shown(root, "two")["access"] == [{"organization": "Acme", "unit": "Main", "source": "manual"}]


def test_s6_a_weak_password_makes_nobody(run: Run) -> None:
    refused = run("users", "create-admin", *ROOT, "--password-stdin", typed="short\n")
    assert refused.code == 2
    assert run("users", "show", "root").code == 1


def test_the_password_is_asked_for_twice_and_never_shown(sqlite_url: str, tmp_path: Path) -> None:
    config = configured(tmp_path, sqlite_url)
    code, screen = on_a_terminal([*COMMAND, "-c", str(config), "users", "create-admin"], [
        ("Username", "root"), ("Email", "root@example.com"), ("First name", "Root"), ("Last name", "Admin"),
        ("New password", PASSWORD), ("The same again", PASSWORD),
    ])  # fmt: skip
    assert (code, "root) is an administrator" in screen) == (0, True), screen
    assert PASSWORD not in screen


def on_a_terminal(command: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run it with a terminal, and type each answer when its question stands there."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment({"TERM": "xterm"}), start_new_session=True
    )
    os.close(follower)
    screen, seen, pending = b"", 0, list(answers)
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        screen += chunk
        if pending and (found := screen.find(pending[0][0].encode(), seen)) >= 0 and screen.endswith(b": "):
            seen = found + 1
            os.write(leader, pending.pop(0)[1].encode() + b"\n")
    os.close(leader)
    return process.wait(timeout=60), screen.decode()


# ---------------------------------------------------------------- making and changing
def test_s1_a_user_is_made_and_changed(root: Run) -> None:
    made = root(
        "users", "create", *ADA, "--enabled", "--role", "administrator", "--access", "main:main", "--owner", "Main:Main",
        "--custom", "badge=7", "--custom", "skills=es, en", "--tag", "vip", "--birthday", "1985-12-10", "--password-stdin",
        "--output", "json", typed=PASSWORD,
    )  # fmt: skip
    assert made.code == 0, made.err
    user = made.json()
    assert (user["username"], user["enabled"], user["can_log_in"], user["owner_unit"]) == ("ada", True, True, "Main")
    assert (user["custom"], user["tags"], user["birthday"]) == ({"badge": 7, "skills": ["es", "en"]}, ["vip"], "1985-12-10")
    assert PASSWORD not in made.out + made.err
    changed = root("users", "edit", "ada", "--title", "Analyst", "--custom", "badge=", "--tag", "", "--add-access", "Main")
    assert (changed.code, changed.out) == (0, "User 2 (ada) is changed.\n"), changed.err
    user = shown(root, "ada")
    assert (user["title"], user["custom"], user["tags"]) == ("Analyst", {"skills": ["es", "en"]}, [])
    assert {each["unit"] for each in user["access"]} == {"Main", None}
    assert root("users", "edit", "ada", "--title", "Analyst").out == "User 2 (ada) was so already.\n"


def test_s1_s3_what_is_required_is_asked_for(root: Run) -> None:
    base = ("users", "create", *ADA, "--role", "administrator", "--access", "Main:Main", "--password-stdin")
    unsaid = root(*base, typed=PASSWORD)
    assert (unsaid.code, "enabled" in unsaid.err) == (2, True)
    roleless = root("users", "create", *ADA, "--disabled", "--password-stdin", typed=PASSWORD)
    assert (roleless.code, "at least one role" in roleless.err) == (1, True)
    wrong = root("users", "create", *ADA, "--enabled", "--role", "nothing", "--password-stdin", typed=PASSWORD)
    assert (wrong.code, "there is no role 'nothing'" in wrong.err) == (1, True)
    email = ("ada", "--first-name", "A", "--last-name", "L", "--email", "ada@")
    bad = root("users", "create", *email, "--enabled", "--role", "administrator", "--password-stdin", typed=PASSWORD)
    assert (bad.code, "no email address" in bad.err) == (1, True)
    assert root("users", "show", "ada").code == 1


def test_s15_without_mail_nobody_is_invited(root: Run) -> None:
    done = root("users", "create", *ADA, "--enabled", "--role", "administrator", "--invite")
    assert (done.code, "no mail is configured" in done.err) == (1, True)


def test_s22_taking_roles_and_access_away(root: Run) -> None:
    root("roles", "create", "employee")
    made = root(
        "users", "create", *ADA, "--disabled", "--role", "administrator", "--role", "employee", "--access", "Main:Main",
        "--password-stdin", typed=PASSWORD,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert "needs a reason" in root("users", "edit", "ada", "--remove-role", "employee").err
    assert root("users", "edit", "ada", "--remove-role", "employee", "--reason", "ticket 1").code == 0
    last = root("users", "edit", "ada", "--remove-role", "administrator", "--reason", "ticket 1")
    assert (last.code, "at least one role" in last.err) == (1, True)
    assert root("users", "edit", "root", "--role", "employee", "--reason", "ticket 1").code == 1
    text = root("users", "show", "ada").out
    assert "role administrator, given by manual" in text
    assert "cannot log in: disabled: an administrator has switched them off" in text
    assert "access to Main: Main, given by manual" in text
    assert root("users", "delete", "ada", "--reason", "made twice").code == 0


# ---------------------------------------------------------------- records of other systems
def test_s58_records_of_other_systems_keep_their_owner(root: Run) -> None:
    made = root(
        "users", "create", *ADA, "--enabled", "--role", "administrator", "--access", "Main:Main", "--password-stdin",
        typed=PASSWORD,
    )  # fmt: skip
    assert made.code == 0, made.err
    for said in ("now owns", "owned already"):
        assert root("users", "records", "add", "ada", "crm", "lead 1").out == f"User 2 {said} crm/lead 1.\n"
    refused = root("users", "delete", "ada", "--reason", "left the company", "--yes")
    assert (refused.code, "owns records: 1 in crm" in refused.out + refused.err) == (1, True), refused.out + refused.err
    assert root("users", "records", "list", "ada").out.split() == ["SYSTEM", "REFERENCE", "crm", "lead", "1"]
    assert root("users", "records", "remove", "ada", "crm", "lead 1").out == "User 2 no longer owns crm/lead 1.\n"
    assert "owns no crm/lead 1" in root("users", "records", "remove", "ada", "crm", "lead 1").err
    assert "names no system" in root("users", "records", "add", "ada", "C R M", "lead").err
    assert root("users", "records", "list", "ada", "--output", "json").json()["items"] == []
    assert root("users", "delete", "ada", "--reason", "left the company", "--yes").code == 0


# ---------------------------------------------------------------- pictures
def test_s10_a_picture_is_set_saved_and_removed(root: Run, tmp_path: Path) -> None:
    picture, copy = tmp_path / "ada.png", tmp_path / "copy.png"
    picture.write_bytes(PNG)
    assert root("users", "avatar", "root", picture).out == "User 1 has a new picture.\n"
    assert root("users", "avatar", "root", "--save", copy, "--output", "json").json()["media_type"] == "image/png"
    assert copy.read_bytes() == PNG
    assert root("users", "avatar", "root", "--save", copy).code == 1
    assert root("users", "avatar", "root", "--remove").code == 0
    assert root("users", "avatar", "root", "--remove").code == 1
    assert root("users", "avatar", "root").code == 2
    picture.write_bytes(b"<svg/>")
    assert "not a PNG" in root("users", "avatar", "root", picture).err
