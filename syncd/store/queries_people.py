"""Finding people: one by whatever they are known by, and everybody in one stream. Lists: syncd.store.userlists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, func, not_, or_, select

from syncd.errors import NotFoundError, UsageError
from syncd.model.dn import InvalidDN, normalize
from syncd.model.text import fold
from syncd.model.views import PersonView
from syncd.store import schema as t
from syncd.store.queries_person import PersonAssembler, id_in, own_fields


def people_by_ids(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[PersonView]:
    """These people, in this order; whoever does not exist is left out."""
    found = id_in(connection, ids)
    rows = connection.execute(own_fields().where(found(t.users.c.id)))
    people = {person.id: person for person in PersonAssembler(connection, now=now).people(rows, found)}
    return [people[number] for number in ids if number in people]


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
