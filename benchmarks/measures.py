"""What is measured, each family of bars on its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks import bars, following, listing
from benchmarks.bars import Results
from benchmarks.site import Site, checksum, company, one_sync, phases
from benchmarks.writes import while_importing
from benchmarks.yardstick import read_with_python_ldap, read_with_syncd, searches, seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """Measures at one site, so many times, and puts the figures beside their bars."""

    site: Site
    rounds: int
    results: Results

    def reading(self) -> None:
        """Our reader against python-ldap, people only; and what the groups take python-ldap."""
        users, roles = searches()
        pairs = []
        for _ in range(self.rounds):
            theirs = seconds(lambda: read_with_python_ldap(self.site.server, users))
            ours = seconds(lambda: read_with_syncd(self.site.server, users))
            groups = seconds(lambda: read_with_python_ldap(self.site.server, roles))
            pairs.append(ours / theirs)
            print(f"  read: python-ldap {theirs:.2f} s, syncd {ours:.2f} s; groups by python-ldap {groups:.2f} s", flush=True)
        self.results.row("reading the people, verdict included : python-ldap", statistics.median(pairs), bars.READING)

    def syncs(self, name: str, databases: Callable[[int], str]) -> None:
        """First imports and unchanged runs into one kind of database, each against a bare read made right beside it.

        `databases` makes an empty database and gives its URL.
        """
        searched = searches()

        def bare() -> float:
            return seconds(lambda: [read_with_python_ldap(self.site.server, search) for search in searched])

        imports, unchanged = [], []
        for number in range(self.rounds):
            url = databases(number)
            config = self.site.prepared(name, url)
            yardstick = bare()
            first = one_sync(config)
            imports.append(first["seconds"] / yardstick)
            assert first["counts"]["users_created"] == self.site.people, first
            print(f"  {name}: first import {first['seconds']:.2f} s, bare read {yardstick:.2f} s, {phases(first)}", flush=True)
        mark = checksum(url)
        for _ in range(self.rounds):
            yardstick = bare()
            again = one_sync(config)
            unchanged.append(again["seconds"] / yardstick)
            print(f"  {name}: unchanged {again['seconds']:.2f} s, bare read {yardstick:.2f} s, {phases(again)}", flush=True)
        changed = sum(before != after for before, after in zip(mark, checksum(url), strict=True))
        self.results.row(f"first import into {name} : bare read", statistics.median(imports), bars.FIRST_IMPORT)
        self.results.row(f"first import into {name}: peak memory", first["peak_mib"], bars.MEMORY)
        self.results.row(f"unchanged full run with {name} : bare read", statistics.median(unchanged), bars.UNCHANGED_RUN)
        self.results.row(f"unchanged full run with {name}: peak memory", again["peak_mib"], bars.MEMORY)
        self.results.row(f"unchanged full run with {name}: tables changed", float(changed), bars.NONE)

    def growth(self) -> None:
        """Memory and time of a large company against a quarter of it, in pairs: the machine's own speed drifts. Into SQLite."""
        with ExitStack() as stack:
            sites = [self._grown(stack, people) for people in (self.site.people // 4, self.site.people)]
            rounds = [[_two_syncs(site, number) for site in sites] for number in range(self.rounds)]
        size = f"{self.site.people} people and {self.site.people // 10} roles, one of {self.site.people // 2}"
        for which, name in enumerate(("first import", "unchanged full run")):
            pairs = [(quarter[which], whole[which]) for quarter, whole in rounds]
            self.results.row(f"{name} of {size}: peak memory", max(whole["peak_mib"] for _, whole in pairs), bars.MEMORY)
            times = statistics.median(whole["seconds"] / quarter["seconds"] for quarter, whole in pairs)
            self.results.row(f"{name} of {size} : a quarter of that", times, bars.GROWTH)

    def _grown(self, stack: ExitStack, people: int) -> Site:
        """A company of that many people, on a server that runs."""
        folder = self.site.folder / f"company{people}"
        folder.mkdir()
        server = company(folder, people=people, groups=people // 10, members=20, largest=people // 2)
        return Site(stack.enter_context(server), folder, people)

    def following(self) -> None:
        """What changes cost once there is a cursor, and how soon they are in the store. In SQLite."""
        database = self.site.folder / "following.db"
        config = self.site.prepared("following", f"sqlite:///{database}")
        one_sync(config)
        idle = following.nothing_to_do(config, rounds=20)
        self.results.row("run with nothing to do on the feed", idle, bars.IDLE_RUN)
        small = self.site.small()
        with small.server:
            config_of_few = small.prepared("few", f"sqlite:///{self.site.folder / 'few.db'}")
            one_sync(config_of_few)
            few = following.nothing_to_do(config_of_few, rounds=20)
        self.results.row(f"the same : that of {small.people} people", idle / few, bars.IDLE_GROWTH)
        sweep = following.sweep_ratio(config, self.site.server, rounds=self.rounds)
        self.results.row("sweep : ldapsearch of the same", sweep, bars.SWEEP)
        latencies = sorted(following.live_latency(config, database, self.site.server, edits=200))
        print(f"  live: median {statistics.median(latencies):.0f} ms, worst {latencies[-1]:.0f} ms", flush=True)
        self.results.row("live: change to store, 99th percentile", latencies[int(len(latencies) * 0.99) - 1], bars.LIVE)

    def writes(self, name: str, url: str) -> None:
        """What writes over HTTP take while a first import is being applied."""
        config = self.site.prepared(f"writes-{name}", url)
        done = while_importing(config, url, self.site.folder / f"writes-{name}")
        spent = sorted(milliseconds for milliseconds, _ in done.during())
        assert spent, "nothing was written meanwhile"
        for kind in ("enable", "disable", "create"):
            own = sorted(milliseconds for milliseconds, _ in done.during(kind))
            print(f"  {name}: {len(own)} {kind}, median {statistics.median(own):.0f} ms, worst {own[-1]:.0f} ms", flush=True)
        refused = sum(status not in (200, 201) for _, status in done.during())
        seconds_of_apply = done.ended - done.began
        print(f"  {name}: {len(spent)} writes while people were applied for {seconds_of_apply:.1f} s", flush=True)
        slowest = spent[int(len(spent) * 0.99) - 1]
        self.results.row(f"write while {name} takes a first import, 99th percentile", slowest, bars.WRITE)
        self.results.row(f"write while {name} takes a first import: refused", float(refused), bars.NONE)

    def lists(self, name: str, url: str, people: int) -> None:
        """Pages of people, each kind of list on a line of its own; in the table the slowest of its family."""
        print(f"making a store of {people} people in {name}", flush=True)
        listing.fill(url, people=people)
        found = listing.measure(url)
        for asked, (median, worst) in found.items():
            print(f"  {name}: {asked}: median {median:.1f} ms, 99th percentile {worst:.1f} ms", flush=True)
        for kind in ("sort", "search", "filter", "view"):
            slowest = max(worst for asked, (_, worst) in found.items() if asked.startswith(kind))
            self.results.row(f"{people} people in {name}, pages by {kind}: 99th percentile", slowest, bars.PAGE_OF_PEOPLE)


def _two_syncs(site: Site, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A first import of a company, and an unchanged run."""
    config = site.prepared("growth", f"sqlite:///{site.folder / f'growth{number}.db'}")
    first, again = one_sync(config), one_sync(config)
    assert first["counts"]["users_created"] == site.people, first
    for name, done in (("first import", first), ("unchanged", again)):
        spent, peak = done["seconds"], done["peak_mib"]
        print(f"  {site.people} people: {name} {spent:.2f} s, {peak:.0f} MiB, {phases(done)}", flush=True)
    return first, again
