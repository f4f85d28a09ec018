"""Random edits of a directory, and what the store must then hold: asked of the server by python-ldap, so that there is no model
that could share a mistake with syncd."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field

from syncd.mapping.identity import entry_id_reader
from syncd.model.dn import normalize
from syncd.model.entry import Entry
from tests.functional.vendors.site import VendorSite

GROUPS = ("crew", "staff", "everyone")
# what switches an account off, and on again, by the attribute of the entry id
SWITCHES: dict[str, tuple[str, str, str | None]] = {
    "entryUUID": ("pwdAccountLockedTime", "000001010000Z", None),
    "nsUniqueId": ("nsAccountLock", "true", None),
    "objectGUID": ("userAccountControl", "546", "544"),
}


@dataclass(frozen=True)
class Picture:
    """What the directory shows, or the store holds."""

    # entry id -> DN, username, email, last name, whether the account is off
    people: dict[str, tuple[str, str, str, str, bool]]
    # entry id -> role identifiers, nesting resolved
    groups: dict[str, set[str]]


@dataclass(slots=True)
class Edits:
    """Edits people and groups of a site at random, always the same way for the same seed."""

    site: VendorSite
    random: random.Random
    # username -> DN
    people: dict[str, str] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)
    # usernames of those who are off, and of those who are outside the filter; nobody is both, since who is off and outside is
    # kept on purpose
    off: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    _number: int = 0

    def begin(self) -> None:
        """Three units, twelve people, and three groups of which one has another as its member."""
        self.units = [self.site.people_dn, *(self.site.server.add_ou(name, parent=self.site.people_dn) for name in ("a", "b"))]
        for _ in range(12):
            self.add()
        for cn in GROUPS[:2]:
            self.site.add_group(cn, *self._some())
        self.site.add_group(GROUPS[2], self.site.written[GROUPS[0]], *self._some())

    def one(self) -> str:
        """Do one edit; what it was."""
        edit = self.random.choice(
            (
                self.add, self.delete, self.modify, self.modify, self.rename, self.move, self.regroup, self.regroup, self.leave,
                self.lock, self.unlock,
            )
        )  # fmt: skip
        edit()
        return edit.__name__

    # ------------------------------------------------------------ edits
    def add(self) -> None:
        self._number += 1
        uid = f"e{self._number}x{self.random.randrange(10**6)}"
        parent = self.random.choice(self.units)
        self.people[uid] = self.site.add_person(uid, parent=parent)

    def delete(self) -> None:
        if len(self.people) > 6:
            uid = self._pick()
            self.site.server.delete(self.people.pop(uid))
            self.off.discard(uid)
            self.outside.discard(uid)

    def modify(self) -> None:
        self.site.server.modify(self.people[self._pick()], {"sn": f"Name{self.random.randrange(1000)}"})

    def leave(self) -> None:
        """Out of the filter, which asks for an address, and back."""
        uid = self._pick(without=self.off)
        self.site.server.modify(self.people[uid], {"mail": f"{uid}@example.com" if uid in self.outside else None})
        self.outside ^= {uid}

    def lock(self) -> None:
        attribute, off, _ = SWITCHES[self.site.id_attribute]
        uid = self._pick(without=self.outside)
        self.site.server.modify(self.people[uid], {attribute: off})
        self.off.add(uid)

    def unlock(self) -> None:
        """Somebody, whether or not they are locked."""
        attribute, _, on = SWITCHES[self.site.id_attribute]
        uid = self._pick()
        self.site.server.modify(self.people[uid], {attribute: on})
        self.off.discard(uid)

    def rename(self) -> None:
        uid = self._pick()
        attribute, parent = self.people[uid].partition("=")[0], self.people[uid].partition(",")[2]
        self._number += 1
        name = f"r{self._number}x{self.random.randrange(10**6)}"
        self.site.server.rename(self.people[uid], f"{attribute}={name}")
        self._moved(uid, f"{attribute}={name},{parent}", name if attribute.lower() == "uid" else uid)

    def move(self) -> None:
        uid = self._pick()
        rdn, _, parent = self.people[uid].partition(",")
        target = self.random.choice([unit for unit in self.units if unit != parent])
        self.site.server.rename(self.people[uid], rdn, new_superior=target)
        self._moved(uid, f"{rdn},{target}", uid)

    def regroup(self) -> None:
        cn = self.random.choice(GROUPS[:2])
        self.site.server.modify(self.site.written[cn], {"member": self._some()})

    # ------------------------------------------------------------ inside
    def _pick(self, without: Collection[str] = ()) -> str:
        return self.random.choice(sorted(self.people.keys() - set(without)))

    def _some(self) -> list[str]:
        names = sorted(self.people)
        return [self.people[name] for name in self.random.sample(names, self.random.randrange(1, min(6, len(names))))]

    def _moved(self, uid: str, dn: str, name: str) -> None:
        """The same person under another DN, and perhaps another name."""
        del self.people[uid]
        self.people[name] = dn
        for names in (self.off, self.outside):
            if uid in names:
                names.remove(uid)
                names.add(name)

    # ------------------------------------------------------------ pictures
    def seen(self) -> Picture:
        """What the server shows its administrator."""
        site, read = self.site, entry_id_reader(self.site.id_attribute)
        switch, off, _ = SWITCHES[site.id_attribute]
        wanted = (site.id_attribute, "uid", "mail", "sn", switch)
        people = {}
        keys = {}
        for dn, values in site.server.search("(mail=*)", base=site.people_dn, attributes=wanted):
            attributes = {name.lower(): found for name, found in values.items()}
            entry_id = read(Entry(dn, attributes))
            uid, mail, sn = (attributes[name][0].decode() for name in ("uid", "mail", "sn"))
            people[entry_id] = (dn, uid, mail, sn, attributes.get(switch.lower(), [b""])[0].decode().lower() == off.lower())
            keys[normalize(dn)] = entry_id
        return Picture(people, self._memberships(keys))

    def _memberships(self, keys: dict[str, str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {entry_id: set() for entry_id in keys.values()}
        members: dict[str, tuple[str, list[str]]] = {}
        for dn, values in self.site.server.search("(cn=*)", base=self.site.groups_dn, attributes=("cn", "member")):
            names = [normalize(value.decode()) for value in values.get("member", [])]
            members[normalize(dn)] = (values["cn"][0].decode(), names)

        def people_of(group: str, visited: set[str]) -> set[str]:
            visited.add(group)
            return {
                person
                for name in members[group][1]
                for person in (
                    [keys[name]] if name in keys else people_of(name, visited) if name in members.keys() - visited else ()
                )
            }

        for group, (cn, _) in members.items():
            for person in people_of(group, set()):
                found[person].add(cn)
        return found

    def stored(self) -> Picture:
        """What the store holds of those who are present."""
        rows = self.site.rows(
            "SELECT i.entry_id, i.dn, u.username, u.email, u.last_name, i.account_disabled, i.account_locked_until "
            "FROM users u JOIN identities i ON i.user_id = u.id WHERE i.missing_since IS NULL"
        )
        people = {
            row["entry_id"]: (
                row["dn"], row["username"], row["email"], row["last_name"],
                bool(row["account_disabled"] or row["account_locked_until"]),
            )
            for row in rows
        }  # fmt: skip
        groups: dict[str, set[str]] = {entry_id: set() for entry_id in people}
        links = self.site.rows(
            "SELECT i.entry_id, r.identifier FROM memberships m JOIN role_identifiers r ON r.id = m.role_identifier_id "
            "JOIN identities i ON i.user_id = m.user_id AND i.directory_id = r.directory_id WHERE i.missing_since IS NULL"
        )
        for row in links:
            groups[row["entry_id"]].add(row["identifier"])
        return Picture(people, groups)
