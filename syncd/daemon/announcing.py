"""The loop that tells of access that time alone gives or takes: an account's times, a password that grew too old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from syncd.daemon.parts import Runtime
from syncd.daemon.trouble import Trouble
from syncd.errors import SyncdError
from syncd.threads import in_thread

log = structlog.get_logger("syncd.access")

EVERY = 5.0


async def run(runtime: Runtime, *, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    management = runtime.management

    def look() -> int:
        management.password_age.expire(runtime.clock.now())
        return management.announcing.look()

    trouble = Trouble(log, "access not looked at")
    while not stopping():
        try:
            told = await in_thread(look, name="access")
        except SyncdError as error:
            trouble.note(error)
        else:
            trouble.over()
            if told:
                log.info("access changed with time", people=told)
        await asyncio.sleep(EVERY)
