"""Lists of people: filtered, searched, sorted, in pages that stay fast however many people there are.

A page is found in one of three ways. Where names are searched, the next ones in the order are looked at: most words find many.
Where something that is asked for finds few (a rare word, a view of a handful), those are looked up first, and then filtered and
sorted. Otherwise people are gone through in the order of an index until the page is full, which is soon, since whatever is
asked for holds for many. A page goes on behind the last one's last row, by value: who comes or goes in between moves nobody.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, func, not_, select

from syncd.errors import UsageError
from syncd.model.views import Page, PersonView, UserFilter, UserOrder, UserState
from syncd.store import schema as t
from syncd.store.engine import read
from syncd.store.gate import can_log_in
from syncd.store.narrowing import in_reach, narrowed
from syncd.store.queries_people import people_by_ids
from syncd.store.queries_person import PersonAssembler, id_in, own_fields
from syncd.store.userorder import Mark, nearest, queries, searching

MAX_PAGE = 1000
# people in memory at a time while all are streamed
_CHUNK = 1000

_u = t.users.c


def list_people(
    connection: Connection, wanted: UserFilter, *, order: UserOrder, limit: int, after: str | None, now: datetime
) -> Page[PersonView]:
    """A page of people; those without what it is sorted by come last, by id. Raises UsageError for a wrong limit or `after`."""
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"a page has 1 to {MAX_PAGE} people, not {limit}")
    mark = None if after is None else Mark.parse(after)
    asking = searching(order)
    near = in_reach(wanted, now=now, searching=asking)
    if near is not None:
        rows = connection.execute(nearest(order, mark, near).limit(limit + 1)).all()
        if len(rows) > limit:
            found = people_by_ids(connection, [row.id for row in rows[:limit]], now=now)
            return Page(items=tuple(found), next=Mark.of(rows[limit - 1]))
    narrow = narrowed(connection, wanted, now=now, searching=asking)
    people: list[PersonView] = []
    ends: dict[int, str] = {}
    while narrow is not None:
        size = limit + 1 - len(people)
        rows = _rows(connection, queries(order, mark, narrow), limit=size)
        ends |= {row.id: Mark.of(row) for row in rows}
        found = people_by_ids(connection, [row.id for row in rows], now=now)
        people += [person for person in found if _is_meant(person, wanted)]
        if len(people) > limit:
            return Page(items=tuple(people[:limit]), next=ends[people[limit - 1].id])
        if len(rows) < size:
            break
        mark = Mark.parse(Mark.of(rows[-1]))
    return Page(items=tuple(people), next=None)


def _rows(connection: Connection, asked: Iterable[Select[Any]], *, limit: int) -> list[Row[Any]]:
    """The next of those who may be meant: (id, key)."""
    rows: list[Row[Any]] = []
    for query in asked:
        rows += connection.execute(query.limit(limit - len(rows))).all()
        if len(rows) >= limit:
            break
    return rows


def _is_meant(person: PersonView, wanted: UserFilter) -> bool:
    """Whether somebody is shown: the conditions of a view let in whoever may be in it."""
    return wanted.state is not UserState.CANNOT_LOG_IN or not person.can_log_in


def count_people(connection: Connection, wanted: UserFilter, *, now: datetime) -> int:
    """How many a list shows altogether."""
    narrow = narrowed(connection, wanted, now=now)
    if narrow is None:
        return 0
    query = select(func.count()).select_from(t.users).where(*narrow.conditions)
    if wanted.state is UserState.CANNOT_LOG_IN:
        query = query.where(not_(can_log_in(now)))
    return int(connection.execute(query).scalar_one())


def iter_people(engine: Engine, wanted: UserFilter, *, now: datetime) -> Generator[PersonView]:
    """People by id, as the store was at the first step: whatever is written meanwhile is not seen. Memory does not grow.

    The transaction ends with the iteration; close the iterator (contextlib.closing) when it is left early. Raises StoreError.
    """
    with read(engine) as connection:
        narrow = narrowed(connection, wanted, now=now)
        if narrow is None:
            return
        assembler = PersonAssembler(connection, now=now)
        query = own_fields().where(*narrow.conditions).order_by(_u.id).limit(_CHUNK)
        last = 0
        while rows := connection.execute(query.where(_u.id > last)).all():
            ids = [row.id for row in rows]
            last = ids[-1]
            dense = last - ids[0] < 2 * len(ids)
            people = assembler.people(rows, _between(ids) if dense else id_in(connection, ids))
            yield from (person for person in people if _is_meant(person, wanted))


def _between(ids: Sequence[int]) -> Any:
    first, last = ids[0], ids[-1]
    return lambda column: column.between(first, last)
