"""How fast a directory is read, against python-ldap (C) reading the same entries from the same slapd.

    python -m benchmarks.reading [ENTRIES] [PAIRS]

Both sides bind as the same account, page by 1000, ask for the same ten attributes and look at every entry. They take turns, so
that a busy machine slows both; the figure that counts is the median of the pairs' ratios. The bar is 1.0.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ldap
import structlog
from ldap.controls import SimplePagedResultsControl
from pydantic import SecretStr

from syncd.directory import LdapDirectory
from syncd.model.reading import Search
from syncd.settings.directory import DirectorySettings
from tests.servers.slapd import Slapd

PAGE_SIZE = 1000
FILTER = "(objectClass=inetOrgPerson)"
ATTRIBUTES = (
    *("uid", "cn", "sn", "givenName", "mail", "telephoneNumber", "title", "employeeNumber", "departmentNumber", "entryUUID"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of each turn."""

    entries: int
    ours: list[float]
    python_ldap: list[float]

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios, ours to python-ldap's: below 1 is faster."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.ours, self.python_ldap, strict=True))

    def __str__(self) -> str:
        return (
            f"reading {self.entries} entries: ours {statistics.median(self.ours):.2f} s, "
            f"python-ldap {statistics.median(self.python_ldap):.2f} s, ratio {self.ratio:.2f} (bar 1.0)"
        )


def compare(server: Slapd, *, pairs: int = 5) -> Comparison:
    """Read everything from the server by turns. Raises AssertionError if the two do not read the same number of entries."""
    ours, theirs = _Turns(read_ours), _Turns(read_python_ldap)
    for number in range(pairs):
        # who goes first changes, so that neither always finds the machine warm
        for turns in (ours, theirs) if number % 2 else (theirs, ours):
            turns.take(server)
    assert ours.counts == theirs.counts, f"ours {ours.counts}, python-ldap {theirs.counts}"
    return Comparison(ours.counts[-1], ours.seconds, theirs.seconds)


class _Turns:
    def __init__(self, read: Callable[[Slapd], int]) -> None:
        self._read = read
        self.seconds: list[float] = []
        self.counts: list[int] = []

    def take(self, server: Slapd) -> None:
        start = time.perf_counter()
        self.counts.append(self._read(server))
        self.seconds.append(time.perf_counter() - start)


def read_ours(server: Slapd) -> int:
    """Connect, bind, read all, look at each entry, check the verdict; how many."""
    settings = DirectorySettings(
        urls=[server.url],
        base_dn=server.base_dn,
        bind_dn=server.reader_dn,
        bind_password=SecretStr(server.reader_password),
        page_size=PAGE_SIZE,
    )
    session = LdapDirectory("bench", settings).connect()
    reading = session.read(Search(purpose="users", base_dn=server.base_dn, filter=FILTER, attributes=ATTRIBUTES))
    count = 0
    for batch in reading:
        for dn, attributes in batch:
            count += bool(dn and attributes)
    session.close()
    assert reading.verdict.complete, reading.verdict.reason
    return count


def read_python_ldap(server: Slapd) -> int:
    """The same with python-ldap, as its documentation has it."""
    connection = ldap.initialize(server.url)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.simple_bind_s(server.reader_dn, server.reader_password)
    control = SimplePagedResultsControl(True, size=PAGE_SIZE, cookie="")
    count = 0
    while True:
        message_id = connection.search_ext(server.base_dn, ldap.SCOPE_SUBTREE, FILTER, list(ATTRIBUTES), serverctrls=[control])
        _, batch, _, controls = connection.result3(message_id)
        for dn, attributes in batch:
            count += bool(dn and attributes)
        control.cookie = next(found.cookie for found in controls if found.controlType == control.controlType)
        if not control.cookie:
            connection.unbind_s()
            return count


def people_ldif(count: int, *, base_dn: str) -> Iterator[str]:
    """LDIF of `count` inetOrgPersons with ten attributes each, below ou=people."""
    yield f"dn: ou=people,{base_dn}\nobjectClass: organizationalUnit\nou: people\n\n"
    for number in range(count):
        family = number * 7 % count
        yield (
            f"dn: uid=u{number:07},ou=people,{base_dn}\nobjectClass: inetOrgPerson\nuid: u{number:07}\n"
            f"cn: Given{number} Family{family}\nsn: Family{family}\ngivenName: Given{number}\n"
            f"mail: given{number}.family{family}@example.com\ntelephoneNumber: +49 30 {number:08}\n"
            f"title: Engineer {number % 50}\nemployeeNumber: {number}\ndepartmentNumber: D{number % 100}\n"
            f"l: City {number % 300}\n\n"
        )


def main(entries: int = 100_000, pairs: int = 5) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        ldif = Path(folder) / "people.ldif"
        with ldif.open("w", encoding="utf-8") as file:
            file.writelines(people_ldif(entries, base_dn="dc=example,dc=com"))
        server = Slapd(Path(folder) / "slapd", stats=False, max_size=4 << 30)
        server.load(ldif)
        with server:
            comparison = compare(server, pairs=pairs)
    print(comparison)
    return 0 if comparison.ratio <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
