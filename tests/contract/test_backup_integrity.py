"""`syncd db check`: a sound store passes, and each kind of damage is found and named."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, text

from syncd.errors import DatabaseUnavailableError
from syncd.model.checks import CheckLine, CheckStatus
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine, write
from syncd.store.holds import SqlHoldStore
from syncd.store.integrity import integrity
from tests.contract.test_holds import CHANGES, new
from tests.fakes.people_rows import NOON, Rows

EVERYWHERE = ["references", "sources", "people", "units", "names", "keys", "plans", "leases"]


class Sample:
    """A small sound store, and the numbers of its rows."""

    def __init__(self, engine: Engine) -> None:
        self.rows = rows = Rows(engine)
        self.corp, self.branch = rows.directory("corp"), rows.directory("branch")
        self.main, self.other = rows.organization("Main"), rows.organization("Other")
        self.top = rows.unit(self.main, "Top", directory=self.corp)
        self.below = rows.unit(self.main, "Below", parent=self.top)
        self.elsewhere = rows.unit(self.other, "Elsewhere")
        self.role, self.staff = rows.role("Administrator"), rows.role_identifier(self.corp, "staff")
        self.ana = rows.user("Ana")
        rows.identity(self.ana, self.corp, "uid=Ana,dc=x", entry_id="e1")
        rows.access(self.ana, self.main, self.below, directory=self.corp)
        rows.grant(self.ana, self.role, directory=self.corp)
        rows.grant(self.ana, self.role)
        rows.membership(self.ana, self.staff)
        self.hand = rows.user("hand", manual=True)
        rows.access(self.hand, self.other)
        rows.user("aNA", username_key=None, email_key=None, manual=True)
        self.plan = SqlHoldStore(engine).hold(new(), CHANGES).id
        self.engine = engine

    def change(self, table: Table, **values: Any) -> None:
        with write(self.engine) as connection:
            connection.execute(table.update().values(**values))


@pytest.fixture
def sample(engine: Engine) -> Sample:
    return Sample(engine)


def failed(lines: list[CheckLine]) -> dict[str, CheckLine]:
    return {line.name: line for line in lines if line.status is CheckStatus.FAIL}


def test_a_sound_store_passes_every_check(engine: Engine, sample: Sample) -> None:
    assert sample.ana
    lines = integrity(engine)
    names = ["schema", "file mode", "file", "foreign keys"] if engine.name == "sqlite" else ["schema", "foreign keys"]
    assert [line.name for line in lines] == names + EVERYWHERE
    assert not failed(lines)
    assert all(line.text for line in lines)


def test_an_empty_store_passes(engine: Engine) -> None:
    assert not failed(integrity(engine))


# each damages a sample in one way; the check that must find it, and words of what it says
DAMAGES: dict[str, tuple[str, str, Callable[[Sample], None]]] = {
    "grant of no role": ("references", "1 rows of grants name roles", lambda s: s.rows.grant(s.hand, 4711)),
    "grant of no directory": ("references", "name directories", lambda s: s.rows.grant(s.hand, s.role, directory=4711)),
    "access to no unit": ("references", "name units", lambda s: s.rows.access(s.hand, s.other, 4711)),
    "access to no organization": ("references", "name organizations", lambda s: s.rows.access(s.hand, 4711)),
    "membership of nothing": ("references", "name role_identifiers", lambda s: s.rows.membership(s.ana, 4711)),
    "identity in nothing": ("references", "identities name directories", lambda s: s.rows.identity(s.ana, 4711, "uid=a")),
    "grant of a stranger": ("sources", "1 grants", lambda s: s.rows.grant(s.hand, s.role, directory=s.corp)),
    "access of a stranger": ("sources", "1 access", lambda s: s.rows.access(s.ana, s.other, directory=s.branch)),
    "membership of a stranger": ("sources", "1 memberships", lambda s: s.rows.membership(s.hand, s.staff)),
    "nobody's person": ("people", "1 people", lambda s: print(s.rows.user("stray"))),
    "unit in a stranger": ("units", "of another organization", lambda s: print(s.rows.unit(s.other, "X", parent=s.top))),
    "access across": ("units", "1 rows of access", lambda s: s.rows.access(s.hand, s.main, s.elsewhere)),
    "wrong username key": ("keys", "ZOE", lambda s: print(s.rows.user("ZOE", username_key="zoë", manual=True))),
    "plan without a change": ("plans", "not the changes that they count", lambda s: s.change(t.held_plans, changes=7)),
    "plan cut off": ("plans", "not the changes that they count", lambda s: s.change(t.held_plans, document=b"x\x9c")),
    "plan of odd objections": ("plans", "not the changes that they count", lambda s: s.change(t.held_plans, objections=[{}])),
    "plan closed at no time": ("plans", "closed without a time", lambda s: s.change(t.held_plans, state="expired")),
    "no epoch": ("leases", "1 leases", lambda s: s.rows.row(t.leases, directory="x", epoch=0, holder="", taken_at=NOON)),
    "wrong DN key": ("keys", "uid=B", lambda s: s.rows.identity(s.ana, s.branch, "uid=B", dn_key="uid=c")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named_and_nothing_else(engine: Engine, sample: Sample, damage: str) -> None:
    name, words, harm = DAMAGES[damage]
    harm(sample)
    found = failed(integrity(engine))
    # what names nothing is also not of a directory that knows the person
    assert set(found) - {"sources"} == {name} - {"sources"}
    assert words in found[name].text
    assert found[name].advice


def test_units_that_lie_in_themselves_are_found(engine: Engine, sample: Sample) -> None:
    with write(engine) as connection:
        connection.execute(t.units.update().where(t.units.c.id == sample.top).values(parent_id=sample.below))
    assert f"2 units lie in themselves ({sample.top}, {sample.below})" in failed(integrity(engine))["units"].text


def test_a_database_without_tables_fails_at_the_schema_and_goes_no_further(tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/empty.db"))
    lines = integrity(engine)
    engine.dispose()
    assert [(line.name, line.status) for line in lines] == [("schema", CheckStatus.FAIL)]
    assert "syncd db upgrade" in lines[0].advice


def test_a_server_that_does_not_answer_is_an_error_and_not_a_line() -> None:
    engine = open_engine(StoreSettings(url="postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(DatabaseUnavailableError):
        integrity(engine)


# ---------------------------------------------------------------- each database
def test_a_file_that_others_may_read_is_warned_of(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    os.chmod(tmp_path / "syncd.db", 0o644)
    line = next(line for line in integrity(engine) if line.name == "file mode")
    assert line.status is CheckStatus.WARN
    assert "0644" in line.text
    assert f"chmod 600 {tmp_path}/syncd.db" in line.advice
    engine.dispose()


def test_rows_written_without_foreign_keys_are_found(sqlite_url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "syncd.db") as raw:
        raw.execute("INSERT INTO user_tags (user_id, position, tag) VALUES (4711, 0, 'x')")
    raw.close()
    engine = open_engine(StoreSettings(url=sqlite_url))
    assert "user_tags" in failed(integrity(engine))["foreign keys"].text
    engine.dispose()


def test_a_damaged_index_is_found(sqlite_url: str, tmp_path: Path) -> None:
    """Two people under one key, which a database with a sound index would not have let in."""
    engine = open_engine(StoreSettings(url=sqlite_url))
    rows = Rows(engine)
    rows.user("ana", manual=True)
    rows.user("bea", manual=True)
    engine.dispose()
    with sqlite3.connect(tmp_path / "syncd.db") as raw:
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("CREATE TABLE other AS SELECT * FROM users")
        raw.execute("UPDATE other SET username_key = 'ana'")
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'other'").fetchone()[0]
        raw.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'users'", (root,))
        raw.execute("DELETE FROM sqlite_master WHERE name = 'other'")
    raw.close()
    engine = open_engine(StoreSettings(url=sqlite_url))
    found = failed(integrity(engine))
    engine.dispose()
    assert "damaged" in found["file"].text


def test_a_key_that_postgresql_never_checked_is_found(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE user_tags DROP CONSTRAINT fk_user_tags_user_id"))
        connection.execute(t.user_tags.insert().values(user_id=4711, position=0, tag="x"))
        connection.execute(
            text("ALTER TABLE user_tags ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID")
        )
    assert "again" in failed(integrity(engine))["foreign keys"].text
    engine.dispose()


def test_names_of_several_people_are_found_without_their_index(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    with write(engine) as connection:
        for column in ("username_key", "email_key"):
            connection.execute(text(f"ALTER TABLE users DROP CONSTRAINT uq_users_{column}"))
        connection.execute(text("ALTER TABLE identities DROP CONSTRAINT uq_identities_directory_id_entry_id"))
    rows = Rows(engine)
    corp = rows.directory()
    for _ in range(3):
        rows.identity(rows.user("ana"), corp, "uid=ana", entry_id="same")
    found = failed(integrity(engine))["names"].text
    assert found.split("; ") == [
        "1 usernames belong to several people", "1 emails belong to several people", "1 entries belong to several people",
    ]  # fmt: skip
    engine.dispose()


def test_plans_that_no_constraint_keeps_in_order_any_more_are_found(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    first = SqlHoldStore(engine).hold(new("d1"), CHANGES)
    SqlHoldStore(engine).hold(new("d2"), CHANGES)
    with write(engine) as connection:
        connection.execute(text("DROP INDEX uq_held_plans_open"))
        connection.execute(text("ALTER TABLE held_plans DROP CONSTRAINT ck_held_plans_state"))
        connection.execute(t.held_plans.update().where(t.held_plans.c.id == first.id).values(state="held"))
    assert failed(integrity(engine))["plans"].text == "1 directories have several open plans"
    with write(engine) as connection:
        connection.execute(t.held_plans.update().where(t.held_plans.c.id == first.id).values(state="odd"))
    assert failed(integrity(engine))["plans"].text == "1 held plans are in a state that there is not"
    engine.dispose()


def test_s5_a_username_that_is_somebody_elses_address_is_found(engine: Engine) -> None:
    rows = Rows(engine)
    rows.user("ana@example.com", email="ana@example.com")
    assert "names" not in failed(integrity(engine))
    rows.user("ben@example.com", email="b@example.com")
    rows.user("ben", email="ben@example.com")
    assert failed(integrity(engine))["names"].text == "1 usernames are the primary email of somebody else"
