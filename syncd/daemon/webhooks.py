"""The loop that delivers to one webhook: at once after a write of this process, within two seconds after those of others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from syncd.daemon.parts import Runtime
from syncd.errors import SyncdError
from syncd.threads import in_thread

log = structlog.get_logger("syncd.webhooks")

EVERY = 2.0
# between two deliveries, so that what is written together goes together
GATHER = 0.05


async def run(runtime: Runtime, name: str, *, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    service, events = runtime.management.webhooks, runtime.management.events
    loop, written, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(written.set)

    forget = events.on_new(wake)
    work = partial(service.work, name, stopping=lambda: ended.is_set() or stopping())
    failing = False
    try:
        while True:
            written.clear()
            try:
                again = await in_thread(work, name=f"webhook {name}")
                failing = False
            except SyncdError as error:
                write = log.debug if failing else log.warning
                write("webhook not looked at", webhook=name, code=error.code, message=error.message)
                failing, again = True, None
                await asyncio.sleep(EVERY)
            if again is not None:
                pause = (again - runtime.clock.now()).total_seconds()
                await asyncio.sleep(max(GATHER, min(pause, EVERY)))
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await written.wait()
            await asyncio.sleep(GATHER)
    finally:
        ended.set()
        forget()
