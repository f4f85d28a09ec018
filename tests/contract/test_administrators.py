"""One meaning of "somebody is left who can administer", for edits, actions, deletions and organizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, update

from syncd.errors import LastAdministratorError
from syncd.store import schema as t
from syncd.store.administrators import require_other_administrator, somebody_administers
from syncd.store.engine import read, write
from syncd.store.queries_people import people_by_ids
from tests.fakes.people_rows import NOON, Rows, later

ROLES = ["ADMINISTRATOR", "root"]


class Site:
    """An organization with a unit; whoever is made administers and can act, but for what a test says."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.rows = engine, Rows(engine)
        self.acme = self.rows.organization("Acme")
        self.unit = self.rows.unit(self.acme, "Main")
        self.corp, self.branch = self.rows.directory("corp"), self.rows.directory("branch")
        self.role = self.rows.role("Administrator")

    def person(self, name: str = "ana", *, role: int | None = None, access: bool = True, **values: Any) -> int:
        number = self.rows.user(name, **{"manual": True, **values})
        self.rows.grant(number, role or self.role)
        if access:
            self.rows.access(number, self.acme, self.unit)
        return number

    def of_directory(self, **account: Any) -> int:
        number = self.person(manual=False)
        self.rows.identity(number, self.corp, "uid=ana", **account)
        return number

    def somebody(self, *, but: int | None = None, minutes: float = 0) -> bool:
        with read(self.engine) as connection:
            return somebody_administers(connection, ROLES, now=later(minutes), but=but)

    def reasons(self, user: int) -> tuple[str, ...]:
        with read(self.engine) as connection:
            return tuple(people_by_ids(connection, [user], now=NOON)[0].reasons)


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


def of_two(site: Site, *, gone: bool) -> int:
    number = site.of_directory()
    site.rows.identity(number, site.branch, "uid=ana", missing_since=NOON if gone else None)
    return number


def elsewhere(site: Site) -> int:
    """Access to an organization that is off, and to one without a unit."""
    number, off = site.person(access=False), site.rows.organization("Off", enabled=False)
    site.rows.access(number, off, site.rows.unit(off, "Main"))
    return number


def without_a_unit(site: Site) -> int:
    number = site.person(access=False)
    site.rows.access(number, site.acme)
    return number


# what somebody with the role is -> whether they can act
HOLDERS: dict[str, tuple[Callable[[Site], int], bool]] = {
    "manual": (lambda s: s.person(), True),
    "who waits for a new password": (lambda s: s.person(auth_status="reset"), True),
    "whose password is too old": (lambda s: s.person(auth_status="expired"), True),
    "disabled": (lambda s: s.person(enabled=False), False),
    "locked": (lambda s: s.person(auth_status="locked"), False),
    "without access": (lambda s: s.person(access=False), False),
    "in an organization that is off": (elsewhere, False),
    "without a unit": (without_a_unit, False),
    "of a directory": (lambda s: s.of_directory(), True),
    "of two": (lambda s: of_two(s, gone=False), True),
    "gone from one of two": (lambda s: of_two(s, gone=True), False),
    "gone": (lambda s: s.of_directory(missing_since=NOON), False),
    "whose account is disabled": (lambda s: s.of_directory(account_disabled=True), False),
    "whose account is locked": (lambda s: s.of_directory(account_locked_until=later(5)), False),
    "whose account was locked": (lambda s: s.of_directory(account_locked_until=NOON), True),
    "whose account is over": (lambda s: s.of_directory(account_expires_at=NOON), False),
    "whose account has not begun": (lambda s: s.of_directory(account_valid_from=later(5)), False),
    "who must change the directory's password": (lambda s: s.of_directory(account_password_must_change=True), True),
}


@pytest.mark.parametrize("who", HOLDERS)
def test_who_can_act_is_whom_the_gate_lets_in_but_for_a_password(site: Site, who: str) -> None:
    make, acts = HOLDERS[who]
    holder = make(site)
    assert all("password" in reason for reason in site.reasons(holder)) == acts
    assert site.somebody() == acts
    assert not site.somebody(but=holder)
    other = site.person("other")
    with read(site.engine) as connection:
        if acts:
            require_other_administrator(connection, other, administrator_roles=ROLES, now=NOON)
        else:
            with pytest.raises(LastAdministratorError, match=f"user {other} "):
                require_other_administrator(connection, other, administrator_roles=ROLES, now=NOON)


def test_what_a_directory_says_ends_with_time(site: Site) -> None:
    site.of_directory(account_locked_until=later(5))
    assert (site.somebody(), site.somebody(minutes=5)) == (False, True)


def test_a_role_of_one_organization_administers_nothing(site: Site) -> None:
    number = site.person(role=site.rows.role("Root", organization=site.acme))
    assert not site.somebody()
    with read(site.engine) as connection:
        require_other_administrator(connection, number, administrator_roles=ROLES, now=NOON)
    with write(site.engine) as connection:
        connection.execute(update(t.roles).where(t.roles.c.name == "Root").values(organization_id=None))
    assert site.somebody()
