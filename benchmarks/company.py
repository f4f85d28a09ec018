"""A large invented company as LDIF: the same bytes for the same numbers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import IO

BASE = "dc=bench,dc=example"
OFFICES = 100
ATTRIBUTES = ("uid", "cn", "sn", "givenName", "mail", "telephoneNumber", "title", "employeeNumber", "l", "departmentNumber")


def write_company(path: Path, *, people: int, groups: int, members: int, largest: int = 0) -> None:
    """`people` inetOrgPersons with ten attributes in a hundred offices, and `groups` groupOfNames of `members` each, of which
    the first has `largest` instead, when that is given."""
    with path.open("w", encoding="utf-8") as out:
        for name in ("people", "groups"):
            out.write(f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n")
        for office in range(OFFICES):
            out.write(f"dn: {_office(office)}\nobjectClass: organizationalUnit\nou: Office {office:03}\n\n")
        for number in range(people):
            _write_person(out, number)
        for group in range(groups):
            size = largest if largest and group == 0 else members
            _write_group(out, group, first=group * members, people=people, members=size)


def _office(number: int) -> str:
    return f"ou=Office {number:03},ou=people,{BASE}"


def person_dn(number: int) -> str:
    """The DN of the person with this number."""
    return f"uid=u{number:07},{_office(number % OFFICES)}"


def _write_person(out: IO[str], number: int) -> None:
    out.write(
        f"dn: {person_dn(number)}\nobjectClass: inetOrgPerson\nuid: u{number:07}\ncn: Given{number % 977} Family{number}\n"
        f"sn: Family{number}\ngivenName: Given{number % 977}\nmail: given{number % 977}.family{number}@bench.example\n"
        f"telephoneNumber: +49 30 {number:07}\ntitle: Engineer {number % 13}\nemployeeNumber: {number}\n"
        f"l: City {number % 89}\ndepartmentNumber: {number % 211}\nentryUUID: {uuid.UUID(int=(7 << 100) + number)}\n\n"
    )


def _write_group(out: IO[str], group: int, *, first: int, people: int, members: int) -> None:
    out.write(f"dn: cn=team-{group:05},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: team-{group:05}\n")
    for position in range(members):
        out.write(f"member: {person_dn((first + position) % people)}\n")
    out.write("\n")
