"""The loop that watches one directory for changes as they happen and asks for a run at each.

It begins when the first run has left a cursor, and after every cut again, ever more slowly while the server is away. When a
server does not accept the credentials it waits until a run has succeeded: the schedule alone decides how often they are tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from syncd.daemon.board import DirectoryState
from syncd.daemon.parts import Watching
from syncd.errors import BindError, CursorRefusedError, SyncdError
from syncd.model.feed import FeedKind
from syncd.model.run import Mode, Run, Trigger
from syncd.services.watching import NO_CURSOR
from syncd.threads import in_thread

log = structlog.get_logger("syncd.live")

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class Live:
    """The watch of one directory."""

    def __init__(self, state: DirectoryState, *, watches: Watching, request: Callable[[Mode, Trigger], Awaitable[Run]]) -> None:
        self._state = state
        self._watches = watches
        self._request = request
        self._changed = asyncio.Event()
        self._run_finished = asyncio.Event()
        self._pause = SHORTEST_PAUSE
        # the last run that a notice asked for had to read everything, because a plan is held, say: such runs are the
        # schedule's, or a busy directory would be read without end
        self._reads_everything = False

    def run_finished(self, run: Run) -> None:
        """A run of the directory ended."""
        if run.outcome.complete:
            self._run_finished.set()
        if run.feed != FeedKind.FULL:
            self._reads_everything = False
        elif run.trigger is Trigger.LIVE:
            self._reads_everything = True

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(), name=f"live requests {self._state.name}")
            group.create_task(self._keep_watching(), name=f"live watch {self._state.name}")

    async def _ask(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._reads_everything:
                continue
            try:
                await self._request(Mode.CHANGES, Trigger.LIVE)
            except SyncdError as error:
                # the schedule comes to it
                log.warning("run not requested", directory=self._state.name, code=error.code, message=error.message)

    async def _keep_watching(self) -> None:
        while True:
            self._run_finished.clear()
            self._state.not_watched = await self._watch()
            await self._wait()

    async def _watch(self) -> str:
        """Watch until it ends; why it did, and how long to wait is settled."""
        loop = asyncio.get_running_loop()
        name = self._state.name

        def changed() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        def watching() -> None:
            loop.call_soon_threadsafe(self._watching)

        try:
            watch = partial(self._watches.watch, name, changed=changed, watching=watching)
            reason = await in_thread(watch, name=f"watch {name}")
        except (BindError, CursorRefusedError) as error:
            log.warning("directory not watched", directory=name, code=error.code, reason=error.message, advice=error.hint)
            self._pause = 0.0
            return error.message
        except SyncdError as error:
            write = log.info if self._pause == SHORTEST_PAUSE else log.debug
            write("watch ended", directory=name, code=error.code, reason=error.message, advice=error.hint)
            self._pause = min(LONGEST_PAUSE, 2 * (self._pause or SHORTEST_PAUSE))
            return error.message
        log.debug("nothing to watch", directory=name, reason=reason)
        self._pause = 0.0 if reason == NO_CURSOR else LONGEST_PAUSE * 10
        return reason

    async def _wait(self) -> None:
        """A while; without a pause, until a run has ended well."""
        if self._pause:
            await asyncio.sleep(self._pause)
        else:
            await self._run_finished.wait()

    def _watching(self) -> None:
        log.info("directory watched", directory=self._state.name)
        self._pause = SHORTEST_PAUSE
        self._state.not_watched = ""
        # what changed while nobody looked
        self._changed.set()
