"""Signals as events that the daemon waits for.

The handlers are installed before anything is opened: the default of HUP and USR1 is to kill, and a TERM that comes while
the database is being opened must end as cleanly as any other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import structlog

log = structlog.get_logger("syncd.daemon")

# seconds from the first TERM to an exit that nothing can hold up
LAST_RESORT = 9.5


class Signals:
    """What the process was told."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self.sync_now = asyncio.Event()
        self._last_resort: threading.Timer | None = None

    def install(self) -> None:
        """Listen to TERM, INT, HUP and USR1 from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        loop.add_signal_handler(signal.SIGUSR1, self.sync_now.set)

    def uninstall(self) -> None:
        """Give them back; the stop is over."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            loop.remove_signal_handler(number)
        if self._last_resort is not None:
            self._last_resort.cancel()

    def arm(self) -> None:
        """From now on the process ends within LAST_RESORT seconds, whatever hangs."""
        if self._last_resort is None:
            self._last_resort = threading.Timer(LAST_RESORT, _give_up)
            self._last_resort.daemon = True
            self._last_resort.start()

    def _on_stop(self, number: signal.Signals) -> None:
        if self.stop.is_set():
            log.warning("second signal, exiting at once", signal=number.name)
            os._exit(128 + number)
        log.info("stopping", signal=number.name)
        self.stop.set()
        self.arm()


def _give_up() -> None:
    log.critical("the stop took too long, exiting now", seconds=LAST_RESORT)
    os._exit(1)
