"""What raw values mean: text, numbers, times, GUIDs, SIDs, addresses."""

from __future__ import annotations

import string
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping import convert
from syncd.mapping.problems import BadValue, MappingIssue, shown
from syncd.mapping.times import any_date, any_time, filetime, generalized_time


# ---------------------------------------------------------------- text
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Smith", "Smith"),
        (b"  Smith \n", "Smith"),
        ("Jürgen".encode(), "Jürgen"),
        (b" ", None),
        (b"", None),
        ("\u2003".encode(), None),
        (b"a  b", "a  b"),
    ],
)
def test_decode(raw: bytes, text: str | None) -> None:
    assert convert.decode(raw, "sn") == text


@pytest.mark.parametrize(
    ("raw", "reason"), [("Jürgen".encode("latin-1"), "UTF-8"), (b"a\0b", "NUL"), (b"\xed\xa0\x80", "UTF-8")]
)
def test_decode_refuses_what_no_database_keeps(raw: bytes, reason: str) -> None:
    with pytest.raises(BadValue, match=reason) as caught:
        convert.decode(raw, "sn")
    assert caught.value.attribute == "sn"
    assert str(caught.value).startswith("sn ")


def test_shown_is_short_and_never_fails() -> None:
    assert shown("a" * 1000) == repr("a" * 57 + "...")
    assert shown(b"\xff\xfe") == repr("\\xff\\xfe")
    assert "\0" not in shown("a\0b")


def test_mapping_issue_becomes_an_issue() -> None:
    issue = MappingIssue("bad_value", "mail is bad").as_issue(key="k", dn="cn=a", subject="role")
    assert (issue.key, issue.dn, issue.code, issue.message, issue.subject) == ("k", "cn=a", "bad_value", "mail is bad", "role")


# ---------------------------------------------------------------- binary
def test_object_guid_is_mixed_endian() -> None:
    raw = bytes.fromhex("33221100554477668899aabbccddeeff")
    assert convert.guid_text(raw) == "00112233-4455-6677-8899-aabbccddeeff"
    with pytest.raises(ValueError, match="15 bytes"):
        convert.guid_text(raw[:15])


@given(st.uuids())
def test_guid_text_is_what_wrote_it(value: uuid.UUID) -> None:
    assert convert.guid_text(value.bytes_le) == str(value)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100", "S-1-5-21-2127521184-1604012920-1887927527-72713"),
        ("01020000000000052000000020020000", "S-1-5-32-544"),
        ("010100000000000100000000", "S-1-1-0"),
        ("0100000000000005", "S-1-5"),
    ],
)
def test_sid(raw: str, text: str) -> None:
    assert convert.sid_text(bytes.fromhex(raw)) == text


@pytest.mark.parametrize("raw", ["", "01", "0102000000000005200000002002", "0101000000000001"])
def test_sid_of_the_wrong_length_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="no SID"):
        convert.sid_text(bytes.fromhex(raw))


def test_pictures_are_known_by_their_first_bytes() -> None:
    for start in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"):
        assert convert.image(start + b"rest") == start + b"rest"
    with pytest.raises(ValueError, match="not a JPEG"):
        convert.image(b"<svg onload=alert(1)>")
    with pytest.raises(ValueError, match="more than"):
        convert.image(b"\xff\xd8\xff" + bytes(1024 * 1024))


# ---------------------------------------------------------------- numbers and truth
@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-12", -12), ("+7", 7), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_integer(text: str, number: int) -> None:
    assert convert.integer(text) == number


@pytest.mark.parametrize("text", ["1_000", "1.0", "٣", "", "--1", "1e3", str(2**63), "9" * 30])
def test_integer_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        convert.integer(text)


def test_boolean() -> None:
    assert [convert.boolean(text) for text in ("TRUE", "true", "Yes", "1", "on")] == [True] * 5
    assert [convert.boolean(text) for text in ("FALSE", "false", "No", "0", "off")] == [False] * 5
    with pytest.raises(ValueError, match="TRUE nor FALSE"):
        convert.boolean("perhaps")


# ---------------------------------------------------------------- times
@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20260815120000Z", "2026-08-15T12:00:00+00:00"),
        ("20260815120000.0Z", "2026-08-15T12:00:00+00:00"),
        ("20260815120010.0Z", "2026-08-15T12:00:10+00:00"),
        ("20260815120000,5Z", "2026-08-15T12:00:00.500000+00:00"),
        ("20260815120000.123456789Z", "2026-08-15T12:00:00.123456+00:00"),
        ("202608151230Z", "2026-08-15T12:30:00+00:00"),
        ("202608151230.5Z", "2026-08-15T12:30:30+00:00"),
        ("2026081512Z", "2026-08-15T12:00:00+00:00"),
        ("2026081512.25Z", "2026-08-15T12:15:00+00:00"),
        ("2026081512.5+0200", "2026-08-15T10:30:00+00:00"),
        ("20260815120000+02", "2026-08-15T10:00:00+00:00"),
        ("20260815120000-0330", "2026-08-15T15:30:00+00:00"),
        ("20161231235960Z", "2017-01-01T00:00:00+00:00"),
        ("20161231235960.5Z", "2017-01-01T00:00:00.500000+00:00"),
        ("20240229000000Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_generalized_time(text: str, iso: str) -> None:
    moment = generalized_time(text)
    assert moment.isoformat() == iso
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "20260815120000", "20260815Z", "20260230000000Z", "000001010000Z", "20260815126000Z", "20260815240000Z",
        "99991231235960Z", "00010101000000+0100", "20260815120000+2400", "20260815120000+0260", "2026-08-15T12:00Z",
        "20260815120061Z", "20260815120000.Z", "٢٠٢٦٠٨١٥١٢Z", "", "never",
    ],
)  # fmt: skip
def test_generalized_time_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        generalized_time(text)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_generalized_time_reads_what_was_written(moment: datetime) -> None:
    text = f"{moment.year:04}{moment:%m%d%H%M%S}.{moment.microsecond:06}Z"
    assert generalized_time(text) == moment.replace(tzinfo=UTC)


def test_any_time_takes_iso_with_a_zone() -> None:
    assert any_time("2026-08-15T12:00:00+02:00") == datetime(2026, 8, 15, 10, tzinfo=UTC)
    assert any_time("2026-08-15T12:00:00Z") == any_time("20260815120000Z")
    with pytest.raises(ValueError, match="no time zone"):
        any_time("2026-08-15T12:00:00")
    with pytest.raises(ValueError, match="neither"):
        any_time("yesterday")
    with pytest.raises(ValueError, match="outside"):
        any_time("0001-01-01T00:00:00+02:00")


def test_any_date_is_the_day_as_it_is_written() -> None:
    expected = date(1970, 1, 15)
    for text in ("1970-01-15", "19700115", "19700115000000Z", "19700115000000+0200", "197001150000.0Z"):
        assert any_date(text) == expected
    for text in ("1970-02-30", "15.01.1970", "19700132000000Z", "1970", "19700115000000"):
        with pytest.raises(ValueError, match=r"^is "):
            any_date(text)


def test_filetime() -> None:
    assert filetime("116444736000000000") == datetime(1970, 1, 1, tzinfo=UTC)
    assert filetime("1") == datetime(1601, 1, 1, tzinfo=UTC)
    assert filetime("0") is None
    assert filetime("9223372036854775807") is None
    for text in ("-1", "x", "9223372036854775806", "1.5"):
        with pytest.raises(ValueError, match="FILETIME"):
            filetime(text)


@given(st.datetimes(min_value=datetime(1601, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_filetime_counts_in_tenths_of_microseconds(moment: datetime) -> None:
    ticks = (moment - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    assert filetime(str(ticks)) == moment


# ---------------------------------------------------------------- telephone and mail
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 313 555 1817", "+1 313 555 1817"),
        (" +1  313\u00a0555 1817", "+1 313 555 1817"),
        ("tel:+49-30-1234", "+49-30-1234"),
        ("(030) 123 ext. 5", "(030) 123 ext. 5"),
        ("030/1234–5", "030/1234–5"),
    ],
)
def test_phone(text: str, number: str) -> None:
    assert convert.phone(text) == number


@pytest.mark.parametrize("text", ["n/a", "", "+", "call me", "123 or so"])
def test_phone_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="telephone"):
        convert.phone(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("John.Smith@Example.COM", "John.Smith@example.com"),
        ("o'neil+crm@example.com", "o'neil+crm@example.com"),
        ("someone@corp.local", "someone@corp.local"),
        ("someone@ad.example.test", "someone@ad.example.test"),
        ("jürgen@münchen.de", "jürgen@münchen.de"),
        ("ju\u0308rgen@example.com", "jürgen@example.com"),
        ("a@xn--mnchen-3ya.de", "a@münchen.de"),
        ("x" * 50 + "@" + "b" * 60 + ".example.com", "x" * 50 + "@" + "b" * 60 + ".example.com"),
    ],
)
def test_email(text: str, address: str) -> None:
    assert convert.email(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "a", "@b.de", "a@", "a@b", "a..b@c.de", ".a@c.de", "a@-b.de", "a@b-.de", "a@1.2", "a b@c.de", "a@b@c.de",
     "John <a@b.de>", "a@" + "b" * 64 + ".de", "a@b.de.", "a@[127.0.0.1]", "a@b_c.de", "a@b.de\n"],
)  # fmt: skip
def test_email_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not an email address"):
        convert.email(text)


LOCAL = st.text(string.ascii_letters + string.digits + "._-+'", min_size=1, max_size=12)
DOMAIN = st.text(string.ascii_letters + string.digits + ".-", min_size=1, max_size=16)


@given(LOCAL, DOMAIN)
def test_the_fast_path_for_email_is_the_validator(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    if convert._plain_email(text) is None:
        return
    if domain.lower().endswith((".local", ".test", ".arpa", ".onion", ".invalid", ".localhost")):
        return
    try:
        theirs = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        pytest.fail(f"{text}: {error}")
    # it also lower-cases a few mailbox names, such as postmaster
    assert convert.email(text).lower() == theirs.lower()
