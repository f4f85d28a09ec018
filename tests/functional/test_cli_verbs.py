"""The verbs, as a process against a real directory server and a real database."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.functional.cli import COMMAND, Result, environment, on_a_terminal, syncd
from tests.servers.slapd import Slapd

PASSWORD = "reader-secret"


@dataclass
class Site:
    """A slapd with ten people in a tree of units and nested groups, and a configuration for it."""

    slapd: Slapd
    folder: Path
    people_dn: str
    groups_dn: str

    @property
    def config(self) -> Path:
        return self.folder / "syncd.toml"

    @property
    def database(self) -> Path:
        return self.folder / "syncd.db"

    def configure(self, *, roles: str = 'crm-admins = ["administrator"]', password: str = PASSWORD, more: str = "") -> None:
        self.config.touch(mode=0o600)
        self.config.write_text(f"""\
[store]
url = "sqlite:///{self.database}"
[http]
listen = "127.0.0.1:0"
[custom_fields]
employee_number = "integer"
[directories.corp]
urls = ["{self.slapd.url}"]
base_dn = "{self.slapd.base_dn}"
bind_dn = "{self.slapd.reader_dn}"
bind_password = "{password}"
organization = "Example Corp"
page_size = 4
connect_timeout = 5
{more}
[directories.corp.users]
base_dn = "ou=people,{self.slapd.base_dn}"
[directories.corp.users.attributes]
username = "uid"
email = "mail"
first_name = "givenName"
last_name = "sn"
title = "title"
employee_number = "employeeNumber"
[directories.corp.roles.map]
{roles}
[directories.corp.schedule]
changes = "never"
full = "never"
on_start = false
""")

    def syncd(self, *arguments: str | Path, **options: Any) -> Result:
        return syncd("-c", self.config, *arguments, **options)

    def sql(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def fill(server: Slapd, folder: Path) -> Site:
    people = server.add_ou("people", "Spain", "Madrid")
    groups = server.add_ou("groups")
    dns = server.add_people(10, parent=people)
    server.modify(dns[0], {"title": "=Head", "employeeNumber": "17"})
    server.add("uid=nomail," + people, {"objectClass": "inetOrgPerson", "uid": "nomail", "cn": "No Mail", "sn": "Mail"})
    admins = f"cn=crm-admins,{groups}"
    server.add(admins, {"objectClass": "groupOfNames", "cn": "crm-admins", "member": dns[:2]})
    server.add(f"cn=everyone,{groups}", {"objectClass": "groupOfNames", "cn": "everyone", "member": [admins, dns[2]]})
    site = Site(server, folder, people, groups)
    site.configure()
    return site


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synced once; only looked at."""
    folder = tmp_path_factory.mktemp("synced")
    with Slapd(folder / "slapd") as server:
        site = fill(server, folder)
        assert site.syncd("db", "upgrade").code == 0
        assert site.syncd("sync").code == 0
        yield site


@pytest.fixture
def site(tmp_path: Path, make_slapd: Callable[..., Slapd]) -> Site:
    """A site of the test's own, with an empty, upgraded store."""
    site = fill(make_slapd(overlays=("syncprov",)), tmp_path)
    assert site.syncd("db", "upgrade").code == 0
    return site


# ---------------------------------------------------------------- looking
def test_status_shows_counts_and_what_could_not_be_used(synced: Site) -> None:
    result = synced.syncd("status")
    assert result.code == 0
    assert result.out.startswith("10 users, 0 manual users, 1 organizations, 2 units, 1 roles\n")
    assert "uid=nomail,ou=Madrid" in result.out
    document = synced.syncd("status", "--output", "json").json()
    (corp,) = document["directories"]
    assert (corp["name"], corp["present"], corp["missing"], corp["open_issues"]) == ("corp", 10, 0, 1)
    assert corp["last_complete"]["outcome"] == "partial"
    assert document["issues"][0]["code"] == "missing_field"
    (row,) = csv.DictReader(io.StringIO(synced.syncd("status", "--output", "csv").out))
    assert (row["directory"], row["present"], row["last_run"]) == ("corp", "10", "partial")


def test_runs(synced: Site) -> None:
    (run,) = synced.syncd("runs", "list", "--output", "json").json()["items"]
    assert (run["id"], run["directory"], run["trigger"], run["outcome"], run["entries_read"]) == (
        1,
        "corp",
        "cli",
        "partial",
        13,
    )
    assert run["actor"]
    shown = synced.syncd("--output", "json", "runs", "show", "1").json()
    assert shown["counts"]["users_created"] == 10
    assert shown["issues"][0]["dn"] == f"uid=nomail,{synced.people_dn}"
    assert "10  users created" in synced.syncd("runs", "show", "1").out
    missing = synced.syncd("runs", "show", "77")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("error: ")


def test_users_list_and_pages(synced: Site) -> None:
    first = synced.syncd("users", "list", "--limit", "6", "--output", "json").json()
    second = synced.syncd("users", "list", "--limit", "6", "--after", first["next"], "--output", "json").json()
    names = [person["username"] for person in first["items"] + second["items"]]
    assert names == [f"u{number:06}" for number in range(10)]
    assert second["next"] is None
    table = synced.syncd("users", "list", "Family3")
    assert table.out.splitlines()[1].split() == ["u000003", "Given3", "Family3", "u000003@example.com", "yes", "corp"]


def test_a_user_is_shown_with_everything(synced: Site) -> None:
    person = synced.syncd("users", "show", f"uid=u000000,{synced.people_dn}", "--output", "json").json()
    assert person["username"] == "u000000"
    assert person["custom"] == {"employee_number": 17}
    assert person["roles"] == [{"name": "administrator", "sources": ["corp"]}]
    assert person["directories"][0]["role_identifiers"] == ["crm-admins", "everyone"]
    assert person["dn_history"][0]["until"] is None
    text = synced.syncd("users", "show", "u000000@example.com").out
    assert "role administrator, given by corp" in text
    assert f"in corp: uid=u000000,{synced.people_dn}" in text
    assert synced.syncd("users", "show", "nobody").code == 1


def test_roles_and_unmapped_identifiers(synced: Site) -> None:
    (role,) = synced.syncd("roles", "list", "--output", "json").json()["items"]
    assert (role["name"], role["users"]) == ("administrator", 2)
    found = synced.syncd("roles", "identifiers", "--output", "json").json()["items"]
    assert {each["identifier"]: (each["members"], each["roles"]) for each in found} == {
        "crm-admins": (2, ["administrator"]),
        "everyone": (3, []),
    }
    rows = list(csv.DictReader(io.StringIO(synced.syncd("roles", "identifiers", "--unmapped", "--output", "csv").out)))
    assert [row["identifier"] for row in rows] == ["everyone"]


def test_export_as_json_lines(synced: Site, tmp_path: Path) -> None:
    result = synced.syncd("export", "--format", "jsonl")
    people = [json.loads(line) for line in result.out.splitlines()]
    assert len(people) == 10
    first = people[0]
    assert (first["username"], first["first_name"], first["last_name"], first["email"], first["emails"], first["enabled"]) == (
        "u000000", "Given0", "Family0", "u000000@example.com", [], True,
    )  # fmt: skip
    assert (first["can_log_in"], first["reasons"], first["organizations"]) == (True, [], ["Example Corp"])
    assert first["units"] == ["Spain/Madrid"]
    assert first["directories"][0]["dn"] == f"uid=u000000,{synced.people_dn}"
    file = tmp_path / "people.jsonl"
    written = synced.syncd("export", "--format", "jsonl", "--output-file", file)
    assert (written.out, written.err) == ("", f"10 people written to {file}\n")
    assert file.read_text() == result.out
    assert list(tmp_path.iterdir()) == [file]


def test_export_as_csv(synced: Site) -> None:
    text = synced.syncd("export", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 10
    assert rows[0]["title"] == "'=Head"
    assert rows[0]["custom.employee_number"] == "17"
    assert text.endswith("\r\n")


def test_an_export_that_cannot_be_written_leaves_nothing(synced: Site) -> None:
    result = synced.syncd("export", "--format", "csv", "--output-file", "/nowhere/people.csv")
    assert result.code == 2
    assert "cannot be written" in result.err


# ---------------------------------------------------------------- syncing
def test_a_dry_run_shows_the_changes_and_writes_nothing(site: Site) -> None:
    before = site.sql("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM runs), (SELECT count(*) FROM identities)")
    result = site.syncd("sync", "corp", "--dry-run", "--output", "json")
    assert result.code == 3
    (plan,) = result.json()["items"]
    assert plan["counts"]["users_created"] == 10
    people = [change for change in plan["changes"] if change["kind"] == "person"]
    assert {change["action"] for change in people} == {"create"}
    first = {change["field"]: change["after"] for change in people if change["name"].startswith("uid=u000000,")}
    assert (first["username"], first["email"]) == ("u000000", "u000000@example.com")
    assert {change["rule"] for change in people if change["field"] == "email"} == {"email = mail"}
    assert not any(change["held"] for change in plan["changes"])
    assert {change["kind"] for change in plan["changes"]} == {
        "person", "organization", "unit", "role_identifier", "role", "membership", "grant", "issue",
    }  # fmt: skip
    assert before == [(0, 0, 0)]
    assert (
        site.sql("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM runs), (SELECT count(*) FROM identities)")
        == before
    )
    text = site.syncd("sync", "--dry-run")
    assert text.code == 3
    assert "10  users created" in text.out
    assert "email is required" in text.out


def test_sync_twice_then_nothing_is_to_do(site: Site) -> None:
    first = site.syncd("sync", "--output", "json")
    assert (first.code, first.err) == (0, "")
    (run,) = first.json()["items"]
    assert (run["outcome"], run["counts"]["users_created"], run["counts"]["users"]) == ("partial", 10, 11)
    assert run["issues"][0]["message"]
    second = site.syncd("sync", "corp", "--mode", "full")
    assert second.code == 0
    assert second.out.startswith("corp: run 2 partial in ")
    assert "created" not in second.out
    dry = site.syncd("sync", "--dry-run")
    assert dry.code == 0
    assert dry.out.startswith("corp: nothing would change")


def test_a_changed_role_mapping_is_applied_without_the_directory(site: Site) -> None:
    assert site.syncd("sync").code == 0
    site.configure(roles='everyone = ["employee"]')
    site.slapd.stop()
    result = site.syncd("sync", "--mode", "roles", "--output", "json")
    assert result.code == 4, result.err
    (run,) = result.json()["items"]
    assert (run["code"], run["counts"]["grants_added"], run["counts"]["held"]) == ("configuration_changed", 3, 1)
    approved = site.syncd("plan", "approve", str(run["plan_id"]), "--reason", "the new mapping is right", "--output", "json")
    assert approved.code == 0, approved.err
    assert approved.json()["items"][0]["counts"]["grants_removed"] == 1
    # of two administrators one stays: nobody else is left who could give the role back
    assert "last_administrator" in {issue["code"] for issue in approved.json()["items"][0]["issues"]}


def test_a_server_that_is_down_is_69_and_a_wrong_password_77(site: Site) -> None:
    site.configure(password="wrong")
    refused = site.syncd("sync")
    assert refused.code == 77
    assert "failed" in refused.out
    assert "Check `bind_dn` and the bind password" in refused.out
    assert "wrong" not in refused.out + refused.err
    site.slapd.stop()
    down = site.syncd("sync", "--output", "json")
    assert down.code == 69
    assert down.json()["items"][0]["code"] == "connection_refused"
    assert site.syncd("sync", "--dry-run").code == 69


def leave(site: Site) -> None:
    more = site.slapd.add_people(20, parent=site.people_dn, first=100)
    assert site.syncd("sync").code == 0
    for dn in more[:16]:
        site.slapd.delete(dn)


def test_a_plan_that_takes_too_much_away_is_held_with_4(site: Site) -> None:
    leave(site)
    dry = site.syncd("sync", "--dry-run", "--output", "json")
    assert dry.code == 4
    assert [objection["code"] for objection in dry.json()["items"][0]["held"]] == ["too_many_removed"]
    shown = site.syncd("sync", "--dry-run")
    assert "16 of these changes would be held" in shown.out
    assert "16 of 30 people would be disabled, more than the 10 allowed" in shown.out
    held = site.syncd("sync")
    assert held.code == 4
    assert "Plan 1 keeps what was not done" in held.out
    assert "syncd plan approve 1" in held.out
    assert site.sql("SELECT count(*) FROM identities WHERE missing_since IS NOT NULL") == [(0,)]


def test_a_held_plan_is_shown_and_approved(site: Site) -> None:
    assert "no plan is or was held" in site.syncd("plan", "list").out
    leave(site)
    assert site.syncd("sync").code == 4
    (row,) = site.syncd("plan", "list", "--output", "json").json()["items"]
    assert (row["id"], row["state"], row["changes"], row["counts"]) == (1, "held", 16, {"users_disabled": 16})
    text = site.syncd("plan", "show", "1")
    assert text.code == 0
    assert "16 of 30 people would be disabled, more than the 10 allowed in one run" in text.out
    assert "uid=u000100" in text.out
    whole = site.syncd("plan", "show", "1", "--output", "json").json()
    assert {change["action"] for change in whole["samples"]} == {"disable"}
    assert len(site.syncd("plan", "show", "1", "--changes", "--output", "json").json()["items"]) == 16
    lines = site.syncd("plan", "show", "1", "--output", "csv").out.splitlines()
    assert (lines[0], len(lines)) == ("directory,held,kind,action,id,name,field,before,after,rule", 17)
    done = site.syncd("plan", "approve", "1", "--reason", "the branch was closed")
    assert done.code == 0, done.err
    assert "16  users disabled" in done.out
    assert site.sql("SELECT count(*) FROM identities WHERE missing_since IS NOT NULL") == [(16,)]
    again = site.syncd("plan", "approve", "1", "--reason", "once more")
    assert again.code == 1
    assert "plan 1 is applied" in again.err
    assert "applied" in site.syncd("plan", "show", "1").out


def test_a_held_plan_is_rejected(site: Site) -> None:
    leave(site)
    assert site.syncd("sync").code == 4
    assert site.syncd("plan", "reject", "1", "--reason", "no").code == 2
    rejected = site.syncd("plan", "reject", "1", "--reason", "the export was broken")
    assert (rejected.code, rejected.out) == (0, "Plan 1 of corp is rejected; nothing was changed.\n")
    again = site.syncd("sync")
    assert again.code == 4
    assert "was rejected by" in again.out
    assert site.syncd("plan", "show", "99").code == 1


def test_an_unusual_purge_needs_its_exact_number(site: Site) -> None:
    leave(site)
    site.syncd("sync")
    assert site.syncd("plan", "approve", "1", "--reason", "the branch was closed").code == 0
    site.configure(more='safety.purge_after = "0s"\nsafety.max_purged_users = "5"\n')
    refused = site.syncd("purge")
    assert refused.code == 4
    assert "syncd purge corp --confirm 16" in refused.err
    assert site.syncd("purge", "corp", "--confirm", "15").code == 4
    assert site.syncd("purge", "--confirm", "16").code == 2
    done = site.syncd("purge", "corp", "--confirm", "16", "--output", "json")
    assert done.json()["items"] == [{"directory": "corp", "users_purged": 16}]


def test_an_unknown_directory_is_told(site: Site) -> None:
    result = site.syncd("sync", "corpo")
    assert result.code != 0
    assert result.err.startswith("error: no directory is called 'corpo'; configured: corp")


@pytest.mark.parametrize("words", ["runs list", "plan list", "roles identifiers", "users list"])
def test_a_mistyped_directory_is_no_empty_list(synced: Site, words: str) -> None:
    result = synced.syncd(*words.split(), "--directory", "corpo")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: no directory is called 'corpo'; known: corp")


def test_there_is_a_progress_bar_on_a_terminal_only(site: Site) -> None:
    code, shown = on_a_terminal(["-c", site.config, "sync"])
    assert code == 0
    assert "\x1b[?25l" in shown
    assert "corp: run 1 partial" in shown
    piped = site.syncd("sync")
    assert "\x1b" not in piped.out + piped.err


def test_interrupting_a_sync_ends_it_in_good_order(site: Site) -> None:
    site.slapd.pause()
    try:
        process = subprocess.Popen(
            [*COMMAND, "-c", str(site.config), "sync"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until(lambda: site.sql("SELECT outcome FROM runs") == [("running",)])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        site.slapd.resume()
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    assert site.sql("SELECT outcome FROM runs") == [("failed",)]


def test_purge_deletes_who_has_been_gone_for_long(site: Site) -> None:
    assert site.syncd("sync").code == 0
    site.slapd.delete(f"uid=u000009,{site.people_dn}")
    assert site.syncd("sync").code == 0
    site.slapd.stop()
    assert site.syncd("purge", "--output", "json").json()["items"] == [{"directory": "corp", "users_purged": 0}]
    site.configure(more='safety.purge_after = "0s"')
    assert site.syncd("purge").code == 0
    assert site.sql("SELECT count(*) FROM users") == [(9,)]


# ---------------------------------------------------------------- check --connect
def test_check_connect_passes_and_shows_a_sample(synced: Site) -> None:
    result = synced.syncd("check", "--connect")
    assert result.code == 0, result.out
    assert "  pass  bind: " in result.out
    assert "11 entries match (objectClass=inetOrgPerson)" in result.out
    sample = [line for line in result.out.splitlines() if "  pass  sample: " in line]
    assert len(sample) == 3
    assert "username=u000000" in sample[0]
    assert "organization=Example Corp, unit=Spain/Madrid" in sample[0]
    assert "role identifiers: crm-admins, everyone; roles: administrator" in sample[0]
    assert PASSWORD not in result.out + result.err


def test_check_connect_says_what_is_wrong_and_tries_a_wrong_password_once(site: Site) -> None:
    site.configure(password="wrong")
    text = site.config.read_text()
    site.config.write_text(text.replace(f'["{site.slapd.url}"]', f'["{site.slapd.url}", "{site.slapd.url}/"]'))
    result = site.syncd("check", "--connect", "--output", "json")
    assert result.code == 69
    items = result.json()["items"]
    assert [item["status"] for item in items if item["name"] == "bind"] == ["fail", "warn"]
    assert len(site.slapd.log_lines(f'BIND dn="{site.slapd.reader_dn}" method=128')) == 1


def test_check_connect_of_a_server_that_is_down(site: Site) -> None:
    site.slapd.stop()
    result = site.syncd("check", "--connect", "corp")
    assert result.code == 69
    assert "  fail  connect: " in result.out
    assert "sample" not in result.out
    assert site.syncd("check", "--connect", "nix").code == 1


def test_check_connect_when_nobody_can_be_used(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace('email = "mail"', 'email = "homePostalAddress"'))
    result = site.syncd("check", "--connect")
    assert result.code == 69
    assert "could not be used: email is required" in result.out
    assert "  fail  sample: none of the first 11 entries could be used" in result.out


# ---------------------------------------------------------------- the database
def test_the_database_is_checked_upgraded_and_backed_up(tmp_path: Path) -> None:
    file = tmp_path / "syncd.db"
    env = {"SYNCD_STORE__URL": f"sqlite:///{file}"}
    empty = syncd("db", "check", env=env)
    assert (empty.code, empty.err) == (78, "error: the database is empty\n  Run `syncd db upgrade`.\n")
    assert syncd("status", env=env).code == 78
    assert syncd("db", "upgrade", env=env).out.startswith("the database is now at revision ")
    assert syncd("db", "upgrade", "--output", "json", env=env).json()["changed"] is False
    checks = syncd("db", "check", "--output", "json", env=env).json()["items"]
    assert {line["status"] for line in checks} == {"pass"}
    copy = tmp_path / "backup.db"
    assert syncd("db", "backup", copy, env=env).code == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert syncd("db", "check", env={"SYNCD_STORE__URL": f"sqlite:///{copy}"}).code == 0
    again = syncd("db", "backup", copy, env=env)
    assert again.code == 2
    assert "Traceback" not in again.err


def test_a_database_that_cannot_be_reached_is_75(tmp_path: Path) -> None:
    result = syncd("db", "check", env={"SYNCD_STORE__URL": f"sqlite:///{tmp_path}/nowhere/syncd.db"})
    assert result.code == 75
    assert "does not exist" in result.err


# ---------------------------------------------------------------- the daemon
def test_run_serves_until_term_and_sync_beside_it_waits_for_its_turn(site: Site) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-c", str(site.config), "--log-format", "json", "run"], env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        started = next(event for line in lines if (event := json.loads(line))["event"] == "syncd is running")
        assert started["directories"] == ["corp"]
        beside = site.syncd("sync", "--output", "json")
        assert beside.code == 0, beside.err
        assert beside.json()["items"][0]["outcome"] == "partial"
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 0
        assert "syncd has stopped" in rest
        assert PASSWORD not in rest
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        os.sched_yield()
        time.sleep(0.05)
