"""Finding people: lists in pages, one person by whatever they are known by, and everybody in one stream."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, exists, func, not_, or_, select

from syncd.errors import NotFoundError, UsageError
from syncd.model.dn import InvalidDN, normalize
from syncd.model.text import fold
from syncd.model.views import Page, PersonView, UserFilter, UserState
from syncd.store import schema as t
from syncd.store.accounts import keeps_out
from syncd.store.engine import read
from syncd.store.queries_person import PersonAssembler, id_between, id_in, own_fields

MAX_PAGE = 1000
# people in memory at a time while all are streamed
_CHUNK = 1000
# rows fetched at a time while a text is looked for
_SCAN = 2000

# what a list needs of everybody it looks at: where they stand in it, and what a text is looked for in
_LISTED = (
    t.users.c.id, t.users.c.username_key, t.users.c.email_key, t.users.c.display_name, t.users.c.first_name,
    t.users.c.middle_name, t.users.c.last_name,
)  # fmt: skip


# ---------------------------------------------------------------- lists
def list_people(
    connection: Connection, wanted: UserFilter, *, limit: int, after: str | None, now: datetime
) -> Page[PersonView]:
    """A page of people by username; those without one come last, by id. Raises UsageError for a wrong limit or `after`."""
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"a page has 1 to {MAX_PAGE} people, not {limit}")
    key, number = _position(after)
    rows: list[Row[Any]] = []
    if number is None:
        named = select(*_LISTED).where(t.users.c.username_key > (key or "")).order_by(t.users.c.username_key)
        rows = _matching(connection, named.where(*_conditions(wanted, now)), wanted.text, limit + 1)
    if len(rows) <= limit:
        nameless = select(*_LISTED).where(t.users.c.username_key.is_(None), t.users.c.id > (number or 0))
        query = nameless.order_by(t.users.c.id).where(*_conditions(wanted, now))
        rows += _matching(connection, query, wanted.text, limit + 1 - len(rows))
    page = rows[:limit]
    people = people_by_ids(connection, [row.id for row in page], now=now)
    return Page(items=tuple(people), next=_token(page[-1]) if len(rows) > limit else None)


def people_by_ids(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[PersonView]:
    """These people, in this order; whoever does not exist is left out."""
    found = id_in(ids)
    rows = connection.execute(own_fields().where(found(t.users.c.id)))
    people = {person.id: person for person in PersonAssembler(connection, now=now).people(rows, found)}
    return [people[number] for number in ids if number in people]


def _matching(connection: Connection, query: Select[Any], text: str, limit: int) -> list[Row[Any]]:
    """The first rows in which all words of the text occur.

    No index could help with words inside of words, and SQLite's LIKE knows no case beyond ASCII: so the rows are looked at
    here, folded as everywhere, and on both databases alike.
    """
    words = fold(text).split()
    if not words:
        return list(connection.execute(query.limit(limit)))
    found: list[Row[Any]] = []
    with connection.execute(query, execution_options={"yield_per": _SCAN}) as rows:
        for row in rows:
            haystack = fold(" ".join(filter(None, row[1:])))
            if all(word in haystack for word in words):
                found.append(row)
                if len(found) == limit:
                    break
    return found


def _token(row: Row[Any]) -> str:
    position = f"i{row.id}" if row.username_key is None else f"u{row.username_key}"
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _position(token: str | None) -> tuple[str | None, int | None]:
    """(username key, None) among those with a username, (None, id) after them."""
    if token is None:
        return None, None
    try:
        position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        if position[:1] == "i":
            return None, int(position[1:])
    except (binascii.Error, ValueError):
        position = ""
    if position[:1] != "u":
        raise UsageError("the page mark is not one that an earlier page gave")
    return position[1:], None


# ---------------------------------------------------------------- conditions
def _conditions(wanted: UserFilter, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [_in_state(wanted.state, now)] if wanted.state is not UserState.ALL else []
    if wanted.directory is not None:
        here = t.identities.c.directory_id == _directory(wanted.directory)
        if wanted.state is UserState.MISSING:
            here = and_(here, t.identities.c.missing_since.is_not(None))
        conditions.append(exists().where(t.identities.c.user_id == t.users.c.id, here))
    return conditions


def _directory(name: str) -> Any:
    return select(t.directories.c.id).where(t.directories.c.name == name).scalar_subquery()


def _has_access(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(t.access.c.user_id == t.users.c.id, condition)


_theirs = t.identities.c.user_id == t.users.c.id
_present = t.identities.c.missing_since.is_(None)
_missing = and_(not_(t.users.c.manual), exists().where(_theirs, t.identities.c.missing_since.is_not(None)))
_disabled_there = and_(not_(t.users.c.manual), exists().where(_theirs, _present, t.identities.c.account_disabled))
_active = and_(t.users.c.enabled, not_(_missing), not_(_disabled_there))
_enabled_organizations = select(t.organizations.c.id).where(t.organizations.c.enabled)


def _in_state(state: UserState, now: datetime) -> ColumnElement[bool]:
    """Who is in it at that moment."""
    if state is UserState.CANNOT_LOG_IN:
        return not_(_can_log_in(now))
    return {UserState.ACTIVE: _active, UserState.DISABLED: not_(_active), UserState.MISSING: _missing}[state]


def _can_log_in(now: datetime) -> ColumnElement[bool]:
    """What syncd.accounts.gate says, for many at once; a test holds the two together."""
    return and_(
        _active,
        or_(t.users.c.manual, not_(exists().where(_theirs, _present, keeps_out(now)))),
        t.users.c.auth_status == "active",
        _has_access(t.access.c.organization_id.in_(_enabled_organizations)),
        _has_access(t.access.c.unit_id.in_(select(t.units.c.id))),
    )


# ---------------------------------------------------------------- one person
def find_person(connection: Connection, text: str, *, now: datetime) -> PersonView:
    """The person with this id, username, email, DN or entry id. `id:`, `username:`, `email:`, `dn:` or `entry:` before it says
    which of them is meant. Raises NotFoundError, and UsageError when it means several people.
    """
    kind, colon, value = text.partition(":")
    if colon and kind in _KINDS:
        queries = [_KINDS[kind](value.strip())]
    else:
        queries = [kind_query(text.strip()) for kind_query in _KINDS.values()]
    ids: set[int] = set()
    for query in queries:
        if query is not None:
            ids.update(connection.execute(query).scalars())
    people = people_by_ids(connection, sorted(ids)[:5], now=now)
    if not people:
        raise NotFoundError(f"nobody has the id, username, email, DN or entry id {text!r}")
    if len(people) > 1:
        several = ", ".join(f"id:{person.id} ({person.username})" for person in people)
        raise UsageError(f"{text!r} means several people: {several}", advice="Name one of them by their id.")
    return people[0]


def _by_id(text: str) -> Select[Any] | None:
    # 18 digits fit into the column on both databases
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return None
    return select(t.users.c.id).where(t.users.c.id == int(text))


def _by_username(text: str) -> Select[Any]:
    return select(t.users.c.id).where(t.users.c.username_key == fold(text))


def _by_email(text: str) -> Any:
    """By the primary address, or by a further one; those have no index, which is felt beyond a million."""
    if "@" not in text:
        return None
    further = select(t.user_emails.c.user_id).where(func.lower(t.user_emails.c.email) == text.lower())
    return select(t.users.c.id).where(t.users.c.email_key == fold(text)).union(further)


def _by_dn(text: str) -> Select[Any] | None:
    """Who has the name now; only when nobody has, whoever had it last."""
    try:
        key = normalize(text)
    except InvalidDN:
        return None
    if not key:
        return None
    mine, other = t.identities.c, t.identities.alias("other").c
    taken = exists().where(other.dn_key == key, other.missing_since.is_(None))
    return select(mine.user_id).where(mine.dn_key == key, or_(mine.missing_since.is_(None), not_(taken)))


def _by_entry_id(text: str) -> Select[Any]:
    # naming the directories, all of them, makes the index usable
    every_directory = t.identities.c.directory_id.in_(select(t.directories.c.id))
    return select(t.identities.c.user_id).where(every_directory, t.identities.c.entry_id.in_({text, text.lower()}))


_KINDS = {"id": _by_id, "username": _by_username, "email": _by_email, "dn": _by_dn, "entry": _by_entry_id}


# ---------------------------------------------------------------- everybody
def iter_people(engine: Engine, *, now: datetime) -> Generator[PersonView]:
    """Everybody by id, as the store was at the first step: whatever is written meanwhile is not seen. Memory does not grow.

    The transaction ends with the iteration; close the iterator (contextlib.closing) when it is left early. Raises StoreError.
    """
    with read(engine) as connection:
        assembler = PersonAssembler(connection, now=now)
        last = 0
        while rows := connection.execute(own_fields().where(t.users.c.id > last).order_by(t.users.c.id).limit(_CHUNK)).all():
            first, last = rows[0].id, rows[-1].id
            yield from assembler.people(rows, id_between(first, last))
