"""`python -m benchmarks`: the bars of the design on one real slapd, every ratio from this one run.

Times are medians of alternating rounds; what is compared is always read from the same server in the same minutes, and only
the ratios mean anything on another machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap
from ldap.controls import SimplePagedResultsControl
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

from benchmarks import following, listing
from benchmarks.company import ATTRIBUTES, BASE, write_company
from benchmarks.writes import while_importing
from syncd.directory import LdapDirectory
from syncd.model.reading import Search
from syncd.settings.directory import DirectorySettings
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.migrate import upgrade
from tests.servers.postgres import PostgresServer
from tests.servers.slapd import Slapd

PAGE = 1000


def searches() -> list[Search]:
    """What the bare read reads: the people and the groups."""
    return [
        Search(
            purpose="users",
            base_dn=f"ou=people,{BASE}",
            filter="(objectClass=inetOrgPerson)",
            attributes=(*ATTRIBUTES, "entryUUID"),
        ),
        Search(
            purpose="roles",
            base_dn=f"ou=groups,{BASE}",
            filter="(objectClass=groupOfNames)",
            attributes=("cn", "member", "entryUUID"),
        ),
    ]


def read_with_python_ldap(server: Slapd, search: Search) -> int:
    """The usual page loop of python-ldap; entries read."""
    connection = ldap.initialize(server.url)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.simple_bind_s(server.reader_dn, server.reader_password)
    control = SimplePagedResultsControl(True, size=PAGE, cookie="")
    count = 0
    while True:
        message = connection.search_ext(
            search.base_dn, ldap.SCOPE_SUBTREE, search.filter, list(search.attributes), serverctrls=[control]
        )
        _, entries, _, controls = connection.result3(message)
        count += len(entries)
        (answer,) = [c for c in controls if c.controlType == SimplePagedResultsControl.controlType]
        if not answer.cookie:
            connection.unbind_s()
            return count
        control.cookie = answer.cookie


def read_with_syncd(server: Slapd, search: Search) -> int:
    """syncd's reader, verdict included; entries read."""
    settings = DirectorySettings(
        urls=[server.url], base_dn=BASE, bind_dn=server.reader_dn, bind_password=server.reader_password, page_size=PAGE
    )
    session = LdapDirectory("bench", settings).connect()
    reading = session.read(search)
    count = sum(len(batch) for batch in reading)
    assert reading.verdict.complete, reading.verdict
    session.close()
    return count


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(slots=True)
class Bench:
    """One server, the measured values, and the table they end in."""

    server: Slapd
    folder: Path
    people: int
    rounds: int
    bare: float = 0.0
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def row(self, what: str, value: float, bar: float, unit: str = "") -> None:
        self.rows.append((what, f"{value:.2f}{unit}", f"at most {bar:g}{unit}", value <= bar))

    def reading(self) -> None:
        """Our reader against python-ldap, people only; then python-ldap's bare read of people and groups, the yardstick."""
        users, roles = searches()
        pairs = []
        bare = []
        for _ in range(self.rounds):
            theirs = seconds(lambda: read_with_python_ldap(self.server, users))
            ours = seconds(lambda: read_with_syncd(self.server, users))
            groups = seconds(lambda: read_with_python_ldap(self.server, roles))
            pairs.append(ours / theirs)
            bare.append(theirs + groups)
            print(f"  read: python-ldap {theirs:.2f} s, syncd {ours:.2f} s; groups by python-ldap {groups:.2f} s", flush=True)
        self.bare = statistics.median(bare)
        self.row("reading the people, verdict included : python-ldap", statistics.median(pairs), 1.0)

    def syncs(self, name: str, databases: Callable[[int], str]) -> None:
        """First imports and unchanged runs into one kind of database, each against a bare read made right beside it.

        `databases` makes an empty database and gives its URL.
        """
        searched = searches()

        def bare() -> float:
            return seconds(lambda: [read_with_python_ldap(self.server, search) for search in searched])

        imports, unchanged = [], []
        for number in range(self.rounds):
            url = databases(number)
            config = self.prepared(name, url)
            yardstick = bare()
            first = one_sync(config)
            imports.append(first["seconds"] / yardstick)
            assert first["counts"]["users_created"] == self.people, first
            print(f"  {name}: first import {first['seconds']:.2f} s, bare read {yardstick:.2f} s, {phases(first)}", flush=True)
        mark = checksum(url)
        for _ in range(self.rounds):
            yardstick = bare()
            again = one_sync(config)
            unchanged.append(again["seconds"] / yardstick)
            print(f"  {name}: unchanged {again['seconds']:.2f} s, bare read {yardstick:.2f} s, {phases(again)}", flush=True)
        changed = sum(before != after for before, after in zip(mark, checksum(url), strict=True))
        self.row(f"first import into {name} : bare read", statistics.median(imports), 4.0)
        self.row(f"first import into {name}: peak memory", first["peak_mib"], 400, " MiB")
        self.row(f"unchanged full run with {name} : bare read", statistics.median(unchanged), 1.5)
        self.row(f"unchanged full run with {name}: peak memory", again["peak_mib"], 400, " MiB")
        self.row(f"unchanged full run with {name}: tables changed", float(changed), 0)

    def growth(self) -> None:
        """Memory and time of a large company, and of a quarter of it. Into SQLite."""
        quarter, whole = self._syncs_of(self.people // 4), self._syncs_of(self.people)
        size = f"{self.people} people and {self.people // 10} roles, one of {self.people // 2}"
        for name, small, large in zip(("first import", "unchanged full run"), quarter, whole, strict=True):
            self.row(f"{name} of {size}: peak memory", max(done["peak_mib"] for done in large), 400, " MiB")
            times = [statistics.median(done["seconds"] for done in runs) for runs in (small, large)]
            self.row(f"{name} of {size} : a quarter of that", times[1] / times[0], 4.5)

    def _syncs_of(self, people: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """First imports and unchanged runs of a company with that many people."""
        folder = self.folder / f"company{people}"
        folder.mkdir()
        firsts, unchanged = [], []
        with company(folder, people=people, groups=people // 10, members=20, largest=people // 2) as server:
            for number in range(self.rounds):
                bench = Bench(server, folder, people, self.rounds)
                config = bench.prepared("growth", f"sqlite:///{folder / f'growth{number}.db'}")
                firsts.append(one_sync(config))
                unchanged.append(one_sync(config))
                assert firsts[-1]["counts"]["users_created"] == people, firsts[-1]
                for name, done in (("first import", firsts[-1]), ("unchanged", unchanged[-1])):
                    spent, peak = done["seconds"], done["peak_mib"]
                    print(f"  {people} people: {name} {spent:.2f} s, {peak:.0f} MiB, {phases(done)}", flush=True)
        return firsts, unchanged

    def following(self) -> None:
        """What changes cost once there is a cursor, and how soon they are in the store. In SQLite."""
        database = self.folder / "following.db"
        config = self.prepared("following", f"sqlite:///{database}")
        one_sync(config)
        idle = following.nothing_to_do(config, rounds=20)
        self.row("run with nothing to do on the feed", idle, 100, " ms")
        small = self.small_company()
        with small.server:
            config_of_few = small.prepared("few", f"sqlite:///{self.folder / 'few.db'}")
            one_sync(config_of_few)
            few = following.nothing_to_do(config_of_few, rounds=20)
        self.row(f"the same : that of {small.people} people", idle / few, 2.0)
        self.row("sweep : ldapsearch of the same", following.sweep_ratio(config, self.server, rounds=self.rounds), 2.0)
        latencies = sorted(following.live_latency(config, database, self.server, edits=200))
        print(f"  live: median {statistics.median(latencies):.0f} ms, worst {latencies[-1]:.0f} ms", flush=True)
        self.row("live: change to store, 99th percentile", latencies[int(len(latencies) * 0.99) - 1], 200, " ms")

    def writes(self, name: str, url: str) -> None:
        """What writes over HTTP take while a first import is being applied."""
        config = self.prepared(f"writes-{name}", url)
        done = while_importing(config, url, self.folder / f"writes-{name}")
        spent = sorted(milliseconds for milliseconds, _ in done.during())
        assert spent, "nothing was written meanwhile"
        for kind in ("enable", "disable", "create"):
            own = sorted(milliseconds for milliseconds, _ in done.during(kind))
            print(f"  {name}: {len(own)} {kind}, median {statistics.median(own):.0f} ms, worst {own[-1]:.0f} ms", flush=True)
        refused = sum(status not in (200, 201) for _, status in done.during())
        seconds_of_apply = done.ended - done.began
        print(f"  {name}: {len(spent)} writes while people were applied for {seconds_of_apply:.1f} s", flush=True)
        self.row(f"write while {name} takes a first import, 99th percentile", spent[int(len(spent) * 0.99) - 1], 1000, " ms")
        self.row(f"write while {name} takes a first import: refused", float(refused), 0)

    def lists(self, name: str, url: str, people: int) -> None:
        """Pages of people, each kind of list on a line of its own; in the table the slowest of its family."""
        print(f"making a store of {people} people in {name}", flush=True)
        listing.fill(url, people=people)
        found = listing.measure(url)
        for asked, (median, worst) in found.items():
            print(f"  {name}: {asked}: median {median:.1f} ms, 99th percentile {worst:.1f} ms", flush=True)
        for kind in ("sort", "search", "filter", "view"):
            slowest = max(worst for asked, (_, worst) in found.items() if asked.startswith(kind))
            self.row(f"{people} people in {name}, pages by {kind}: 99th percentile", slowest, 50, " ms")

    def small_company(self) -> Bench:
        """A second server with 1,000 people."""
        folder = self.folder / "few"
        folder.mkdir()
        server = company(folder, people=1000, groups=10, members=20)
        return Bench(server, self.folder, 1000, self.rounds)

    def prepared(self, name: str, url: str) -> Path:
        """The database with its tables, and a configuration that uses it."""
        engine = open_engine(StoreSettings(url=url))
        upgrade(engine)
        engine.dispose()
        config = self.folder / f"{name}.toml"
        config.write_text(self.configuration(url), encoding="utf-8")
        config.chmod(0o600)
        return config

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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--large", type=int, default=200_000, help="people of the company that memory is measured with")
    parser.add_argument("--rounds", type=int, default=3)
    parts = ["reading", "sqlite", "postgresql", "following", "growth", "writes", "lists"]
    parser.add_argument("--only", choices=parts)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "slapd").mkdir()
        size = {"people": options.people, "groups": options.groups, "members": options.members}
        if options.only in ("growth", "lists"):
            # with companies of its own
            size = {"people": 1, "groups": 1, "members": 1}
        server = company(folder / "slapd", **size)
        with server:
            bench = Bench(server, folder, options.people, options.rounds)
            if options.only in (None, "reading"):
                bench.reading()
            if options.only in (None, "sqlite"):
                bench.syncs("SQLite", lambda number: f"sqlite:///{folder / f'bench{number}.db'}")
            if options.only in (None, "following"):
                bench.following()
            if options.only in (None, "growth"):
                Bench(server, folder, options.large, options.rounds, rows=bench.rows).growth()
            if options.only in (None, "writes"):
                bench.writes("SQLite", f"sqlite:///{folder / 'writes.db'}")
            if options.only in (None, "lists"):
                bench.lists("SQLite", f"sqlite:///{folder / 'lists.db'}", options.large)
            if options.only in (None, "postgresql", "writes", "lists"):
                postgres = PostgresServer()
                if options.only in (None, "postgresql"):
                    bench.syncs("PostgreSQL", lambda number: postgres.create(f"bench{number}"))
                if options.only in (None, "writes"):
                    bench.writes("PostgreSQL", postgres.create("writes"))
                if options.only in (None, "lists"):
                    bench.lists("PostgreSQL", postgres.create("lists"), options.large)
                postgres.stop()
    return report(bench)


def report(bench: Bench) -> int:
    table = Table(title=f"{bench.people} people, one run on this machine")
    for column in ("what", "measured", "bar", ""):
        table.add_column(column)
    for what, value, bar, met in bench.rows:
        table.add_row(what, value, bar, "met" if met else "NOT MET")
    Console(width=110).print(table)
    return 0 if all(row[3] for row in bench.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
