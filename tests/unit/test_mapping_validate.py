"""Mistakes in a mapping, each told with the nearest right name."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.mapping.validate import nearest, validate_mapping
from syncd.settings.directory import DirectorySettings

USERS: dict[str, Any] = {"username": "uid", "email": "mail", "last_name": "sn"}


def problems(custom: dict[str, str] | None = None, /, **sections: Any) -> list[str]:
    values: dict[str, Any] = {"urls": ["ldap://localhost"], "base_dn": "dc=x"} | sections
    return validate_mapping(DirectorySettings.model_validate(values), custom or {})


def attribute(name: str, rule: Any, custom: dict[str, str] | None = None, /) -> list[str]:
    return problems(custom, users={"attributes": USERS | {name: rule}})


def test_the_defaults_are_right() -> None:
    assert problems() == []


def test_a_rich_mapping_is_right() -> None:
    custom = {"badge": "integer", "since": "date", "langs": "list"}
    rules = USERS | {
        "emails": ["mailAlternate", "proxyAddresses"],
        "display_name": ["displayName", "{givenName} {sn}"],
        "avatar": "jpegPhoto",
        "birthday": "birthDate",
        "tags": {"attribute": "employeeType", "convert": ["lower"]},
        "badge": "employeeNumber",
        "since": {"attribute": "hireDate", "convert": ["filetime"]},
        "langs": "preferredLanguage",
        "phone": {"attribute": "telephoneNumber", "convert": ["phone"], "prefer": "^\\+"},
    }
    assert problems(custom, users={"attributes": rules}, organization={"from": "ou"}, units={"from": "attribute:ou"}) == []


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("usrname", "uid", 'users.attributes.usrname: there is no field "usrname"; did you mean "username"?'),
        ("firstname", "gn", 'users.attributes.firstname: there is no field "firstname"; did you mean "first_name"?'),
        ("zzz", "uid", 'users.attributes.zzz: there is no field "zzz"'),
        ("bagde", "n", 'users.attributes.bagde: there is no field "bagde"; did you mean "badge"?'),
        ("title", {"attribute": "t", "convert": ["lowr"]},
         "users.attributes.title: converts 'lowr', which is no converter; did you mean \"lower\"?"),
        ("title", "{title", "users.attributes.title: the template '{title' has braces that do not match"),
        ("title", {"attribute": "t", "prefer": "("}, "users.attributes.title: prefers '(', which is not a regular expression"),
        ("title", "user password", "users.attributes.title: 'user password' is not an attribute's name"),
        ("title", "userPassword", "users.attributes.title: 'userPassword' holds passwords, which syncd never reads"),
        ("title", [], "users.attributes.title: has neither an attribute nor a constant"),
        ("email", {"attribute": "mail", "convert": ["date"]}, "users.attributes.email: converts to date"),
        ("emails", {"constant": "x"}, "users.attributes.emails: has a bad constant"),
        ("tags", {"attribute": "t", "prefer": "a"}, "users.attributes.tags: takes all values"),
        ("badge", {"constant": "x"}, "users.attributes.badge: has a bad constant: 'x' is not a whole number"),
        ("birthday", {"attribute": "b", "convert": ["integer"]}, "users.attributes.birthday: converts to integer"),
    ],
)  # fmt: skip
def test_mistakes_in_rules(name: str, rule: Any, words: str) -> None:
    found = attribute(name, rule, {"badge": "integer"})
    assert len(found) == 1
    assert found[0].startswith(words)


def test_required_fields_must_be_mapped() -> None:
    assert problems(users={"attributes": {"username": "uid", "email": "mail"}}) == [
        "users.required: last_name is not in users.attributes; map it there or leave it out here"
    ]
    assert problems(users={"attributes": USERS, "required": ["username", "emial"]}) == [
        'users.required: there is no field "emial"; did you mean "email"?'
    ]
    assert problems(users={"attributes": {"last_name": "sn"}, "required": ["username", "last_name"]}) == [
        "users.attributes: username is not mapped; nobody can be stored without one"
    ]
    assert problems(users={"attributes": USERS, "required": ["email"]}) == [
        "users.required: username must be in it; nobody can be stored without one"
    ]


def test_custom_fields_may_not_hide_the_store_s_own() -> None:
    assert problems({"title": "text"}) == ["custom_fields.title: the store has a field of its own called 'title'"]


def test_roles_and_names() -> None:
    found = problems(
        roles={"map": {"/(/": ["a"], " ": ["b"], "c": [""]}, "default": [" "]},
        organization=" ",
        units={"from": "attribute:userPassword", "default": " / "},
    )
    assert [text.partition(":")[0] for text in found] == [
        "organization", "units.from", "units.default", 'roles.map."/(/"', 'roles.map." "', 'roles.map."c"', "roles.default",
    ]  # fmt: skip


def test_what_the_settings_let_through_is_checked_too() -> None:
    """The settings' own types refuse most of it; a mapping is safe without them as well."""
    good = DirectorySettings.model_validate({"urls": ["ldap://localhost"], "base_dn": "dc=x"})
    bad = good.model_copy(
        update={
            "base_dn": "nonsense",
            "entry_id_attribute": "entry uuid",
            "units": good.units.model_copy(update={"from_": "nine"}),
            "roles": good.roles.model_copy(update={"id_attribute": "*", "base_dn": "cn=a,"}),
        }
    )
    found = validate_mapping(bad, {})
    assert [text.partition(":")[0] for text in found] == [
        "units.from", "roles.id_attribute", "base_dn", "roles.base_dn", "entry_id_attribute",
    ]  # fmt: skip
    assert found[0].endswith('must be "ou", "none" or "attribute:NAME", not \'nine\'; did you mean "none"?')


def test_nearest() -> None:
    assert nearest("EMIAL", ["email", "emails", "title"]) == '; did you mean "email"?'
    assert nearest("zzz", ["email"]) == ""
