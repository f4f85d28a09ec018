"""New people and members of groups as they are kept in little room: to everybody they are what they were made of."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from syncd.mapping.members import PackedValues
from syncd.model.creation import Creation, NewFields
from syncd.model.plan import Action, PersonChange, Plan
from syncd.model.records import FieldValue, PersonRecord
from syncd.reconcile.people import diff_person

FIELDS: dict[str, FieldValue] = {
    "username": "Ada",
    "email": None,
    "tags": ("a", "ß"),
    "emails": (),
    "avatar": b"\xff\xd8\xff\x00",
    "custom.age": 36,
    "custom.remote": False,
    "title": "\udcff",
}


def record(dn_key: str = "uid=ada,dc=example", **fields: FieldValue) -> PersonRecord:
    return PersonRecord("7", "uid=Ada,dc=example", dn_key, b"print", FIELDS | fields, "ada", "12", "S-1-5", "e7")


@pytest.mark.parametrize("dn_key", ["uid=ada,dc=example", "uid=straße,dc=example"], ids=["lower case", "another"])
def test_a_creation_is_what_it_was_made_of(dn_key: str) -> None:
    change = diff_person(record(dn_key), None)
    assert isinstance(change, Creation)
    assert (change.action, change.entry_id, change.before) == (Action.CREATE, "7", None)
    assert change.after == record(dn_key)
    assert change.after is not None
    assert list(change.after.fields) == list(FIELDS)
    valued = {name: (None, value) for name, value in FIELDS.items() if value is not None and value != ()}
    assert dict(change.fields) == valued
    assert change.fields["email"] == (None, None)


@pytest.mark.parametrize("value", [date(2000, 1, 2), datetime(2000, 1, 2, tzinfo=UTC)], ids=["date", "time"])
def test_a_creation_with_a_date_is_the_same_to_everyone(value: FieldValue) -> None:
    change = diff_person(record(birthday=value), None)
    assert isinstance(change, Creation)
    assert change.after == record(birthday=value)
    assert change.fields["birthday"] == (None, value)


def test_creations_are_equal_when_what_they_create_is() -> None:
    assert diff_person(record(), None) == diff_person(record(), None)
    assert diff_person(record(), None) != diff_person(record(title="t"), None)
    plain = PersonChange(Action.CREATE, "7", record(), None, NewFields(record().fields))
    assert plain == diff_person(record(), None)
    assert not plain != diff_person(record(), None)  # noqa: SIM202 - another operator
    assert diff_person(record(), None) != diff_person(record("uid=other"), None)


def test_a_creation_with_something_replaced_is_a_plain_change() -> None:
    change = diff_person(record(), None)._replace(action=Action.UPDATE, fields={})
    assert (change.action, change.entry_id, change.after, change.fields) == (Action.UPDATE, "7", record(), {})


def test_a_plan_of_creations_has_the_digest_of_their_content() -> None:
    plans = [Plan(directory="corp", people=(diff_person(record(title=title), None),)) for title in ("t", "t", "u")]
    assert plans[0].digest == plans[1].digest != plans[2].digest
    assert plans[0].counts["users_created"] == 1


@pytest.mark.parametrize("values", [[], [b"one"], [b"uid=a", b"", b"\x00\xff", b"uid=a"]], ids=["none", "one", "some"])
def test_packed_values_are_the_values_in_their_order(values: list[bytes]) -> None:
    packed = PackedValues(values)
    assert (list(packed), list(packed), len(packed), bool(packed)) == (values, values, len(values), bool(values))
    assert sorted(packed) == sorted(values)
