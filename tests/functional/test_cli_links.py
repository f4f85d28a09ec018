"""`syncd users link|unlink` for one and for many, on a real database with entries that no run reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine
from tests.contract.company import rows
from tests.fakes.logins import People
from tests.functional.cli import Result, syncd, typed

Run = Callable[..., Result]
CORP = ("--directory", "corp", "--reason", "the same people")
CONFIG = """
[store]
url = "{url}"
[directories.corp]
urls = ["ldap://127.0.0.1:1"]
base_dn = "dc=example,dc=com"
[directories.hq]
urls = ["ldap://127.0.0.1:1"]
base_dn = "dc=hq,dc=com"
"""


@pytest.fixture
def run(store_url: str, tmp_path: Path) -> Run:
    path = tmp_path / "syncd.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIG.format(url=store_url))
    return lambda *arguments: syncd("-c", path, *arguments)


@pytest.fixture
def people(store_url: str) -> Iterator[People]:
    engine: Engine = open_engine(StoreSettings(url=store_url))
    yield People(engine)
    engine.dispose()


def owners(people: People) -> dict[str, int]:
    return {row.entry_id: row.user_id for row in rows(people.engine, t.identities)}


def test_s84_many_are_linked_from_a_file_and_unlinked_by_name(run: Run, people: People, tmp_path: Path) -> None:
    ben, cleo = people.manual("ben"), people.manual("cleo")
    dan = people.of_directory("dan", "uid=dan,dc=x", entry_id="e-dan")
    people.of_directory("dan.hq", "uid=dan,dc=hq", directory="hq", entry_id="hq-dan")
    file = tmp_path / "links.csv"
    file.write_text('user,dn\nben,"uid=dan,dc=x"\ncleo,"UID=Dan, dc=x"\n')
    done = run("users", "link", "--from", str(file), *CORP, "--yes")
    assert (done.code, done.err) == (1, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["ID", "USERNAME", "RESULT", "OTHER", "BECAME", "ENTRY", "WHY"]
    assert lines[1] == [str(ben), "ben", "changed", str(dan), "deleted", "uid=dan,dc=x"]
    assert lines[2][:3] == [str(cleo), "cleo", "refused"]
    assert owners(people)["e-dan"] == ben
    hq = ("--directory", "hq", "--reason", "the same people")
    assert run("users", "link", "ben", "--dn", "uid=dan,dc=hq", *hq).code == 0
    parted = run("users", "unlink", "ben", f"id:{cleo}", *CORP, "-y", "--output", "json")
    first, second = parted.json()["items"]
    assert (parted.code, first["result"], second["code"]) == (1, "changed", "wrong_state")
    assert (first["dn"], first["became"], first["other"]) == ("uid=dan,dc=x", "created", owners(people)["e-dan"])
    assert owners(people)["hq-dan"] == ben


def test_s84_one_is_told_as_before(run: Run, people: People) -> None:
    ben, dan = people.manual("ben"), people.of_directory("dan", "uid=dan,dc=x", entry_id="e-dan")
    done = run("users", "link", "ben", "--entry-id", "e-dan", *CORP, "--output", "json")
    assert (done.code, done.json()) == (0, {"user": ben, "other": dan, "became": "deleted", "dn": "uid=dan,dc=x"})
    refused = run("users", "unlink", "ben", *CORP)
    assert (refused.code, refused.out) == (1, "")
    assert "user of its own already" in refused.err


def test_s84_nothing_is_done_unless_it_is_clear_who_and_what(run: Run, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ben", "cleo"):
        people.manual(name)
    dan = people.of_directory("dan", "uid=dan,dc=x", entry_id="e-dan")
    people.rows.identity(dan, people.rows.directory("hq"), "uid=dan,dc=hq", entry_id="hq-dan")
    good, read = 'ben,"uid=dan,dc=x"', ("--from", "-")
    wrong: list[tuple[int, str, tuple[str, ...], str]] = [
        (2, "link", (), ""), (2, "link", ("ben",), ""), (2, "link", ("ben", *read), good),
        (2, "link", ("--dn", "uid=dan,dc=x", *read), good), (2, "link", (*read, "-y"), f"{good}\ncleo,uid=dan,dc=x"),
        (2, "link", (*read, "-y"), f"{good}\ncleo,no dn"), (2, "link", (*read, "-y"), f'{good}\nben,"uid=eve,dc=x"'),
        (1, "link", (*read, "-y"), f'{good}\nnobody,"uid=eve,dc=x"'), (2, "link", read, f'{good}\ncleo,"uid=eve,dc=x"'),
        (1, "link", (*read, "-y", "--directory", "nowhere"), good), (2, "unlink", (), ""),
        (1, "unlink", ("dan", "nobody", "-y"), ""), (1, "unlink", ("dan", "ben"), ""),
        (1, "unlink", ("dan", "ben", "-y", "--directory", "nowhere"), ""),
    ]  # fmt: skip
    for code, verb, arguments, content in wrong:
        typed(monkeypatch, content.encode())
        done = run("users", verb, *CORP, *arguments)
        assert (done.code, done.out.strip()) == (code, ""), (verb, arguments, content, done.err)
    assert owners(people) == {"e-dan": dan, "hq-dan": dan}
    assert rows(people.engine, t.audit_events) == []
