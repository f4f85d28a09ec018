"""Groups of users: lists, and changes by hand with their audit events. No run touches them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from syncd.errors import NoSuchReferenceError, NotFoundError
from syncd.model.caller import Caller
from syncd.model.structure import Group, GroupFields, Member, Window
from syncd.model.text import fold
from syncd.model.views import Page
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.matching import words_in
from syncd.store.named import differences, locked, named_page, page_size, require_free

_MEMBER = (t.users.c.id, t.users.c.username, t.users.c.display_name, t.users.c.email)


class SqlGroups:
    """`GroupStore` of services.ports_structure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ looking
    def list(self, window: Window) -> Page[Group]:
        with read(self._engine) as connection:
            rows, following = named_page(connection, t.groups, window, texts=("name", "description"))
            return Page(items=tuple(_groups(connection, rows)), next=following)

    def get(self, group_id: int) -> Group:
        with read(self._engine) as connection:
            return _group(connection, group_id)

    def by_name(self, name: str) -> int | None:
        with read(self._engine) as connection:
            return connection.scalar(select(t.groups.c.id).where(t.groups.c.name_key == fold(name)))

    def members(self, group_id: int, *, text: str, limit: int, after: int) -> Page[Member]:
        m = t.group_members.c
        query = select(*_MEMBER).join(t.group_members, m.user_id == t.users.c.id)
        words = fold(text).split()
        if words:
            query = query.join(t.user_search, t.user_search.c.user_id == m.user_id).where(words_in(words))
        query = query.where(m.group_id == group_id, m.user_id > after).order_by(m.user_id).limit(page_size(limit) + 1)
        with read(self._engine) as connection:
            _group(connection, group_id)
            found = [Member(**row._mapping) for row in connection.execute(query)]
        following = str(found[limit - 1].id) if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=following)

    # ------------------------------------------------------------ changing
    def create(self, fields: GroupFields, *, caller: Caller, at: datetime) -> Group:
        with write(self._engine) as connection:
            require_free(connection, t.groups, fields.name, "group")
            made = insert(t.groups).values(**_columns(fields), created_at=at).returning(t.groups.c.id)
            number = int(connection.execute(made).scalar_one())
            Journal(connection, caller=caller, at=at).note("group.created", "group", number, after=asdict(fields))
            return _group(connection, number)

    def edit(
        self, group_id: int, change: Callable[[GroupFields], GroupFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Group:
        with write(self._engine) as connection:
            row = locked(connection, t.groups, group_id, "group", if_match=if_match)
            before = GroupFields(name=row.name, description=row.description)
            fields = change(before)
            if fields != before:
                require_free(connection, t.groups, fields.name, "group", own=group_id)
                values = {**_columns(fields), "version": row.version + 1}
                connection.execute(update(t.groups).where(t.groups.c.id == group_id).values(values))
                was, now = differences(before, fields, ("name", "description"))
                Journal(connection, caller=caller, at=at).note("group.updated", "group", group_id, before=was, after=now)
            return _group(connection, group_id)

    def delete(self, group_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        with write(self._engine) as connection:
            row = locked(connection, t.groups, group_id, "group", if_match=if_match)
            members = connection.scalar(select(func.count()).where(t.group_members.c.group_id == group_id))
            connection.execute(delete(t.groups).where(t.groups.c.id == group_id))
            before = {"name": row.name, "description": row.description, "members": members}
            journal = Journal(connection, caller=caller, at=at)
            journal.note("group.deleted", "group", group_id, before=before, reason=reason)

    def add(self, group_id: int, user_ids: Collection[int], *, caller: Caller, at: datetime) -> int:
        with write(self._engine) as connection:
            locked(connection, t.groups, group_id, "group", if_match=None)
            names = _usernames(connection, user_ids)
            for user_id in user_ids:
                if user_id not in names:
                    raise NoSuchReferenceError(f"there is no user {user_id}")
            new = sorted(set(user_ids) - _members(connection, group_id, user_ids))
            if new:
                connection.execute(insert(t.group_members), [{"group_id": group_id, "user_id": number} for number in new])
                _touch(connection, group_id)
            journal = Journal(connection, caller=caller, at=at)
            for number in new:
                journal.add("group.member_added", "group", group_id, after={"user_id": number, "username": names[number]})
            journal.write()
            return len(new)

    def remove(self, group_id: int, user_ids: Collection[int], *, reason: str, caller: Caller, at: datetime) -> int:
        with write(self._engine) as connection:
            locked(connection, t.groups, group_id, "group", if_match=None)
            gone = sorted(_members(connection, group_id, user_ids))
            names = _usernames(connection, gone)
            theirs = (t.group_members.c.group_id == group_id, among(connection, t.group_members.c.user_id, gone))
            connection.execute(delete(t.group_members).where(*theirs))
            if gone:
                _touch(connection, group_id)
            journal = Journal(connection, caller=caller, at=at)
            for number in gone:
                before = {"user_id": number, "username": names.get(number)}
                journal.add("group.member_removed", "group", group_id, before=before, reason=reason)
            journal.write()
            return len(gone)


# ---------------------------------------------------------------- rows
def _group(connection: Connection, group_id: int) -> Group:
    row = connection.execute(select(t.groups).where(t.groups.c.id == group_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no group {group_id}")
    return next(_groups(connection, [row]))


def _groups(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Group]:
    m = t.group_members.c
    counted = select(m.group_id, func.count()).where(among(connection, m.group_id, [row.id for row in rows]))
    members: dict[int, int] = dict(connection.execute(counted.group_by(m.group_id)).all())
    for row in rows:
        yield Group(
            id=row.id,
            fields=GroupFields(name=row.name, description=row.description),
            members=members.get(row.id, 0),
            version=row.version,
            created_at=row.created_at,
        )


def _columns(fields: GroupFields) -> dict[str, Any]:
    return {"name": fields.name, "name_key": fold(fields.name), "description": fields.description}


def _touch(connection: Connection, group_id: int) -> None:
    connection.execute(update(t.groups).where(t.groups.c.id == group_id).values(version=t.groups.c.version + 1))


def _usernames(connection: Connection, user_ids: Collection[int]) -> dict[int, str | None]:
    found = connection.execute(select(t.users.c.id, t.users.c.username).where(among(connection, t.users.c.id, user_ids)))
    return dict(found.all())


def _members(connection: Connection, group_id: int, user_ids: Collection[int]) -> set[int]:
    """Those of these users who are in it."""
    m = t.group_members.c
    return set(connection.scalars(select(m.user_id).where(m.group_id == group_id, among(connection, m.user_id, user_ids))))
