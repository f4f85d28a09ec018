"""The small grammars of the configuration: durations, schedules, filters, URLs, addresses."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from syncd.daemon.schedule import parse_schedule
from syncd.settings import checked
from syncd.settings.duration import parse_duration
from syncd.settings.filters import check_filter
from syncd.settings.limits import Limit, parse_limit
from syncd.settings.schedule import check_schedule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("1d12h", timedelta(hours=36)),
        (" 1 D 12 H ", timedelta(hours=36)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "30 days", "-1d", "1.5h", "1d 5", "99999w", "30d!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"length of time|hundred years"):
        parse_duration(text)


SCHEDULES = ["every 5m", "every 30s", "Every  2 H", "every 1d", "0 3 * * *", "*/5 * * * 1-5", "0 0 29 2 *", "@daily", "@HOURLY"]
NO_SCHEDULES = [
    "every", "every 5", "every 5x", "every 0s", "every 400d", "5m", "daily", "0 3 * *", "60 * * * *", "0 0 31 2 *",
    "@yesterday",
]  # fmt: skip


@pytest.mark.parametrize("text", SCHEDULES)
def test_what_the_configuration_takes_the_scheduler_takes(text: str) -> None:
    assert check_schedule(text) == text
    assert parse_schedule(text, zone=UTC)


@pytest.mark.parametrize("text", NO_SCHEDULES)
def test_what_the_configuration_refuses_the_scheduler_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        check_schedule(text)
    with pytest.raises(ValueError):
        parse_schedule(text, zone=UTC)


FILTERS = [
    "(uid=*)", "(&(objectClass=person)(!(uid=svc-*)))", "(|)", "(&)", "(cn=a\\28b\\29)", "(cn:caseExactMatch:=Anna)", "(cn=)",
    "(:dn:2.4.6.8.10:=Dino)", "(userAccountControl:1.2.840.113556.1.4.803:=2)", "(cn;lang-en~=Jürgen)", "(a>=1)", "(o:dn:=Ace)",
]  # fmt: skip
NO_FILTERS = [
    "", "uid=*", "(uid=*", "(uid=*))", "(&(a=b)", "(uid)", "(=x)", "(!(a=b)(c=d))", "(!)", "(a=(b))", "(a=\\2)", "(a=\\zz)",
    "()", "(&a=b)", " (a=b)", "(a=b) ", "(a=\x00)", "(" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_is_taken_as_it_is(text: str) -> None:
    assert check_filter(text) == text


@pytest.mark.parametrize("text", NO_FILTERS)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="filter"):
        check_filter(text)


def test_a_broken_filter_is_refused_with_the_place() -> None:
    with pytest.raises(ValueError, match=r"character 20 \('x'\): nothing may follow"):
        check_filter("(objectClass=human)x")


def _filter_texts() -> st.SearchStrategy[str]:
    items = st.builds(
        "({}={})".format, st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), st.sampled_from(["*", "a*b", "\\2a", "ü"])
    )
    return st.recursive(
        items,
        lambda inner: st.one_of(
            inner.map("(!{})".format), st.lists(inner, max_size=3).map(lambda parts: f"(&{''.join(parts)})"),
            st.lists(inner, max_size=3).map(lambda parts: f"(|{''.join(parts)})"),
        ),
        max_leaves=10,
    )  # fmt: skip


@given(_filter_texts())
def test_every_filter_is_taken_and_none_without_its_last_character(text: str) -> None:
    assert check_filter(text) == text
    with pytest.raises(ValueError):
        check_filter(text[:-1])


@pytest.mark.parametrize("url", ["ldap://h", "ldaps://h.example.com", "ldap://[::1]:1389", "ldaps://10.0.0.1:636/"])
def test_a_server_url_is_taken(url: str) -> None:
    assert TypeAdapter(checked.LdapUrl).validate_python(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ldap.example.com", "does not begin with"),
        ("ldapi:///var/run/ldapi", "does not begin with"),
        ("ldap://", "names no host"),
        ("ldap://h:99999", "not a URL"),
        ("ldap://h:x", "not a URL"),
        ("ldap://h:0", "port 0"),
        ("ldap://h/dc=example", "after the host"),
        ("ldap://h?uid", "after the host"),
        ("ldap://cn=x:hush@h", "carries no credentials"),
    ],
)
def test_a_wrong_server_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        TypeAdapter(checked.LdapUrl).validate_python(url)
    assert "hush" not in caught.value.errors()[0]["msg"]


def test_an_address_to_listen_on_is_read() -> None:
    assert checked.parse_listen("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert checked.parse_listen("[::1]:0") == ("::1", 0)
    assert checked.parse_listen("localhost:80") == ("localhost", 80)


@pytest.mark.parametrize("text", ["8080", ":8080", "::1:8080", "h:", "h:65536", "h:-1", "h:http", "[]:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        checked.parse_listen(text)


@pytest.mark.parametrize(("kind", "good", "bad"), [
    (checked.StoreUrl, ["sqlite:////var/x.db", "sqlite:///x.db", "postgresql://u@h/d", "postgresql+psycopg://h/d"],
     ["mysql://h/d", "sqlite://", "sqlite:///", "x", ""]),
    (checked.LimitText, ["10%", "200", "0", "100%", "2.5%", "50%, from 11", "200, from 5", "10%, at least 10, at most 1000"],
     ["101%", "-1", "x", "10 %", "1.5", "200, at least 5", "10%, at least 9, at most 8"]),
    (checked.DirectoryName, ["corp", "corp-eu", "a1_b", "1"], ["Corp", "a__b", "a b", "", "_a", "a" * 64, "é"]),
    (checked.CustomFieldName, ["cost_center", "f1"], ["Cost", "1f", "a-b", "a.b", ""]),
    (checked.AttributeName, ["cn", "2.5.4.3", "cn;lang-en"], ["", "c n", "a=b", "*"]),
])  # fmt: skip
def test_other_texts(kind: object, good: list[str], bad: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_a_number_of_people_may_be_written_as_a_number() -> None:
    assert TypeAdapter(checked.LimitText).validate_python(200) == "200"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10%", Limit(0.1, 0, None, 0)),
        ("0%", Limit(0.0, 0, None, 0)),
        ("2.5%", Limit(0.025, 0, None, 0)),
        ("0", Limit(None, 0, None, 0)),
        (" 200 ", Limit(None, 200, None, 0)),
        ("200, from 5", Limit(None, 200, None, 5)),
        ("50%, from 11", Limit(0.5, 0, None, 11)),
        ("10%, at least 10", Limit(0.1, 10, None, 0)),
        ("10%, at most 1000", Limit(0.1, 0, 1000, 0)),
        ("10%,at least 10,  at most 10, from 3", Limit(0.1, 10, 10, 3)),
    ],
)
def test_a_limit_is_read(text: str, expected: Limit) -> None:
    assert parse_limit(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "",
            '^\'\' is no limit: write a percentage up to 100%, a number, or both, such as "10%", "200", '
            '"10%, at least 10, at most 1000", "50%, from 11"$',
        ),
        ("100.1%", "up to 100%"),
        ("200, at least 5", "is no limit"),
        ("200, at most 5", "is no limit"),
        ("10%, from 11, at least 5", "is no limit"),
        ("10%, at least 11, at most 10", "at least 11 and at most 10"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_limit(text)
