"""A company that a store knows as it was, so that one run has something of everything to do."""

from __future__ import annotations

from pathlib import Path

from tests.faults import rig
from tests.faults.child import Report, run_in_child
from tests.servers.slapd import Slapd


class Site:
    """A company that has changed since the store last saw it, and stores that have not seen the change."""

    def __init__(self, folder: Path, stores: rig.Stores, slapd: Slapd, *, empty: str) -> None:
        self._folder = folder
        self.stores = stores
        self._slapd = slapd
        self._empty = empty
        rig.fill(slapd)
        self._known = stores.copy(empty)
        assert outcome(run_in_child(self.config(self._known))) == "succeeded"
        rig.change(slapd)

    def config(self, store_url: str, *, schedule: str = "") -> Path:
        file = self._folder / f"{store_url.rpartition('/')[2]}.toml"
        return rig.write_config(file, self._slapd, store_url, schedule=schedule)

    def fresh(self, before: str) -> str:
        """A store that is "empty", or that knows the company as it was before."""
        return self.stores.copy({"empty": self._empty, "known": self._known}[before])


def outcome(report: Report) -> str | None:
    """How the child's run ended, or the code of what kept it from ending."""
    return report.run.outcome.value if report.run else report.code
