"""What people are looked for by: their names in one folded text each, which both databases scan fast and alike.

A folded text cannot be had from SQL: SQLite knows no case beyond ASCII, and PostgreSQL's depends on its locale. So whoever
writes one of these fields writes the text with it. The table is narrow, so that looking for a part of a word in 200,000 people
takes some 15 ms; an index over trigrams would find it in one, and make the first import half as long again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, select

from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.bulk import bulk_delete, bulk_insert

# fields of the text, in its order: it is what lists by name are sorted by
SEARCHED = ("last_name", "first_name", "middle_name", "display_name", "username", "email", "title")
# what stands behind each of them: white space, of which folding leaves nothing but single spaces
SEPARATORS = "\t\n\x0b\x0c\r\x1c\x1d"
COLUMNS = ("user_id", "text")
# bytes of a field that are looked at; all of them together fit into a row of PostgreSQL's indexes
FIELD_BYTES = 300

_LAYOUT = "".join("%s" + separator for separator in SEPARATORS)


def search_text(values: Sequence[str | None]) -> str:
    """The text of a person, of their fields in the order of SEARCHED."""
    folded = tuple([fold(value) if value else "" for value in values])
    text = _LAYOUT % folded
    short = len(text) <= FIELD_BYTES // 4 or (len(text) <= FIELD_BYTES and text.isascii())
    return text if short else _LAYOUT % tuple(map(cut, folded))


def cut(folded: str) -> str:
    """As much of a folded field as is looked at."""
    if len(folded) <= FIELD_BYTES // 4:
        return folded
    return folded.encode("utf-8", "replace")[:FIELD_BYTES].decode("utf-8", "ignore")


def refresh_search(connection: Connection, user_ids: Collection[int]) -> None:
    """Write the texts of these users anew, in the transaction that wrote one of their fields."""
    if not user_ids:
        return
    users = t.users.c
    query = select(users.id, *(users[name] for name in SEARCHED)).where(among(connection, users.id, user_ids))
    rows = search_rows(connection.execute(query))
    bulk_delete(connection, t.user_search, keys=("user_id",), rows=[(user_id,) for user_id, _ in rows])
    bulk_insert(connection, t.user_search, COLUMNS, rows)


def search_rows(people: Iterable[Sequence[str | None]]) -> list[tuple[int, str]]:
    """The rows of (id, *fields)."""
    return [(id_, search_text(values)) for id_, *values in people]  # type: ignore[misc]
