"""What happens to people and groups in a directory, the same way on OpenLDAP, 389-ds and Active Directory.

A test of a feed edits through this and then asks the feed for the ids; ids come from `entry_id`, which reads them from the
server as its administrator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import ldap

from syncd.mapping.identity import entry_id_reader
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search
from tests.servers.content import Bound, DirectoryContent
from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd

# account names are unique in the whole domain of an Active Directory, which tests share
_numbers = itertools.count(1)


class FeedLife:
    """Edits below the base of a server: `ou=people` with `ou=inner` in it, `ou=groups`, and `ou=elsewhere`, which no search
    of `searches` looks into. Made with a server (or a view of one) whose base is the test's own.
    """

    def __init__(self, server: DirectoryContent) -> None:
        self.server = server
        self.people = server.add_ou("people")
        self.inner = server.add_ou("inner", parent=self.people)
        self.groups = server.add_ou("groups")
        self.elsewhere = server.add_ou("elsewhere")

    # ------------------------------------------------------------ what is searched
    @property
    def id_attribute(self) -> str:
        """The attribute of the entry id, as `ServerInfo.entry_id_attribute` has it."""
        if isinstance(self.server, SambaAd):
            return "objectguid"
        return "nsuniqueid" if isinstance(self.server, Ds389) else "entryuuid"

    @property
    def searches(self) -> list[Search]:
        """Users are who has `sn` and is not called hidden by `title`; roles are the groups; units are the OUs."""
        group = "group" if isinstance(self.server, SambaAd) else "groupOfNames"
        return [
            self._search("users", self.people, "(&(sn=*)(!(title=hidden)))"),
            self._search("roles", self.groups, f"(objectClass={group})"),
            self._search("units", self.people, "(objectClass=organizationalUnit)"),
        ]

    def _search(self, purpose: str, base: str, filter: str) -> Search:
        return Search(purpose=purpose, base_dn=base, filter=filter, scope=Scope.SUB, attributes=(self.id_attribute, "cn"))

    # ------------------------------------------------------------ looking
    def entry_id(self, dn: str) -> str:
        """The entry's id, as the mapping writes it. Raises ldap.NO_SUCH_OBJECT."""
        _, values = self.server.search(base=dn, scope=ldap.SCOPE_BASE, attributes=[self.id_attribute])[0]
        entry = Entry(dn, {name.lower(): found for name, found in values.items()})
        return entry_id_reader(self.id_attribute)(entry)

    def ids(self, purpose: str) -> set[str]:
        """The ids of all entries of a search, as the administrator sees them."""
        search = next(search for search in self.searches if search.purpose == purpose)
        found = self.server.search(search.filter, base=search.base_dn, attributes=[self.id_attribute])
        read = entry_id_reader(self.id_attribute)
        return {read(Entry(dn, {name.lower(): values for name, values in entry.items()})) for dn, entry in found}

    # ------------------------------------------------------------ people
    def add(self, *, parent: str | None = None, hidden: bool = False) -> str:
        """Add a person with a name that is new on this machine; the DN. `hidden`: outside the users' filter."""
        number = next(_numbers)
        uid = f"life{number}"
        dn = self.server.person_dn(uid, parent or self.people)
        title = {"title": "hidden"} if hidden else {}
        self.server.add(dn, {**self.server.person(uid, number), **title})
        return dn

    def modify(self, dn: str) -> None:
        """Give a person another given name."""
        self.server.modify(dn, {"givenName": f"Other{next(_numbers)}"})

    def hide(self, dn: str) -> None:
        """Take a person out of the users' filter; the entry stays."""
        self.server.modify(dn, {"title": "hidden"})

    def show(self, dn: str) -> None:
        """Let a person into the users' filter again."""
        self.server.modify(dn, {"title": None})

    def rename(self, dn: str) -> str:
        """Give an entry another RDN, with the same attribute; the new DN."""
        rdn, _, parent = dn.partition(",")
        new_rdn = f"{rdn.partition('=')[0]}=renamed{next(_numbers)}"
        self.server.rename(dn, new_rdn)
        return f"{new_rdn},{parent}"

    def move(self, dn: str, parent: str) -> str:
        """Put an entry below another parent; the new DN."""
        rdn = dn.partition(",")[0]
        self.server.rename(dn, rdn, new_superior=parent)
        return f"{rdn},{parent}"

    def delete(self, dn: str) -> None:
        self.server.delete(dn)

    # ------------------------------------------------------------ groups
    def add_group(self, members: Sequence[str]) -> str:
        """Add a group with a new name and these members, of which OpenLDAP wants one at least; the DN."""
        return self.server.add_group(f"group{next(_numbers)}", *members, parent=self.groups)

    def join(self, group: str, member: str) -> None:
        """Add one member."""
        self._edit(group, ldap.MOD_ADD, member)

    def leave(self, group: str, member: str) -> None:
        """Remove one member, not the last one on OpenLDAP."""
        self._edit(group, ldap.MOD_DELETE, member)

    def _edit(self, group: str, operation: int, member: str) -> None:
        with Bound(self.server) as connection:
            connection.modify_s(group, [(operation, "member", [member.encode()])])
