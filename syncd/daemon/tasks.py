"""Background tasks that cannot die unseen.

A loop that ends without being asked leaves a daemon that looks alive and does nothing, which is the worst it can do.
Each task here has a name and is watched: when one ends, whoever waits for `failed` learns which, and stops the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable

import structlog

log = structlog.get_logger(__name__)


class TaskSet:
    """Tasks that are meant to run until they are stopped."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], bool] = {}
        self._failed: asyncio.Future[str] | None = None

    def start(self, name: str, body: Coroutine[None, None, None], *, eternal: bool = True) -> asyncio.Task[None]:
        """Run `body` as a task of that name. One that is not `eternal` may end; its error is logged and harms nobody."""
        task = asyncio.get_running_loop().create_task(body, name=name)
        self._tasks[task] = eternal
        task.add_done_callback(self._ended)
        return task

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tasks that run."""
        return tuple(task.get_name() for task in self._tasks if not task.done())

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of the tasks that ended without being asked."""
        return tuple(task.get_name() for task, wanted in self._tasks.items() if wanted and task.done())

    async def failed(self) -> str:
        """Wait until a task ends without being asked; its name."""
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
            if self.dead:
                self._failed.set_result(self.dead[0])
        return await asyncio.shield(self._failed)

    async def cancel(self, tasks: Iterable[asyncio.Task[None]] | None = None) -> None:
        """Stop these tasks, or all, and wait until they have ended. Never raises."""
        chosen = tuple(self._tasks if tasks is None else tasks)
        for task in chosen:
            self._tasks[task] = False
            task.cancel()
        await asyncio.gather(*chosen, return_exceptions=True)
        for task in chosen:
            self._tasks.pop(task, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if not self._tasks.get(task, False):
            self._tasks.pop(task, None)
            if error is not None:
                log.error("task failed", task=task.get_name(), exc_info=error)
            return
        log.critical("background task ended", task=task.get_name(), exc_info=error)
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(task.get_name())
