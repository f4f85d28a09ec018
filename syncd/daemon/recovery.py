"""The loop that finds runs whose process died, so that the directory is not left alone until its schedule comes round.

A dead run still says running, but nobody has its lease. The next run heals what it left (it ends the dead one as abandoned,
reads everything and compares), so all there is to do is to ask for one. Every daemon that lives on does so; the queue makes one
run of what they ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from syncd.daemon.board import DirectoryState
from syncd.daemon.parts import Leases
from syncd.errors import SyncdError
from syncd.model.run import Mode, Run, Trigger
from syncd.threads import Patient

log = structlog.get_logger("syncd.recovery")

# Between its start and its record a run holds the lease, so that one look would do if run and lease were read at the same
# moment. They are not, so it takes two; a dead run is found within 30 s, half of what is promised for the next start.
INTERVAL = 15.0
TIMEOUT = 5.0

# asks for a run of a directory, and wakes its worker
Request = Callable[[str, Mode, Trigger], Awaitable[Run]]


class Recovery:
    """Looks for dead runs, of all directories at once."""

    def __init__(
        self,
        states: Mapping[str, DirectoryState],
        *,
        lease: Leases,
        busy: Callable[[str], bool],
        request: Request,
    ) -> None:
        """`states`: kept true to the store by the observer. `busy`: whether this process is doing a run of a directory."""
        self._states = states
        self._lease = lease
        self._busy = busy
        self._request = request
        self._patient: Patient[Mapping[str, bool]] = Patient(name="look at leases", timeout=TIMEOUT)
        # directory -> id of the run whose lease was free at the last look
        self._suspects: dict[str, int] = {}

    async def run(self, beat: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            beat()
            await self.once()
            await asyncio.sleep(INTERVAL)

    async def once(self) -> None:
        """One look. What the database does not answer is asked again at the next one."""
        running = {name: run for name, run in self._running().items() if not self._busy(name)}
        try:
            free = await self._patient.call(lambda: {name: self._lease.free(name) for name in running}) if running else {}
            # one that began meanwhile may have taken a lease that was free
            orphans = {name: run for name, run in running.items() if free[name] and not self._busy(name)}
            dead = [run for name, run in orphans.items() if self._suspects.get(name) == run.id]
            self._suspects = {name: run.id for name, run in orphans.items()}
            for run in dead:
                await self._heal(run)
        except SyncdError as error:
            log.debug("dead runs not looked for", code=error.code, message=error.message)

    def _running(self) -> dict[str, Run]:
        return {name: state.running for name, state in self._states.items() if state.running is not None}

    async def _heal(self, dead: Run) -> None:
        mode = Mode.FULL if dead.mode is Mode.FULL else Mode.CHANGES
        run = await self._request(dead.directory, mode, Trigger.RECOVERY)
        log.warning("run requested in place of one whose process died", directory=dead.directory, run=run.id, dead=dead.id)
