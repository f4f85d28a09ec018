"""For every page k of every search of a run: a cut there removes nobody, the run says why, and the next one heals all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.proxy import Fault, Proxy, answers, cut
from tests.faults.sites import proxied_site
from tests.functional.sync.site import Site

PEOPLE, PAGE = 60, 5
BIND_DONE, SEARCH_DONE = 0x61, 0x65


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[tuple[Site, Proxy]]:
    """Sixty people in a dozen groups, synced."""
    with proxied_site(tmp_path, sqlite_url, people=PEOPLE, page_size=PAGE) as (site, proxy):
        for number in range(12):
            site.add_group(f"team{number:02}", *(f"uid=u{member:06},{site.people_dn}" for member in range(number + 1)))
        site.synced()
        yield site, proxy


def places(proxy: Proxy) -> list[int]:
    """Where to cut the last run's connection: in the middle of each answer and right behind it, but for the very last byte."""
    ends = [end for tag, end in answers(proxy.streams[-1]) if tag in (BIND_DONE, SEARCH_DONE)]
    assert len(ends) >= 1 + 1 + PEOPLE // PAGE + 3
    inside = [(start + end) // 2 for start, end in itertools.pairwise([0, *ends])]
    return sorted([*inside, *ends[:-1]])


def test_a_cut_anywhere_changes_nothing(site: tuple[Site, Proxy]) -> None:
    corp, proxy = site
    corp.synced()
    at, before = places(proxy), corp.snapshot()
    for place in at:
        proxy.fault = cut(after=place)
        run = corp.sync()
        assert (run.outcome, run.code) == ("failed", "connection_lost"), f"cut after {place} bytes"
        assert run.server == proxy.url
        assert proxy.url in str(run.message)
        assert run.advice
        if run.entries_read:
            assert f"{run.entries_read} entries" in str(run.message)
    assert corp.snapshot() == before
    proxy.fault = Fault()
    corp.synced()
    assert corp.snapshot() == before


def test_whoever_left_is_removed_only_by_the_run_that_saw_everything(site: tuple[Site, Proxy]) -> None:
    corp, proxy = site
    everybody = [f"u{number:06}" for number in range(PEOPLE)]
    # those in no group, so that what a run reads is as long as before
    leaving, joining = itertools.count(20), itertools.count(PEOPLE)
    for place in places(proxy)[::4]:
        gone = f"u{next(leaving):06}"
        corp.slapd.delete(f"uid={gone},{corp.people_dn}")
        new = corp.slapd.add_people(1, parent=corp.people_dn, first=next(joining))
        proxy.fault = cut(after=place)
        run = corp.sync()
        assert (run.outcome, run.code) == ("failed", "connection_lost"), f"cut after {place} bytes"
        assert corp.present() >= set(everybody)
        proxy.fault = Fault()
        corp.synced()
        everybody.remove(gone)
        everybody.append(new[0].partition(",")[0].removeprefix("uid="))
        assert corp.present() == set(everybody)
