"""What a run costs the directory: searches, counted by slapd itself in cn=Monitor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import ldap
import pytest

from syncd.model.run import Mode
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site
from tests.servers.content import Bound

PEOPLE, GROUPS, PAGE = 130, 45, 20


def searches(site: Site) -> tuple[int, int]:
    """Search operations that slapd has completed since its start, and how many were made to learn that, which are not in it.

    It counts one after it has answered it.
    """
    names = ["monitorOpInitiated", "monitorOpCompleted"]
    deadline = time.monotonic() + 30
    with Bound(site.slapd) as connection:
        made = 0
        while True:
            ((_, entry),) = connection.search_s("cn=Search,cn=Operations,cn=Monitor", ldap.SCOPE_BASE, attrlist=names)
            initiated, completed = (int(entry[name][0]) for name in names)
            # but for this search itself
            if initiated - completed == 1:
                break
            assert time.monotonic() < deadline, entry
            made += 1
    return completed - made, made + 1


def cost_of(site: Site, run: Callable[[], object]) -> int:
    before, counting = searches(site)
    run()
    return searches(site)[0] - before - counting


@pytest.fixture
def large(make_site: SiteFactory) -> Site:
    site = make_site({"feed": "syncrepl"}, overlays=("syncprov",))
    dns = site.slapd.add_people(PEOPLE, parent=site.people_dn)
    for number in range(GROUPS):
        site.add_group(f"g{number}", *dns[number : number + 5])
    return site


def test_a_full_run_asks_for_its_pages_and_ten_things_more(large: Site) -> None:
    pages = math.ceil(PEOPLE / PAGE) + math.ceil(GROUPS / PAGE) + 1
    assert pages <= cost_of(large, large.synced) <= pages + 10
    assert cost_of(large, large.synced) <= pages + 10


def test_a_run_with_nothing_to_do_costs_the_same_whatever_the_size(large: Site) -> None:
    large.synced()
    assert cost_of(large, lambda: large.synced(Mode.CHANGES)) <= 10


def test_one_change_costs_little_more(large: Site) -> None:
    large.synced()
    large.slapd.modify(f"uid=u000001,{large.people_dn}", {"sn": "Changed"})
    assert cost_of(large, lambda: large.synced(Mode.CHANGES)) <= 16
