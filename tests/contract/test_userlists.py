"""Lists of people: filters, searches, views and every order, over SQLite and PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, update

from syncd.errors import FilterError, UsageError
from syncd.model.checks import CheckStatus
from syncd.model.views import PersonView, UserFilter, UserOrder, UserSort, UserState
from syncd.services.scimfilter import parse_filter
from syncd.services.userlists import UserListService
from syncd.store import narrowing
from syncd.store import schema as t
from syncd.store.engine import write
from syncd.store.queries import Queries
from tests.fakes.edge import FakeClock
from tests.fakes.people_rows import NOON, Rows, later

CUSTOM = {
    "cost_center": "text", "number": "integer", "since": "date", "langs": "list", "boss": "boolean", "seen": "datetime",
    "nothing": "text",
}  # fmt: skip


@pytest.fixture
def queries(engine: Engine) -> Queries:
    return Queries(engine, clock=FakeClock(NOON))


@pytest.fixture
def rows(engine: Engine) -> Rows:
    return Rows(engine)


@pytest.fixture(params=["few", "many"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list is found by looking its few up first, and by going through everybody."""
    monkeypatch.setattr(narrowing, "FEW", 5000 if request.param == "few" else 0)


@pytest.fixture
def company(rows: Rows) -> dict[str, int]:
    """Four people with something of everything."""
    corp = rows.directory("corp")
    main, other = rows.organization("Main"), rows.organization("Other")
    sales = rows.unit(main, "Sales")
    admin, reader = rows.role("Administrator"), rows.role("reader")
    group = _group(rows, "Night shift")
    ana = rows.user(
        "Ana", first_name="Ana", last_name="Núñez", title="Chief 100%", tags=["VIP"], emails=["boss@else.example"],
        custom={"cost_center": "A_1", "number": 7, "since": date(2020, 1, 1), "langs": ("es", 'p"t'), "boss": True,
                "seen": datetime(2026, 1, 31, 8, tzinfo=UTC)},
        last_login_at=later(-5),
    )  # fmt: skip
    ben = rows.user(
        "ben", display_name="Ben Straße", enabled=False, custom={"cost_center": "AB1", "langs": ("x,", "t"), "number": -30}
    )
    cleo = rows.user("cleo", middle_name="M.", auth_status="locked", manual=True, created_at=later(-60), email="C@Example.com")
    dora = rows.user("do_ra", email=None, last_name="O'Hara; DROP TABLE users", updated_at=later(5))
    rows.identity(ana, corp, "uid=ana,dc=x")
    rows.identity(ben, corp, "uid=ben,dc=x")
    rows.access(ana, main, sales, directory=corp)
    rows.access(dora, other)
    rows.grant(ana, admin, directory=corp)
    rows.grant(ben, reader)
    rows.row(t.group_members, group_id=group, user_id=cleo)
    return {"Ana": ana, "ben": ben, "cleo": cleo, "do_ra": dora, "group": group, "admin": admin, "main": main, "sales": sales}


def _group(rows: Rows, name: str) -> int:
    return rows._number(t.groups, name=name, name_key=name.lower(), created_at=NOON)


def wanted_people(queries: Queries, **asked: Any) -> UserFilter:
    return UserListService(store=queries, export_fields=[], custom_fields=CUSTOM, directories=()).wanted(**asked)


def found(queries: Queries, wanted: UserFilter, **options: Any) -> list[str | None]:
    return [person.username for person in queries.users(wanted, **options).items]


# ---------------------------------------------------------------- filters
FILTERS = {
    'userName eq "ANA"': "Ana", 'USERNAME sw "a"': "Ana", 'userName co "n"': "Ana ben", 'userName ew "A"': "Ana do_ra",
    'userName ne "ana"': "ben cleo do_ra", 'userName sw "_"': "", 'userName co "_"': "do_ra", 'userName co "%"': "",
    'name.familyName eq "NÚÑEZ"': "Ana", 'name.familyName sw "nú"': "Ana", 'name.familyName eq "nú"': "",
    'name.familyName co "drop table"': "do_ra", 'name.familyName eq "o\'hara; drop table users"': "do_ra",
    'name.familyName co "ana"': "", 'name.givenName eq "ana"': "Ana", 'name.middleName pr': "cleo",
    'displayName ew "STRASSE"': "ben", 'displayName pr': "ben", 'title co "100%"': "Ana", 'title eq null': "ben cleo do_ra",
    'title ne null': "Ana", 'emails eq "boss@ELSE.example"': "Ana", 'emails.value sw "c@"': "cleo",
    'emails[value co "else"]': "Ana", 'emails[value eq "x"].value eq "y"': None, 'emails pr': "Ana ben cleo",
    'active eq false': "ben", 'active eq true': "Ana cleo do_ra", 'enabled ne true': "ben", 'authStatus eq "locked"': "cleo",
    'authStatus ne "locked"': "Ana ben do_ra", 'manual eq true': "cleo", 'directory eq "corp"': "Ana ben",
    'directory pr': "Ana ben", 'role eq "administrator"': "Ana", 'roles ne "reader"': "Ana cleo do_ra",
    'group eq "night SHIFT"': "cleo", 'organization eq "Main"': "Ana", 'unit eq "Sales"': "Ana", 'tag eq "vip"': "Ana",
    'tags sw "V"': "Ana", 'createdAt lt "2026-03-01T11:30:00Z"': "cleo",
    'meta.created ge "2026-03-01T13:00:00+01:00"': "Ana ben do_ra",
    'updatedAt gt "2026-03-01T12:00:00Z"': "do_ra", 'lastLoginAt pr': "Ana", 'lastLoginAt le "2026-03-01T12:00:00Z"': "Ana",
    'not (lastLoginAt pr)': "ben cleo do_ra", 'custom.cost_center eq "a_1"': "Ana", 'custom.cost_center sw "A"': "Ana ben",
    'custom.cost_center co "_"': "Ana", 'custom.cost_center ew "1"': "Ana ben", 'custom.number eq 7': "Ana",
    'custom.number pr': "Ana ben", 'custom.boss eq true': "Ana", 'custom.since eq "2020-01-01"': "Ana",
    'custom.langs eq "es"': "Ana", 'custom.langs eq "p\\"t"': "Ana", 'custom.langs eq "t"': "ben", 'custom.nothing pr': "",
    'custom.number gt 6': "Ana", 'custom.number ge 7': "Ana", 'custom.number gt 7': "", 'custom.number lt 7': "ben",
    'custom.number le -30': "ben",
    'custom.since ge "2020-01-01"': "Ana", 'custom.since gt "2020-01-01"': "", 'custom.since lt "2020-01-02"': "Ana",
    'custom.seen eq "2026-01-31T09:00:00+01:00"': "Ana", 'custom.since ne "2020-01-01"': "ben cleo do_ra",
    'custom.seen le "2026-01-31T09:00:00+01:00"': "Ana",
    'custom.seen lt "2026-01-31T08:00:00.5Z"': "Ana", 'custom.seen gt "2026-01-31T07:59:59.999Z"': "Ana",
    'not (custom.number gt 6)': "ben cleo do_ra", 'custom.number eq "7"': "Ana",
    'userName eq "ana" or userName eq "ben" and active eq true': "Ana",
    '(userName eq "ana" or userName eq "ben") and active eq false': "ben",
    'not (userName eq "ana" or active eq false)': "cleo do_ra",
    'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ben"': "ben",
}  # fmt: skip


@pytest.mark.usefixtures("both_ways")
def test_s33_filters_of_every_kind_find_whom_they_mean(queries: Queries, company: dict[str, int]) -> None:
    for text, expected in FILTERS.items():
        if expected is None:
            with pytest.raises(FilterError):
                parse_filter(text, custom=CUSTOM)
            continue
        wanted = wanted_people(queries, filter=text)
        assert found(queries, wanted) == expected.split(), text
        assert queries.count_users(wanted) == len(expected.split()), text
        assert sorted(p.username or "" for p in queries.iter_people(wanted)) == sorted(expected.split())


@pytest.mark.usefixtures("both_ways")
def test_s33_ids_are_compared_as_numbers_and_named_things_by_id_too(queries: Queries, company: dict[str, int]) -> None:
    assert found(queries, wanted_people(queries, filter=f"id eq {company['ben']}")) == ["ben"]
    assert found(queries, wanted_people(queries, filter=f'id ge "{company["cleo"]}"')) == ["cleo", "do_ra"]
    assert found(queries, wanted_people(queries, filter=f"group eq {company['group']}")) == ["cleo"]
    assert found(queries, wanted_people(queries, role=company["admin"])) == ["Ana"]
    assert found(queries, wanted_people(queries, group=company["group"])) == ["cleo"]
    assert found(queries, wanted_people(queries, organization=company["main"], unit=company["sales"])) == ["Ana"]
    assert found(queries, wanted_people(queries, organization=company["main"], search="ben")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('userName eq', "column 10"), ('userName eq "a" and', "column"), ("", "column 1"),
        ('userName eq "a" and shoeSize gt 4', "column 21: `shoeSize` is not an attribute"),
        ('title eq "shoeSize" or shoeSize eq 4', "column 24: `shoeSize`"),
        ('userName gt "a"', "column 1: `userName` cannot be compared with gt, only with co, eq, ew, ne, sw"),
        ('active eq "yes"', "`active` is compared with true or false"),
        ("userName eq 4", "`userName` is compared with a text"),
        ('createdAt gt "yesterday"', "a time with its zone"), ('createdAt gt "2026-01-01T00:00:00"', "a time with its zone"),
        ('authStatus eq "gone"', "one of active, locked, reset, expired"), ("id eq true", "a whole number"),
        ("id eq 99999999999999999999", "a whole number"), ('userName eq "\\u0000"', "cannot be stored"),
        ('userName eq "\\ud800"', "cannot be stored"), ('emails[type eq "work"]', "`type` is not an attribute"),
        ('urn:other:userName eq "a"', "schema that users do not have"),
        ('custom.number gt "many"', "`custom.number` is compared with a whole number"),
        ("custom.boss gt true", "cannot be compared with gt, only with eq, ne"), ('custom.since gt "x"', "with a date"),
        ('custom.seen ge "2026-01-31T08:00:00"', "a time with its zone"), ("custom.number gt null", "is compared with"),
        ('title pr or custom.cost_centre pr', "column 13: `custom.cost_centre` is no custom field; declared are boss,"),
        ("a" * 3000, "2000 characters"), ("not (" * 40 + "title pr" + ")" * 40, "nests"),
    ],
)  # fmt: skip
def test_s33_what_is_wrong_with_a_filter_is_told_with_where_it_stands(text: str, told: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, custom=CUSTOM)
    assert told in caught.value.message


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12))
def test_s33_no_value_is_more_than_a_value(company: dict[str, int], queries: Queries, value: str) -> None:
    """Whatever is asked for, nobody is found by a pattern, and nothing breaks."""
    from syncd.model.text import fold
    from syncd.model.userfilter import Operator, Test

    names = {name: fold(name) for name in ("Ana", "ben", "cleo", "do_ra")}
    wanted = fold(value)
    for operator, holds in _PLAIN.items():
        got = found(queries, UserFilter(condition=Test("username", operator, value)))
        assert got == [name for name, key in names.items() if holds(key, wanted)], (operator, value)
    assert found(queries, UserFilter(condition=Test("custom.cost_center", Operator.EQ, value))) is not None


def _operators() -> dict[Any, Callable[[str, str], bool]]:
    from syncd.model.userfilter import Operator

    return {
        Operator.EQ: str.__eq__, Operator.SW: str.startswith, Operator.EW: str.endswith, Operator.CO: str.__contains__,
    }  # fmt: skip


_PLAIN = _operators()


# ---------------------------------------------------------------- orders and pages
def pages(queries: Queries, order: UserOrder, *, limit: int, wanted: UserFilter = UserFilter()) -> list[PersonView]:  # noqa: B008
    people: list[PersonView] = []
    mark = None
    while True:
        page = queries.users(wanted, order=order, limit=limit, after=mark)
        people += page.items
        if page.next is None:
            return people
        assert len(page.items) == limit
        mark = page.next


@pytest.mark.usefixtures("both_ways")
def test_s33_every_order_in_both_directions_shows_everybody_once(queries: Queries, rows: Rows) -> None:
    for number in range(23):
        has = number % 4
        rows.user(
            f"u{number * 7 % 23:02}" if has else None, last_name=f"N{number % 3}", first_name=f"F{number % 5}",
            last_login_at=later(number % 3) if number % 2 else None, email=f"{22 - number:02}@x" if has != 2 else None,
        )  # fmt: skip
    keys: dict[UserSort, Callable[[PersonView], Any]] = {
        UserSort.USERNAME: lambda p: (p.username is None, p.username or "", p.id),
        UserSort.EMAIL: lambda p: (p.email is None, p.email or "", p.id),
        UserSort.NAME: lambda p: (p.last_name, p.first_name, p.username or "", p.email or "", p.id),
        UserSort.CREATED: lambda p: p.id,
        UserSort.LAST_LOGIN: lambda p: (p.last_login_at is None, p.last_login_at or NOON, p.id),
    }
    for key, sorted_by in keys.items():
        whole = queries.users(order=UserOrder(key), limit=500).items
        assert list(whole) == sorted(whole, key=sorted_by), key
        for descending in (False, True):
            expected = pages(queries, UserOrder(key, descending), limit=500)
            assert len(expected) == 23
            for limit in (1, 4, 22, 23):
                assert pages(queries, UserOrder(key, descending), limit=limit) == expected
            # who has none comes last in both directions
            having = [
                p for p in whole if sorted_by(p) is p.id or not (isinstance(sorted_by(p), tuple) and sorted_by(p)[0] is True)
            ]
            lacking = [p for p in whole if p not in having]
            if descending and key is not UserSort.NAME:
                assert expected == having[::-1] + lacking[::-1]


@pytest.mark.usefixtures("both_ways")
def test_s33_conditions_combine_as_sets_do(queries: Queries, company: dict[str, int]) -> None:
    leaves = [(text, set(names.split())) for text, names in FILTERS.items() if names is not None]
    chance = random.Random(7)

    def combined(depth: int) -> tuple[str, set[str]]:
        if depth == 0:
            return chance.choice(leaves)
        (left, mine), (right, theirs) = combined(chance.randrange(depth)), combined(depth - 1)
        match chance.choice(("and", "and", "or", "not")):
            case "and":
                return f"({left}) and ({right})", mine & theirs
            case "or":
                return f"(({left}) or ({right}))", mine | theirs
        return f"not ({left})", {*["Ana", "ben", "cleo", "do_ra"]} - mine

    for number in range(150):
        text, names = combined(1 + number % 3)
        wanted, order = wanted_people(queries, filter=text), chance.choice(list(UserSort))
        assert set(found(queries, wanted, order=UserOrder(order))) == names, (text, order)
        assert queries.count_users(wanted) == len(names), text


@pytest.mark.usefixtures("both_ways")
def test_s33_the_order_changes_nothing_about_whom_a_list_shows(queries: Queries, company: dict[str, int]) -> None:
    asked = {text: wanted_people(queries, filter=text) for text, expected in FILTERS.items() if expected is not None}
    asked |= {text: wanted_people(queries, search=text) for text in ("a", "núñez", "ben straße", "o'hara", "%", "qqq")}
    asked["both"] = wanted_people(queries, search="e", filter='userName co "n" or name.middleName pr')
    orders = [UserOrder(key, descending) for key in UserSort for descending in (False, True)]
    for text, wanted in asked.items():
        expected = sorted(found(queries, wanted), key=str)
        for order in orders:
            assert sorted(found(queries, wanted, order=order), key=str) == expected, (text, order)
        assert len(pages(queries, UserOrder(UserSort.NAME), limit=1, wanted=wanted)) == len(expected), text


def test_s33_pages_are_stable_whoever_comes_and_goes(queries: Queries, rows: Rows, engine: Engine) -> None:
    for name in ("b", "d", "f", "h"):
        rows.user(name, last_name=name, last_login_at=later(ord(name)))
    for sort in ("username", "email", "name", "last_login"):
        order = UserOrder.parse(sort)
        first = queries.users(order=order, limit=2)
        assert [p.username for p in first.items] == ["b", "d"]
        gone = first.items[-1]
        with write(engine) as connection:
            connection.execute(delete(t.users).where(t.users.c.id == gone.id))
            connection.execute(delete(t.user_search).where(t.user_search.c.user_id == gone.id))
        new = rows.user("a", last_name="a", last_login_at=later(ord("a")))
        rest = queries.users(order=order, limit=9, after=first.next)
        assert [p.username for p in rest.items] == ["f", "h"], sort
        with write(engine) as connection:
            connection.execute(delete(t.users).where(t.users.c.id == new))
            connection.execute(delete(t.user_search).where(t.user_search.c.user_id == new))
        rows.user("d", last_name="d", last_login_at=later(ord("d")))


def test_s33_a_mark_of_another_list_is_somewhere_and_breaks_nothing(queries: Queries, rows: Rows) -> None:
    rows.user("a")
    marks = ["v1.", "v1.YQ", "n7.", "v999999999999999999.AAAA", "v1._____w", "v1.YWJjZ", "v1.OTk5OTk5OTk5OTk5OTk5OTk5"]
    for sort in UserSort:
        for mark in marks:
            queries.users(order=UserOrder(sort), after=mark)
    with pytest.raises(UsageError, match="page mark"):
        queries.users(after="v1")


# ---------------------------------------------------------------- views
@pytest.mark.usefixtures("both_ways")
def test_s40_views_show_whom_they_name_with_the_reasons(queries: Queries, rows: Rows, engine: Engine) -> None:
    corp, main = rows.directory("corp"), rows.organization("Main")
    unit = rows.unit(main, "Unit")
    for name, values in {
        "fine": {}, "off": {"enabled": False}, "locked": {"auth_status": "locked"}, "stale": {},
    }.items():  # fmt: skip
        rows.access(rows.user(name, manual=True, **values), main, unit)
    gone, late = rows.user("gone"), rows.user("late")
    rows.identity(gone, corp, "uid=g,dc=x", missing_since=NOON)
    rows.identity(late, corp, "uid=l,dc=x", account_expires_at=later(-1))
    rows.access(gone, main, unit, directory=corp)
    rows.access(late, main, unit, directory=corp)
    with write(engine) as connection:
        # what was told last: right of most, and not yet of whom time has shut out or let in since
        told = update(t.users).where(t.users.c.username.in_(("fine", "late")))
        connection.execute(told.values(has_access=True))
    views = {state: found(queries, UserFilter(state=state)) for state in UserState}
    assert views == {
        UserState.ALL: ["fine", "gone", "late", "locked", "off", "stale"],
        UserState.ACTIVE: ["fine", "late", "locked", "stale"],
        UserState.DISABLED: ["gone", "off"],
        UserState.CANNOT_LOG_IN: ["gone", "late", "locked", "off"],
        UserState.MISSING: ["gone"],
        UserState.LOCKED: ["locked"],
    }
    out = queries.users(UserFilter(state=UserState.CANNOT_LOG_IN), limit=9).items
    assert [p.reasons for p in out] == [("directory_missing:corp",), ("directory_expired:corp",), ("locked",), ("disabled",)]
    for limit in (1, 2, 3):
        assert pages(queries, UserOrder(), limit=limit, wanted=UserFilter(state=UserState.CANNOT_LOG_IN)) == list(out)
    assert queries.count_users(UserFilter(state=UserState.CANNOT_LOG_IN)) == 4


# ---------------------------------------------------------------- what is looked for
def test_s33_a_search_looks_at_the_title_too_and_very_long_names_are_no_hindrance(queries: Queries, rows: Rows) -> None:
    long = "ж" * 4000
    rows.user("a", title="Head of Straße")
    rows.user("b", last_name=long, first_name=long, display_name=long, title=long)
    assert found(queries, UserFilter(text="STRASSE head")) == ["a"]
    assert found(queries, UserFilter(text="Ж" * 3)) == ["b"]
    assert found(queries, wanted_people(queries, filter=f'name.familyName sw "{"ж" * 1500}"')) == ["b"]
    assert found(queries, UserFilter(), order=UserOrder(UserSort.NAME)) == ["a", "b"]


def test_s33_what_somebody_was_called_is_not_found_once_it_is_changed(queries: Queries, rows: Rows, engine: Engine) -> None:
    from syncd.store.userrows import touch_user

    user = rows.user("ana", last_name="Old")
    with write(engine) as connection:
        touch_user(connection, user, at=NOON, last_name="New")
    assert found(queries, UserFilter(text="old")) == []
    assert found(queries, UserFilter(text="new")) == ["ana"]


def test_who_is_not_found_by_their_names_is_told_by_the_check(rows: Rows, engine: Engine) -> None:
    from syncd.store.integrity import integrity

    rows.user("ana", manual=True)
    assert all(line.status is CheckStatus.PASS for line in integrity(engine))
    with write(engine) as connection:
        connection.execute(delete(t.user_search))
        connection.execute(insert(t.user_search).values(user_id=4711, text="x"))
    wrong = [line for line in integrity(engine) if line.status is not CheckStatus.PASS]
    assert len(wrong) == 2


def test_s33_a_directory_that_is_mistyped_is_not_one_without_people(queries: Queries, rows: Rows) -> None:
    rows.directory("corp")
    lists = UserListService(store=queries, export_fields=[], custom_fields={}, directories=["branch"])
    for known in ("corp", "branch"):
        assert lists.count(lists.wanted(directory=known)) == 0
    with pytest.raises(UsageError, match="no directory is called 'crop'; known: branch, corp"):
        lists.wanted(directory="crop")
