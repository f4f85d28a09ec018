"""Five thousand people under a renamed unit, and a hundred with another name, login name and address: all of them stay who they
are, on each server, through its feed."""

from __future__ import annotations

import pytest

from syncd.model.run import Mode
from tests.functional.vendors.site import VendorSite
from tests.servers.content import Bound, replacements
from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

PEOPLE, RENAMED = 5000, 100
# of names that no other test has in the domain they share
FIRST = 700_000


@pytest.fixture(params=["slapd_feed_site", "ds389_site", "samba_site"])
def site(request: pytest.FixtureRequest) -> VendorSite:
    found: VendorSite = request.getfixturevalue(request.param)
    return found


def test_identity_survives(site: VendorSite) -> None:
    server = site.server
    if isinstance(server, Ds389):
        # until its second start a new 389 Directory Server 2.3.1 renames some hundred entries below another and no more
        server.stop()
        server.start()
    old_unit = server.add_ou("Works", parent=site.people_dn)
    dns = server.add_people(PEOPLE, parent=old_unit, first=FIRST)
    # few members: 389 Directory Server's referential integrity goes through all of them for each person that moves
    site.written["crew"] = f"cn=crew,{site.groups_dn}"
    server.add(site.written["crew"], server.group("crew", dns[:5]))
    site.settings["roles"]["map"] = {"crew": ["member"]}
    first = site.synced(Mode.CHANGES)
    assert first.counts is not None
    assert first.counts["users_created"] == PEOPLE
    site.execute("UPDATE users SET enabled = :off WHERE username = 'u700007'", off=False)
    ids, entry_ids = site.ids(), {name: row["entry_id"] for name, row in site.people().items()}

    new_unit = rename(site, old_unit, "ou=Plant")
    moved = [f"{dn.removesuffix(old_unit)}{new_unit}" for dn in dns]
    rename_people(site, moved[-RENAMED:])
    if site.id_attribute == "entryUUID":
        server.modify(site.written["crew"], {"member": moved[:5]})
    shown = [dn for dn, _ in server.search("(mail=*)", base=site.people_dn, attributes=("1.1",))]
    assert [dn for dn in shown if not dn.lower().endswith(new_unit.lower())] == [], "the server itself shows the new names"
    run = site.synced(Mode.CHANGES)
    if run.feed == "usn":
        # the server names the unit, the people are found with it or by the sweep
        run = site.synced(Mode.SWEEP) if not run.counts or run.counts["users_moved"] < PEOPLE else run

    after = site.people()
    assert len(after) == PEOPLE
    assert site.rows("SELECT count(*) AS n FROM identities WHERE missing_since IS NOT NULL") == [{"n": 0}]
    numbers = {row["entry_id"]: row["id"] for row in after.values()}
    assert numbers == {entry_ids[name]: number for name, number in ids.items()}, "every entry is the user it was"
    elsewhere = [row["dn"] for row in after.values() if not row["dn"].lower().endswith(new_unit.lower())]
    assert elsewhere == [], run
    assert sum(name.startswith("renamed") for name in after) == RENAMED
    assert site.rows("SELECT count(DISTINCT user_id) AS n FROM dn_history") == [{"n": PEOPLE}]
    assert not after["u700007"]["enabled"], "an administrator's switch survives"
    assert site.roles_of("u700003") == {"member"}
    counts = site.rows("SELECT sum(1) AS n FROM audit_events WHERE action = 'user.created'")
    assert counts == [{"n": PEOPLE}]
    assert site.rows("SELECT * FROM audit_events WHERE action = 'user.disabled'") == []


def rename(site: VendorSite, dn: str, new_rdn: str) -> str:
    if isinstance(site.server, SambaAd):
        site.server.rename_large(dn, new_rdn)
    else:
        site.server.rename(dn, new_rdn)
    return f"{new_rdn},{dn.partition(',')[2]}"


def rename_people(site: VendorSite, dns: list[str]) -> None:
    """Give everybody another RDN, uid and mail."""
    is_ad = isinstance(site.server, SambaAd)
    with Bound(site.server) as connection:
        for number, dn in enumerate(dns):
            name = f"renamed{number:03}"
            attribute, parent = dn.partition("=")[0], dn.partition(",")[2]
            connection.rename_s(dn, f"{attribute}={name}", None, delold=1)
            changes = {"mail": f"{name}@example.com"}
            changes |= {"sAMAccountName": name, "uid": name} if is_ad else {"cn": name}
            connection.modify_s(f"{attribute}={name},{parent}", replacements(changes))
