"""The loop that decides, for one directory, when to ask for a run.

It only asks: the run itself is the worker's, so that a run that hangs never stops the clock. It looks at least every ten
seconds, which makes it follow a wall clock that jumps or a machine that slept, and is its sign of life.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from syncd.clock import Clock
from syncd.daemon.board import DirectoryState
from syncd.daemon.timetable import Due
from syncd.daemon.trouble import Trouble
from syncd.errors import SyncdError
from syncd.model.run import Mode, Run, Trigger

log = structlog.get_logger("syncd.scheduler")

LONGEST_SLEEP = 10.0
SHORTEST_SLEEP = 0.01

# asks for a run of this timer's directory
Request = Callable[[Mode, Trigger], Awaitable[Run]]


def draw_jitter(most: timedelta) -> timedelta:
    """A random delay up to that."""
    return random.random() * most  # noqa: S311 - spreads load, guards no secret


class Timer:
    """The schedule of one directory, at work."""

    def __init__(
        self,
        state: DirectoryState,
        *,
        clock: Clock,
        request: Request,
        refresh: Callable[[], Awaitable[None]],
        opening: Trigger | None = None,
        draw: Callable[[timedelta], timedelta] = draw_jitter,
    ) -> None:
        """`refresh` reads the store anew into `state`; it may raise SyncdError. `opening`: begin with a run, for that
        reason, whatever the schedule says."""
        self._state = state
        self._clock = clock
        self._request = request
        self._refresh = refresh
        self._draw = draw
        self._delay = draw(state.timetable.jitter)
        self._opening = opening
        self._trouble = Trouble(log, "run not requested", level="error", directory=state.name)

    async def run(self, beat: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            beat()
            await asyncio.sleep(await self.once())

    async def once(self) -> float:
        """One look: ask for a run if one is due; how many seconds to sleep before the next look."""
        try:
            await self._look()
        except SyncdError as error:
            self._trouble.note(error)
            self._state.failure = error
            return LONGEST_SLEEP
        if self._trouble.goes_on:
            self._trouble.over()
            self._state.failure = None
            log.info("runs can be requested again", directory=self._state.name)
        if self._state.next_due is None:
            return LONGEST_SLEEP
        seconds = (self._state.next_due - self._clock.now()).total_seconds()
        return min(LONGEST_SLEEP, max(SHORTEST_SLEEP, seconds))

    async def _look(self) -> None:
        now = self._clock.now()
        due = self._next(now)
        if self._opening is not None:
            await self._ask(due.mode if due and due.at <= now else Mode.CHANGES, self._opening)
            self._opening = None
        elif due is not None and due.at <= now:
            # another instance, or a person, may have started one a moment ago
            await self._refresh()
            due = self._next(now)
            if due is not None and due.at <= now:
                await self._ask(due.mode, Trigger.SCHEDULE)
        self._next(now)

    async def _ask(self, mode: Mode, trigger: Trigger) -> None:
        run = await self._request(mode, trigger)
        self._state.note_start(run, run.started_at or self._clock.now())
        self._delay = self._draw(self._state.timetable.jitter)

    def _next(self, now: datetime) -> Due | None:
        due = self._state.timetable.next_due(self._state.past, now=now, delay=self._delay)
        self._state.next_due = due.at if due else None
        return due
