"""A site on any of the servers: the same people and groups, written as each server wants them, and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.functional.sync.site import Person, Site
from tests.servers.content import DirectoryContent
from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd

# group -> its members, people or groups: three levels, a diamond (anna is in `all` by way of both), a cycle through `all`
NESTED = {
    "berlin": ("anna", "p1", "p2"),
    "munich": ("p11", "p12"),
    "north": ("berlin", "p3"),
    "south": ("munich", "berlin"),
    "all": ("north", "south"),
}
CYCLE = ("berlin", "all")
AROUND_THE_CYCLE = {"berlin", "north", "south", "all"}
MEMBERSHIPS = {
    "anna": AROUND_THE_CYCLE,
    "p1": AROUND_THE_CYCLE,
    "p3": AROUND_THE_CYCLE,
    "p11": AROUND_THE_CYCLE | {"munich"},
    "p20": set(),
}


@dataclass(slots=True)
class VendorSite(Site):
    """`server` is seen from a base of the test's own."""

    # DNs of people and groups by name, as they were written
    written: dict[str, str] = field(default_factory=dict)

    @property
    def server(self) -> DirectoryContent:
        server: DirectoryContent = self.slapd
        return server

    @property
    def id_attribute(self) -> str:
        return {SambaAd: "objectGUID", Ds389: "nsUniqueId"}.get(type(self.server), "entryUUID")

    # ------------------------------------------------------------ what the directory gets
    def write_company(self) -> None:
        """Thirty people, anna and p1 to p29, in three OUs, and five groups."""
        places = [self.server.add_ou(name, parent=self.people_dn) for name in ("Berlin", "Munich", "Hamburg")]
        self.add_person("anna", parent=places[0])
        for number in range(1, 30):
            self.add_person(f"p{number}", parent=places[number // 10])
        for cn, members in NESTED.items():
            self.add_group(cn, *(self.written[name] for name in members))
        self.add_member(*CYCLE)

    def add_person(self, uid: str, *, parent: str | None = None, **attributes: Any) -> str:
        """A person of the server's usual class; the DN as written."""
        dn = self.server.person_dn(uid, parent or self.people_dn)
        return self._add(uid, dn, {**self.server.person(uid), **attributes})

    def add_group(self, cn: str, *members: str, **attributes: Any) -> str:
        dn = f"cn={cn},{self.groups_dn}"
        return self._add(cn, dn, {**self.server.group(cn, members), **attributes})

    def add_member(self, group: str, member: str) -> None:
        dn = self.written[group]
        found = self.server.search(base=dn, attributes=("member",))[0][1]["member"]
        self.server.modify(dn, {"member": [*found, self.written[member]]})

    def rename_ou(self, dn: str, new_rdn: str) -> str:
        """Rename an OU with all in it; its new DN. The groups follow, on OpenLDAP by the administrator's hand."""
        new = f"{new_rdn},{dn.partition(',')[2]}"
        self.server.rename(dn, new_rdn)
        moved = {name: old for name, old in self.written.items() if old.endswith(f",{dn}")}
        self.written |= {name: old.removesuffix(dn) + new for name, old in moved.items()}
        if self.id_attribute == "entryUUID":
            for group, _ in self.server.search("(objectClass=groupOfNames)", base=self.groups_dn):
                cn = group.partition(",")[0].removeprefix("cn=")
                extra = CYCLE[1:] if cn == CYCLE[0] else ()
                self.server.modify(group, {"member": [self.written[name] for name in (*NESTED[cn], *extra)]})
        return new

    def _add(self, name: str, dn: str, attributes: dict[str, Any]) -> str:
        self.server.add(dn, attributes)
        self.written[name] = dn
        return dn

    # ------------------------------------------------------------ what must be in the store
    def truth(self) -> dict[str, tuple[str, str]]:
        """Username -> id and DN, as python-ldap reads them."""
        return {
            attributes["uid"][0].decode(): (self._id_text(attributes[self.id_attribute][0]), dn)
            for dn, attributes in self.server.search("(mail=*)", base=self.people_dn, attributes=("uid", self.id_attribute))
        }

    def _id_text(self, value: bytes) -> str:
        return str(UUID(bytes_le=value)) if self.id_attribute == "objectGUID" else value.decode()

    def stored(self) -> dict[str, tuple[str, str]]:
        """Username -> id and DN of those who are present: a name may have been another's before."""
        found = self.rows(
            "SELECT u.username, i.entry_id, i.dn FROM users u JOIN identities i ON i.user_id = u.id "
            "WHERE i.missing_since IS NULL"
        )
        return {row["username"]: (row["entry_id"], row["dn"]) for row in found}

    def ids(self) -> dict[str, int]:
        return {name: person["id"] for name, person in self.people().items()}

    def persons_named(self, username: str) -> list[Person]:
        """All who have or had the name, the oldest first."""
        return self.rows(
            "SELECT u.*, i.entry_id, i.missing_since FROM users u JOIN identities i ON i.user_id = u.id "
            "WHERE u.username = :u ORDER BY u.id",
            u=username,
        )
