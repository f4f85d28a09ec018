"""Whom a list of people shows, in SQL: the conditions, and the few for whom they may hold where those are few."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, not_, or_, select, text

from syncd.model.text import fold
from syncd.model.userfilter import AllOf, Condition, Test
from syncd.model.views import UserFilter, UserState
from syncd.store import filters
from syncd.store import schema as t
from syncd.store.among import among_gathered, gathered
from syncd.store.gate import active, missing
from syncd.store.matching import Searching, in_row, in_search, words_in

_u, _i = t.users.c, t.identities.c
# how many are few: whom to look up first, and then filter and sort
FEW = 20_000
# where looking more up would cost more than it saves: for a list that goes through user_search itself
FEWER = 2000


class Narrowed(NamedTuple):
    """Conditions on rows of `users`."""

    conditions: list[ColumnElement[bool]]
    # one of them is to be among few who were looked up
    few: bool


def narrowed(connection: Connection, wanted: UserFilter, *, now: datetime, searching: Searching = in_search) -> Narrowed | None:
    """Whom a list shows; None: nobody."""
    parts = _parts(wanted)
    conditions = dict(_conditions(wanted, parts, now, searching))
    limit = FEW if searching is in_search else min(FEW, FEWER)
    for name, seed in _seeds(wanted, parts, now):
        if name == "text" and searching is in_row:
            # the list itself goes through all the texts, as this would
            continue
        few = gathered(connection, seed, most=limit)
        if not few.size:
            return None
        if few.values is not None:
            # what found them need not be asked of each again
            conditions.pop(name, None)
            return Narrowed([among_gathered(connection, _u.id, few), *conditions.values()], few=True)
    return Narrowed(list(conditions.values()), few=False)


def in_reach(wanted: UserFilter, *, now: datetime, searching: Searching) -> list[ColumnElement[bool]] | None:
    """What to ask of the next ones in the order before anybody is looked up by their names; None where nobody is."""
    parts = _parts(wanted)
    if not parts.text or searching is in_row or wanted.state is UserState.CANNOT_LOG_IN:
        return None
    return [condition for _, condition in _conditions(wanted, parts, now, searching)]


class _Parts(NamedTuple):
    """What is asked by words and by a condition."""

    # of a row of user_search: all that needs no more, so that one look at each finds those for whom all of it holds
    text: list[ColumnElement[bool]]
    # what else must hold
    rest: list[Condition]


def _parts(wanted: UserFilter) -> _Parts:
    condition = wanted.condition
    terms = () if condition is None else condition.terms if isinstance(condition, AllOf) else (condition,)
    of_text = [term for term in terms if filters.is_of_text(term)]
    text = [filters.holds(term, in_row) for term in of_text]
    if len(of_text) > 1:
        # which rows are worth a closer look
        text[:0] = [hint for term in of_text for hint in filters.hints(term)]
    if words := fold(wanted.text).split():
        text.insert(0, words_in(words))
    return _Parts(text, [term for term in terms if not filters.is_of_text(term)])


def _conditions(
    wanted: UserFilter, parts: _Parts, now: datetime, searching: Searching
) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """By name."""
    if wanted.state is not UserState.ALL:
        yield "state", _in_state(wanted.state, now)
    if wanted.directory is not None:
        yield "directory", exists().where(_i.user_id == _u.id, _of_directory(wanted))
    if parts.text:
        yield "text", searching(and_(*parts.text))
    for column, named, number in _belongings(wanted):
        yield str(named), exists().where(column == _u.id, named == number)
    for place, term in enumerate(parts.rest):
        yield f"term {place}", filters.holds(term, searching)


def _seeds(wanted: UserFilter, parts: _Parts, now: datetime) -> Iterator[tuple[str, Select[Any]]]:
    """Queries of ids of everybody who may be meant, the cheap ones first, with the name of the condition that holds for exactly
    whom each finds; "" where there is none."""
    if wanted.state in _RARE_STATES:
        yield "", _rare(wanted.state, now)
    for column, named, number in _belongings(wanted):
        yield str(named), select(column).where(named == number)
    for place, term in enumerate(parts.rest):
        exact = f"term {place}" if isinstance(term, Test) else ""
        for seed in filters.seeds(term):
            yield exact, seed
    if parts.text:
        yield "text", select(t.user_search.c.user_id).where(*parts.text)
    if wanted.directory is not None:
        yield "directory", select(_i.user_id).where(_of_directory(wanted))


def _belongings(wanted: UserFilter) -> Iterator[tuple[Any, Any, int]]:
    groups, access = t.group_members.c, t.access.c
    for user, named, number in (
        (groups.user_id, groups.group_id, wanted.group),
        (t.grants.c.user_id, t.grants.c.role_id, wanted.role),
        (access.user_id, access.organization_id, wanted.organization),
        (access.user_id, access.unit_id, wanted.unit),
    ):
        if number is not None:
            yield user, named, number


def _of_directory(wanted: UserFilter) -> ColumnElement[bool]:
    number = select(t.directories.c.id).where(t.directories.c.name == wanted.directory).scalar_subquery()
    here = _i.directory_id == number
    return and_(here, _i.missing_since.is_not(None)) if wanted.state is UserState.MISSING else here


# ---------------------------------------------------------------- views
_RARE_STATES = (UserState.DISABLED, UserState.CANNOT_LOG_IN, UserState.MISSING, UserState.LOCKED)


def _in_state(state: UserState, now: datetime) -> ColumnElement[bool]:
    """Who is in it at that moment; of those who cannot log in all who may be among them, which costs far less to say."""
    if state is UserState.CANNOT_LOG_IN:
        return or_(not_(_u.has_access), _u.id.in_(filters.together(*_by_time(now))))
    return {
        UserState.ACTIVE: active,
        UserState.DISABLED: not_(active),
        UserState.MISSING: missing,
        UserState.LOCKED: _u.auth_status == "locked",
    }[state]


def _rare(state: UserState, now: datetime) -> Select[Any]:
    """Ids of all who may be in it, by indexes that have only those; conditions are written as in the indexes."""
    of_users = select(_u.id)
    gone = select(_i.user_id).where(_i.missing_since.is_not(None))
    if state is UserState.MISSING:
        return gone
    if state is UserState.LOCKED:
        return of_users.where(text("users.auth_status <> 'active'"), _u.auth_status == "locked")
    off = of_users.where(text("NOT users.enabled"))
    if state is UserState.DISABLED:
        return filters.together(off, gone, select(_i.user_id).where(text("identities.account_disabled")))
    # what was told last, and what time alone has changed since
    return filters.together(of_users.where(text("NOT users.has_access")), *_by_time(now))


def _by_time(now: datetime) -> list[Select[Any]]:
    """Whom a time of their account may keep out now."""
    begun = [select(_i.user_id).where(column > now) for column in (_i.account_locked_until, _i.account_valid_from)]
    ended = [select(_i.user_id).where(column <= now) for column in (_i.account_expires_at, _i.account_password_expires_at)]
    return begun + ended
