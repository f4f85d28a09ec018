"""The loop that works off exports that somebody asked for, and deletes those whose time is over.

It looks every few seconds, since any process of the cluster may have queued one; one at a time, so that exports never take more
than one connection of the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import structlog

from syncd.daemon.parts import Runtime
from syncd.daemon.trouble import Trouble
from syncd.errors import SyncdError
from syncd.model.export import ExportJob
from syncd.services.exports import ExportService
from syncd.threads import in_thread

log = structlog.get_logger("syncd.exports")

EVERY = 2.0
TIDY_EVERY = 600.0


async def run(runtime: Runtime, *, stopping: Callable[[], bool]) -> None:
    """Until cancelled."""
    exports: ExportService | None = getattr(runtime.management, "exports", None)
    if exports is None:
        await asyncio.Event().wait()
        return
    ended, trouble = threading.Event(), Trouble(log, "exports not looked for")
    loop, tidy_at = asyncio.get_running_loop(), 0.0
    try:
        while True:
            try:
                job = await in_thread(lambda: exports.work(stopping=lambda: ended.is_set() or stopping()), name="exports")
                if loop.time() >= tidy_at:
                    await in_thread(exports.tidy, name="tidy exports")
                    tidy_at = loop.time() + TIDY_EVERY
            except SyncdError as error:
                trouble.note(error)
                job = None
            else:
                trouble.over()
            if job is None:
                await asyncio.sleep(EVERY)
            else:
                _tell(job)
    finally:
        ended.set()


def _tell(job: ExportJob) -> None:
    if job.error is None:
        log.info("export finished", export=job.id, rows=job.rows)
    else:
        log.error("export failed", export=job.id, message=job.error)
