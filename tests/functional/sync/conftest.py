from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.sync.pair import OneOfTwo, Pair
from tests.functional.sync.site import Site
from tests.servers.slapd import Slapd

SiteFactory = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path, store_url: str) -> Iterator[SiteFactory]:
    """Makes sites, each with a slapd of its own that has ou=people and ou=groups, over SQLite and over PostgreSQL."""
    servers: list[Slapd] = []

    def make(settings: dict[str, Any] | None = None, *, root: dict[str, Any] | None = None, **slapd: Any) -> Site:
        folder = tmp_path / f"slapd{len(servers)}"
        folder.mkdir()
        server = Slapd(folder, **slapd).start()
        servers.append(server)
        site = Site(server, store_url, settings or {}, root or {})
        server.add_ou("people")
        server.add_ou("groups")
        site.settings.setdefault("users", {}).setdefault("base_dn", site.people_dn)
        site.settings.setdefault("roles", {}).setdefault("base_dn", site.groups_dn)
        return site

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def site(make_site: SiteFactory) -> Site:
    return make_site()


@pytest.fixture
def pair(tmp_path: Path, store_url: str) -> Iterator[Pair]:
    servers, sites = [], []
    for name in ("hr", "mail"):
        (tmp_path / name).mkdir()
        server = Slapd(tmp_path / name, base_dn=f"dc={name},dc=com", overlays=("syncprov",)).start()
        servers.append(server)
        server.add_ou("people")
        server.add_ou("groups")
        sites.append(OneOfTwo(server, store_url))
    made = Pair(*sites)
    made.configure()
    yield made
    for server in servers:
        server.stop()
