"""A usual site writes where the servers are, who reads, and what groups mean; the vendor's profile says the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.bootstrap import open_check
from syncd.model.checks import CheckLine, CheckStatus
from syncd.settings.root import RootSettings
from tests.functional.vendors.site import VendorSite
from tests.servers.content import DirectoryContent
from tests.servers.samba import SambaAd
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority

ROLES = {"staff": ["employee"], "leads": ["manager"]}


class MinimalSite(VendorSite):
    """Nothing is configured but what no profile can know."""

    def configuration(self) -> RootSettings:
        server: Any = self.server
        directory = {
            "urls": [server.ldaps_url],
            "tls": {"ca_file": str(server.ca_file)},
            "base_dn": server.base_dn,
            "bind_dn": server.reader_dn,
            "bind_password": server.reader_password,
            "roles": {"map": ROLES},
        }
        return RootSettings.model_validate({"store": {"url": self.store_url}, "directories": {"corp": directory}})

    def check(self) -> dict[str, CheckLine]:
        """Name of the line -> the last such line."""
        return {found.line.name: found.line for found in open_check(self.configuration()).check("corp")}

    def units_of(self) -> dict[str, str]:
        """Username -> name of the unit."""
        sql = "SELECT u.username, n.name FROM access a JOIN users u ON u.id = a.user_id JOIN units n ON n.id = a.unit_id"
        return {row["username"]: row["name"] for row in self.rows(sql)}


def minimal(server: DirectoryContent, store_url: str) -> MinimalSite:
    """Two people in two units, one group in another, and one in no group."""
    site = MinimalSite(server, store_url)  # type: ignore[arg-type]
    server.add_ou("people")
    server.add_ou("groups")
    places = [server.add_ou(name, parent=site.people_dn) for name in ("Berlin", "Munich")]
    site.add_person("anna", parent=places[0])
    site.add_person("bert", parent=places[1])
    site.add_person("carl", parent=places[1])
    site.add_group("leads", site.written["anna"])
    site.add_group("staff", site.written["leads"], site.written["bert"])
    return site


@pytest.fixture
def slapd_syncprov(make_slapd: Callable[..., Slapd], authority: Authority) -> Slapd:
    return make_slapd(overlays=("syncprov",), tls=authority)


@pytest.mark.parametrize("fixture", ["slapd_syncprov", "ds389_ou", "samba_ou"])
def test_a_minimal_site(request: pytest.FixtureRequest, sqlite_url: str, fixture: str) -> None:
    site = minimal(request.getfixturevalue(fixture), sqlite_url)
    site.synced()
    assert site.issues() == {}
    assert site.present() == {"anna", "bert", "carl"}
    assert site.stored() == site.truth()
    assert {name: site.roles_of(name) for name in ("anna", "bert", "carl")} == {
        "anna": {"employee", "manager"},
        "bert": {"employee"},
        "carl": set(),
    }
    assert site.units_of() == {"anna": "Berlin", "bert": "Munich", "carl": "Munich"}
    anna = site.people()["anna"]
    assert (anna["email"], anna["first_name"], anna["last_name"]) == ("anna@example.com", "Given0", "Family0")


def test_a_whole_domain(samba_ou: SambaAd, samba_server: SambaAd, sqlite_url: str) -> None:
    """With what every domain is made with: built-in accounts, groups and containers."""
    site = minimal(samba_ou, sqlite_url)
    site.add_person("backup-agent", mail=[], sn=[])
    domain = MinimalSite(samba_server, sqlite_url)  # type: ignore[arg-type]
    domain.synced()
    assert domain.issues() == {}
    present = domain.present()
    assert {"anna", "bert", "carl", "reader"} <= present
    assert not present & {"Administrator", "Guest", "krbtgt", "DC1$"}
    agent = domain.people()["backup-agent"]
    assert (agent["email"], agent["last_name"]) == (None, None)
    assert domain.roles_of("anna") == {"employee", "manager"}
    # the primary group, which lists nobody, and the built-in group that it is in
    assert domain.identifiers_of("carl") == {"Domain Users", "Users"}
    assert domain.units_of()["anna"] == "Berlin"
    assert "Domain Controllers" not in {row["name"] for row in domain.rows("SELECT name FROM units")}


@pytest.mark.parametrize(
    ("fixture", "vendor", "feed"),
    [
        ("slapd_syncprov", "openldap", "syncrepl, live: "),
        ("ds389_ou", "ds389", "syncrepl, live: "),
        ("samba_ou", "active_directory", "usn, live: "),
    ],
)
def test_what_a_check_says_of_a_minimal_site(
    request: pytest.FixtureRequest, sqlite_url: str, fixture: str, vendor: str, feed: str
) -> None:
    lines = minimal(request.getfixturevalue(fixture), sqlite_url).check()
    assert f"(vendor {vendor})" in lines["server"].text
    assert {name: line.text for name, line in lines.items() if line.status is not CheckStatus.PASS} == {}
    assert lines["users"].text.startswith("3 entries match")
    assert lines["roles"].text.startswith("2 entries match")
    assert lines["feed"].text.startswith(feed)
