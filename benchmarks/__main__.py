"""`python -m benchmarks`: the bars of the design on one real slapd, every ratio from this one run.

Times are medians of alternating rounds; what is compared is always read from the same server in the same minutes, and only
the ratios mean anything on another machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from benchmarks.bars import Results
from benchmarks.measures import Bench
from benchmarks.site import Site, company
from tests.servers.postgres import PostgresServer

PARTS = ("reading", "sqlite", "postgresql", "following", "growth", "writes", "lists")


def main() -> int:
    options = _options()
    results = Results()
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
            _measure(Bench(Site(server, folder, options.people), options.rounds, results), options)
    results.show(people=options.people)
    return 0 if results.met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--large", type=int, default=200_000, help="people of the company that memory is measured with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS)
    return parser.parse_args()


def _measure(bench: Bench, options: argparse.Namespace) -> None:
    """What was asked for: what needs no PostgreSQL first."""
    parts = PARTS if options.only is None else (options.only,)
    folder = bench.site.folder
    if "reading" in parts:
        bench.reading()
    if "sqlite" in parts:
        bench.syncs("SQLite", lambda number: f"sqlite:///{folder / f'bench{number}.db'}")
    if "following" in parts:
        bench.following()
    if "growth" in parts:
        Bench(replace(bench.site, people=options.large), bench.rounds, bench.results).growth()
    if "writes" in parts:
        bench.writes("SQLite", f"sqlite:///{folder / 'writes.db'}")
    if "lists" in parts:
        bench.lists("SQLite", f"sqlite:///{folder / 'lists.db'}", options.large)
    if not {"postgresql", "writes", "lists"}.isdisjoint(parts):
        _measure_postgres(bench, parts, options.large)


def _measure_postgres(bench: Bench, parts: Collection[str], large: int) -> None:
    postgres = PostgresServer()
    if "postgresql" in parts:
        bench.syncs("PostgreSQL", lambda number: postgres.create(f"bench{number}"))
    if "writes" in parts:
        bench.writes("PostgreSQL", postgres.create("writes"))
    if "lists" in parts:
        bench.lists("PostgreSQL", postgres.create("lists"), large)
    postgres.stop()


if __name__ == "__main__":
    sys.exit(main())
