from __future__ import annotations

from typing import Any

import pytest

from tests.functional.vendors.site import VendorSite
from tests.servers.content import DirectoryContent

# what a site with Active Directory writes down beside URL, base and account
ACTIVE_DIRECTORY: dict[str, Any] = {
    "users": {
        "filter": "(&(objectCategory=person)(objectClass=user))",
        "attributes": {
            "username": "sAMAccountName",
            "email": "mail",
            "first_name": "givenName",
            "last_name": "sn",
            "display_name": "displayName",
        },
    },
    "roles": {"filter": "(objectClass=group)", "member_attribute": "member"},
}


def open_site(server: DirectoryContent, store_url: str, settings: dict[str, Any]) -> VendorSite:
    """A site below the server's base, with ou=people and ou=groups."""
    site = VendorSite(server, store_url, settings)  # type: ignore[arg-type]
    server.add_ou("people")
    server.add_ou("groups")
    site.settings = {
        **settings,
        "users": {**settings.get("users", {}), "base_dn": site.people_dn},
        "roles": {**settings.get("roles", {}), "base_dn": site.groups_dn},
    }
    return site


@pytest.fixture
def slapd_site(request: pytest.FixtureRequest, sqlite_url: str) -> VendorSite:
    return open_site(request.getfixturevalue("make_slapd")(), sqlite_url, {})


@pytest.fixture
def slapd_feed_site(request: pytest.FixtureRequest, sqlite_url: str) -> VendorSite:
    """With what syncrepl needs."""
    return open_site(request.getfixturevalue("make_slapd")(overlays=("syncprov", "ppolicy")), sqlite_url, {})


@pytest.fixture
def ds389_site(request: pytest.FixtureRequest, sqlite_url: str) -> VendorSite:
    return open_site(request.getfixturevalue("ds389_ou"), sqlite_url, {})


@pytest.fixture
def samba_site(request: pytest.FixtureRequest, sqlite_url: str) -> VendorSite:
    return open_site(request.getfixturevalue("samba_ou"), sqlite_url, ACTIVE_DIRECTORY)


@pytest.fixture(params=["slapd_site", "ds389_site", "samba_site"])
def site(request: pytest.FixtureRequest) -> VendorSite:
    """The test runs on each server."""
    site: VendorSite = request.getfixturevalue(request.param)
    return site
