"""People as the store shows them, over SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from syncd.errors import NotFoundError, UsageError
from syncd.model.views import DirectoryIdentity, DnPeriod, PersonView, RoleGrant, UserFilter, UserState
from syncd.store import schema as t
from syncd.store.queries import Queries
from tests.fakes.edge import FakeClock
from tests.fakes.people_rows import NOON, Rows, later


@pytest.fixture
def rows(engine: Engine) -> Rows:
    return Rows(engine)


@pytest.fixture
def queries(engine: Engine) -> Queries:
    return Queries(engine)


def names(people: tuple[PersonView, ...]) -> list[str | None]:
    return [person.username for person in people]


def all_pages(queries: Queries, wanted: UserFilter, *, limit: int) -> list[PersonView]:
    found: list[PersonView] = []
    page = queries.users(wanted, limit=limit)
    found += page.items
    while page.next is not None:
        page = queries.users(wanted, limit=limit, after=page.next)
        assert page.items
        found += page.items
    return found


# ---------------------------------------------------------------- everything of a person
def test_a_person_has_everything_the_store_knows(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    main, other = rows.organization("Main"), rows.organization("Other", enabled=False)
    europe = rows.unit(main, "Europe")
    spain = rows.unit(main, "Spain/Portugal", parent=europe, directory=corp)
    admin, reader = rows.role("Administrator"), rows.role("reader")
    staff, crew = rows.role_identifier(corp, "staff"), rows.role_identifier(corp, "Crew")
    elsewhere = rows.role_identifier(branch, "staff")
    user = rows.user(
        "ana", prefix="Dr.", first_name="Ana", middle_name="M.", last_name="Núñez", suffix="PhD", display_name="Ana N",
        title="Chief", phone="+34 91 000 00 00", birthday=date(1980, 2, 29), emails=["a@x.example", "b@x.example"],
        tags=["vip", "early"], custom={"number": 7, "since": date(2020, 1, 1), "langs": ("es", "pt"), "boss": False},
        last_login_at=later(3), login_count=5, failed_logins=2, version=9,
    )  # fmt: skip
    rows.user("noise", tags=["x"], emails=["n@x.example"])
    rows.identity(user, corp, "uid=ana,ou=People,dc=x", entry_id="id-1")
    rows.identity(user, branch, "uid=ana,dc=branch", entry_id="id-2", missing_since=later(9), missing_reason="run 3")
    rows.access(user, main, spain, directory=corp)
    rows.access(user, main, europe)
    rows.access(user, other)
    rows.grant(user, admin, directory=corp)
    rows.grant(user, admin, directory=branch)
    rows.grant(user, admin)
    rows.grant(user, reader)
    for identifier in (staff, crew, elsewhere):
        rows.membership(user, identifier)
    assert queries.user_by_id(user) == PersonView(
        id=user, username="ana", prefix="Dr.", first_name="Ana", middle_name="M.", last_name="Núñez", suffix="PhD",
        display_name="Ana N", title="Chief", phone="+34 91 000 00 00", birthday=date(1980, 2, 29), email="ana@example.com",
        emails=("a@x.example", "b@x.example"), tags=("vip", "early"),
        custom={"boss": False, "langs": ("es", "pt"), "number": 7, "since": date(2020, 1, 1)},
        enabled=True, auth_status="active", manual=False, reasons=("directory_missing:branch",),
        organizations=("Main", "Other"), units=("Europe", "Europe/Spain\\/Portugal"),
        roles=(
            RoleGrant(name="Administrator", sources=("branch", "corp", "manual")),
            RoleGrant(name="reader", sources=("manual",)),
        ),
        directories=(
            DirectoryIdentity(
                name="branch", entry_id="id-2", dn="uid=ana,dc=branch", role_identifiers=("staff",), missing_since=later(9),
                missing_reason="run 3", first_seen_at=NOON,
            ),
            DirectoryIdentity(
                name="corp", entry_id="id-1", dn="uid=ana,ou=People,dc=x", role_identifiers=("Crew", "staff"),
                missing_since=None, missing_reason=None, first_seen_at=NOON,
            ),
        ),
        created_at=NOON, updated_at=NOON, last_login_at=later(3), login_count=5, failed_logins=2, version=9,
    )  # fmt: skip


def test_a_person_with_nothing_has_empty_lists_and_two_reasons(rows: Rows, queries: Queries) -> None:
    person = queries.user_by_id(rows.user("bo", email=None))
    assert (person.email, person.emails, person.tags, person.roles, person.directories, dict(person.custom)) == (
        None, (), (), (), (), {},
    )  # fmt: skip
    assert person.reasons == ("no_organization", "no_unit")
    assert not person.can_log_in


def test_no_field_of_a_person_could_hold_a_secret() -> None:
    forbidden = ("password", "hash", "digest", "key", "secret", "token", "session")
    assert not [name for name in PersonView._fields if any(word in name for word in forbidden)]


# ---------------------------------------------------------------- one person
@pytest.fixture
def ana(rows: Rows) -> int:
    corp = rows.directory()
    user = rows.user("Ana", email="Ana@Example.com", emails=["Second@example.com"])
    rows.identity(user, corp, "uid=ana, OU=People,dc=example", entry_id="0f1e-ab")
    rows.identity(rows.user("ben"), corp, "uid=ben,ou=people,dc=example", entry_id="0f1e-cd")
    return user


def test_a_person_is_found_by_whatever_they_are_known_by(ana: int, queries: Queries) -> None:
    for text in (
        "ana", "ANA", " ana ", "username:ana", "ana@example.COM", "second@example.com", "email:ana@example.com", "0f1e-ab",
        "0F1E-AB", "entry:0f1e-ab", "UID=Ana,ou=people , dc=example", "dn:uid=ana,ou=people,dc=example",
    ):  # fmt: skip
        assert queries.user(text).id == ana, text


def test_a_person_is_found_by_id(ana: int, queries: Queries) -> None:
    assert queries.user(str(ana)).username == "Ana"
    assert queries.user(f"id:{ana}").username == "Ana"


def test_who_is_not_there_is_not_found(ana: int, queries: Queries) -> None:
    for text in ("nobody", "", "99", "id:ana", "dn:uid=", "9" * 30, "dn:", "email:ana", "²", "uid=zoe,dc=x"):
        with pytest.raises(NotFoundError):
            queries.user(text)


def test_a_text_that_means_several_people_is_refused_with_their_ids(rows: Rows, queries: Queries) -> None:
    first = rows.user("zed")
    second = rows.user(str(first))
    with pytest.raises(UsageError, match=rf"id:{first} \(zed\), id:{second} \({first}\)"):
        queries.user(str(first))
    assert queries.user(f"id:{first}").id == first
    assert queries.user(f"username:{first}").id == second


def test_a_reused_dn_means_who_has_it_now(rows: Rows, queries: Queries) -> None:
    corp = rows.directory()
    old, new = rows.user("old"), rows.user("new")
    dn = "uid=bob,dc=example"
    rows.identity(old, corp, dn, missing_since=NOON)
    assert queries.user(dn).id == old
    rows.identity(new, corp, dn)
    assert queries.user(dn).id == new


def test_a_released_username_means_who_has_it_now(rows: Rows, queries: Queries) -> None:
    old, new = rows.user("bob", username_key=None, email_key=None), rows.user("bob")
    assert queries.user("bob").id == new
    assert queries.user("bob@example.com").id == new
    assert queries.user(f"id:{old}").username == "bob"


def test_an_unknown_number_is_not_found(queries: Queries) -> None:
    with pytest.raises(NotFoundError):
        queries.user_by_id(7)


# ---------------------------------------------------------------- pages
def test_pages_show_everybody_once_in_order_of_their_folded_usernames(rows: Rows, queries: Queries) -> None:
    for username in ("zoe", "Émile", "bob", "Carl", "étienne", "爱丽丝"):
        rows.user(username)
    released, nameless = rows.user("aaa", username_key=None), rows.user(None)
    for limit in (1, 2, 3, 7, 500):
        found = all_pages(queries, UserFilter(), limit=limit)
        assert [person.username for person in found] == ["bob", "Carl", "zoe", "Émile", "étienne", "爱丽丝", "aaa", None]
        assert [person.id for person in found[-2:]] == [released, nameless]


def test_a_page_goes_on_where_the_last_one_ended_whoever_comes_or_goes(rows: Rows, queries: Queries) -> None:
    for username in ("b", "d", "f"):
        rows.user(username)
    first = queries.users(limit=2)
    assert names(first.items) == ["b", "d"]
    for username in ("a", "c", "e"):
        rows.user(username)
    assert names(queries.users(limit=2, after=first.next).items) == ["e", "f"]


def test_a_mark_that_no_page_gave_and_an_odd_size_are_refused(queries: Queries) -> None:
    for mark in ("", "!", "eA", "aXh4", "äö", "aTk5eA"):
        with pytest.raises(UsageError, match="page mark"):
            queries.users(after=mark)
    for limit in (0, -1, 1001):
        with pytest.raises(UsageError, match="1000"):
            queries.users(limit=limit)


# ---------------------------------------------------------------- search
def test_all_words_of_a_search_must_occur_in_names_or_addresses(rows: Rows, queries: Queries) -> None:
    rows.user("ana", first_name="Ana", middle_name="M.", last_name="Núñez")
    rows.user("ben", display_name="Ben Straße")
    rows.user("z_z", email=None)
    for text, expected in {
        "núñ": ["ana"], "NÚÑEZ ana": ["ana"], "example": ["ana", "ben"], "ana ben": [], "strasse": ["ben"], "STRAẞE": ["ben"],
        "%": [], "_": ["z_z"], "": ["ana", "ben", "z_z"], "  ": ["ana", "ben", "z_z"], "m. ana": ["ana"],
    }.items():  # fmt: skip
        assert names(queries.users(UserFilter(text=text)).items) == expected, text


def test_a_search_is_paged_like_everything(rows: Rows, queries: Queries) -> None:
    for number in range(20):
        rows.user(f"user{number:02}", last_name="Match" if number % 3 == 0 else "Other")
    rows.user(None, last_name="Match")
    found = all_pages(queries, UserFilter(text="match"), limit=3)
    assert [person.username for person in found] == [f"user{number:02}" for number in range(0, 20, 3)] + [None]


# ---------------------------------------------------------------- views
def test_views_and_the_login_gate_agree_on_every_combination(rows: Rows, engine: Engine) -> None:
    """What SQL says of many, `syncd.accounts.gate` says of each."""
    queries = Queries(engine, clock=FakeClock(NOON))
    corp, branch = rows.directory("corp"), rows.directory("branch")
    good, bad = rows.organization("Good"), rows.organization("Bad", enabled=False)
    unit = rows.unit(good, "Unit")
    accesses: list[list[tuple[int, int | None, int | None]]] = [
        [], [(good, unit, corp)], [(good, unit, None)], [(good, None, None)], [(good, None, corp)], [(bad, unit, None)],
        [(bad, None, corp), (good, unit, branch)],
    ]  # fmt: skip
    accounts: list[dict[str, Any]] = [
        {},
        {"account_disabled": False, "account_password_must_change": False, "account_locked_until": NOON},
        {"account_disabled": True},
        {"account_locked_until": later(1)},
        {"account_valid_from": later(1)},
        {"account_expires_at": NOON},
        {"account_password_must_change": True},
        {"account_password_expires_at": NOON},
        {"account_valid_from": NOON, "account_expires_at": later(1), "account_password_expires_at": later(1)},
    ]
    full, rest = (True, "active"), ((True, "locked"), (False, "active"), (False, "locked"))
    combinations = [
        *itertools.product([full], (True, False), ("none", "here", "gone"), accesses, accounts),
        *itertools.product(rest, (True, False), ("none", "here", "gone"), accesses, accounts[:3]),
    ]
    for number, ((enabled, status), manual, presence, access, account) in enumerate(combinations):
        user = rows.user(f"u{number:03}", enabled=enabled, auth_status=status, manual=manual)
        if presence != "none":
            rows.identity(user, branch, f"uid=u{number},dc=x")
            rows.identity(user, corp, f"uid=u{number},dc=x", missing_since=NOON if presence == "gone" else None, **account)
        for organization, in_unit, directory in access:
            rows.access(user, organization, in_unit, directory=directory)
    everybody = all_pages(queries, UserFilter(), limit=500)
    assert {person.can_log_in for person in everybody} == {True, False}

    def usernames(state: UserState) -> set[str | None]:
        return {person.username for person in all_pages(queries, UserFilter(state=state), limit=100)}

    def expected(*beginnings: str) -> set[str | None]:
        return {p.username for p in everybody if any(reason.startswith(beginnings) for reason in p.reasons)}

    assert usernames(UserState.CANNOT_LOG_IN) == {person.username for person in everybody if person.reasons}
    assert usernames(UserState.MISSING) == expected("directory_missing:")
    assert usernames(UserState.DISABLED) == expected("directory_missing:", "directory_disabled:", "disabled")
    assert usernames(UserState.ACTIVE) == {person.username for person in everybody} - usernames(UserState.DISABLED)


def test_what_ends_with_the_clock_ends_without_any_write(rows: Rows, engine: Engine) -> None:
    corp, main = rows.directory("corp"), rows.organization("Main")
    user = rows.user("ana")
    rows.access(user, main, rows.unit(main, "Unit"), directory=corp)
    rows.identity(user, corp, "uid=ana,dc=x", account_locked_until=later(5), account_expires_at=later(60))

    def reasons(minutes: int) -> tuple[str, ...]:
        queries = Queries(engine, clock=FakeClock(later(minutes)))
        (person,) = queries.iter_people()
        out = queries.users(UserFilter(state=UserState.CANNOT_LOG_IN)).items
        assert [one.reasons for one in out] == ([person.reasons] if person.reasons else [])
        assert queries.user("ana").reasons == queries.user_by_id(user).reasons == person.reasons
        return person.reasons

    assert reasons(4) == ("directory_locked:corp",)
    assert reasons(5) == reasons(59) == ()
    assert reasons(60) == ("directory_expired:corp",)


def test_a_list_of_a_directory_shows_whom_it_has_or_had(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    for username, directory, missing in (("a", corp, None), ("b", corp, NOON), ("c", branch, NOON)):
        rows.identity(rows.user(username), directory, f"uid={username},dc=x", missing_since=missing)
    both = rows.user("d")
    rows.identity(both, corp, "uid=d,dc=x")
    rows.identity(both, branch, "uid=d,dc=y", missing_since=NOON)
    rows.user("hand", manual=True)
    assert names(queries.users(UserFilter(directory="corp")).items) == ["a", "b", "d"]
    assert names(queries.users(UserFilter(directory="corp", state=UserState.MISSING)).items) == ["b"]
    assert names(queries.users(UserFilter(directory="branch", state=UserState.MISSING)).items) == ["c", "d"]
    assert names(queries.users(UserFilter(directory="corp", state=UserState.ACTIVE)).items) == ["a"]
    assert names(queries.users(UserFilter(directory="nowhere")).items) == []


# ---------------------------------------------------------------- earlier names
def test_the_history_of_dns_begins_with_the_present_one(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    user = rows.user("ana")
    rows.identity(user, corp, "uid=three", dn_since=later(20))
    rows.identity(user, branch, "uid=ana,dc=b")
    for dn, begin, end in (("uid=one", 0, 10), ("uid=two", 10, 20)):
        rows.row(t.dn_history, user_id=user, directory_id=corp, dn=dn, valid_from=later(begin), valid_to=later(end))
    assert queries.dn_history(user) == (
        DnPeriod(directory="branch", dn="uid=ana,dc=b", since=NOON, until=None),
        DnPeriod(directory="corp", dn="uid=three", since=later(20), until=None),
        DnPeriod(directory="corp", dn="uid=two", since=later(10), until=later(20)),
        DnPeriod(directory="corp", dn="uid=one", since=later(0), until=later(10)),
    )
    assert queries.dn_history(4711) == ()


# ---------------------------------------------------------------- everybody
def test_everybody_comes_by_id_and_as_they_are_shown_one_by_one(rows: Rows, queries: Queries) -> None:
    corp = rows.directory()
    main = rows.organization("Main")
    for number in range(7):
        user = rows.user(f"u{9 - number}", tags=[f"t{number}"])
        rows.identity(user, corp, f"uid={number},dc=x")
        rows.access(user, main, directory=corp)
    everybody = list(queries.iter_people())
    assert [person.id for person in everybody] == sorted(person.id for person in everybody)
    assert everybody == [queries.user_by_id(person.id) for person in everybody]
    assert len(everybody) == 7


def test_chunks_join_without_loss_and_show_one_state_of_the_store(
    rows: Rows, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.store.userlists._CHUNK", 3)
    ids = [rows.user(f"u{number}", tags=["x"]) for number in range(8)]
    stream = queries.iter_people()
    first = next(stream)
    rows.user("latecomer")
    rows.row(t.user_tags, user_id=ids[-1], position=1, tag="late")
    everybody = [first, *stream]
    assert [person.id for person in everybody] == ids
    assert {person.tags for person in everybody} == {("x",)}


def test_times_are_utc_and_aware(rows: Rows, queries: Queries) -> None:
    moment = datetime(2026, 7, 1, 8, 30, 15, 123456, tzinfo=UTC)
    person = queries.user_by_id(rows.user("ana", created_at=moment))
    assert person.created_at == moment
    assert person.created_at.tzinfo is UTC


def test_people_cost_no_queries_of_their_own(engine: Engine, rows: Rows, queries: Queries) -> None:
    corp, main = rows.directory(), rows.organization("Main")
    role, staff, unit = rows.role("r"), rows.role_identifier(corp, "staff"), rows.unit(main, "U")
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def asked() -> int:
        statements.clear()
        assert list(queries.iter_people())
        return len([statement for statement in statements if statement.startswith("SELECT")])

    counts = []
    for number in range(2):
        for person in range(5):
            user = rows.user(f"u{number}{person}")
            rows.identity(user, corp, f"uid=u{number}{person}")
            rows.access(user, main, unit, directory=corp)
            rows.grant(user, role, directory=corp)
            rows.membership(user, staff)
        counts.append(asked())
    assert counts[0] == counts[1]


def test_a_stream_that_is_left_early_gives_its_connection_back(engine: Engine, rows: Rows, queries: Queries) -> None:
    for number in range(3):
        rows.user(f"u{number}")
    with closing(queries.iter_people()) as stream:
        assert next(stream).username == "u0"
        assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_rows_that_name_what_is_gone_count_as_nothing(rows: Rows, queries: Queries) -> None:
    corp, main = rows.directory(), rows.organization("Main")
    user = rows.user("ana")
    rows.identity(user, 4711, "uid=ana")
    rows.access(user, main, 4711, directory=corp)
    rows.access(user, 4711)
    rows.grant(user, 4711)
    rows.membership(user, 4711)
    person = queries.user_by_id(user)
    assert (person.roles, person.units, person.directories, person.organizations) == ((), (), (), ("Main",))
    assert person.reasons == ("no_unit",)
    assert names(queries.users(UserFilter(state=UserState.CANNOT_LOG_IN)).items) == ["ana"]
