"""A site between whose server and syncd a proxy stands: on SQLite only, since what breaks here is the directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.proxy import Proxy
from tests.functional.sync.site import Site
from tests.servers.slapd import Slapd


@contextmanager
def proxied_site(folder: Path, store_url: str, *, people: int, **settings: Any) -> Iterator[tuple[Site, Proxy]]:
    """`people` below ou=people, ou=groups beside it; the directory's only URL is the proxy's."""
    with Slapd(folder / "slapd", stats=False) as server, Proxy(server.url) as proxy:
        site = Site(
            server, store_url, {"urls": [proxy.url], "feed": "full", "connect_timeout": 5, "receive_timeout": 5} | settings
        )
        server.add_ou("people")
        server.add_ou("groups")
        server.add_people(people, parent=site.people_dn)
        site.settings |= {"users": {"base_dn": site.people_dn}, "roles": {"base_dn": site.groups_dn}}
        yield site, proxy
