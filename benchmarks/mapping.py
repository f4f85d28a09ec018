"""Microseconds per entry of what happens to each of a million entries, and the resolution of groups.

    python benchmarks/mapping.py [ENTRIES]

Pure computation on made-up entries of ten attributes: no server, no disk. Each figure is the best of five rounds.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable

from syncd.mapping.mapper import PersonMapper
from syncd.mapping.references import GroupSet
from syncd.mapping.structure import Structure
from syncd.model.dn import normalize
from syncd.model.entry import Entry
from syncd.settings.directory import DirectorySettings

ROUNDS = 5
BASE = "ou=People,dc=example,dc=com"
SETTINGS = DirectorySettings.model_validate(
    {
        "urls": ["ldap://localhost"],
        "base_dn": "dc=example,dc=com",
        "organization": "Example Corp",
        "users": {
            "base_dn": BASE,
            "attributes": {
                "username": "uid",
                "email": "mail",
                "first_name": "givenName",
                "last_name": "sn",
                "display_name": ["displayName", "{givenName} {sn}"],
                "title": "title",
                "phone": "telephoneNumber",
                "employee_number": "employeeNumber",
                "department": "departmentNumber",
            },
        },
    }
)
CUSTOM = {"employee_number": "text", "department": "text"}


def person(number: int) -> Entry:
    """An inetOrgPerson in one of 200 units."""
    attributes = {
        "uid": f"user{number}",
        "mail": f"given{number}.family{number % 997}@example.com",
        "givenname": f"Given{number}",
        "sn": f"Family{number % 997}",
        "cn": f"Given{number} Family{number % 997}",
        "displayname": f"Given{number} Family{number % 997}",
        "title": "Engineer",
        "telephonenumber": f"+1 313 555 {number % 10_000:04}",
        "employeenumber": str(number),
        "departmentnumber": str(number % 200),
        "entryuuid": str(uuid.UUID(int=number)),
    }
    return Entry(dn_of(number), {name: [value.encode()] for name, value in attributes.items()})


def dn_of(number: int) -> str:
    """The DN of a person."""
    return f"uid=user{number},ou=Unit {number % 200},{BASE}"


def units() -> list[Entry]:
    """The 200 units."""
    return [
        Entry(f"ou=Unit {number},{BASE}", {"ou": [f"Unit {number}".encode()], "entryuuid": [str(uuid.uuid4()).encode()]})
        for number in range(200)
    ]


def best(work: Callable[[], object]) -> float:
    """Processor seconds of the quickest of five rounds, so that a busy machine counts for little."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def people(entries: list[Entry]) -> None:
    """Print the figures of people."""
    mapper = PersonMapper(SETTINGS, custom_fields=CUSTOM, entry_id_attribute="entryUUID")
    structure = Structure(SETTINGS, units(), entry_id_attribute="entryUUID")

    def mapped() -> None:
        for entry in entries:
            mapper.map(entry, entry_id="id", fingerprint=b"", structure=structure)

    report("normalize a DN", best(lambda: [normalize(entry.dn) for entry in entries]), len(entries))
    report("entry id", best(lambda: [mapper.entry_id(entry) for entry in entries]), len(entries))
    report("place in the unit tree", best(lambda: [structure.place(entry) for entry in entries]), len(entries))
    report("fingerprint", best(lambda: [mapper.fingerprint(entry, structure) for entry in entries]), len(entries))
    report("map", best(mapped), len(entries))


def roles(entries: list[Entry], *, groups: int = 500, size: int = 200) -> None:
    """Print the figures of groups."""
    count = len(entries)
    keys = {normalize(entry.dn): f"id{number}" for number, entry in enumerate(entries)}
    sent = [
        Entry(
            f"cn=group{group},ou=Groups,dc=example,dc=com",
            {
                "cn": [f"group{group}".encode()],
                "entryuuid": [str(uuid.uuid4()).encode()],
                "member": [dn_of((group * 7919 + member * 104_729) % count).encode() for member in range(size)],
            },
        )
        for group in range(groups)
    ]

    def read() -> GroupSet:
        found = GroupSet(SETTINGS.roles, entry_id_attribute="entryUUID")
        for entry in sent:
            found.add(entry)
        return found

    found = read()
    report(f"add {groups} groups of {size}", best(read), groups)
    report("digest, per membership", best(found.digest), groups * size)
    report("resolve, per membership", best(lambda: found.resolve(keys)), groups * size)


def report(what: str, seconds: float, count: int) -> None:
    """One line."""
    print(f"{what:32} {seconds / count * 1e6:8.2f} us  {seconds:8.3f} s for {count}")


def main() -> None:
    """Run all."""
    entries = [person(number) for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)]
    people(entries)
    roles(entries)


if __name__ == "__main__":
    main()
