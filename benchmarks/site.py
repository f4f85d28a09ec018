"""Where it is measured: a company on a directory server, and the databases that syncs write into."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.company import BASE, write_company
from benchmarks.yardstick import PAGE
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.migrate import upgrade
from tests.servers.slapd import Slapd


@dataclass(frozen=True, slots=True)
class Site:
    """A server with a company of that many people, and a place for what a sync needs besides."""

    server: Slapd
    folder: Path
    people: int

    def prepared(self, name: str, url: str) -> Path:
        """The database with its tables, and a configuration that uses it."""
        engine = open_engine(StoreSettings(url=url))
        upgrade(engine)
        engine.dispose()
        config = self.folder / f"{name}.toml"
        config.write_text(self.configuration(url), encoding="utf-8")
        config.chmod(0o600)
        return config

    def small(self) -> Site:
        """A second server, with 1,000 people."""
        folder = self.folder / "few"
        folder.mkdir()
        return Site(company(folder, people=1000, groups=10, members=20), self.folder, 1000)

    def configuration(self, url: str) -> str:
        return f"""
[store]
url = "{url}"
[http]
listen = "127.0.0.1:0"
[directories.bench]
feed = "syncrepl"
urls = ["{self.server.url}"]
base_dn = "{BASE}"
bind_dn = "{self.server.reader_dn}"
bind_password = "{self.server.reader_password}"
page_size = {PAGE}
organization = "Bench"
[directories.bench.users]
base_dn = "ou=people,{BASE}"
[directories.bench.users.attributes]
username = "uid"
email = "mail"
first_name = "givenName"
last_name = "sn"
display_name = "cn"
phone = "telephoneNumber"
title = "title"
[directories.bench.roles]
base_dn = "ou=groups,{BASE}"
filter = "(objectClass=groupOfNames)"
[directories.bench.roles.map]
"/team-.*/" = ["employee"]
"""


def company(folder: Path, *, people: int, groups: int, members: int, largest: int = 0) -> Slapd:
    """A server, not started, with a company of that size."""
    server = Slapd(folder, base_dn=BASE, max_size=8 << 30, stats=False, overlays=("syncprov",))
    print(f"making a company of {people} people and {groups} groups of {members}", flush=True)
    write_company(folder / "company.ldif", people=people, groups=groups, members=members, largest=largest)
    server.load(folder / "company.ldif")
    return server


def phases(result: dict[str, Any]) -> str:
    return " ".join(f"{name.replace(' ', '-')}={spent:.2f}" for name, spent in result["phases"].items() if name)


def one_sync(config: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.one_sync", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["outcome"] == "succeeded", result
    return result


def checksum(url: str) -> list[tuple[object, ...]]:
    """Something of each table that any write would change."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        return [
            tuple(connection.execute(text(query)).one())
            for query in (
                "SELECT count(*), max(updated_at), sum(version) FROM users",
                "SELECT count(*), max(missing_since) FROM identities",
                "SELECT count(*) FROM memberships",
                "SELECT count(*) FROM grants",
                "SELECT count(*), max(id) FROM audit_events",
                "SELECT count(*), max(id) FROM issues",
            )
        ]
