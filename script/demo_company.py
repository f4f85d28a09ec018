#!/usr/bin/env python3
"""Writes the sample company of config/demo/company.toml as LDIF (RFC 2849) to standard output.

The demo and the tests need a directory that looks like a real one: offices inside countries, names in a dozen scripts, names
that must be escaped in a DN, groups inside groups, and the mistakes that people make. It uses nothing but the standard
library and no randomness: the same file gives the same people on every machine, with every Python.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import sys
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPANY = Path(__file__).resolve().parent.parent / "config" / "demo" / "company.toml"
PASSWORD = "demo"  # everyone's, in a directory that listens on the loopback interface while a demo runs
READER_PASSWORD = "demo-reader"  # of the account that syncd reads with

# a grey head and shoulders, 16 by 16
PHOTO = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5mo"
    "q6T/wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAfEAABAwMFAAAAAAAAAAAAAAABAgMRAAQFIiNRUmH/2gAIAQEAAD8AsyD67e2K"
    "20yomJ6+0x767i2C3EwoGJ7e1PlL4tbDcFRGomDA4imLvi7sOQFAaSIEjiK//9k="
)

Attributes = dict[str, list[str | bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its DN and its attributes in the order in which they are written."""

    dn: str
    attributes: Attributes


@dataclass(slots=True)
class Office:
    """An office: where its people's entries are, who they are, the first of them its manager."""

    name: str
    slug: str
    dn: str
    country: dict[str, Any]
    people: list[Entry] = field(default_factory=list)


# ---------------------------------------------------------------- names
def escape(value: str) -> str:
    """A value as it stands in a DN (RFC 4514 section 2.4)."""
    escaped = re.sub(r'([\\",+;<>=])', r"\\\1", value)
    if escaped[0] in "# ":
        escaped = "\\" + escaped
    if value[-1] == " " and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def rdn(*pairs: tuple[str, str]) -> str:
    """A relative distinguished name of one or several pairs."""
    return "+".join(f"{attribute}={escape(value)}" for attribute, value in pairs)


def both_forms(name: str) -> tuple[str, str]:
    """`山田/Yamada` or `Łukasz`: the name itself, and its Latin form."""
    native, _, latin = name.partition("/")
    return native, latin or native


def login_part(latin: str) -> str:
    """The Latin form of a name as it stands in a login name: a to z, nothing else."""
    for letter, spelled in (("ß", "ss"), ("ł", "l"), ("đ", "d"), ("ø", "o")):
        latin = latin.casefold().replace(letter, spelled)
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", latin))


# ---------------------------------------------------------------- entries
def unit(parent: str, name: str) -> Entry:
    """An organizational unit."""
    return Entry(f"{rdn(('ou', name))},{parent}", {"objectClass": ["organizationalUnit"], "ou": [name]})


def hashed(password: str, *, salt: str) -> str:
    """A password as OpenLDAP keeps it. The salt makes the result the same in every run, which suits no real directory."""
    salted = hashlib.sha1(password.encode() + salt.encode())
    return "{SSHA}" + base64.b64encode(salted.digest() + salt.encode()).decode()


def frame(company: dict[str, Any]) -> Iterator[Entry]:
    """What stands above the people: the base, the branches, the account that syncd reads with."""
    base = company["base"]
    dc = base.split(",")[0].removeprefix("dc=")
    yield Entry(base, {"objectClass": ["dcObject", "organization"], "dc": [dc], "o": [company["name"]]})
    for branch in ("people", "groups", "services"):
        yield unit(base, branch)
    reader: Attributes = {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": ["syncd"]}
    reader["userPassword"] = [hashed(READER_PASSWORD, salt="syncd")]
    yield Entry(f"cn=syncd,ou=services,{base}", reader)


def offices(company: dict[str, Any]) -> Iterator[tuple[Entry, Office | None]]:
    """The units of countries and offices, each before what lies in it; an Office beside those that are one."""
    people = f"ou=people,{company['base']}"
    for country in company["country"]:
        top = unit(people, country["name"])
        yield top, None
        inside = {"": top.dn}
        for line in country["offices"]:
            path, slug = line.rsplit("/", 1)
            parent, _, name = path.rpartition(" > ")
            entry = unit(inside[parent], name)
            inside[path] = entry.dn
            yield entry, Office(name, slug, entry.dn, country)


@dataclass(slots=True)
class Staff:
    """Hires people: gives each a number, a login name that nobody has yet, and an entry."""

    company: dict[str, Any]
    next_number: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))
    logins: set[str] = field(default_factory=set)

    def login(self, given: str, family: str) -> str:
        """given.family, with a number behind it when somebody has that already."""
        wanted = f"{login_part(given)}.{login_part(family)}"
        numbered = (f"{wanted}{number}" for number in itertools.count(2))
        chosen = next(name for name in itertools.chain([wanted], numbered) if name not in self.logins)
        self.logins.add(chosen)
        return chosen

    def hire(self, office: Office, given_names: str, family_names: str, special: dict[str, Any] | None = None) -> Entry:
        """A new person in an office. `special`: their own RDN, and attributes that differ from everyone's."""
        special = special or {}
        country = office.country
        (given, given_latin), (family, family_latin) = both_forms(given_names), both_forms(family_names)
        name = f"{family} {given}" if country.get("family_first") else f"{given} {family}"
        login, number = self.login(given_latin, family_latin), next(self.next_number)
        attributes: Attributes = {
            "objectClass": ["inetOrgPerson"],
            "uid": [login],
            "cn": [name],
            "sn": [family],
            "givenName": [given],
            "displayName": [name],
            "mail": [f"{login}@{self.company['domain']}"],
            "title": [self.title(office, number)],
            "employeeNumber": [str(number)],
            "telephoneNumber": [f"{country['phone']} {number}"],
            "preferredLanguage": [country["code"]],
            "l": [office.name],
            "userPassword": [hashed(PASSWORD, salt=login)],
        }
        if (given, family) != (given_latin, family_latin):
            # attribute options (RFC 4512 section 2.5.2) carry the Latin form, as in an international address book
            attributes |= {"sn;lang-en": [family_latin], "givenName;lang-en": [given_latin]}
        if office.people:
            attributes["manager"] = [office.people[0].dn]
        return Entry(*self.named(office, attributes, special))

    def title(self, office: Office, number: int) -> str:
        """What someone does."""
        titles: list[str] = self.company["titles"]
        return titles[number % len(titles)] if office.people else "Office Manager"

    @staticmethod
    def named(office: Office, attributes: Attributes, special: dict[str, Any]) -> tuple[str, Attributes]:
        """The DN and the attributes, the special ones in place and those of the RDN among them (RFC 4511 section 4.7)."""
        for attribute, values in special.get("attributes", {}).items():
            attributes[attribute] = [PHOTO if value == "photo" else value for value in values]
        attribute = office.country["rdn"]
        pairs = [(a, v) for a, v in special.get("rdn", [(attribute, attributes[attribute][0])])]
        for attribute, value in pairs:
            if value not in attributes[attribute]:
                attributes[attribute].append(value)
        return f"{rdn(*pairs)},{office.dn}", {a: values for a, values in attributes.items() if values}


def names(country: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Given and family names of a country, women and men in turn, none twice."""
    women = itertools.product(country["women"], country.get("families_women", country["families"]))
    men = itertools.product(country["men"], country["families"][::-1])
    # a step that shares no factor with the number of pairs visits them all, far apart
    for pair in zip(*(spread(list(pairs)) for pairs in (women, men)), strict=False):
        yield from pair


def spread(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """All pairs, neighbours far from each other."""
    step = next(n for n in itertools.count(len(pairs) * 3 // 8) if math.gcd(n, len(pairs)) == 1)
    return (pairs[index * step % len(pairs)] for index in range(len(pairs)))


# ---------------------------------------------------------------- groups
def group(company: dict[str, Any], name: str, members: list[str], description: str) -> Entry:
    """A role group."""
    attributes: Attributes = {"objectClass": ["groupOfNames"], "cn": [name], "description": [description]}
    attributes["member"] = [*dict.fromkeys(members)]
    return Entry(f"{rdn(('cn', name))},ou=groups,{company['base']}", attributes)


def groups(company: dict[str, Any], staffed: list[Office]) -> Iterator[Entry]:
    """The groups of offices, of countries and of all, then those that the file names."""
    below = f"ou=groups,{company['base']}"

    def dn_of(name: str) -> str:
        return f"{rdn(('cn', name))},{below}"

    for office in staffed:
        yield group(company, f"office-{office.slug}", [person.dn for person in office.people], office.name)
    codes = {country["code"]: country["name"] for country in company["country"]}
    for code, name in codes.items():
        slugs = [office.slug for office in staffed if office.country["code"] == code]
        yield group(company, f"country-{code}", [dn_of(f"office-{slug}") for slug in slugs], name)
    yield group(company, "all-staff", [dn_of(f"country-{code}") for code in codes], "everybody")
    managers = {office.slug: office.people[0].dn for office in staffed}
    logins = {str(person.attributes["uid"][0]): person.dn for office in staffed for person in office.people}
    find: dict[str, Callable[[str], str]] = {
        "uid": logins.__getitem__,
        "manager": managers.__getitem__,
        "group": dn_of,
        "dn": str,
    }
    for line in company["group"]:
        members = [find[kind](value) for kind, _, value in (member.partition(":") for member in line["members"])]
        yield group(company, line["name"], members, line["why"])


# ---------------------------------------------------------------- all of it
def build(path: Path = COMPANY) -> list[Entry]:
    """Every entry of the company, parents before children."""
    company = tomllib.loads(path.read_text(encoding="utf-8"))
    tree, staff = [*offices(company)], Staff(company)
    staffed = [office for _, office in tree if office]
    people_names = {country["code"]: names(country) for country in company["country"]}
    for office in staffed:
        for given, family in itertools.islice(people_names[office.country["code"]], company["people_per_office"]):
            office.people.append(staff.hire(office, given, family))
    by_slug = {office.slug: office for office in staffed}
    for special in company["person"]:
        office = by_slug[special["office"]]
        office.people.append(staff.hire(office, special["given"], special["family"], special))
    people = [person for office in staffed for person in office.people]
    return [*frame(company), *(entry for entry, _ in tree), *people, *groups(company, staffed)]


def ldif_line(name: str, value: str | bytes) -> str:
    """One line of LDIF; base64 where the value is not plain ASCII text (RFC 2849, SAFE-STRING)."""
    raw = value.encode() if isinstance(value, str) else value
    safe = raw.isascii() and raw.decode().isprintable() and raw[:1] not in (b" ", b":", b"<") and raw[-1:] != b" "
    return f"{name}: {raw.decode()}" if safe else f"{name}:: {base64.b64encode(raw).decode()}"


def ldif(entries: list[Entry]) -> str:
    """The entries as LDIF. Lines are not folded: a reader of LDIF takes them at any length."""
    records = (
        [ldif_line("dn", entry.dn), *(ldif_line(name, value) for name, values in entry.attributes.items() for value in values)]
        for entry in entries
    )
    return "\n".join("".join(f"{line}\n" for line in record) for record in records)


if __name__ == "__main__":
    sys.stdout.write(ldif(build()))
