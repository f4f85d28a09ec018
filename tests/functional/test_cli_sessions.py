"""`syncd users sessions`: who is logged in, and ending it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from tests.fakes.logins import CHEAP, GOOD, ORIGIN, People, runtime
from tests.functional.cli import syncd


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Path:
    file = tmp_path / "syncd.toml"
    hashing = "\n".join(f"{name} = {value}" for name, value in CHEAP.items())
    file.write_text(f'[store]\nurl = "{sqlite_url}"\n[passwords]\n{hashing}\n')
    return file


def test_sessions_are_listed_and_ended(config: Path, sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    people = People(engine)
    anna = people.manual("anna")
    site = runtime(sqlite_url)
    first, second, third = (site.management.login.login("anna", SecretStr(GOOD), origin=ORIGIN) for _ in range(3))
    site.close()

    listed = syncd("-c", config, "--output", "json", "users", "sessions", "list", "anna")
    assert listed.code == 0, listed.err
    items = listed.json()["items"]
    assert [item["id"] for item in items] == [third.session.id, second.session.id, first.session.id]
    assert items[0]["address"] == ORIGIN.address
    assert "token" not in listed.out
    table = syncd("-c", config, "users", "sessions", "list", "anna")
    assert str(ORIGIN.address) in table.out

    one = syncd("-c", config, "users", "sessions", "end", "anna", "--session", str(first.session.id), "--reason", "left open")
    assert one.code == 0, one.err
    assert people.sessions(anna) == 2
    ended = syncd("-c", config, "--output", "json", "users", "sessions", "end", "anna", "--reason", "stolen laptop")
    assert (ended.code, ended.json()) == (0, {"ended": 2})
    assert people.sessions(anna) == 0
    assert syncd("-c", config, "users", "sessions", "list", "anna").out.strip() == "no sessions"
    engine.dispose()


def test_a_reason_is_needed_and_the_session_must_be_the_user_s(config: Path, sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    People(engine).manual("anna")
    engine.dispose()
    assert syncd("-c", config, "users", "sessions", "end", "anna").code == 2
    assert syncd("-c", config, "users", "sessions", "end", "anna", "--reason", "x").code == 2
    missing = syncd("-c", config, "users", "sessions", "end", "anna", "--session", "99", "--reason", "because of that")
    assert (missing.code, "no session 99" in missing.err) == (1, True)
    assert syncd("-c", config, "users", "sessions", "list", "nobody").code == 1
