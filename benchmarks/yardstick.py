"""What a sync is measured against: the bare read of a directory by python-ldap, beside syncd's own reader."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import ldap
from ldap.controls import SimplePagedResultsControl

from benchmarks.company import ATTRIBUTES, BASE
from syncd.directory import LdapDirectory
from syncd.model.reading import Search
from syncd.settings.directory import DirectorySettings
from tests.servers.slapd import Slapd

PAGE = 1000
_THRESHOLD = gc.get_threshold()


def searches() -> list[Search]:
    """What the bare read reads: the people and the groups."""
    return [
        Search(
            purpose="users",
            base_dn=f"ou=people,{BASE}",
            filter="(objectClass=inetOrgPerson)",
            attributes=(*ATTRIBUTES, "entryUUID"),
        ),
        Search(
            purpose="roles",
            base_dn=f"ou=groups,{BASE}",
            filter="(objectClass=groupOfNames)",
            attributes=("cn", "member", "entryUUID"),
        ),
    ]


def read_with_python_ldap(server: Slapd, search: Search) -> int:
    """The usual page loop of python-ldap; entries read."""
    connection = ldap.initialize(server.url)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.simple_bind_s(server.reader_dn, server.reader_password)
    control = SimplePagedResultsControl(True, size=PAGE, cookie="")
    count = 0
    while True:
        message = connection.search_ext(
            search.base_dn, ldap.SCOPE_SUBTREE, search.filter, list(search.attributes), serverctrls=[control]
        )
        _, entries, _, controls = connection.result3(message)
        count += len(entries)
        (answer,) = [c for c in controls if c.controlType == SimplePagedResultsControl.controlType]
        if not answer.cookie:
            connection.unbind_s()
            return count
        control.cookie = answer.cookie


def read_with_syncd(server: Slapd, search: Search) -> int:
    """syncd's reader, verdict included; entries read."""
    settings = DirectorySettings(
        urls=[server.url], base_dn=BASE, bind_dn=server.reader_dn, bind_password=server.reader_password, page_size=PAGE
    )
    session = LdapDirectory("bench", settings).connect()
    reading = session.read(search)
    count = sum(len(batch) for batch in reading)
    assert reading.verdict.complete, reading.verdict
    session.close()
    return count


def seconds(work: Callable[[], object]) -> float:
    """How long it takes in an interpreter as it starts: a runtime that an earlier part has opened here has tuned the collector,
    which makes the bare read half again as fast."""
    tuned = gc.get_threshold()
    gc.set_threshold(*_THRESHOLD)
    gc.collect()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        gc.set_threshold(*tuned)
