"""Where asyncio meets the blocking half.

`asyncio.to_thread` has one small pool for everybody: a few calls that hang in a network or a database would leave no
thread for the others. Here each call has a thread of its own, and the threads are daemonic, so that one that hangs cannot
keep the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from syncd.errors import DatabaseUnavailableError

T = TypeVar("T")

_PREFIX = "syncd:"


async def in_thread(function: Callable[[], T], *, name: str) -> T:
    """Run `function` in a new thread and wait for what it returns or raises. Cancelling stops the wait, not the thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_outcome: Callable[[], None]) -> None:
        if not future.done():
            set_outcome()

    def body() -> None:
        try:
            result = function()
            outcome: Callable[[], None] = lambda: future.set_result(result)  # noqa: E731
        except Exception as error:
            failure = error
            outcome = lambda: future.set_exception(failure)  # noqa: E731
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=body, name=_PREFIX + name, daemon=True).start()
    return await future


def still_busy() -> tuple[str, ...]:
    """Names of the calls whose threads have not ended."""
    return tuple(thread.name.removeprefix(_PREFIX) for thread in threading.enumerate() if thread.name.startswith(_PREFIX))


class Patient(Generic[T]):
    """Blocking calls to the database, one at a time, none waited for longer than `timeout` seconds.

    A call that outlives its time keeps its thread, and the next caller waits for that one first, so that a database that
    hangs costs one thread and not one per try.
    """

    def __init__(self, *, name: str, timeout: float) -> None:
        self._name = name
        self._timeout = timeout
        self._pending: asyncio.Task[T] | None = None

    async def call(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises; DatabaseUnavailableError when it takes too long."""
        if self._pending is not None:
            await self._wait(self._pending)
        task = asyncio.get_running_loop().create_task(in_thread(function, name=self._name), name=self._name)
        task.add_done_callback(_retrieve)
        self._pending = task
        await self._wait(task)
        return task.result()

    async def _wait(self, task: asyncio.Task[T]) -> None:
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            raise DatabaseUnavailableError(f"the database has not answered within {self._timeout:g} s")


def _retrieve(task: asyncio.Task[T]) -> None:
    """Look at the error of a call that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
