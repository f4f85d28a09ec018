"""The drivers' fast ways to write, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from syncd.errors import StoreError
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.bulk import bulk_delete, bulk_insert, bulk_update, reserve_ids, time_text
from syncd.store.engine import read, write
from tests.contract.company import START, rows

AT = time_text(START)
TEXTS = ("plain", "tab\there", "line\nbreak", "back\\slash \\N \\.", "quote'\"", "", "Ünïcødé 人 🙂", "{a,b}", "NULL", "\r\x1f")


def insert_groups(connection: Connection, names: list[str]) -> None:
    values = [(name, f"{number}", AT, "d") for number, name in enumerate(names)]
    bulk_insert(connection, t.groups, ("name", "name_key", "created_at", "description"), values)


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 230])
def test_insert_any_number_of_rows(engine: Engine, count: int) -> None:
    with write(engine) as connection:
        insert_groups(connection, [f"g{number}" for number in range(count)])
    found = rows(engine, t.groups)
    assert [row.name for row in found] == [f"g{number}" for number in range(count)]
    assert {row.created_at for row in found} <= {START}


def test_every_text_comes_back_as_it_was(engine: Engine) -> None:
    with write(engine) as connection:
        insert_groups(connection, list(TEXTS))
        updates = [(text, f"{number}") for number, text in enumerate(reversed(TEXTS))]
        bulk_update(connection, t.groups, columns=("description",), keys=("name_key",), rows=updates)
    found = rows(engine, t.groups)
    assert [row.name for row in found] == list(TEXTS)
    assert [row.description for row in found] == list(reversed(TEXTS))


def test_binary_and_missing_values_come_back(engine: Engine) -> None:
    data = bytes(range(256))
    with write(engine) as connection:
        columns = ("name", "created_at", "relations_digest", "config_digest")
        bulk_insert(connection, t.directories, columns, [("a", AT, bytearray(data), None), ("b", AT, None, bytearray(b""))])
        changes = [(bytearray(data), None, "b"), (None, bytearray(b"x"), "a")]
        bulk_update(connection, t.directories, columns=("relations_digest", "config_digest"), keys=("name",), rows=changes)
    found = {row.name: (row.relations_digest, row.config_digest) for row in rows(engine, t.directories)}
    assert found == {"a": (None, b"x"), "b": (data, None)}


def test_update_by_two_keys_with_further_assignments(engine: Engine) -> None:
    with write(engine) as connection:
        insert_groups(connection, ["a", "b", "c"])
        changes = [("new a", "a", "0"), ("never", "a", "1"), ("new c", "c", "2")]
        keys = ("name", "name_key")
        also = "id = id + 100"
        bulk_update(connection, t.groups, columns=("description",), keys=keys, rows=changes, also=also)
    assert [(row.description, row.id) for row in rows(engine, t.groups)] == [("d", 2), ("new a", 101), ("new c", 103)]


def test_delete_by_keys(engine: Engine) -> None:
    with write(engine) as connection:
        insert_groups(connection, ["a", "b", "c"])
        bulk_delete(connection, t.groups, keys=("name", "name_key"), rows=[("a", "0"), ("b", "0"), ("c", "2")])
        bulk_delete(connection, t.groups, keys=("name",), rows=[])
    assert [row.name for row in rows(engine, t.groups)] == ["b"]


def test_reserved_numbers_are_never_given_again(engine: Engine) -> None:
    with write(engine) as connection:
        assert list(reserve_ids(connection, t.groups, 0)) == []
        first = list(reserve_ids(connection, t.groups, 3))
    with write(engine) as connection:
        insert_groups(connection, ["by itself"])
        second = list(reserve_ids(connection, t.groups, 2))
        columns = ("id", "name", "name_key", "created_at")
        bulk_insert(connection, t.groups, columns, [(second[1], "reserved", "r", AT)])
    (own,) = rows(engine, t.groups, name="by itself")
    assert first == sorted(first)
    assert first[-1] < own.id < second[0] < second[1]
    with write(engine) as connection:
        connection.execute(t.groups.delete())
        assert reserve_ids(connection, t.groups, 1)[0] > second[1]


def test_two_connections_never_get_the_same_number(engine: Engine) -> None:
    found: list[int] = []

    def take() -> None:
        for _ in range(5):
            with write(engine) as connection:
                found.extend(reserve_ids(connection, t.groups, 20))

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 300


def test_a_row_that_clashes_is_a_store_error_that_shows_no_value(engine: Engine) -> None:
    def clash() -> None:
        with write(engine) as connection:
            columns = ("name", "name_key", "created_at")
            bulk_insert(connection, t.groups, columns, [("a", "secret-value", AT), ("b", "secret-value", AT)])

    with pytest.raises(StoreError) as caught:
        clash()
    assert "refused a row" in str(caught.value)
    assert "secret-value" not in str(caught.value)
    assert rows(engine, t.groups) == []


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (t.groups.c.id, {1, 3}, ["a", "c"]),
        (t.groups.c.id, [], []),
        (t.groups.c.name, ["b", "x", "c"], ["b", "c"]),
        (t.groups.c.name_key, [str(number) for number in range(5000)], ["a", "b", "c"]),
        (t.groups.c.name_key, [], []),
        (t.groups.c.name, ['"', "\\", "Ü"], []),
    ],
)
def test_among_any_number_of_values(engine: Engine, column: Any, values: Any, expected: list[str]) -> None:
    with write(engine) as connection:
        insert_groups(connection, ["a", "b", "c"])
    with read(engine) as connection:
        query = select(t.groups.c.name).where(among(connection, column, values)).order_by(t.groups.c.id)
        assert list(connection.scalars(query)) == expected
