"""When: "every 5m" or a cron expression, as a value that can be asked for the next time and for the ones before.

Cron runs on the site's wall clock, so the days when that clock jumps need care. cronsim follows Debian's cron(8): a job
inside the hour that is left out runs right after it, and one inside the hour that comes twice runs once. All other
arithmetic is on absolute time, and what is given back is in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from syncd.settings.duration import parse_duration
from syncd.settings.schedule import check_schedule

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed distance from one start to the next."""

    interval: timedelta

    def next_after(self, anchor: datetime) -> datetime | None:
        """One interval after `anchor`, the last start."""
        return anchor.astimezone(UTC) + self.interval

    def ticks_ago(self, now: datetime, ticks: int) -> datetime | None:
        """The time that lies `ticks` intervals back."""
        return now.astimezone(UTC) - self.interval * ticks


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields on the wall clock of `zone`."""

    expression: str
    zone: tzinfo

    def next_after(self, anchor: datetime) -> datetime | None:
        """The first matching time later than `anchor`; None when there is none within 50 years."""
        return _step(CronSim(self.expression, anchor.astimezone(self.zone)), 1)

    def ticks_ago(self, now: datetime, ticks: int) -> datetime | None:
        """The `ticks`-th matching time before `now`, so that nights and weekends do not count as missed."""
        return _step(CronSim(self.expression, now.astimezone(self.zone), reverse=True), ticks)


Schedule = Every | Cron


def parse_schedule(text: str, *, zone: tzinfo) -> Schedule:
    """Read "every 30s|5m|2h|1d", a cron expression, or a name such as @daily. Raises ValueError with what is wrong."""
    words = " ".join(check_schedule(text).lower().split())
    if words.startswith("every"):
        return Every(parse_duration(words.removeprefix("every")))
    return Cron(_NAMED.get(words, words), zone)


def _step(times: CronSim, count: int) -> datetime | None:
    found: datetime | None = None
    for _ in range(count):
        found = next(times, None)
        if found is None:
            return None
    return found.astimezone(UTC) if found else None
