"""What is tidied once a day: people whose retention time is over, and the records of old runs.

It needs no directory, so it goes on while one is down. It begins a while after the start, so that a daemon that is
restarted often does it too and one that is just starting is not held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from syncd.clock import Clock
from syncd.daemon.parts import Runtime
from syncd.errors import HeldError, LeaseHeldError, SyncdError
from syncd.settings.duration import parse_duration
from syncd.threads import in_thread

log = structlog.get_logger("syncd.housekeeping")

FIRST_AFTER = 60.0
EVERY = 24 * 3600.0
RETRY = 300.0


async def run(runtime: Runtime, *, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    await asyncio.sleep(FIRST_AFTER)
    while True:
        done = await in_thread(lambda: tidy(runtime, clock=runtime.clock, stopping=stopping), name="housekeeping")
        await asyncio.sleep(EVERY if done else RETRY)


def tidy(runtime: Runtime, *, clock: Clock, stopping: Callable[[], bool]) -> bool:
    """Blocking: purge each directory, then the run history; whether all of it could be done."""
    done = True
    for name in runtime.settings.directories:
        if stopping():
            return False
        done = _purge(runtime, name) and done
    try:
        before = clock.now() - parse_duration(runtime.settings.history.runs)
        pruned = runtime.runs.prune(finished_before=before)
        runtime.holds.prune(decided_before=before)
    except SyncdError as error:
        log.warning("old runs and plans not deleted", code=error.code, message=error.message)
        return False
    if pruned:
        log.info("old runs deleted", runs=pruned, finished_before=before.isoformat())
    return done


def _purge(runtime: Runtime, directory: str) -> bool:
    try:
        runtime.sync.purge(directory)
    except HeldError as error:
        log.error("people not purged", directory=directory, message=error.message, advice=error.hint)
        return True
    except LeaseHeldError:
        log.debug("purge put off while a run is at work", directory=directory)
        return False
    except SyncdError as error:
        log.warning("people not purged", directory=directory, code=error.code, message=error.message)
        return False
    return True
