"""Requests that wait for events.

However many wait, the store is asked by one of them for all: after each write of this process, and every second for those of
others. Who waits holds a future and nothing else: no thread, no place among the calls of the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress

import structlog
from aiohttp import web

from syncd.errors import SyncdError, TooManyRequestsError
from syncd.http.context import Host
from syncd.model.events import EventPage
from syncd.services.events import EventService
from syncd.threads import Patient

log = structlog.get_logger("syncd.http")

EVERY = 1.0
MAX_WAITING = 5000


class NewEvents:
    """Says when there may be events after a position."""

    def __init__(self, host: Host, *, every: float = EVERY) -> None:
        self._host = host
        self._every = every
        # who waits -> for something after this position
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._asked: dict[Hashable, asyncio.Task[EventPage]] = {}
        self._task: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._closed = False
        self._newest: Patient[int] = Patient(name="newest event", timeout=10.0)

    async def after(self, position: int, *, seconds: float) -> bool:
        """Wait until there is something after the position, or the time is over; whether there is. Raises
        TooManyRequestsError."""
        if self._closed:
            return False
        if len(self._waiting) >= MAX_WAITING:
            raise TooManyRequestsError("Too many wait for events already.", retry_after=5)
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        # whatever was written since the caller looked
        self._look.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="new events")
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]
            if not self._waiting:
                self._look.set()
        return not self._closed

    async def once(self, key: Hashable, ask: Callable[[], Coroutine[None, None, EventPage]]) -> EventPage:
        """What `ask` answers; those who want the same at the same time, as all do who were woken by one event, share it."""
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.get_running_loop().create_task(ask(), name="page of events")
            task.add_done_callback(lambda _: self._asked.pop(key))
        return await asyncio.shield(task)

    async def close(self, app: web.Application) -> None:
        """Nobody waits any longer: the process ends."""
        del app
        self._closed = True
        self._release(lambda position: True)
        if self._task is not None:
            self._task.cancel()

    # ------------------------------------------------------------ the one who asks
    async def _run(self) -> None:
        heard: tuple[EventService, Callable[[], None]] | None = None
        try:
            while self._waiting:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._look.wait()
                self._look.clear()
                if not self._waiting:
                    break
                try:
                    heard = self._listen(heard)
                    newest = await self._newest.call(heard[0].newest)
                except SyncdError as error:
                    log.debug("new events not looked for", code=error.code, message=error.message)
                    await asyncio.sleep(self._every)
                else:
                    self._release(lambda position, newest=newest: position < newest)  # type: ignore[misc]
                    # whoever was let go ends first
                    await asyncio.sleep(0)
        finally:
            self._task = None
            if heard is not None:
                heard[1]()

    def _listen(self, heard: tuple[EventService, Callable[[], None]] | None) -> tuple[EventService, Callable[[], None]]:
        """Hear of the writes of the store in use: after a reload it is another one."""
        events = self._host.management.events
        if heard is not None:
            if heard[0] is events:
                return heard
            heard[1]()
        loop = asyncio.get_running_loop()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._look.set)

        return events, events.on_new(ring)

    def _release(self, released: Callable[[int], bool]) -> None:
        for future, position in self._waiting.items():
            if released(position) and not future.done():
                future.set_result(None)


NEW_EVENTS: web.AppKey[NewEvents] = web.AppKey("new_events", NewEvents)
