"""The loop that keeps the board true to the store.

Every two seconds it asks the store whether it is there and what it says of each directory's runs: those of other processes
(a `syncd sync` by hand, another instance) are seen here, and so are rows they queued for this one. Health is answered from
the board and never waits for a database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from syncd.clock import Clock
from syncd.daemon.board import Board, Observation, observe
from syncd.daemon.parts import Runtime
from syncd.errors import StoreError, SyncdError
from syncd.metrics import Metrics
from syncd.model.records import DirectoryPresence
from syncd.threads import Patient

log = structlog.get_logger("syncd.observer")

INTERVAL = 2.0
TIMEOUT = 5.0


class Observer:
    """Looks at the store, for all directories at once."""

    def __init__(self, board: Board, *, runtime: Runtime, metrics: Metrics, wake: Callable[[str], None], clock: Clock) -> None:
        self._board = board
        self._runtime = runtime
        self._metrics = metrics
        self._wake = wake
        self._clock = clock
        self._patient: Patient[Mapping[str, Observation]] = Patient(name="observe store", timeout=TIMEOUT)
        self._counts: Patient[Mapping[DirectoryPresence, int]] = Patient(name="count people", timeout=TIMEOUT)
        # the first successful look searches the history too
        self._far = True

    async def run(self, beat: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            beat()
            await self.once()
            await asyncio.sleep(INTERVAL)

    async def once(self) -> bool:
        """One look; whether the store answered."""
        try:
            await self.look()
        except SyncdError:
            return False
        return True

    async def look(self) -> None:
        """One look. Raises StoreError when the store does not answer."""
        try:
            seen = await self._patient.call(self._read)
        except StoreError as error:
            self._note_store(error)
            raise
        self._far = False
        self._note_store(None)
        for name, observation in seen.items():
            if self._take(name, observation):
                await self._count_people(name)

    def _read(self) -> Mapping[str, Observation]:
        self._runtime.ping_store()
        return {name: observe(self._runtime.runs, name, far=self._far) for name in self._runtime.settings.directories}

    def _take(self, name: str, observation: Observation) -> bool:
        """Put it on the board; whether a complete run has come since the last look."""
        state = self._board.directories.get(name)
        if state is None:
            return False
        before = state.last_complete
        state.take(observation)
        self._metrics.directory_seen(
            name,
            last_complete=state.last_complete,
            last_finished=state.last_finished,
            running=state.running is not None,
        )
        if state.queued is not None:
            self._wake(name)
        after = state.last_complete
        return after is not None and (before is None or before.id != after.id)

    async def _count_people(self, name: str) -> None:
        try:
            counts = await self._counts.call(partial(self._runtime.queries.people_by_presence, name))
        except SyncdError as error:
            log.debug("people not counted", directory=name, code=error.code, message=error.message)
        else:
            self._metrics.people_counted(name, counts)

    def _note_store(self, error: StoreError | None) -> None:
        before = self._board.store_error
        self._board.store_answers(self._clock.monotonic(), error)
        self._metrics.store_up.set(error is None)
        if error is not None and before is None:
            log.error("database not reachable", code=error.code, message=error.message, advice=error.hint)
        elif error is None and before is not None:
            log.info("database reachable again")
