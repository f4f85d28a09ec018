"""The rules of logging in, as pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.accounts.lockout import Course, days_left, is_password, lock_over, only_password, outcome_of, put_off, way_of
from syncd.accounts.standing import Entry, GateFacts, LoginSubject

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CORP, APPS = (Entry(directory=name, entry_id="1", dn=f"uid=a,dc={name}") for name in ("corp", "apps"))
GONE = Entry(directory="former", entry_id="2", dn="uid=a,dc=former", missing=True)


def subject(*entries: Entry, hashed: str | None = None, **changes: Any) -> LoginSubject:
    gate = GateFacts(enabled=True, auth_status="active", manual=not entries, organizations_enabled=1, units=1, entries=entries)
    values = {"break_glass": False, "failed_logins": 0, "locked_at": None, **changes}
    return LoginSubject(user_id=1, username="anna", email=None, name="Anna", gate=gate, hash=hashed, **values)


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u00a0\u2003", "a\0b", "\0", "a\ud800"])
def test_what_is_no_password(text: str) -> None:
    assert not is_password(text)


@given(st.text(min_size=1))
def test_what_is_a_password_would_never_bind_anonymously(text: str) -> None:
    if is_password(text):
        assert text.strip()
        assert "\0" not in text


def test_only_a_password_that_must_be_changed_is_looked_at() -> None:
    assert only_password([])
    assert only_password(["password_expired", "directory_password_must_change:corp", "directory_password_expired:corp"])
    for other in ("disabled", "locked", "password_reset", "directory_locked:corp", "no_unit"):
        assert not only_password(["password_expired", other])


def test_outcomes_are_without_the_directory() -> None:
    assert outcome_of("directory_locked:corp") == ("directory_locked", "corp")
    assert outcome_of("disabled") == ("disabled", None)


def test_whose_password_counts() -> None:
    def course(person: LoginSubject, *, directory_users: bool = False) -> tuple[Course, str | None, bool]:
        way = way_of(person, directory_users=directory_users, precedence={"corp": 100, "apps": 10})
        return way.course, way.entry.directory if way.entry else None, way.otherwise_local

    assert course(subject(hashed="x")) == (Course.LOCAL, None, False)
    assert course(subject()) == (Course.NOBODY, None, False)
    assert course(subject(CORP, hashed="x")) == (Course.DIRECTORY, "corp", False)
    assert course(subject(CORP, hashed="x"), directory_users=True) == (Course.LOCAL, None, False)
    assert course(subject(CORP), directory_users=True) == (Course.DIRECTORY, "corp", False)
    assert course(subject(CORP, APPS)) == (Course.DIRECTORY, "apps", False)
    assert course(subject(GONE)) == (Course.NOBODY, None, False)
    assert course(subject(CORP, hashed="x", break_glass=True)) == (Course.DIRECTORY, "corp", True)
    assert course(subject(CORP, break_glass=True)) == (Course.DIRECTORY, "corp", False)


def test_locks_last_for_good_or_for_their_time() -> None:
    hour = timedelta(hours=1)
    assert not lock_over(NOON, None, now=NOON + 1000 * hour)
    assert not lock_over(None, hour, now=NOON)
    assert not lock_over(NOON, hour, now=NOON + hour - timedelta(seconds=1))
    assert lock_over(NOON, hour, now=NOON + hour)


@given(took=st.floats(0, 100), step=st.floats(0.01, 5))
def test_a_refusal_ends_at_a_whole_multiple(took: float, step: float) -> None:
    total = took + put_off(took, step)
    assert total >= took
    assert total >= step * 0.999
    assert abs(total / step - round(total / step)) < 1e-6


def test_a_refusal_waits_for_nothing_without_a_step() -> None:
    assert put_off(0.3, 0) == 0


def test_a_begun_day_counts() -> None:
    assert [days_left(seconds) for seconds in (0, 1, 86_400, 86_401, -5)] == [0, 1, 1, 2, 0]
