"""The only place that asks what time it is.

Pure packages take time as an argument; everything else gets a `Clock`, so that a test can stand still or travel.
All times in syncd are aware and in UTC.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a component reads the time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC: for what is stored and shown."""

    def monotonic(self) -> float:
        """Seconds that never jump: for durations and deadlines."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
