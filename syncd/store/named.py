"""Lists of what has a name of its own (roles, groups, organizations), in keyset pages by that name, and what holds a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select

from syncd.errors import InUseError, NameTakenError, NotFoundError, UsageError
from syncd.model.structure import Window
from syncd.model.text import fold
from syncd.store.among import among
from syncd.store.userrows import require_version

MAX_PAGE = 1000
# rows fetched at a time while a text is looked for
_SCAN = 2000


def named_page(
    connection: Connection,
    table: Table,
    window: Window,
    *,
    texts: Sequence[str],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> tuple[list[Row[Any]], str | None]:
    """Rows of a table with a unique `name_key`, by it, and the last key when more follow. `texts`: columns that are searched.

    Raises UsageError for a wrong limit.
    """
    after, wanted = table.c.name_key > (window.after or ""), page_size(window.limit) + 1
    words = fold(window.text).split()
    if words:
        found = _searched(connection, table, words, wanted=wanted, texts=texts, conditions=(after, *conditions))
        query = select(table).where(among(connection, table.c.id, found))
    else:
        query = select(table).where(after, *conditions).limit(wanted)
    rows = list(connection.execute(query.order_by(table.c.name_key)))
    more = len(rows) == wanted
    rows = rows[: window.limit]
    return rows, rows[-1].name_key if more else None


def _searched(
    connection: Connection,
    table: Table,
    words: Sequence[str],
    *,
    wanted: int,
    texts: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
) -> list[int]:
    """Numbers of the first rows in which all words occur."""
    query = select(table.c.id, *(table.c[column] for column in texts)).where(*conditions).order_by(table.c.name_key)
    found: list[int] = []
    with connection.execute(query, execution_options={"yield_per": _SCAN}) as rows:
        for number, *held in rows:
            if occur(words, *held):
                found.append(number)
                if len(found) == wanted:
                    break
    return found


def occur(words: Sequence[str], *texts: str | None) -> bool:
    """Whether all words, which are folded, occur in the texts."""
    haystack = fold(" ".join(filter(None, texts)))
    return all(word in haystack for word in words)


def page_size(limit: int) -> int:
    """The limit. Raises UsageError."""
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"a page has 1 to {MAX_PAGE} items, not {limit}")
    return limit


# ---------------------------------------------------------------- one row
def locked(connection: Connection, table: Table, number: int, what: str, *, if_match: int | None) -> Row[Any]:
    """The row, which nobody else changes until the end of the transaction. Raises NotFoundError, PreconditionFailedError."""
    row = connection.execute(select(table).where(table.c.id == number).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no {what} {number}")
    require_version(row, if_match)
    return row


def require_free(connection: Connection, table: Table, name: str, what: str, *, own: int | None = None) -> None:
    """Raises NameTakenError when another row has the name, in any spelling."""
    holder = connection.scalar(select(table.c.id).where(table.c.name_key == fold(name)))
    if holder is not None and holder != own:
        raise NameTakenError(f"{what} {holder} is called so already")


def differences(before: Any, after: Any, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two values of one dataclass the fields that are not the same, as they were and as they are."""
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return {name: getattr(before, name) for name in changed}, {name: getattr(after, name) for name in changed}


def require_unused(connection: Connection, row: Row[Any], what: str, uses: Sequence[tuple[Any, Any, str]]) -> None:
    """Raises InUseError, with everything that is in the way. `uses`: the column that names it, what is counted, in words."""
    found = []
    for column, counted, words in uses:
        count = connection.scalar(select(func.count(counted.distinct())).where(column == row.id))
        if count:
            found.append(f"{count} {words}")
    if found:
        raise InUseError(f"the {what} {row.name} is in use: {', '.join(found)}")
