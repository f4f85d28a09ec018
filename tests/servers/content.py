"""What a test does to the content of a directory server as its administrator, the same way on every server."""

from __future__ import annotations

import copy
import io
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, Self

import ldap
import ldif as ldif_module

Value = str | bytes
Attributes = Mapping[str, Value | Sequence[Value]]
Changes = Mapping[str, Value | Sequence[Value] | None]

# adds on their way at a time: none waits for the one before, and no buffer runs full
_IN_FLIGHT = 100


class DirectoryContent(Protocol):
    """A server that can be written to. `root_dn` and `root_password` bind its administrator, the reader's its reader."""

    base_dn: str
    root_dn: str
    root_password: str
    reader_dn: str
    reader_password: str

    @property
    @abstractmethod
    def url(self) -> str: ...

    def at(self, base_dn: str) -> Self:
        """The same running server seen from another base: what a test has for its own on a server it shares."""
        view = copy.copy(self)
        view.base_dn = base_dn
        return view

    # ------------------------------------------------------------ what differs between servers
    def person_dn(self, uid: str, parent: str) -> str:
        """What the server's usual person with this name is called."""
        return f"uid={uid},{parent}"

    def person(self, uid: str, number: int = 0) -> dict[str, Value | Sequence[Value]]:
        """Attributes of an invented person of the server's usual class."""
        return {
            "objectClass": "inetOrgPerson",
            "uid": uid,
            "cn": f"Person {number}",
            "sn": f"Family{number}",
            "givenName": f"Given{number}",
            "mail": f"{uid}@example.com",
        }

    def group(self, cn: str, members: Sequence[str]) -> dict[str, Value | Sequence[Value]]:
        """Attributes of a group of the server's usual class."""
        return {"objectClass": "groupOfNames", "cn": cn, "member": list(members)}

    # ------------------------------------------------------------ writing
    def add(self, dn: str, attributes: Attributes) -> None:
        with Bound(self) as connection:
            connection.add_s(dn, modlist(attributes))

    def add_ldif(self, text: str) -> None:
        """Add the entries of an LDIF text by ordinary add operations, so that plugins and overlays see them."""
        parser = ldif_module.LDIFRecordList(io.StringIO(text))
        parser.parse()
        with Bound(self) as connection:
            for dn, attributes in parser.all_records:
                connection.add_s(dn, list(attributes.items()))

    def add_people(self, count: int, *, parent: str | None = None, first: int = 0) -> list[str]:
        """Add persons u000000 and so on with cn, sn, givenName and mail; their DNs."""
        parent = parent or self.base_dn
        dns: list[str] = []
        # a server that works on several at a time may take them in another order; tests look at the first of a few
        in_flight = 1 if count <= 100 else _IN_FLIGHT
        with Bound(self) as connection:
            waiting: list[int] = []
            for number in range(first, first + count):
                uid = f"u{number:06}"
                dns.append(self.person_dn(uid, parent))
                waiting.append(connection.add(dns[-1], modlist(self.person(uid, number))))
                if len(waiting) == in_flight:
                    connection.result(waiting.pop(0))
            for message_id in waiting:
                connection.result(message_id)
        return dns

    def add_ou(self, *names: str, parent: str | None = None) -> str:
        """Add an organizational unit below the base (or `parent`) and further ones inside it; the DN of the last."""
        dn = parent or self.base_dn
        for name in names:
            dn = f"ou={name},{dn}"
            self.add(dn, {"objectClass": "organizationalUnit", "ou": name})
        return dn

    def add_group(self, cn: str, *members: str, parent: str) -> str:
        """Add a group of the server's usual class; its DN."""
        dn = f"cn={cn},{parent}"
        self.add(dn, self.group(cn, members))
        return dn

    def modify(self, dn: str, changes: Changes) -> None:
        """Replace attributes; None or an empty list removes one."""
        with Bound(self) as connection:
            connection.modify_s(dn, replacements(changes))

    def rename(self, dn: str, new_rdn: str, *, new_superior: str | None = None) -> None:
        with Bound(self) as connection:
            connection.rename_s(dn, new_rdn, new_superior, delold=1)

    def delete(self, dn: str) -> None:
        with Bound(self) as connection:
            connection.delete_s(dn)

    # ------------------------------------------------------------ reading
    def search(
        self,
        filter: str = "(objectClass=*)",
        *,
        base: str | None = None,
        attributes: Sequence[str] = ("*",),
        scope: int = ldap.SCOPE_SUBTREE,
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        """What the administrator sees, by python-ldap in one search: the ground truth."""
        with Bound(self) as connection:
            found = connection.search_s(self.base_dn if base is None else base, scope, filter, list(attributes))
        return [(dn, values) for dn, values in found if dn is not None]


class Bound:
    """A short-lived connection of the administrator, or of `dn` with the administrator's password."""

    def __init__(self, server: DirectoryContent, *, dn: str | None = None) -> None:
        self._connection = ldap.initialize(server.url)
        self._connection.set_option(ldap.OPT_REFERRALS, 0)
        self._connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 10.0)
        self._connection.timeout = 60
        self._connection.simple_bind_s(dn or server.root_dn, server.root_password)

    def __enter__(self) -> ldap.ldapobject.LDAPObject:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.unbind_s()


def modlist(attributes: Attributes) -> list[tuple[str, list[bytes]]]:
    """Attributes as python-ldap wants them for an add; those without a value are left out."""
    listed = [(name, encoded(values)) for name, values in attributes.items()]
    return [(name, values) for name, values in listed if values]


def replacements(changes: Changes) -> list[tuple[int, str, list[bytes] | None]]:
    """Changes as python-ldap wants them for a modify."""
    return [(ldap.MOD_REPLACE, name, encoded(values) or None) for name, values in changes.items()]


def encoded(values: Value | Sequence[Value] | None) -> list[bytes]:
    if values is None:
        return []
    listed: Iterable[Value] = [values] if isinstance(values, str | bytes) else values
    return [value.encode() if isinstance(value, str) else value for value in listed]
