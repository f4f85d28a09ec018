"""What systemd is told: sd_notify(3) is one datagram, so no library is needed.

Without NOTIFY_SOCKET everything here does nothing. The watchdog is fed by the runtime only while its loops show signs of
life; systemd then restarts a daemon that hangs, which nothing inside it could.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)


class Notifier:
    """The socket of the service manager, if there is one."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        path = environment.get("NOTIFY_SOCKET", "")
        # a leading @ stands for the abstract namespace (sd_notify(3))
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._watchdog = _watchdog_seconds(environment)
        self._status = ""

    @property
    def watchdog(self) -> float | None:
        """Seconds within which the watchdog wants to hear something, or None."""
        return self._watchdog

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        """To be followed by `ready`. MONOTONIC_USEC is required with Type=notify-reload."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent only when it is another than before."""
        line = " ".join(text.split())
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
                channel.sendto(message.encode(), self._address)
        except OSError as error:
            log.debug("service manager not notified", message=message.partition("=")[0], error=str(error))


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    # WATCHDOG_PID: the variable may have been meant for a parent (sd_watchdog_enabled(3))
    if not microseconds.isdigit() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 or None
