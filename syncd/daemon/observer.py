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
from syncd.errors import SchemaOutdatedError, StoreError, SyncdError
from syncd.metrics import Metrics
from syncd.model.records import DirectoryPresence
from syncd.threads import Patient

log = structlog.get_logger("syncd.observer")

INTERVAL = 2.0
TIMEOUT = 5.0
# the schema is looked at in every so many looks, and after each error: somebody may upgrade the database under a daemon
SCHEMA_EVERY = 15


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
        # looks until the schema is looked at again
        self._schema_in = 0

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
            self._schema_in = 0
            self._note_store(error)
            raise
        self._far = False
        self._schema_in = (self._schema_in or SCHEMA_EVERY) - 1
        self._note_store(None)
        for name, observation in seen.items():
            if self._take(name, observation):
                await self._count_people(name)

    def _read(self) -> Mapping[str, Observation]:
        runtime = self._runtime
        runtime.ping_store()
        if not self._schema_in:
            runtime.check_schema()
        return {name: observe(runtime.runs, runtime.holds, name, far=self._far) for name in runtime.settings.directories}

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
        self._metrics.plan_seen(name, state.plan)
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
        outdated = isinstance(error, SchemaOutdatedError)
        self._metrics.store_up.set(error is None or outdated)
        if error is None or outdated:
            self._metrics.schema_current.set(not outdated)
        if error is not None and (before is None or outdated is not isinstance(before, SchemaOutdatedError)):
            event = "database not usable" if outdated else "database not reachable"
            log.error(event, code=error.code, message=error.message, advice=error.hint)
        elif error is None and before is not None:
            log.info("database reachable again")
