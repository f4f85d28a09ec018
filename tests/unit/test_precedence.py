"""Which directory decides which field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.mapping.precedence import Precedence
from syncd.settings.directory import DirectorySettings


def directory(*fields: str, precedence: int | None = None) -> DirectorySettings:
    link = {"link": {"attribute": "employeeNumber", "precedence": precedence}} if precedence is not None else {}
    attributes = dict.fromkeys(fields, "cn")
    users: dict[str, Any] = {"attributes": attributes, "required": []}
    return DirectorySettings.model_validate(
        {"urls": ["ldap://localhost"], "base_dn": "dc=x", "organization": "Corp", "users": users, **link}
    )


THREE: Mapping[str, DirectorySettings] = {
    "third": directory("username", "title", "badge"),
    "first": directory("username", "email", precedence=1),
    "second": directory("username", "phone", precedence=7),
}


def test_the_smallest_number_first_and_the_name_among_equals() -> None:
    assert Precedence.of(THREE).order == ("first", "second", "third")
    equals = {name: directory("username", precedence=100) for name in ("b", "a")} | {"aa": directory("username")}
    assert Precedence.of(equals).order == ("a", "aa", "b")


@pytest.mark.parametrize(
    ("name", "present", "fields"),
    [
        ("first", {"second", "third"}, set()),
        ("second", {"first", "third"}, {"username", "email", "emails"}),
        ("second", {"third"}, set()),
        ("third", {"second"}, {"username", "phone"}),
        ("third", {"first", "second"}, {"username", "email", "emails", "phone"}),
        ("third", {"unknown"}, set()),
    ],
)
def test_only_better_ones_that_have_the_person_decide(name: str, present: set[str], fields: set[str]) -> None:
    assert Precedence.of(THREE).decided_elsewhere(name, present) == fields


def test_where_a_directory_puts_people_is_no_field_and_custom_fields_are() -> None:
    fields = Precedence.of(THREE).fields["third"]
    assert fields == {"username", "title", "custom.badge"}


def test_what_is_not_written_is_what_any_server_may_map() -> None:
    def default(vendor: str) -> DirectorySettings:
        base = {"urls": ["ldap://localhost"], "base_dn": "dc=x", "organization": "Corp"}
        return DirectorySettings.model_validate({**base, "vendor": vendor})

    fields = Precedence.of({vendor: default(vendor) for vendor in ("auto", "openldap", "active_directory")}).fields
    assert fields["openldap"] == {"username", "email", "emails", "first_name", "last_name"}
    assert fields["active_directory"] == fields["openldap"] | {"display_name", "title", "phone"}
    assert fields["auto"] == fields["active_directory"]


def test_the_text_changes_with_whoever_comes_before_and_with_nothing_else() -> None:
    before = Precedence.of(THREE)
    assert before.text("first") == ""
    last = {**THREE, "third": directory("username", precedence=500)}
    assert Precedence.of(last).text("second") == before.text("second")
    more = {**THREE, "first": directory("username", "email", "title", precedence=1)}
    assert Precedence.of(more).text("second") != before.text("second")
    assert Precedence.of({name: THREE[name] for name in ("second", "third")}).text("second") == ""
