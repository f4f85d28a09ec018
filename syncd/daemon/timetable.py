"""Which run of one directory is due, and when. Pure: the scheduler brings the time, and what it knows of past runs.

All schedules are anchored to the last start, whoever started it: a run by hand, or by another instance that shares the
store, counts. So an interval holds for all instances together, times missed while nothing ran collapse into one run that is
due at once, and a run that contains what another does (full, sweep, changes) absorbs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from syncd.daemon.schedule import Schedule, parse_schedule
from syncd.model.run import Mode
from syncd.settings.directory import ScheduleSettings

# After one, two, three and more refusals of the bind in a row the schedule waits so long. In no 24 hours are there more than
# four tries, so that the usual lockout policy (five failures) never fires; whoever mends it asks for a run, or restarts.
REFUSAL_PAUSES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=12), timedelta(hours=24))

# A start that lies further ahead than clocks of one site differ was written before the clock was set back.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of the runs so far."""

    # last start of any run that reads, and of a full one; where there was none, when the timer began
    started: datetime
    full_started: datetime
    # of a sweep or a full run; None: as the full one
    sweep_started: datetime | None = None
    # how often in a row a server did not accept the credentials, and when the run began that met the last refusal
    refusals: int = 0
    refused: datetime | None = None

    def paused_until(self, now: datetime) -> datetime | None:
        """Before that nothing is tried by itself. None without a refusal, or for one that a wrong clock put into the future."""
        if not self.refusals or self.refused is None or self.refused > now + CLOCK_SKEW:
            return None
        return self.refused + REFUSAL_PAUSES[min(self.refusals, len(REFUSAL_PAUSES)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The next run."""

    at: datetime
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The schedules of one directory, parsed."""

    changes: Schedule | None
    full: Schedule | None
    sweep: Schedule | None = None
    jitter: timedelta = timedelta(0)

    def next_due(self, past: Past, *, now: datetime, delay: timedelta = timedelta(0)) -> Due | None:
        """The next run, which may lie in the past (then it is due now); None when nothing is scheduled.

        `delay`: the jitter drawn for this start. After the clock was set back the run is due now.
        """
        pending = sorted(self._pending(past, now=now), key=lambda due: due.at)
        if not pending:
            return None
        first = pending[0]
        modes = {due.mode for due in pending if due.at <= max(now, first.at)}
        at = max(first.at + delay, past.paused_until(now) or first.at)
        return Due(at=at, mode=next(mode for mode in (Mode.FULL, Mode.SWEEP, Mode.CHANGES) if mode in modes))

    def stale_before(self, now: datetime, *, ticks: int) -> datetime | None:
        """A complete run older than this has missed more than `ticks` scheduled times; None when nothing is scheduled."""
        times = [schedule.ticks_ago(now, ticks) for schedule in (self.changes, self.full) if schedule]
        return max((time for time in times if time), default=None)

    def _pending(self, past: Past, *, now: datetime) -> Iterator[Due]:
        for schedule, mode, anchor in (
            (self.changes, Mode.CHANGES, past.started),
            (self.sweep, Mode.SWEEP, past.sweep_started or past.full_started),
            (self.full, Mode.FULL, past.full_started),
        ):
            if schedule is None:
                continue
            at = now if anchor > now + CLOCK_SKEW else schedule.next_after(anchor)
            if at is not None:
                yield Due(at=at, mode=mode)


def parse_timetable(settings: ScheduleSettings, *, zone: tzinfo, sweeps: bool = False) -> Timetable:
    """`sweeps`: whether there is a feed that a sweep goes with. Raises ValueError that names the key."""
    return Timetable(
        changes=_parse(settings.changes, key="changes", zone=zone),
        full=_parse(settings.full, key="full", zone=zone),
        sweep=_parse(settings.sweep, key="sweep", zone=zone) if sweeps else None,
        jitter=timedelta(seconds=settings.jitter),
    )


def _parse(text: str | None, *, key: str, zone: tzinfo) -> Schedule | None:
    if text is None:
        return None
    try:
        return parse_schedule(text, zone=zone)
    except ValueError as error:
        raise ValueError(f"schedule.{key}: {error}") from error
