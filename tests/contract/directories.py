"""What the contract tests of the directory port share: configuring a directory for a test server, searching it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import SecretStr

from syncd.directory import LdapDirectory
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, Verdict
from syncd.services.ports import DirectorySession
from syncd.settings.directory import DirectorySettings
from tests.servers.ldap_stub import LdapStub
from tests.servers.slapd import Slapd

PERSON = ("uid", "cn", "sn", "givenName", "mail", "entryUUID")


def settings(server: Slapd | LdapStub, **changes: Any) -> DirectorySettings:
    """A directory's configuration for the server's reader; pages of 20 and short timeouts."""
    if isinstance(server, Slapd):
        values: dict[str, Any] = {
            "base_dn": server.base_dn,
            "bind_dn": server.reader_dn,
            "bind_password": server.reader_password,
        }
    else:
        values = {"base_dn": "dc=example,dc=com", "bind": "anonymous"}
    values |= {"urls": [server.url], "page_size": 20, "connect_timeout": 5, "receive_timeout": 5} | changes
    if isinstance(values.get("bind_password"), str):
        values["bind_password"] = SecretStr(values["bind_password"])
    return DirectorySettings(**values)


def directory(server: Slapd | LdapStub, **changes: Any) -> LdapDirectory:
    return LdapDirectory("corp", settings(server, **changes))


def people(base_dn: str, **changes: Any) -> Search:
    """The search for inetOrgPersons below a base."""
    values: dict[str, Any] = {
        "purpose": "users",
        "base_dn": base_dn,
        "filter": "(objectClass=inetOrgPerson)",
        "attributes": PERSON,
    }
    return Search(**(values | {"scope": Scope.SUB} | changes))


def read(session: DirectorySession, search: Search) -> tuple[list[Entry], Verdict]:
    """Read to the end."""
    reading = session.read(search)
    entries = [entry for batch in reading for entry in batch]
    return entries, reading.verdict


def read_once(server: Slapd | LdapStub, search: Search | None = None, **changes: Any) -> tuple[list[Entry], Verdict]:
    """Connect, read to the end, close."""
    session = directory(server, **changes).connect()
    try:
        return read(session, search or people("dc=example,dc=com"))
    finally:
        session.close()


def by_dn(entries: Iterable[Entry]) -> dict[str, dict[str, list[bytes]]]:
    return {entry.dn: entry.attributes for entry in entries}
