"""What the contract tests of the directory port share: configuring a directory for a test server, searching it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import SecretStr

from syncd.directory import LdapDirectory
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, Verdict
from syncd.services.ports_directory import DirectorySession
from syncd.settings.directory import DirectorySettings
from tests.servers.ds389 import Ds389
from tests.servers.ldap_stub import LdapStub
from tests.servers.samba import SambaAd
from tests.servers.slapd import Slapd

Server = Slapd | Ds389 | SambaAd
# where nobody listens, and nobody will: a free port may be somebody's a moment later
DEAD = "ldap://127.0.0.1:1"
PERSON = ("uid", "cn", "sn", "givenName", "mail", "entryUUID")


def settings(server: Server | LdapStub, **changes: Any) -> DirectorySettings:
    """A directory's configuration for the server's reader; pages of 20, and timeouts that a busy machine does not meet."""
    if isinstance(server, LdapStub):
        values: dict[str, Any] = {"base_dn": "dc=example,dc=com", "bind": "anonymous"}
    else:
        values = {"base_dn": server.base_dn, "bind_dn": server.reader_dn, "bind_password": server.reader_password}
    values |= {"urls": [server.url], "page_size": 20, "connect_timeout": 20, "receive_timeout": 20} | changes
    if isinstance(values.get("bind_password"), str):
        values["bind_password"] = SecretStr(values["bind_password"])
    return DirectorySettings(**values)


def directory(server: Server | LdapStub, **changes: Any) -> LdapDirectory:
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


def read_once(server: Server | LdapStub, search: Search | None = None, **changes: Any) -> tuple[list[Entry], Verdict]:
    """Connect, read to the end, close."""
    session = directory(server, **changes).connect()
    try:
        return read(session, search or people(settings(server, **changes).base_dn))
    finally:
        session.close()


def binds(server: Server) -> int:
    """How many simple binds of its reader the server has in its log, where each is before it is answered."""
    if isinstance(server, SambaAd):
        return len(server.log_lines(f"[LDAP,simple bind] user [EXAMPLE]\\[{server.reader_dn}]"))
    return len(server.log_lines(f'BIND dn="{server.reader_dn}" method=128'))


def by_dn(entries: Iterable[Entry]) -> dict[str, dict[str, list[bytes]]]:
    return {entry.dn: entry.attributes for entry in entries}
