"""Many rows at once, by each database's fastest way.

An import writes some six rows a person. SQLAlchemy's executemany spends most of its time on each value of each row; here the
statement is built once and the values go to the driver as they are, so they must be in the driver's own form: text, int,
None, `bytearray` for binary, and times and dates as text (`time_text`). SQLite gets INSERT with 50 rows a statement, which
halves the cost of AUTOINCREMENT and of stepping; bool, None and bytes are slow to bind there, so leave constant columns to
their defaults. PostgreSQL gets COPY, and for updates and deletions one statement over arrays.

Statements are made of the names in `schema` only; values are always bound.
"""

# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, Table

from syncd.store.failures import translated_driver_error
from syncd.store.types import SQLITE_TIME

if TYPE_CHECKING:
    import sqlite3

    import psycopg

# str, int, None, bytearray
Value: TypeAlias = Any
Row: TypeAlias = tuple[Value, ...]
# rows of a table, with the columns they have values for
Block: TypeAlias = tuple[Table, Sequence[str], Sequence[Row]]

ROWS_PER_STATEMENT = 50


def time_text(at: datetime) -> str:
    """A time as both databases read it back: PostgreSQL in any session time zone, SQLite as SQLAlchemy wrote it."""
    return at.astimezone(UTC).strftime(SQLITE_TIME)


def bulk_insert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert the rows. Raises StoreError."""
    bulk_insert_all(connection, [(table, columns, rows)])


def bulk_insert_all(connection: Connection, blocks: Iterable[Block]) -> None:
    """Insert all blocks in their order. With PostgreSQL, each is made while the server digests the one before it.

    Raises StoreError.
    """
    with _driver_errors():
        if connection.dialect.name == "postgresql":
            _copy_all(_psycopg(connection), iter(blocks))
            return
        for table, columns, rows in blocks:
            if rows:
                _insert_in_blocks(_sqlite(connection), table, columns, rows)


def bulk_update(
    connection: Connection, table: Table, *, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Row], also: str = ""
) -> None:
    """Set `columns` where `keys` match; a row holds the columns' values, then the keys'.

    `also`: further assignments, the same for every row ("version = version + 1"). Raises StoreError.
    """
    if not rows:
        return
    with _driver_errors():
        if connection.dialect.name == "postgresql":
            assignments = [f"{column} = v.{column}" for column in columns] + ([also] if also else [])
            source = _unnested(table, [*columns, *keys])
            matching = " AND ".join(f"t.{key} = v.{key}" for key in keys)
            statement = f"UPDATE {table.name} AS t SET {', '.join(assignments)} FROM {source} WHERE {matching}"
            _psycopg(connection).execute(statement, _columns_of(rows))
        else:
            assignments = [f"{column} = ?" for column in columns] + ([also] if also else [])
            matching = " AND ".join(f"{key} = ?" for key in keys)
            statement = f"UPDATE {table.name} SET {', '.join(assignments)} WHERE {matching}"
            _sqlite(connection).executemany(statement, rows).close()


def bulk_delete(connection: Connection, table: Table, *, keys: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete where `keys` match. Raises StoreError."""
    if not rows:
        return
    with _driver_errors():
        if connection.dialect.name == "postgresql":
            matching = " AND ".join(f"t.{key} = v.{key}" for key in keys)
            statement = f"DELETE FROM {table.name} AS t USING {_unnested(table, keys)} WHERE {matching}"
            _psycopg(connection).execute(statement, _columns_of(rows))
        else:
            matching = " AND ".join(f"{key} = ?" for key in keys)
            _sqlite(connection).executemany(f"DELETE FROM {table.name} WHERE {matching}", rows).close()


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Numbers for `count` new rows of a table with an `id`, in ascending order; nobody else gets them once committed."""
    if count <= 0:
        return ()
    with _driver_errors():
        if connection.dialect.name == "postgresql":
            sequence = f"nextval(pg_get_serial_sequence('{table.name}', 'id'))"
            found = _psycopg(connection).execute(f"SELECT {sequence} FROM generate_series(1, %s)", (count,))
            return sorted(row[0] for row in found)
        sqlite = _sqlite(connection)
        # a table of AUTOINCREMENT has no row here before its first insert
        sqlite.execute(
            "INSERT INTO sqlite_sequence (name, seq) "
            "SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
            (table.name, table.name),
        ).close()
        ((last,),) = sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchall()
        sqlite.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last + count, table.name)).close()
        return range(last + 1, last + count + 1)


# ---------------------------------------------------------------- SQLite
def _insert_in_blocks(sqlite: sqlite3.Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    one = f"({', '.join('?' * len(columns))})"
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES "
    whole = len(rows) - len(rows) % ROWS_PER_STATEMENT
    if whole:
        blocks = (tuple(chain.from_iterable(rows[i : i + ROWS_PER_STATEMENT])) for i in range(0, whole, ROWS_PER_STATEMENT))
        sqlite.executemany(statement + ", ".join([one] * ROWS_PER_STATEMENT), blocks).close()
    if whole < len(rows):
        sqlite.executemany(statement + one, rows[whole:]).close()


def _sqlite(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


# ---------------------------------------------------------------- PostgreSQL
def _copy_all(postgres: psycopg.Connection[Any], blocks: Iterator[Block]) -> None:
    block = next(blocks, None)
    while block is not None:
        table, columns, rows = block
        if not rows:
            block = next(blocks, None)
            continue
        with postgres.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            write_row = copy.write_row
            for row in rows:
                write_row(row)
            # before the end of the copy, which waits for the server
            block = next(blocks, None)


def _unnested(table: Table, columns: Sequence[str]) -> str:
    """Arrays, one a column, as the rows of a table `v`."""
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = (table.c[column].type.compile(dialect).split(" COLLATE ")[0] for column in columns)
    arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
    return f"unnest({arrays}) AS v({', '.join(columns)})"


def _columns_of(rows: Sequence[Row]) -> list[list[Value]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _psycopg(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


@contextmanager
def _driver_errors() -> Iterator[None]:
    """The drivers' own errors: nothing of SQLAlchemy stands between us and them here."""
    try:
        yield
    except Exception as error:
        ours = translated_driver_error(error)
        if ours is None:
            raise
        raise ours from error
