"""Each feed on each server that offers it: after edits of every kind the store equals what the directory says."""

from __future__ import annotations

import random

import pytest

from syncd.model.run import Mode
from tests.functional.vendors.feeds import Edits
from tests.functional.vendors.site import VendorSite

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

FEEDS = [
    ("slapd", "syncrepl"),
    ("slapd", "timestamp"),
    ("ds389", "syncrepl"),
    ("ds389", "timestamp"),
    ("samba", "usn"),
    ("samba", "dirsync"),
    ("samba", "timestamp"),
]
# those that say who is gone to an account that may not see deleted objects; with the others the sweep does
TELLS_OF_REMOVALS = {"syncrepl"}
ROUNDS, EDITS = 10, 4


@pytest.fixture(params=FEEDS, ids="-".join)
def edits(request: pytest.FixtureRequest) -> Edits:
    vendor, feed = request.param
    site: VendorSite = request.getfixturevalue(f"{vendor}_feed_site" if vendor == "slapd" else f"{vendor}_site")
    people = {"samba": "(&(objectCategory=person)(objectClass=user)(mail=*))"}.get(
        vendor, "(&(objectClass=inetOrgPerson)(mail=*))"
    )
    site.settings["feed"] = feed
    site.settings["users"] = {**site.settings["users"], "filter": people}
    site.settings["safety"] = {"max_removed_users": "40%, at least 10", "max_revoked_grants": "40%, at least 40"}
    return Edits(site, random.Random(f"{vendor} {feed}"))


def test_random_edits(edits: Edits) -> None:
    site = edits.site
    edits.begin()
    run = site.sync(Mode.CHANGES)
    assert run.feed == "full"
    assert edits.stored() == edits.seen()
    tells = site.settings["feed"] in TELLS_OF_REMOVALS
    done: list[str] = []
    for _ in range(ROUNDS):
        done += [edits.one() for _ in range(EDITS)]
        run = site.synced(Mode.CHANGES)
        assert run.feed == site.settings["feed"], f"{run.feed_reason} after {done}"
        if not tells:
            assert site.synced(Mode.SWEEP).feed == "sweep"
        assert edits.stored() == edits.seen(), f"after {done}"
    before = site.snapshot()
    again = site.synced(Mode.CHANGES)
    assert again.counts is not None
    assert not any(count for name, count in again.counts.items() if name not in ("users", "issues", "members_unresolved"))
    site.synced(Mode.SWEEP)
    site.synced(Mode.FULL)
    after = site.snapshot()
    changed = [name for name in before if name != "directories" and before[name] != after[name]]
    assert changed == [], "the feed had told everything that sweep and full read know"
