"""The sample company is the same on every machine, and has in it what the demo wants to show."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import ldap.dn
import ldif
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "demo_company.py"


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("demo_company", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


company = _module()
Attributes = dict[str, list[str | bytes]]


@pytest.fixture(scope="module")
def entries() -> dict[str, Attributes]:
    """DN to attributes, of the whole company."""
    built = company.build()
    entries = {entry.dn: entry.attributes for entry in built}
    assert len(entries) == len(built), "two entries with one DN"
    return entries


@pytest.fixture(scope="module")
def people(entries: dict[str, Attributes]) -> dict[str, Attributes]:
    return {dn: attributes for dn, attributes in entries.items() if "inetOrgPerson" in attributes["objectClass"]}


@pytest.fixture(scope="module")
def groups(entries: dict[str, Attributes]) -> dict[str, Attributes]:
    return {dn: attributes for dn, attributes in entries.items() if "groupOfNames" in attributes["objectClass"]}


def _key(dn: str) -> tuple[Any, ...]:
    """A DN in a form that does not depend on how it is spelled, by another parser than ours."""
    return tuple(tuple(sorted((a.lower(), v.strip().casefold()) for a, v, _ in rdn)) for rdn in ldap.dn.str2dn(dn))


def _upwards(entries: dict[str, Attributes], start: str) -> list[str]:
    """The names of all groups that a DN is in, by any number of steps; more than once where several ways lead there."""
    found: list[str] = []
    ways = [_key(start)]
    while ways:
        here = ways.pop()
        for dn, attributes in entries.items():
            if here in {_key(str(member)) for member in attributes.get("member", [])}:
                name = str(attributes["cn"][0])
                if found.count(name) < 3:
                    found.append(name)
                    ways.append(_key(dn))
    return found


def test_it_is_the_same_in_every_process() -> None:
    """Neither hash seeds nor the locale may change what is loaded: the demo reuses what it loaded before."""
    outputs = {
        subprocess.run(
            [sys.executable, str(SCRIPT)], check=True, capture_output=True, env={"PYTHONHASHSEED": seed, "LC_ALL": "C"}
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {company.ldif(company.build()).encode()}


def test_it_has_some_three_hundred_people_in_nested_offices(people: dict[str, Attributes]) -> None:
    assert 280 <= len(people) <= 320
    depths = Counter(len(ldap.dn.str2dn(dn)) for dn in people)
    # person, office, country, people, dc, dc; and one more for a workshop inside an office
    assert set(depths) == {6, 7}
    assert depths[7] >= 20


def test_parents_come_before_children(entries: dict[str, Attributes]) -> None:
    seen: set[tuple[Any, ...]] = set()
    for dn in entries:
        key = _key(dn)
        assert not seen or key[1:] in seen, dn
        seen.add(key)


def test_the_rdn_is_among_the_attributes(entries: dict[str, Attributes]) -> None:
    """Otherwise slapd refuses the entry (RFC 4511 section 4.7). The values are compared after another parser's unescaping."""
    for dn, attributes in entries.items():
        for attribute, value, _ in ldap.dn.str2dn(dn)[0]:
            assert value in attributes[attribute], dn


@pytest.mark.parametrize("mark", [*',+"\\<>;=', "#", " "])
def test_every_character_that_needs_escaping_is_in_a_name(people: dict[str, Attributes], mark: str) -> None:
    names = [value for dn in people for rdn in ldap.dn.str2dn(dn) for _, value, _ in rdn]
    if mark == "#":
        assert any(name.startswith("#") for name in names)
    elif mark == " ":
        assert any(name.endswith(" ") for name in names)
    else:
        assert any(mark in name for name in names)


@pytest.mark.parametrize("script", ["Ελ", "Укра", "日本", "مصر", "भारत", "대한민국", "Łódź", "Việt"])
def test_names_come_in_many_scripts(people: dict[str, Attributes], script: str) -> None:
    assert any(script in dn for dn in people)


def test_what_cannot_be_used_is_in_it(people: dict[str, Attributes]) -> None:
    logins = Counter(attributes["uid"][0] for attributes in people.values())
    assert [login for login, count in logins.items() if count > 1] == ["a.novak"]
    assert sum("mail" not in attributes for attributes in people.values()) == 1
    assert sum("@" not in str(attributes["mail"][0]) for attributes in people.values() if "mail" in attributes) == 1
    assert sum(not str(attributes["employeeNumber"][0]).isdigit() for attributes in people.values()) == 1


def test_what_is_special_but_usable_is_in_it(people: dict[str, Attributes]) -> None:
    assert sum(len(attributes.get("mail", [])) == 2 for attributes in people.values()) == 1
    assert sum("+" in dn and len(ldap.dn.str2dn(dn)[0]) == 2 for dn in people) == 2
    photos = [attributes["jpegPhoto"][0] for attributes in people.values() if "jpegPhoto" in attributes]
    assert photos
    for photo in photos:
        assert isinstance(photo, bytes)
        assert photo.startswith(b"\xff\xd8\xff")
        assert photo.endswith(b"\xff\xd9")


def test_groups_nest_three_deep(people: dict[str, Attributes], groups: dict[str, Attributes]) -> None:
    someone = next(dn for dn in people if "ou=Brno" in dn)
    assert {"office-brno", "country-cs", "all-staff"} <= set(_upwards(groups, someone))


def test_a_diamond_and_a_cycle_are_among_the_groups(people: dict[str, Attributes], groups: dict[str, Attributes]) -> None:
    manager = next(dn for dn in people if ",ou=Berlin," in dn)
    assert Counter(_upwards(groups, manager))["travel-approvers"] > 1, "no two ways lead there"
    auditor = next(dn for dn in people if "Keane" in dn)
    assert {"audit-readers", "audit-writers", "audit-keepers"} <= set(_upwards(groups, auditor))


def test_some_members_are_nobody(entries: dict[str, Attributes], groups: dict[str, Attributes]) -> None:
    known = {_key(dn) for dn in entries}
    dangling = {
        str(attributes["cn"][0])
        for attributes in groups.values()
        for member in attributes["member"]
        if _key(str(member)) not in known
    }
    assert dangling == {"retired-programme", "projekt-aurora"}


def test_another_reader_of_ldif_reads_the_same(entries: dict[str, Attributes]) -> None:
    """RFC 2849, by python-ldap's parser."""
    read = ldif.LDIFRecordList(io.StringIO(company.ldif(company.build())))
    read.parse_entry_records()
    expected = {
        dn: {name: [v.encode() if isinstance(v, str) else v for v in values] for name, values in attributes.items()}
        for dn, attributes in entries.items()
    }
    assert dict(read.all_records) == expected


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain", "plain"),
        ("a,b", "a\\,b"),
        ("#1", "\\#1"),
        ("1#", "1#"),
        (" both ", "\\ both\\ "),
        (" ", "\\ "),
        ('"<>;=+\\', '\\"\\<\\>\\;\\=\\+\\\\'),
    ],
)
def test_escaping(value: str, escaped: str) -> None:
    """RFC 4514 section 2.4, and back by another parser."""
    assert company.escape(value) == escaped
    assert ldap.dn.str2dn(f"cn={escaped}") == [[("cn", value, 1)]]
