"""The loop that delivers to one webhook: at once after a write of this process, within two seconds after those of others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from syncd.daemon.deliveries import Deliveries
from syncd.daemon.parts import Runtime
from syncd.daemon.trouble import Trouble
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.model.webhook import WebhookStanding
from syncd.threads import in_thread

log = structlog.get_logger("syncd.webhooks")

EVERY = 2.0
# between two deliveries, so that what is written together goes together
GATHER = 0.05


async def run(runtime: Runtime, name: str, *, deliveries: Deliveries, metrics: Metrics, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    service, events = runtime.management.webhooks, runtime.management.events
    loop, written, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(written.set)

    def count(taken: bool) -> None:
        # of a webhook that was forgotten meanwhile nothing may come back
        if not ended.is_set():
            metrics.webhook_tried(name, taken=taken)

    def tried(taken: bool) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(count, taken)

    def work() -> tuple[datetime | None, WebhookStanding]:
        again = service.work(name, stopping=lambda: ended.is_set() or stopping(), tried=tried)
        return again, service.standing(name, before=before)

    forget = events.on_new(wake)
    before: WebhookStanding | None = None
    trouble = Trouble(log, "webhook not looked at", webhook=name)
    try:
        while True:
            written.clear()
            try:
                again, standing = await in_thread(work, name=f"webhook {name}")
                deliveries.webhooks[name] = before = standing
                metrics.webhook_seen(standing)
                trouble.over()
            except SyncdError as error:
                trouble.note(error)
                again = None
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
