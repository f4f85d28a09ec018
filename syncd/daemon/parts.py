"""What the daemon needs from the composition root, so that a test can run it on fakes.

Everything here blocks and is called in threads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from syncd.clock import Clock
from syncd.model.records import DirectoryPresence
from syncd.model.run import Mode, Run, Trigger
from syncd.services.ports import RunStore
from syncd.services.sync import Progress
from syncd.settings.root import RootSettings


class Syncing(Protocol):
    """The use cases of syncing."""

    def request(self, directory: str, *, mode: Mode, trigger: Trigger, actor: str = "") -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new). Raises NotFoundError, StoreError."""

    def work(self, directory: str, *, stopping: Callable[[], bool], progress: Callable[[Progress], None] = ...) -> Run | None:
        """Execute the next queued run to its final record; None when nothing is queued. Raises StoreError."""

    def interrupt(self, directory: str) -> None:
        """End a read that waits for its server."""

    def purge(self, directory: str) -> int:
        """Delete people gone for longer than the retention time; how many. Raises StoreError."""


class Census(Protocol):
    """Numbers of the store, for the metrics."""

    def people_by_presence(self, directory: str) -> Mapping[DirectoryPresence, int]:
        """People of this directory. Raises StoreError."""


class Runtime(Protocol):
    """Everything wired for one configuration."""

    @property
    def settings(self) -> RootSettings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def sync(self) -> Syncing: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def queries(self) -> Census: ...

    def ping_store(self) -> None:
        """Raises StoreError when the database does not answer."""

    def close(self) -> None:
        """Give back connections; never raises."""


OpenRuntime = Callable[[RootSettings], Runtime]
