"""What the daemon needs from the composition root, so that a test can run it on fakes.

Everything here blocks and is called in threads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from syncd.clock import Clock
from syncd.http.context import Plans
from syncd.model.hold import HeldPlan
from syncd.model.records import DirectoryPresence
from syncd.model.run import Mode, Run, Trigger
from syncd.services.management import Management
from syncd.services.planned import Progress
from syncd.services.ports_runs import RunStore
from syncd.settings.root import RootSettings


class Syncing(Protocol):
    """The use cases of syncing."""

    def request(
        self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "", since: datetime | None = None
    ) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). Raises NotFoundError, StoreError."""

    def work(self, directory: str, *, stopping: Callable[[], bool], progress: Callable[[Progress], None] = ...) -> Run | None:
        """Execute the next queued run to its final record; None when nothing is queued. Raises StoreError."""

    def interrupt(self, directory: str) -> None:
        """End a read that waits for its server."""

    def purge(self, directory: str) -> int:
        """Delete people gone for longer than the retention time; how many. Raises StoreError."""


class Watching(Protocol):
    """The use case of watching."""

    def watch(self, directory: str, *, changed: Callable[[], None], watching: Callable[[], None]) -> str:
        """Blocks; why there is nothing to watch. Raises SyncdError when the connection ends."""

    def close(self) -> None:
        """End all watches, and begin no more."""


class Census(Protocol):
    """Numbers of the store, for the metrics."""

    def people_by_presence(self, directory: str) -> Mapping[DirectoryPresence, int]:
        """People of this directory. Raises StoreError."""


class OpenPlans(Protocol):
    """The plans that wait, for health."""

    def open(self, directory: str) -> HeldPlan | None:
        """The one that is held or approved. Raises StoreError."""

    def prune(self, *, decided_before: datetime) -> int:
        """Delete closed plans older than that; how many. Raises StoreError."""


class Leases(Protocol):
    """Who is at work, for the recovery."""

    def free(self, directory: str) -> bool:
        """Whether no process has the lease right now. Raises StoreError."""


class Runtime(Protocol):
    """Everything wired for one configuration."""

    @property
    def settings(self) -> RootSettings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def sync(self) -> Syncing: ...

    @property
    def watches(self) -> Watching: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def holds(self) -> OpenPlans: ...

    @property
    def plans(self) -> Plans: ...

    @property
    def lease(self) -> Leases: ...

    @property
    def queries(self) -> Census: ...

    @property
    def management(self) -> Management: ...

    def require_directory(self, name: str | None) -> None:
        """Raises UsageError for a directory that is not known, StoreError."""

    def ping_store(self) -> None:
        """Raises StoreError when the database does not answer."""

    def check_schema(self) -> None:
        """Raises SchemaOutdatedError when the database is not at the revision of this version, StoreError when it does not
        answer."""

    def close(self) -> None:
        """Give back connections; never raises."""


OpenRuntime = Callable[[RootSettings], Runtime]
