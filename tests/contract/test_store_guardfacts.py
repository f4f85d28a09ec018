"""What the guard asks the store: protected people, populations of fields, people that a purge would delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.model.records import FOREVER
from syncd.services.ports_store import Protected
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import Company, person, unit
from tests.fakes.people_rows import NOON, Rows, later

ROLES = ["administrator"]


class Site:
    """Two directories, an administrator's role and another one. People are made by what each test says of them."""

    def __init__(self, engine: Engine) -> None:
        self.rows = rows = Rows(engine)
        self.store = SqlSyncStore(engine)
        self.corp, self.branch = rows.directory("corp"), rows.directory("branch")
        self.administrator, self.member = rows.role("Administrator"), rows.role("Member")

    def person(
        self,
        name: str,
        *directories: int,
        missing: tuple[int, ...] = (),
        account: Mapping[str, Any] | None = None,
        **values: object,
    ) -> int:
        """A person of these directories, with the entry id `name`, and gone from those in `missing`."""
        number = self.rows.user(name, **values)
        for directory in (*directories, *missing):
            gone = NOON if directory in missing else None
            self.rows.identity(number, directory, f"uid={name},dc=x", entry_id=name, missing_since=gone, **(account or {}))
        return number

    def administers(self, number: int, source: int | None = None) -> None:
        self.rows.grant(number, self.administrator, directory=source)

    def protected(self, directory: str = "corp", *roles: str) -> Protected:
        return self.store.protected(directory, administrator_roles=roles or ROLES)

    def administrators(self, directory: str = "corp") -> set[str]:
        return set(self.protected(directory).administrators)


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


# ---------------------------------------------------------------- break-glass accounts
def test_break_glass_accounts_of_the_directory_are_protected(site: Site) -> None:
    site.person("glass", site.corp, break_glass=True)
    site.person("gone", missing=(site.corp,), break_glass=True)
    site.person("there", site.branch, break_glass=True)
    site.person("plain", site.corp)
    assert site.protected().break_glass == {"glass", "gone"}
    assert site.protected("branch").break_glass == {"there"}
    assert site.protected("nowhere") == Protected()


# ---------------------------------------------------------------- administrators
@pytest.mark.parametrize("by_hand", [True, False])
def test_the_administrators_of_the_only_directory_are_its_last_ones(site: Site, by_hand: bool) -> None:
    for name in ("ana", "ben"):
        site.administers(site.person(name, site.corp), None if by_hand else site.corp)
    site.rows.grant(site.person("cem", site.corp), site.member)
    site.person("dora", site.corp)
    assert site.administrators() == {"ana", "ben"}
    assert site.administrators("branch") == set()


@pytest.mark.parametrize("spelling", ["administrator", "ADMINISTRATOR", "\uff21dministrator"])
def test_roles_are_named_in_any_spelling(site: Site, spelling: str) -> None:
    site.administers(site.person("ana", site.corp))
    assert site.protected("corp", "root", spelling).administrators == {"ana"}
    assert site.protected("corp", "root").administrators == frozenset()
    assert site.store.protected("corp", administrator_roles=()).administrators == frozenset()


def test_who_is_switched_off_or_gone_is_no_administrator(site: Site) -> None:
    site.administers(site.person("off", site.corp, enabled=False))
    site.administers(site.person("gone", missing=(site.corp,)))
    site.administers(site.person("locked", site.corp, auth_status="locked"))
    assert site.administrators() == {"locked"}


def test_an_administrators_role_of_one_organization_makes_nobody_an_administrator(site: Site) -> None:
    """As for edits: our own permissions come from system-wide roles only."""
    local = site.rows.role("Local admin", organization=site.rows.organization("Acme"))
    site.rows.grant(site.person("here", site.corp), local)
    assert site.protected("corp", "local admin").administrators == frozenset()
    site.administers(site.person("ana", site.corp))
    site.rows.grant(site.person("other", manual=True), local)
    assert site.protected("corp", "local admin", *ROLES).administrators == {"ana"}


OFF = {"account_disabled": True}, {"account_locked_until": FOREVER}, {"account_expires_at": NOON}


@pytest.mark.parametrize("account", OFF)
def test_whose_account_is_off_is_no_administrator(site: Site, account: dict[str, Any]) -> None:
    site.administers(site.person("off", site.corp, account=account))
    assert site.administrators() == set()
    site.administers(site.person("ana", site.corp, account={"account_password_must_change": True}))
    assert site.administrators() == {"ana"}
    # nor somebody else who is left
    site.administers(site.person("other", site.branch, account=account))
    assert site.administrators() == {"ana"}
    site.administers(site.person("hand", site.branch, manual=True, account=account))
    assert site.administrators() == set()


OTHERS = {
    "manual": lambda s: s.administers(s.person("other", manual=True)),
    "manual with an entry": lambda s: s.administers(s.person("other", s.corp, manual=True)),
    "another directory's, by hand": lambda s: s.administers(s.person("other", s.branch)),
    "another directory's, by that directory": lambda s: s.administers(s.person("other", s.branch), s.branch),
    "both directories', by hand": lambda s: s.administers(s.person("other", s.corp, s.branch)),
    "both directories', by the other": lambda s: s.administers(s.person("other", s.corp, s.branch), s.branch),
    "gone from here, present there": lambda s: s.administers(s.person("other", s.branch, missing=(s.corp,))),
    "break-glass": lambda s: s.administers(s.person("other", s.corp, break_glass=True), s.corp),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_directory_may_lose_all_its_administrators_when_somebody_else_is_left(site: Site, other: str) -> None:
    site.administers(site.person("ana", site.corp), site.corp)
    assert site.administrators() == {"ana"}
    OTHERS[other](site)
    assert site.administrators() == set()


NOBODY = {
    "manual, switched off": lambda s: s.administers(s.person("other", manual=True, enabled=False)),
    "manual, without the role": lambda s: s.rows.grant(s.person("other", manual=True), s.member),
    "gone from the other directory": lambda s: s.administers(s.person("other", missing=(s.branch,))),
    "break-glass, gone": lambda s: s.administers(s.person("other", missing=(s.corp,), break_glass=True)),
    "there, by a role that this directory gives": lambda s: s.administers(
        s.person("other", s.branch, missing=(s.corp,)), s.corp
    ),
    "there, by a role of a directory that no longer has them": lambda s: s.administers(
        s.person("other", s.corp, missing=(s.branch,)), s.branch
    ),
}


@pytest.mark.parametrize("other", NOBODY)
def test_who_would_not_administer_without_this_directory_does_not_count(site: Site, other: str) -> None:
    site.administers(site.person("ana", site.corp), site.corp)
    NOBODY[other](site)
    assert "ana" in site.administrators()
    assert site.administrators() <= {"ana", "other"}


def test_a_present_person_of_both_with_a_role_of_this_one_counts_here(site: Site) -> None:
    site.administers(site.person("both", site.corp, site.branch), site.corp)
    assert site.administrators() == {"both"}
    assert site.administrators("branch") == set()


# ---------------------------------------------------------------- populations
def test_the_disabled_are_counted_and_those_who_are_not_are_none_of_them(site: Site) -> None:
    for name, disabled in (("a", True), ("b", True), ("c", False), ("d", None)):
        site.person(name, site.corp, account={"account_disabled": disabled})
    site.person("e", site.branch, account={"account_disabled": True})
    assert site.store.field_populations("corp", ["account.disabled"]) == {"account.disabled": 2}


def test_a_field_is_counted_where_people_present_have_a_value(company: Company) -> None:
    company.units = [unit("eng")]
    company.add(
        person("a", title="t", organization="acme", unit="eng", emails=("x@y", "z@y"), tags=("q",), avatar=b"\xff\xd8\xff"),
        person("b", title="t", organization="acme", birthday=date(1990, 1, 2), custom_desk="4", custom_note=""),
        person("c", emails=("c@y",), custom_desk="5", custom_count=0, custom_on=False),
        person("d", title="", emails=(), tags=(), custom_desk=None),
        person("gone", title="t", organization="acme", emails=("w@y",), custom_desk="6", avatar=b"x"),
    )
    company.sync()
    del company.people["gone"]
    company.sync()
    expected = {
        "username": 4, "email": 4, "last_name": 4, "first_name": 0, "title": 2, "birthday": 1, "organization": 2, "unit": 1,
        "emails": 2, "tags": 1, "avatar": 1, "custom.desk": 2, "custom.note": 0, "custom.count": 1, "custom.on": 1,
        "custom.unknown": 0,
    }  # fmt: skip
    assert company.store.field_populations("corp", expected) == expected
    assert company.store.field_populations("corp", ["title"]) == {"title": 2}
    assert company.store.field_populations("corp", []) == {}
    assert company.store.field_populations("nowhere", ["title", "avatar"]) == {"title": 0, "avatar": 0}


def test_places_count_for_the_directory_that_gives_them_and_people_for_each_that_has_them(site: Site) -> None:
    both, there = site.person("both", site.corp, site.branch, title="t"), site.person("there", site.branch)
    main = site.rows.organization("Main")
    site.rows.access(both, main, directory=site.branch)
    site.rows.access(there, main)
    assert site.store.field_populations("corp", ["title", "organization"]) == {"title": 1, "organization": 0}
    assert site.store.field_populations("branch", ["title", "organization"]) == {"title": 1, "organization": 1}


@pytest.mark.parametrize("field", ["password", "dn", "id", "custom", "enabled"])
def test_what_is_no_field_of_a_person_is_refused(site: Site, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        site.store.field_populations("corp", ["title", field])


# ---------------------------------------------------------------- people to be purged
def test_purgeable_counts_whom_a_purge_deletes(site: Site) -> None:
    for number in range(3):
        site.person(f"old{number}", missing=(site.corp,))
    site.person("present", site.corp)
    site.person("by-hand", missing=(site.corp,), manual=True)
    site.person("elsewhere", site.branch, missing=(site.corp,))
    assert site.store.purgeable("corp", missing_before=NOON) == 0
    assert site.store.purgeable("nowhere", missing_before=later(1)) == 0
    before = site.store.purgeable("corp", missing_before=later(1))
    # who is elsewhere loses only what this directory brought
    assert before == 4
    assert site.store.purge("corp", missing_before=later(1), run_id=None, at=later(2)) == before
    assert site.store.purgeable("corp", missing_before=later(1)) == 0
