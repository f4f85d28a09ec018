"""The same people in two directories: two real slapds, one store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.model.run import Mode, Run, Trigger
from syncd.settings.root import RootSettings
from tests.functional.sync.site import Person, Site, merged

ATTRIBUTES = {
    "username": "uid",
    "email": "mail",
    "first_name": "givenName",
    "last_name": "sn",
    "title": "title",
    "phone": "telephoneNumber",
}


class OneOfTwo(Site):
    """Its directories are all in `root`."""

    def configuration(self) -> RootSettings:
        return RootSettings.model_validate({"store": {"url": self.store_url}, **self.root})


@dataclass(slots=True)
class Pair:
    """Two directories of one store: `hr`, which decides what both map, and `mail`."""

    hr: Site
    mail: Site

    def of(self, name: str) -> Site:
        return {"hr": self.hr, "mail": self.mail}[name]

    def configure(self, names: tuple[str, ...] = ("hr", "mail"), **over: Mapping[str, Any]) -> None:
        """The configuration of both, without those not named; `over`: settings laid upon a directory's."""
        directories = {name: merged(settings_of(self.of(name), name), over.get(name, {})) for name in names}
        for site in (self.hr, self.mail):
            site.root = {"directories": directories}

    def sync(self, name: str, mode: Mode = Mode.FULL) -> Run:
        """A run that must succeed, but for entries with issues."""
        with self.hr.runtime() as runtime:
            runtime.sync.request(name, mode=mode, trigger=Trigger.CLI)
            run = runtime.sync.work(name)
        assert run is not None
        expected = ("partial", "entries_unusable") if (run.counts or {}).get("issues") else ("succeeded", None)
        assert (run.outcome, run.code or None) == expected, f"{run.outcome}: {run.code} {run.message}"
        return run

    def changes(self, name: str) -> dict[str, int]:
        """What a run did, of people, links, roles and issues."""
        counts = self.sync(name).counts or {}
        return {key: count for key, count in counts.items() if count and key not in ("users", "issues")}

    def users(self) -> dict[int, Person]:
        return {row["id"]: row for row in self.hr.rows("SELECT * FROM users ORDER BY id")}

    def user(self) -> Person:
        """Whoever has the key of Anna."""
        sql = "SELECT DISTINCT u.* FROM users u JOIN identities i ON i.user_id = u.id WHERE i.link_key = 'e1'"
        (user,) = self.hr.rows(sql)
        return user

    def names(self) -> list[str]:
        """Usernames of all users, in order."""
        return sorted(user["username"] for user in self.users().values())

    def entries(self) -> dict[str, list[str]]:
        """Directory -> DNs of its people, in order."""
        found: dict[str, list[str]] = {}
        sql = "SELECT d.name, i.dn FROM identities i JOIN directories d ON d.id = i.directory_id ORDER BY d.name, i.dn"
        for row in self.hr.rows(sql):
            found.setdefault(row["name"], []).append(row["dn"])
        return found

    def issue_codes(self) -> list[str]:
        return sorted(row["code"] for row in self.hr.rows("SELECT code FROM issues WHERE closed_at IS NULL"))

    def roles(self) -> set[tuple[str, str]]:
        """(role, directory) of all grants."""
        sql = "SELECT r.name AS role, d.name AS directory FROM grants g JOIN roles r ON r.id = g.role_id "
        rows = self.hr.rows(sql + "LEFT JOIN directories d ON d.id = g.directory_id")
        return {(row["role"], row["directory"]) for row in rows}

    def rows_of(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Every row that is a directory's own."""
        here = "directory_id = (SELECT id FROM directories WHERE name = :n)"
        found = {
            table: self.hr.rows(f"SELECT * FROM {table} WHERE {here}", n=name)
            for table in ("identities", "grants", "access", "role_identifiers", "issues", "dn_history", "units")
        }
        found["directories"] = self.hr.rows("SELECT * FROM directories WHERE name = :n", n=name)
        found["memberships"] = self.hr.rows(
            f"SELECT * FROM memberships WHERE role_identifier_id IN (SELECT id FROM role_identifiers WHERE {here})", n=name
        )
        found["held_plans"] = self.hr.rows("SELECT * FROM held_plans WHERE directory = :n", n=name)
        return {table: sorted(rows, key=repr) for table, rows in found.items()}


def settings_of(site: Site, name: str) -> dict[str, Any]:
    return {
        "urls": [site.slapd.url],
        "base_dn": site.slapd.base_dn,
        "bind_dn": site.slapd.reader_dn,
        "bind_password": site.slapd.reader_password,
        "organization": "Example Corp",
        "users": {"base_dn": site.people_dn, "attributes": dict(ATTRIBUTES), "required": ["username"]},
        "roles": {"base_dn": site.groups_dn, "map": {f"{name}-admins": ["administrator"], f"{name}-staff": ["employee"]}},
        "link": {"attribute": "employeeNumber", "precedence": {"hr": 10, "mail": 20}[name]},
    }


def both_have_anna(pair: Pair) -> None:
    """One person, whom `mail` calls otherwise than `hr`."""
    pair.hr.add_person("anna", employeeNumber="E1", title="Director", givenName="Anna")
    pair.mail.add_person("anna.berg", employeeNumber=" e1 ", title="Boss", telephoneNumber="123", mail="ab@mail.example.com")


def neighbours(pair: Pair) -> None:
    """Somebody else in each, so that nobody's leaving empties a directory."""
    pair.hr.add_person("bob", employeeNumber="E8")
    pair.mail.add_person("zoe", employeeNumber="E9")


def leave(site: Site, uid: str) -> None:
    """Go where no run looks; the entry stays the same."""
    if not site.slapd.search("(ou=gone)"):
        site.slapd.add_ou("gone")
    site.slapd.rename(f"uid={uid},{site.people_dn}", f"uid={uid}", new_superior=f"ou=gone,{site.slapd.base_dn}")


def come_back(site: Site, uid: str) -> None:
    site.slapd.rename(f"uid={uid},ou=gone,{site.slapd.base_dn}", f"uid={uid}", new_superior=site.people_dn)
