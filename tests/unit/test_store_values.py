"""Values of the store without a database: JSON forms, times, names that change together, the order of units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from syncd.model.plan import Action, PersonChange
from syncd.model.records import DirectoryPresence, FieldValue, PersonRecord, StoredPerson
from syncd.store.apply_names import claimed_by, given_up_by, split
from syncd.store.apply_values import media_type, plain_value
from syncd.store.bulk import time_text
from syncd.store.types import UtcTime, from_json, to_json

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.binary(),
    st.lists(st.text()).map(tuple),
)


@given(values)
def test_a_value_comes_back_from_its_json_with_its_type(value: FieldValue) -> None:
    found = from_json(to_json(value))
    assert found == value
    assert type(found) is type(value)


def test_json_is_canonical() -> None:
    assert to_json({"b": "ü", "a": (1, None)}) == '{"a":[1,null],"b":"ü"}'
    with pytest.raises(TypeError, match="object"):
        to_json(object())


INDIA = timezone(timedelta(hours=5, minutes=30))
times = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(INDIA))  # noqa: DTZ001


@given(times, times)
def test_times_are_text_in_utc_that_sorts_as_they_do(one: datetime, other: datetime) -> None:
    assert (time_text(one) < time_text(other)) == (one < other)
    assert UtcTime().process_bind_param(one, sqlite.dialect()) == one  # type: ignore[no-untyped-call]


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # type: ignore[no-untyped-call]  # noqa: DTZ001


@pytest.mark.parametrize(("value", "expected"), [("text", "text"), ("", None), (None, None), (date(2026, 1, 31), "2026-01-31")])
def test_plain_values(value: FieldValue, expected: object) -> None:
    assert plain_value(value) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"BM6", "image/bmp"),
        (b"<svg", "application/octet-stream"),
    ],
)
def test_the_type_of_a_picture(data: bytes, expected: str) -> None:
    assert media_type(data) == expected


# ---------------------------------------------------------------- names that change together
def record(entry_id: str, username: str | None) -> PersonRecord:
    return PersonRecord(entry_id, f"uid={entry_id}", f"uid={entry_id}", b"", {"username": username})


def stored(entry_id: str, username: str | None, *, present: bool = True) -> StoredPerson:
    presence = DirectoryPresence.ACTIVE if present else DirectoryPresence.MISSING
    return StoredPerson(1, entry_id, "", "", b"", presence, {"username": username})


def create(entry_id: str, username: str) -> PersonChange:
    return PersonChange(Action.CREATE, entry_id, record(entry_id, username), None, {"username": (None, username)})


def rename(entry_id: str, old: str, new: str | None) -> PersonChange:
    fields = {"username": (old, new)}
    return PersonChange(Action.UPDATE, entry_id, record(entry_id, new), stored(entry_id, old), fields)


def back(entry_id: str, old: str, new: str) -> PersonChange:
    fields: dict[str, tuple[FieldValue, FieldValue]] = {"username": (old, new)} if old != new else {}
    return PersonChange(Action.RETURN, entry_id, record(entry_id, new), stored(entry_id, old, present=False), fields)


def together(*changes: PersonChange, released: tuple[str, ...] = ()) -> set[str]:
    first, others = split(changes, [("username", name) for name in released])
    assert len(first) + len(others) == len(changes)
    return {change.entry_id for change in first}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([create("a", "x"), create("b", "y")], set()),
        ([rename("a", "x", "y"), rename("b", "v", "w")], set()),
        ([rename("a", "x", "y"), rename("b", "y", "x"), create("c", "z")], {"a", "b"}),
        ([rename("a", "x", "y"), rename("b", "y", "z"), rename("c", "z", "w"), rename("d", "d", "e")], {"a", "b", "c"}),
        ([rename("a", "x", None), create("b", "X")], {"a", "b"}),
        ([rename("a", "x", "X")], set()),
        ([back("a", "x", "x"), rename("b", "y", "z")], set()),
        ([back("a", "x", "y"), rename("b", "y", "x")], {"a", "b"}),
        # the name of who returns belongs to `b` by now, who passes it on to `c`
        ([back("a", "x", "y"), rename("b", "x", "z"), rename("c", "w", "x")], {"a", "b", "c"}),
    ],
)
def test_who_passes_on_names_changes_together(changes: list[PersonChange], expected: set[str]) -> None:
    assert together(*changes) == expected
    assert together(*reversed(changes)) == expected


def test_who_takes_a_released_name_goes_with_the_release() -> None:
    assert together(create("a", "x"), create("b", "y"), released=("x",)) == {"a"}


def test_a_departure_claims_and_gives_up_nothing() -> None:
    gone = PersonChange(Action.DISABLE, "a", None, stored("a", "x"), {})
    assert given_up_by(gone) == claimed_by(gone) == []


@pytest.mark.parametrize("make", [create, lambda e, n: back(e, n, n)])
def test_who_comes_claims_their_name(make: Callable[[str, str], PersonChange]) -> None:
    assert claimed_by(make("a", "Anna  X")) == [("username", "anna x")]
