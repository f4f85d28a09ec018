"""The loop that sends mail.

It wakes when a use case of this process has made a mail, and every few seconds for those of others: the command line's, other
daemons', and those that wait for their next try. Nothing here can fail what a mail tells of: that is committed, with the mail
beside it, before this loop sees either.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from syncd.daemon.deliveries import Deliveries
from syncd.daemon.parts import Runtime
from syncd.daemon.trouble import Trouble
from syncd.errors import SyncdError
from syncd.metrics import Metrics
from syncd.model.mail import MailsWaiting
from syncd.services.mailing import MailReport, MailSender
from syncd.threads import in_thread

log = structlog.get_logger("syncd.mail")

EVERY = 5.0
# a mail is made a moment before its transaction is committed: after a wake it is looked for after these pauses (seconds)
SOON = (0.05, 0.2, 0.5, 1.0)
TIDY_EVERY = 3600.0


async def run(runtime: Runtime, *, deliveries: Deliveries, metrics: Metrics, stopping: Callable[[], bool]) -> None:
    """Until cancelled; for ever asleep when no mail is configured."""
    sender = runtime.management.mail_sender if runtime.management else None
    if sender is None:
        deliveries.mail = None
        metrics.mails_wait(MailsWaiting())
        await asyncio.Event().wait()
        return
    metrics.declare_mail()
    loop, made, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(made.set)

    forget = runtime.management.mails.on_new(wake)
    mailer = _Mailer(sender, deliveries, metrics, lambda: ended.is_set() or stopping())
    try:
        while True:
            await mailer.once()
            if await _set_within(made, EVERY):
                made.clear()
                await mailer.soon()
            if loop.time() >= mailer.tidy_at:
                await mailer.tidy(loop.time())
    finally:
        ended.set()
        forget()


class _Mailer:
    def __init__(self, sender: MailSender, deliveries: Deliveries, metrics: Metrics, stopping: Callable[[], bool]) -> None:
        self._sender = sender
        self._deliveries = deliveries
        self._metrics = metrics
        self._stopping = stopping
        self._trouble = Trouble(log, "mail not looked for")
        self.tidy_at = 0.0

    async def once(self) -> int:
        """One round; how many mails were sent or given up."""
        try:
            report = await in_thread(lambda: self._sender.work(stopping=self._stopping), name="mail")
        except SyncdError as error:
            self._trouble.note(error)
            return 0
        self._trouble.over()
        self._count(report)
        return report.sent.total() + report.failed.total()

    async def soon(self) -> None:
        """Look a few times for what is being queued."""
        for pause in SOON:
            await asyncio.sleep(pause)
            if await self.once():
                return

    async def tidy(self, now: float) -> None:
        """Delete what is no longer kept."""
        try:
            await in_thread(self._sender.tidy, name="tidy mail")
        except SyncdError as error:
            log.warning("old mails not deleted", code=error.code, message=error.message)
        self.tidy_at = now + TIDY_EVERY

    def _count(self, report: MailReport) -> None:
        self._deliveries.mail = report.waiting
        self._metrics.mail_sent(sent=report.sent, failed=report.failed, waiting=report.waiting)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False
