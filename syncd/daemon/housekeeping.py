"""What is done once a day: people whose retention time is over, passwords that are too old, and the records of old runs.

It needs no directory, so it goes on while one is down. It begins a while after the start, so that a daemon that is
restarted often does it too and one that is just starting is not held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

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
# how long the answer to a creation is kept for its repetition
REPEATABLE = timedelta(days=1)


async def run(runtime: Runtime, *, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    await asyncio.sleep(FIRST_AFTER)
    while True:
        done = await in_thread(lambda: tidy(runtime, clock=runtime.clock, stopping=stopping), name="housekeeping")
        await asyncio.sleep(EVERY if done else RETRY)


def tidy(runtime: Runtime, *, clock: Clock, stopping: Callable[[], bool]) -> bool:
    """Blocking: purge each directory, let passwords age, forget old runs; whether all of it could be done."""
    done = True
    for name in runtime.settings.directories:
        if stopping():
            return False
        done = _purge(runtime, name) and done
    done = _age(runtime, clock) and done
    try:
        before = clock.now() - parse_duration(runtime.settings.history.runs)
        pruned = runtime.runs.prune(finished_before=before)
        runtime.holds.prune(decided_before=before)
        runtime.management.idempotency.prune(created_before=clock.now() - REPEATABLE)
        runtime.management.trail.prune()
        runtime.management.sessions.prune()
    except SyncdError as error:
        log.warning("old records not deleted", code=error.code, message=error.message, advice=error.hint)
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
        log.warning("people not purged", directory=directory, code=error.code, message=error.message, advice=error.hint)
        return False
    return True


def _age(runtime: Runtime, clock: Clock) -> bool:
    try:
        runtime.management.password_age.expire_and_warn(clock.now())
    except SyncdError as error:
        log.warning("the age of passwords not looked at", code=error.code, message=error.message, advice=error.hint)
        return False
    return True
