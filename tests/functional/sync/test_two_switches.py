"""Two separate switches (R28): what is locked here stays locked whatever the directory does, and the other way round."""

from __future__ import annotations

import pytest

from syncd.errors import ManagedFieldError
from syncd.model.actions import Action, Result
from syncd.model.caller import Caller
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

ADMIN = Caller(name="carol", everything=True)
NEIGHBOURS = 30


@pytest.fixture
def site(make_site: SiteFactory) -> Site:
    site = make_site({"users": {"filter": "(&(objectClass=inetOrgPerson)(!(employeeType=left)))"}})
    site.slapd.add_people(NEIGHBOURS, parent=site.people_dn)
    site.add_person("anna")
    site.synced()
    return site


def act(site: Site, action: Action, reason: str | None = None) -> Result:
    with site.runtime() as runtime:
        return runtime.management.actions.act(action, site.people()["anna"]["id"], caller=ADMIN, reason=reason).result


def told(site: Site) -> list[str]:
    """What others were told of her access."""
    sql = "SELECT action FROM audit_events WHERE action LIKE 'access.%' AND subject_id = :u ORDER BY id"
    return [row["action"] for row in site.rows(sql, u=site.people()["anna"]["id"])]


def leave(site: Site, *, left: bool) -> None:
    site.slapd.modify(f"uid=anna,{site.people_dn}", {"employeeType": "left" if left else None})
    site.synced()


def test_s36_s37_s42_what_is_switched_here_survives_runs_and_a_return(site: Site) -> None:
    act(site, Action.DISABLE, "left the company")
    site.execute("UPDATE users SET auth_status = 'locked', failed_logins = 10 WHERE username = 'anna'")
    for _ in range(3):
        site.synced()
    leave(site, left=True)
    leave(site, left=False)
    anna = site.people()["anna"]
    assert (bool(anna["enabled"]), anna["auth_status"], anna["failed_logins"]) == (False, "locked", 10)
    assert told(site) == ["access.revoked"], "told once, however many reasons come to it"


def test_s42_nobody_is_unlocked_here_whom_the_directory_keeps_out(site: Site) -> None:
    leave(site, left=True)
    assert told(site) == ["access.revoked"]
    for action in (Action.ACTIVATE, Action.ENABLE):
        with pytest.raises(ManagedFieldError, match="directory_missing:corp"):
            act(site, action)
    assert site.people()["anna"]["missing_since"] is not None
    leave(site, left=False)
    assert told(site) == ["access.revoked", "access.granted"]


def test_s42_a_lock_of_ours_goes_although_the_directory_keeps_them_out(site: Site) -> None:
    """Clearing one reason clears only that one."""
    site.execute("UPDATE users SET auth_status = 'locked', failed_logins = 10 WHERE username = 'anna'")
    leave(site, left=True)
    assert act(site, Action.ACTIVATE) is Result.CHANGED
    anna = site.people()["anna"]
    assert (anna["auth_status"], anna["failed_logins"]) == ("active", 0)
    assert anna["missing_since"] is not None


def test_s37_each_change_keeps_who_and_why(site: Site) -> None:
    act(site, Action.DISABLE, "left the company")
    (event,) = site.rows("SELECT * FROM audit_events WHERE action = 'user.disabled'")
    assert (event["actor"], event["reason"]) == ("carol", "left the company")
