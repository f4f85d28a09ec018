"""The loop that does the runs of one directory, each in a thread.

It sleeps until someone wakes it: whoever queued a run in this process, or the observer, which sees rows that another
process queued. Waking it for nothing is harmless, and a run that another process holds the lease of is found again by the
observer's next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from syncd.daemon.board import DirectoryState
from syncd.daemon.parts import Syncing
from syncd.daemon.trouble import Trouble
from syncd.errors import LeaseHeldError, StoppedError, SyncdError
from syncd.model.run import Run
from syncd.services.planned import Progress
from syncd.threads import in_thread

log = structlog.get_logger("syncd.worker")


class Worker:
    """The runs of one directory, one at a time."""

    def __init__(
        self,
        state: DirectoryState,
        *,
        sync: Syncing,
        slots: asyncio.Semaphore,
        stopping: Callable[[], bool],
        finished: Callable[[Run], Awaitable[None]],
    ) -> None:
        """`slots`: how many directories may be at work at once. `stopping`: read by the thread of the run."""
        self._state = state
        self._sync = sync
        self._slots = slots
        self._stopping = stopping
        self._finished = finished
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._trouble = Trouble(log, "run could not be done", level="error", directory=state.name)

    @property
    def directory(self) -> str:
        return self._state.name

    @property
    def busy(self) -> bool:
        """Whether a run is at work, or what follows it."""
        return not self._idle.is_set()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def close(self) -> None:
        """Begin no further run."""
        self._closed = True

    async def idle(self) -> None:
        """Wait for the end of the run that is at work, and of what follows it."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.once()

    async def once(self) -> int:
        """Do what is queued; how many runs that were."""
        count = 0
        while not self._over and await self._next():
            count += 1
        return count

    @property
    def _over(self) -> bool:
        return self._closed or self._stopping()

    async def _next(self) -> bool:
        """The next run with all that follows it; False when there was none."""
        async with self._slots:
            if self._over:
                return False
            self._idle.clear()
            try:
                run = await self._do()
                if run is not None:
                    await self._finished(run)
            finally:
                self._idle.set()
        return run is not None

    async def _do(self) -> Run | None:
        try:
            run = await in_thread(self._work, name=f"run {self.directory}")
        except StoppedError:
            return None
        except LeaseHeldError:
            log.debug("another process is syncing this directory", directory=self.directory)
            return None
        except SyncdError as error:
            self._trouble.note(error)
            self._state.failure = error
            return None
        finally:
            self._state.progress = None
        self._trouble.over()
        self._state.failure = None
        return run

    def _work(self) -> Run | None:
        return self._sync.work(self.directory, stopping=self._stopping, progress=self._note_progress)

    def _note_progress(self, progress: Progress) -> None:
        """Called by the thread of the run, often: one assignment and no more."""
        self._state.progress = progress
