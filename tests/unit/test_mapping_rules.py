"""Rules of the configuration: what they take, and that the order of values never matters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.problems import BadValue
from syncd.mapping.rules import CONVERTERS, compile_rule, distinct, field_kinds, record_field
from syncd.mapping.sources import RuleError
from syncd.model.entry import Entry
from syncd.model.records import FieldValue
from syncd.settings.directory import Rule, RuleTable


def entry(dn: str = "uid=jd,dc=x", /, **attributes: str | bytes | list[str]) -> Entry:
    values = {}
    for name, value in attributes.items():
        many = value if isinstance(value, list) else [value]
        values[name.lower().replace("__", ";").replace("_", "-")] = [
            text.encode() if isinstance(text, str) else text for text in many
        ]
    return Entry(dn, values)


def value(rule: Rule | dict[str, Any], found: Entry, kind: str = "text") -> FieldValue:
    if isinstance(rule, dict):
        rule = RuleTable.model_validate(rule)
    return compile_rule(rule, kind).value(found)


# ---------------------------------------------------------------- attributes
def test_an_attribute() -> None:
    assert value("sn", entry(sn=" Doe ")) == "Doe"
    assert value("sn", entry(sn=" ")) is None
    assert value("sn", entry(cn="x")) is None
    assert value("sn", Entry("uid=a", {"sn": []})) is None


def test_an_attribute_by_alias_oid_and_case() -> None:
    for name in ("SN", "surname", "2.5.4.4", "oid.2.5.4.4"[4:]):
        assert value(name, entry(sn="Doe")) == "Doe"
    assert compile_rule("givenName", "text").attributes == ("givenName",)


def test_options_make_another_attribute() -> None:
    found = entry(cn="plain", cn__lang_de="deutsch")
    assert value("cn", found) == "plain"
    assert value("CN;Lang-DE", found) == "deutsch"
    assert value("cn", entry(cn__lang_de="deutsch")) is None


def test_first_of() -> None:
    rule = ["displayName", "{givenName} {sn}", "cn"]
    assert value(rule, entry(displayname="D", cn="c")) == "D"
    assert value(rule, entry(displayname=" ", givenname="G", sn="S", cn="c")) == "G S"
    assert value(rule, entry(cn="c")) == "c"
    assert value(rule, entry()) is None
    assert compile_rule(rule, "text").attributes == ("displayName", "givenName", "sn", "cn")


# ---------------------------------------------------------------- templates
def test_templates() -> None:
    assert value("{givenName} {sn}", entry(givenname="G", sn="S")) == "G S"
    assert value("{givenName} {sn}", entry(sn="Solo")) == "Solo"
    assert value("{givenName} {sn}", entry()) is None
    assert value("{uid}@example.com", entry(uid="jd")) == "jd@example.com"
    assert value("{{{uid}}}", entry(uid="jd")) == "{jd}"
    assert value("{cn;lang-de}!", entry(cn__lang_de="x")) == "x!"


@pytest.mark.parametrize("text", ["{", "}", "{uid", "uid}", "{}", "{uid!r}", "{uid:10}", "{{x}}", "{a b}", "{0}"])
def test_templates_that_make_no_sense(text: str) -> None:
    with pytest.raises(RuleError):
        compile_rule(text, "text")


# ---------------------------------------------------------------- several values
def test_the_value_in_the_rdn_wins() -> None:
    assert value("uid", entry("uid=Zoe,dc=x", uid=["alias", "zoe"])) == "zoe"
    assert value("uid", entry("cn=a+uid=zoe,dc=x", uid=["alias", "zoe"])) == "zoe"
    assert value("cn", entry("uid=zoe,dc=x", cn=["b", "zoe", "a"])) == "a"
    assert value("uid", entry("uid=gone,dc=x", uid=["b", "A"])) == "A"
    assert value("uid", entry("no name at all", uid=["b", "a"])) == "a"


def test_prefer_wins_over_the_rdn() -> None:
    rule = {"attribute": "uid", "prefer": "^[a-z]+$"}
    assert value(rule, entry("uid=e123,dc=x", uid=["e123", "zoe", "bob"])) == "bob"
    assert value(rule, entry("uid=e123,dc=x", uid=["e123", "e99"])) == "e123"
    assert value(rule, entry("uid=e123,dc=x", uid="e123")) == "e123"


def test_blank_values_beside_others_are_no_values() -> None:
    assert value("uid", entry(uid=[" ", "b"])) == "b"
    assert value("uid", entry(uid=[" ", ""])) is None


@given(st.lists(st.text("abAB ", min_size=1, max_size=3), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_values_never_matters(values: list[str], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    for rule, kind in (
        ("uid", "text"),
        ({"attribute": "uid", "prefer": "^a"}, "text"),
        ("uid", "list"),
        ({"attribute": "uid", "convert": ["lower"]}, "list"),
    ):
        one = value(rule, entry("uid=ab,dc=x", uid=values), kind)  # type: ignore[arg-type]
        assert one == value(rule, entry("uid=ab,dc=x", uid=shuffled), kind)  # type: ignore[arg-type]


def test_lists() -> None:
    assert value("tags", entry(tags=["b", "A", "a", " ", "b "]), "list") == ("A", "b")
    assert value("tags", entry(tags=" "), "list") is None
    assert value(["tags", "other"], entry(other=["x", "y"]), "list") == ("x", "y")
    assert value({"constant": "staff"}, entry(), "list") == ("staff",)
    assert value({"attribute": "tags", "convert": ["upper"]}, entry(tags=["b", "a"]), "list") == ("A", "B")


def test_distinct_keeps_the_first_spelling_in_order() -> None:
    assert distinct(["b", "a", "A", None, "B"]) == ("A", "B")
    assert distinct([None]) is None


# ---------------------------------------------------------------- constants and converters
def test_constants() -> None:
    assert value({"constant": "Staff"}, entry(title="x")) == "Staff"
    assert value({"attribute": "title", "constant": "Staff"}, entry(title="Boss")) == "Boss"
    assert value({"attribute": "title", "constant": "Staff"}, entry()) == "Staff"
    assert value({"constant": "12"}, entry(), "integer") == 12
    with pytest.raises(RuleError, match="bad constant: 'x' is not a whole number"):
        compile_rule(RuleTable(constant="x"), "integer")
    with pytest.raises(RuleError, match="neither"):
        compile_rule(RuleTable(), "text")


def test_converters_apply_in_order() -> None:
    found = entry(uid=" John ")
    assert value({"attribute": "uid", "convert": ["lower"]}, found) == "john"
    assert value({"attribute": "uid", "convert": ["lower", "upper"]}, found) == "JOHN"
    assert value({"attribute": "uid", "convert": ["text", "trim"]}, found) == "John"
    assert value({"attribute": ["x", "{uid}!"], "convert": ["lower"]}, found) == "john!"


def test_kinds_convert_by_themselves() -> None:
    assert value("n", entry(n="12"), "integer") == 12
    assert value("n", entry(n="TRUE"), "boolean") is True
    assert value("n", entry(n="FALSE"), "boolean") is False
    assert value("n", entry(n="1970-01-15"), "date") == date(1970, 1, 15)
    assert value("n", entry(n="19700115120000Z"), "date") == date(1970, 1, 15)
    assert value("n", entry(n="19700115120000Z"), "datetime") == datetime(1970, 1, 15, 12, tzinfo=UTC)
    assert value("n", entry(), "integer") is None


def test_kinds_and_explicit_converters() -> None:
    ticks = entry(n="116444736000000000")
    assert value({"attribute": "n", "convert": ["filetime"]}, ticks, "datetime") == datetime(1970, 1, 1, tzinfo=UTC)
    assert value({"attribute": "n", "convert": ["filetime"]}, ticks, "date") == date(1970, 1, 1)
    assert value({"attribute": "n", "convert": ["filetime"]}, entry(n="0"), "date") is None
    assert value({"attribute": "n", "convert": ["trim", "integer"]}, entry(n="5"), "integer") == 5


def test_binary_converters() -> None:
    guid = bytes.fromhex("33221100554477668899aabbccddeeff")
    rule = {"attribute": "objectGUID", "convert": ["guid", "upper"]}
    assert value(rule, entry(objectguid=guid)) == "00112233-4455-6677-8899-AABBCCDDEEFF"
    with pytest.raises(BadValue, match="objectGUID has 3 bytes"):
        value(rule, entry(objectguid=b"abc"))
    assert value(rule, entry()) is None


def test_pictures() -> None:
    small, large = b"\xff\xd8\xff1", b"\xff\xd8\xff2"
    assert compile_rule("jpegPhoto", "image").value(Entry("uid=a", {"jpegphoto": [large, small]})) == small
    assert value(["photo", "jpegPhoto"], entry(jpegphoto=small), "image") == small
    assert value("jpegPhoto", entry(), "image") is None
    with pytest.raises(BadValue, match="jpegPhoto is not a JPEG"):
        value("jpegPhoto", entry(jpegphoto=b"text"), "image")


@pytest.mark.parametrize(
    ("rule", "kind", "message"),
    [
        ({"attribute": "a", "convert": ["nope"]}, "text", "'nope', which is no converter"),
        ({"attribute": "a", "convert": ["integer", "lower"]}, "integer", "must come last"),
        ({"attribute": "a", "convert": ["lower", "guid"]}, "text", "must come first"),
        ({"attribute": "{a}", "convert": ["guid"]}, "text", "no template"),
        ({"attribute": "a", "convert": ["integer"]}, "text", "a field of type text"),
        ({"attribute": "a", "convert": ["boolean"]}, "integer", "a field of type integer"),
        ({"attribute": "a", "convert": ["date"]}, "list", "a field of type list"),
        ({"attribute": "a", "prefer": "("}, "text", "not a regular expression"),
        ({"attribute": "a", "convert": ["lower"]}, "image", "attributes only"),
        ({"attribute": "{a}"}, "image", "attributes only"),
        ({"constant": "a"}, "image", "attributes only"),
        ({"attribute": "user password"}, "text", "not an attribute's name"),
        ({"attribute": "*"}, "text", "not an attribute's name"),
        ({"attribute": "userPassword"}, "text", "passwords"),
        ({"attribute": "{unicodePwd}"}, "text", "passwords"),
        ({"attribute": "userPassword;x-old"}, "text", "passwords"),
    ],
)
def test_rules_that_make_no_sense(rule: dict[str, Any], kind: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        compile_rule(RuleTable.model_validate(rule), kind)


def test_bad_values_name_attribute_value_and_reason() -> None:
    with pytest.raises(BadValue, match=r"^employeeNumber 'x1' is not a whole number$"):
        value("employeeNumber", entry(employeenumber="x1"), "integer")
    with pytest.raises(BadValue, match=r"^tags .* is not UTF-8$"):
        value("tags", entry(tags=b"\xff"), "list")
    with pytest.raises(BadValue, match=r"^sn .* NUL"):
        value("{sn}", entry(sn="a\0"))


# ---------------------------------------------------------------- fields
def test_fields_and_their_kinds() -> None:
    kinds = field_kinds({"badge": "integer", "username": "integer", "langs": "list"})
    assert kinds["username"] == "text"
    assert (kinds["badge"], kinds["langs"], kinds["tags"], kinds["birthday"]) == ("integer", "list", "list", "date")
    assert record_field("username") == "username"
    assert record_field("badge") == "custom.badge"
    assert {"lower", "upper", "trim", "text", "phone", "email", "filetime", "guid", "sid"} <= set(CONVERTERS)
