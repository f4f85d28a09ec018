"""The one way from a handler to the blocking half.

A database that hangs must not collect threads without end: so many calls wait at once, each for so long, and the others are
told to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from syncd.errors import DatabaseUnavailableError, SyncdError
from syncd.threads import in_thread

T = TypeVar("T")

CALLS_AT_ONCE = 8
TIMEOUT = 10.0


class StoreCalls:
    """Store calls of the HTTP half."""

    def __init__(self, *, at_once: int = CALLS_AT_ONCE, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds that a call and its wait for a free place may take together."""
        self._places = asyncio.Semaphore(at_once)
        self._timeout = timeout

    async def __call__(self, function: Callable[[], T], *, name: str) -> T:
        """What `function` returns or raises. Raises DatabaseUnavailableError when it takes too long."""
        begun = False
        try:
            async with asyncio.timeout(self._timeout):
                await self._places.acquire()
                begun = True
                return await asyncio.shield(self._release_after(function, name))
        except TimeoutError as error:
            late = self.late(self._timeout)
            late.uncertain = begun
            raise late from error

    def late(self, seconds: float) -> SyncdError:
        """What a call that takes too long is answered with."""
        return DatabaseUnavailableError(f"the database has not answered within {seconds:g} s")

    def _release_after(self, function: Callable[[], T], name: str) -> asyncio.Task[T]:
        """The place is free when the thread ends, not when the caller stops waiting."""
        task = asyncio.get_running_loop().create_task(in_thread(function, name=f"http {name}"))
        task.add_done_callback(self._free)
        return task

    def _free(self, task: asyncio.Task[T]) -> None:
        self._places.release()
        if not task.cancelled():
            task.exception()


# passwords that are hashed or checked at once: what is slow on purpose must not keep others from the store
PASSWORDS_AT_ONCE = 4
PASSWORD_TIMEOUT = 30.0

PASSWORD_CALLS: web.AppKey[StoreCalls] = web.AppKey("password_calls", StoreCalls)
STORE_CALLS: web.AppKey[StoreCalls] = web.AppKey("store_calls", StoreCalls)
