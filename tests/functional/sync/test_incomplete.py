"""A fault never looks like an empty directory: whatever is not a complete read removes nothing and says why."""

from __future__ import annotations

import pytest

from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site


@pytest.fixture
def fifty(make_site: SiteFactory) -> Site:
    site = make_site()
    site.slapd.add_people(50, parent=site.people_dn)
    site.synced()
    return site


def assert_untouched(site: Site, before: object) -> None:
    assert site.snapshot() == before
    assert len(site.present()) == 50


def test_a_size_limit_of_20_of_50_removes_nobody(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.slapd.set_limits("size.prtotal=20")
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "size_limit_exceeded")
    assert (run.entries_read, run.server) == (20, fifty.slapd.url)
    assert run.message is not None
    assert "20 entries" in run.message
    assert "nothing was removed" in run.message
    assert run.advice
    assert_untouched(fifty, before)
    fifty.slapd.set_limits("size=unlimited")
    fifty.synced()


def test_a_base_that_does_not_exist(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.settings["users"]["base_dn"] = f"ou=nowhere,{fifty.slapd.base_dn}"
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "no_such_base")
    assert_untouched(fifty, before)


def test_a_filter_that_matches_nobody_is_held(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.settings["users"]["filter"] = "(objectClas=inetOrgPerson)"
    run = fifty.sync()
    assert (run.outcome, run.code) == ("held", "empty_result")
    assert_untouched(fifty, before)


def test_an_acl_that_hides_a_part_is_held(make_site: SiteFactory) -> None:
    site = make_site()
    hidden = site.slapd.add_ou("hidden", parent=site.people_dn)
    site.slapd.add_people(25, parent=site.people_dn)
    site.slapd.add_people(25, parent=hidden, first=25)
    site.synced()
    before = site.snapshot()
    site.slapd.set_acl(f'to dn.subtree="{hidden}" by * none', "to * by users read by anonymous auth")
    run = site.sync()
    assert (run.outcome, run.code) == ("held", "too_many_removed")
    assert run.message is not None
    assert "25 of 50" in run.message
    assert site.snapshot() == before


def test_a_server_that_is_down(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.slapd.stop()
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "connection_refused")
    assert fifty.slapd.url in str(run.message)
    fifty.slapd.start()
    assert_untouched(fifty, before)
    fifty.synced()


def test_a_wrong_password(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.settings["bind_password"] = "marked-secret-password"
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "invalid_credentials")
    assert "marked-secret" not in f"{run!r} {fifty.rows('SELECT * FROM runs')}"
    assert_untouched(fifty, before)


def test_a_server_that_freezes_fails_the_run_in_time(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.settings |= {"receive_timeout": 0.5, "connect_timeout": 1}
    fifty.slapd.pause()
    try:
        run = fifty.sync()
    finally:
        fifty.slapd.resume()
    assert run.outcome == "failed"
    assert run.code in ("receive_timeout", "connect_timeout")
    assert_untouched(fifty, before)


def test_ids_that_may_not_be_read_stop_the_run_with_advice(fifty: Site) -> None:
    before = fifty.snapshot()
    fifty.slapd.set_acl("to attrs=entryUUID by * none", "to * by users read by anonymous auth")
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "no_entry_id")
    assert "entry_id_attribute" in str(run.advice)
    assert_untouched(fifty, before)


def test_a_dead_first_server_costs_nothing_but_the_try(fifty: Site) -> None:
    fifty.settings["urls"] = ["ldap://127.0.0.1:9", fifty.slapd.url]
    run = fifty.synced()
    assert run.server == fifty.slapd.url


def test_groups_that_cannot_be_read_fail_the_run_and_revoke_nothing(fifty: Site) -> None:
    fifty.add_group("team", f"uid=u000001,{fifty.people_dn}")
    fifty.synced()
    before = fifty.snapshot()
    fifty.settings["roles"]["base_dn"] = f"ou=nowhere,{fifty.slapd.base_dn}"
    run = fifty.sync()
    assert (run.outcome, run.code) == ("failed", "no_such_base")
    assert_untouched(fifty, before)


def test_a_dry_run_writes_nothing_and_says_what_the_run_then_does(fifty: Site) -> None:
    fifty.slapd.delete(f"uid=u000001,{fifty.people_dn}")
    fifty.slapd.modify(f"uid=u000002,{fifty.people_dn}", {"sn": "New"})
    before = fifty.snapshot(), fifty.rows("SELECT * FROM runs")
    with fifty.runtime() as runtime:
        planned = runtime.sync.plan("corp")
    assert (fifty.snapshot(), fifty.rows("SELECT * FROM runs")) == before
    run = fifty.synced()
    assert run.counts is not None
    assert {name: run.counts[name] for name in planned.plan.counts} == planned.plan.counts
    assert (run.counts["users_disabled"], run.counts["users_updated"]) == (1, 1)
