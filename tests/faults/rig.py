"""What the crash and database tests share: a company in a real slapd, configurations, and what a store contains.

Two stores that hold the same have equal `content`, whatever numbers and times their rows got on the way.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, select

from syncd.model.checks import CheckStatus
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine
from syncd.store.integrity import integrity
from syncd.store.types import UtcTime
from tests.faults.child import PATIENCE
from tests.functional.daemon_process import TOKEN
from tests.servers.postgres import PostgresServer
from tests.servers.slapd import Slapd

# several transactions of seven each
PEOPLE = 40


# ---------------------------------------------------------------- a company
def fill(slapd: Slapd) -> None:
    """People in two units, and three groups of which one is inside another."""
    sales, works = slapd.add_ou("people", "Sales"), slapd.add_ou("Works", parent=f"ou=people,{slapd.base_dn}")
    first = slapd.add_people(PEOPLE // 2, parent=sales)
    second = slapd.add_people(PEOPLE // 2, parent=works, first=PEOPLE // 2)
    groups = slapd.add_ou("groups")
    add_group(slapd, groups, "staff", first[:15])
    add_group(slapd, groups, "admins", [first[0], second[0]])
    add_group(slapd, groups, "all", [f"cn=staff,{groups}", *second])


def add_group(slapd: Slapd, parent: str, cn: str, members: list[str]) -> None:
    slapd.add(f"cn={cn},{parent}", {"objectClass": "groupOfNames", "cn": cn, "member": members})


def change(slapd: Slapd) -> None:
    """Some of everything a run can do: new and changed people, moves, leavers, a swap of names, groups and units."""
    base = slapd.base_dn
    people, groups, works = f"ou=people,{base}", f"ou=groups,{base}", f"ou=Works,ou=people,{base}"
    slapd.add_people(10, parent=slapd.add_ou("Lab", parent=people), first=PEOPLE)
    for number in range(1, 15):
        slapd.modify(f"uid=u{number:06},ou=Sales,{people}", {"sn": f"Changed{number}"})
    for number in (16, 17):
        slapd.delete(f"uid=u{number:06},ou=Sales,{people}")
    for number in range(20, 25):
        slapd.rename(f"uid=u{number:06},{works}", f"uid=u{number:06}", new_superior=f"ou=Sales,{people}")
    for number in (30, 31):
        slapd.modify(f"uid=u{number:06},{works}", {"mail": f"u{61 - number:06}@example.com"})
    newcomers = [f"uid=u{number:06},ou=Lab,{people}" for number in range(PEOPLE, PEOPLE + 10)]
    moved = [f"uid=u{number:06},ou=Sales,{people}" for number in range(20, 25)]
    stayed = [f"uid=u{number:06},{works}" for number in range(25, 40)]
    slapd.delete(f"cn=admins,{groups}")
    add_group(slapd, groups, "lab", newcomers)
    slapd.modify(f"cn=all,{groups}", {"member": [*moved, *stayed, f"cn=staff,{groups}", f"cn=lab,{groups}"]})


# ---------------------------------------------------------------- configuration
def write_config(file: Path, slapd: Slapd, store_url: str, *, url: str = "", directory: str = "", schedule: str = "") -> Path:
    """`url`: of something between syncd and the server. `directory`, `schedule`: further lines of these tables."""
    file.write_text(
        f'[store]\nurl = "{store_url}"\n'
        f'[http]\nlisten = "127.0.0.1:0"\noperator_token = "{TOKEN}"\n[log]\nformat = "json"\n'
        f'[directories.corp]\nurls = ["{url or slapd.url}"]\nbase_dn = "{slapd.base_dn}"\nfeed = "full"\n'
        f'bind_dn = "{slapd.reader_dn}"\nbind_password = "{slapd.reader_password}"\n'
        f'organization = "Example"\npage_size = 15\n{directory}\n'
        '[directories.corp.roles.map]\nstaff = ["employee"]\nadmins = ["manager"]\nall = ["visitor"]\nlab = ["analyst"]\n'
        f"[directories.corp.schedule]\n{schedule or NEVER}\njitter = 0\n"
    )
    file.chmod(0o600)
    return file


NEVER = 'changes = "every 1h"\nfull = "never"'


@dataclass(slots=True)
class Stores:
    """Databases of one kind, each a copy of a template."""

    folder: Path
    # None: SQLite files
    postgres: PostgresServer | None = None
    _count: int = 0

    def copy(self, template: str) -> str:
        """A new database with what the one at that URL contains; nobody may be connected to it."""
        self._count += 1
        if self.postgres is None:
            file = self.folder / f"store{self._count}.db"
            shutil.copy(template.removeprefix("sqlite:///"), file)
            return f"sqlite:///{file}"
        return self.postgres.create(f"{self.folder.name}_{self._count}".lower(), template=template.rpartition("/")[2])

    def drop(self, store_url: str) -> None:
        """Delete a copy, before so many of them reach the disk that deleting all takes long."""
        if self.postgres is None:
            Path(store_url.removeprefix("sqlite:///")).unlink()
        else:
            self.postgres.drop(store_url.rpartition("/")[2])


# ---------------------------------------------------------------- what a store contains
_NAMES = {
    "directories": "name", "organizations": "name_key", "units": "name", "users": "username", "roles": "name_key",
    "role_identifiers": "identifier", "groups": "name_key",
}  # fmt: skip
_REFERS = {
    "directory_id": "directories", "organization_id": "organizations", "unit_id": "units", "owner_unit_id": "units",
    "parent_id": "units", "user_id": "users", "role_id": "roles", "role_identifier_id": "role_identifiers",
    "group_id": "groups",
}  # fmt: skip
_SUBJECTS = {"user": "users", "organization": "organizations", "unit": "units", "role": "roles"}
_LEFT_OUT = ("runs", "leases", "held_plans")
_NUMBERS = ("id", "run_id", "opened_run_id", "closed_run_id", "request_id")

# run numbers and times inside a text
_PASSING = re.compile(r"\brun \d+|\d{4}-\d\d-\d\dT[\d:.]+\+00:00")

Content = dict[str, list[str]]


@contextmanager
def opened(store_url: str) -> Iterator[Engine]:
    """An engine that is closed at the end."""
    engine = open_engine(StoreSettings(url=store_url))
    try:
        yield engine
    finally:
        engine.dispose()


def content(store_url: str) -> Content:
    """All rows of all tables, without the runs, as text and sorted; names in place of numbers, whether in place of when."""
    with opened(store_url) as engine, engine.connect() as connection:
        names = {table: _names(connection, table, column) for table, column in _NAMES.items()}
        return {
            table.name: sorted(_row(table.columns, row, names) for row in connection.execute(select(table)).mappings())
            for table in t.metadata.sorted_tables
            if table.name not in _LEFT_OUT
        }


def _names(connection: Connection, table: str, column: str) -> dict[int, str]:
    found = t.metadata.tables[table]
    return {row[0]: row[1] for row in connection.execute(select(found.c.id, found.c[column]))}


def _row(columns: Any, row: Any, names: dict[str, dict[int, str]]) -> str:
    values = {column.name: _value(column, row[column.name], names) for column in columns if column.name not in _NUMBERS}
    if "subject_id" in values:
        values["subject_id"] = names.get(_SUBJECTS.get(row["subject_type"], ""), {}).get(row["subject_id"], "gone")
    return json.dumps(values, sort_keys=True, default=str)


def _value(column: Column[Any], value: Any, names: dict[str, dict[int, str]]) -> Any:
    if isinstance(column.type, UtcTime):
        return value is not None
    if column.name in _REFERS and value is not None:
        return names[_REFERS[column.name]].get(value, "gone")
    if isinstance(value, str):
        return _PASSING.sub("…", value)
    if isinstance(value, dict):
        return {name: _value(column, inner, names) for name, inner in value.items()}
    return value


def differences(one: Content, other: Content) -> dict[str, tuple[list[str], list[str]]]:
    """Table -> rows only in the one, rows only in the other. Empty when they are the same."""
    found = {}
    for table in one.keys() | other.keys():
        here, there = list(one.get(table, [])), list(other.get(table, []))
        for row in list(here):
            if row in there:
                here.remove(row)
                there.remove(row)
        if here or there:
            found[table] = (here, there)
    return found


def runs_of(store_url: str) -> list[dict[str, Any]]:
    """All runs, oldest first."""
    with opened(store_url) as engine, engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(t.runs).order_by(t.runs.c.id)).mappings()]


def broken_rules(store_url: str) -> list[str]:
    """What `syncd db check` would call damaged."""
    with opened(store_url) as engine:
        return [f"{line.name}: {line.text}" for line in integrity(engine) if line.status is CheckStatus.FAIL]


def until(condition: Callable[[], bool], what: str, *, within: float = PATIENCE) -> None:
    """Wait for something that nobody tells us of."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)
