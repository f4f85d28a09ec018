"""What is measured, each family of bars on its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
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
        """Memory and time of a large company, and of a quarter of it. Into SQLite."""
        quarter, whole = self._syncs_of(self.site.people // 4), self._syncs_of(self.site.people)
        size = f"{self.site.people} people and {self.site.people // 10} roles, one of {self.site.people // 2}"
        for name, small, large in zip(("first import", "unchanged full run"), quarter, whole, strict=True):
            self.results.row(f"{name} of {size}: peak memory", max(done["peak_mib"] for done in large), bars.MEMORY)
            times = [statistics.median(done["seconds"] for done in runs) for runs in (small, large)]
            self.results.row(f"{name} of {size} : a quarter of that", times[1] / times[0], bars.GROWTH)

    def _syncs_of(self, people: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """First imports and unchanged runs of a company with that many people."""
        folder = self.site.folder / f"company{people}"
        folder.mkdir()
        firsts, unchanged = [], []
        with company(folder, people=people, groups=people // 10, members=20, largest=people // 2) as server:
            for number in range(self.rounds):
                config = Site(server, folder, people).prepared("growth", f"sqlite:///{folder / f'growth{number}.db'}")
                firsts.append(one_sync(config))
                unchanged.append(one_sync(config))
                assert firsts[-1]["counts"]["users_created"] == people, firsts[-1]
                for name, done in (("first import", firsts[-1]), ("unchanged", unchanged[-1])):
                    spent, peak = done["seconds"], done["peak_mib"]
                    print(f"  {people} people: {name} {spent:.2f} s, {peak:.0f} MiB, {phases(done)}", flush=True)
        return firsts, unchanged

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
