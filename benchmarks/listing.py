"""How long pages of people take, of a store with 200,000 of them. The bar is absolute: what a person who waits does not notice.

The people are written as a first import writes them, without any directory; what is asked is what the API and the CLI ask.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine, insert, text

from syncd.model.views import Page, PersonView, UserFilter, UserOrder, UserState
from syncd.services.scimfilter import parse_filter
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.bulk import Block, bulk_insert_all, time_text
from syncd.store.engine import open_engine, write
from syncd.store.migrate import upgrade
from syncd.store.queries import BY_USERNAME, Queries
from syncd.store.searchrows import COLUMNS, search_text

AT = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
BATCH = 1000
ROUNDS = 40
PAGE = 50
DEEP = 1000
# of what a sixth of all are found by
DEEP_FOUND = 600
# one in so many people is, or has, something rare
RARE = 1000
_FIRST = [
    a + b for a in ("an", "ber", "car", "dor", "el", "fri", "han", "jo", "kat", "lu") for b in ("a", "ina", "o", "us", "e")
]
_LAST = [
    a + b + c for a in ("schmi", "mey", "gar", "lop", "wal", "kow") for b in ("d", "er", "ez", "ski") for c in ("t", "son", "a")
]


class Question(NamedTuple):
    """What is asked again and again."""

    name: str
    ask: Callable[[Queries], Page[PersonView]]


def fill(url: str, *, people: int) -> None:
    """The tables, and that many people in them."""
    engine = open_engine(StoreSettings(url=url))
    try:
        upgrade(engine)
        places = _places(engine)
        for start in range(0, people, BATCH):
            with write(engine) as connection:
                bulk_insert_all(connection, _rows(range(start, min(start + BATCH, people)), places))
        if engine.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                # what autovacuum does within minutes
                connection.execute(text("VACUUM ANALYZE"))
    finally:
        engine.dispose()


def _places(engine: Engine) -> tuple[int, int, int, int, int]:
    """Ids of a directory, an organization, a unit, a role of everybody and one of few."""
    rows = (
        (t.directories, {"name": "corp", "created_at": AT}),
        (t.organizations, {"name": "Acme", "name_key": "acme", "created_at": AT, "updated_at": AT}),
        (t.units, {"name": "Sales", "organization_id": 1}),
        (t.roles, {"name": "employee", "name_key": "employee", "created_at": AT, "updated_at": AT}),
        (t.roles, {"name": "auditor", "name_key": "auditor", "created_at": AT, "updated_at": AT}),
    )
    with write(engine) as connection:
        ids = [connection.execute(insert(table).values(**row).returning(table.c.id)).scalar_one() for table, row in rows]
    directory, organization, unit, employee, auditor = ids
    return directory, organization, unit, employee, auditor


def _rows(numbers: range, places: tuple[int, int, int, int, int]) -> Iterator[Block]:
    directory, organization, unit, employee, auditor = places
    chance = random.Random(numbers.start)
    at = time_text(AT)
    users, search, identities, access, grants = [], [], [], [], []
    for number in numbers:
        id_, first, last = number + 1, chance.choice(_FIRST), chance.choice(_LAST)
        username, email, rare = f"u{number:07}", f"{first}.{last}{number}@example.com", number % RARE
        display, title = f"{first} {last}", f"Engineer {number % 50}"
        login = time_text(AT + timedelta(seconds=chance.randrange(10**7))) if number % 2 else None
        status, enabled = ("locked" if rare == 1 else "active"), (0 if rare == 2 else 1)
        missing = at if rare == 3 else None
        can = 0 if 1 <= rare <= 4 else 1
        users.append((id_, at, at, can, enabled, status, login, username, username, email, email, first, last, display, title))
        word = "zyzzyva" if rare == 5 else display
        search.append((id_, search_text((last, first, None, word, username, email, title))))
        dn = f"uid={username},ou=people,dc=example,dc=com"
        identities.append((id_, directory, f"entry-{number}", dn, dn, bytearray(b"x" * 16), at, at, missing))
        if rare != 4:
            access.append((id_, organization, unit, directory))
        grants += [(id_, employee, directory)] + ([(id_, auditor, directory)] if rare == 6 else [])
    names = ("first_name", "last_name", "display_name", "title")
    state = ("id", "created_at", "updated_at", "has_access", "enabled", "auth_status", "last_login_at")
    yield t.users, (*state, "username", "username_key", "email", "email_key", *names), users
    yield t.user_search, COLUMNS, search
    entry = ("entry_id", "dn", "dn_key", "fingerprint", "first_seen_at", "dn_since", "missing_since")
    yield t.identities, ("user_id", "directory_id", *entry), identities
    yield t.access, ("user_id", "organization_id", "unit_id", "directory_id"), access
    yield t.grants, ("user_id", "role_id", "directory_id"), grants


def questions(queries: Queries) -> list[Question]:
    """Every kind of list, at its first page; those in an order also at the thousandth, and a search where it nearly ends."""
    asked = [Question(f"search {what}", _asking(UserFilter(text=words))) for what, words in _SEARCHES.items()]
    asked += [Question(f"filter {one}", _asking(_filter(one))) for one in _FILTERS]
    asked += [Question(f"view {state}", _asking(UserFilter(state=state))) for state in UserState]
    by_name = UserOrder.parse("name")
    for wanted, name in ((UserFilter(text="schmid"), "search schmid"), (_filter(_BY_NAME), f"filter {_BY_NAME}")):
        asked.append(Question(f"{name}, sort name", _asking(wanted, by_name)))
        for order in (BY_USERNAME, by_name):
            mark = _mark_of(queries, order, pages=DEEP_FOUND, wanted=wanted)
            asked.append(Question(f"{name}, sort {order}, page {DEEP_FOUND}", _asking(wanted, order, mark)))
    for name in ("username", "-username", "email", "name", "-name", "created", "-created", "last_login", "-last_login"):
        order = UserOrder.parse(name)
        asked.append(Question(f"sort {name}, first page", _asking(UserFilter(), order)))
        mark = _mark_of(queries, order, pages=DEEP)
        asked.append(Question(f"sort {name}, page {DEEP}", _asking(UserFilter(), order, mark)))
    return asked


_SEARCHES = {
    "a common word": "schmid",
    "a rare word": "zyzzyva",
    "no one's word": "qqqqq",
    "two words": "anna kowskison",
    "a letter": "e",
    "the late": "u019",
}
_BY_NAME = 'name.familyName sw "wal"'
_FILTERS = (
    'userName eq "u0123456"', 'userName sw "u01"', 'userName co "0077"', 'userName co "u019"', 'emails.value co "kowskit19"',
    'name.familyName eq "lopera"',
    'name.familyName sw "kow" and active eq true', 'displayName ew "zzz"', "active eq false", 'role eq "auditor"',
    'role eq "employee"', 'createdAt gt "2027-01-01T00:00:00Z"', 'lastLoginAt gt "2026-05-26T00:00:00Z"',
    'not (userName sw "u")', 'displayName co "kow" or title co "49"', 'displayName co "kow" and title co "49"',
)  # fmt: skip


def _filter(text: str) -> UserFilter:
    return UserFilter(condition=parse_filter(text, custom={}))


def _asking(
    wanted: UserFilter, order: UserOrder = BY_USERNAME, after: str | None = None
) -> Callable[[Queries], Page[PersonView]]:
    return lambda queries: queries.users(wanted, order=order, limit=PAGE, after=after)


def _mark_of(queries: Queries, order: UserOrder, *, pages: int, wanted: UserFilter = UserFilter()) -> str | None:  # noqa: B008
    """What the page after that many is asked for with; large steps lead there faster."""
    mark = None
    for _ in range(pages * PAGE // 1000):
        page = queries.users(wanted, order=order, limit=1000, after=mark)
        if page.next is None:
            break
        mark = page.next
    return mark


def measure(url: str) -> dict[str, tuple[float, float]]:
    """Question -> (median, 99th percentile) in ms."""
    engine = open_engine(StoreSettings(url=url))
    try:
        queries = Queries(engine)
        found = {}
        for question in questions(queries):
            question.ask(queries)
            times = sorted(_milliseconds(question, queries) for _ in range(ROUNDS))
            found[question.name] = (statistics.median(times), times[max(0, int(len(times) * 0.99) - 1)])
        return found
    finally:
        engine.dispose()


def _milliseconds(question: Question, queries: Queries) -> float:
    begun = time.perf_counter()
    question.ask(queries)
    return (time.perf_counter() - begun) * 1000
