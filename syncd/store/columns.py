"""What all tables share: the MetaData with its naming convention, and the columns that recur.

Every fact that a directory brought carries `directory_id`; NULL there means made by hand, and no run touches it
(invariant 7).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Identity, Index, MetaData, Table, text

from syncd.store.types import Id

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# for tables with `row_id`: a number is never given twice, so that old audit events keep meaning the same thing
AUTOINCREMENT: dict[str, Any] = {"sqlite_autoincrement": True}
# SQLite: the primary key is the table, one tree to write instead of two
KEY_ONLY: dict[str, Any] = {"sqlite_with_rowid": False}


def row_id() -> Column[int]:
    """The number of a row, given by the database."""
    return Column("id", Id, Identity(), primary_key=True)


def user_id(*, primary_key: bool = False, index: bool = False) -> Column[int]:
    """The person a row belongs to; it goes with them."""
    user = ForeignKey("users.id", ondelete="CASCADE")
    return Column("user_id", Id, user, nullable=False, primary_key=primary_key, index=index, autoincrement=False)


def directory_id(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    """The directory that brought a row; where it may be NULL, that is a row made by hand. A directory with rows stays."""
    directory = ForeignKey("directories.id", ondelete="RESTRICT")
    return Column("directory_id", Id, directory, nullable=nullable, primary_key=primary_key, autoincrement=False)


def named(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    """The number of a row of another table, without a foreign key: see schema_people for why."""
    return Column(name, Id, nullable=nullable, primary_key=primary_key, autoincrement=False)


def index_where(name: str, table: Table, columns: tuple[str, ...], *, condition: str, unique: bool = False) -> Index:
    """An index over the rows that meet the condition. Unique ones make NULL count as a value, on both databases."""
    where = text(condition)
    found = [table.c[column] for column in columns]
    return Index(name, *found, unique=unique, sqlite_where=where, postgresql_where=where)
