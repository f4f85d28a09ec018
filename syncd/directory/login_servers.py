"""The connection that a password goes over: to the first server that answers, and never without TLS unless the site says so.

One deadline holds for the name, the connection and the handshake of all servers together: whoever waits for a login waits for
that long and no longer.
"""

from __future__ import annotations

import socket
import time

import structlog

from syncd.directory.deadline import Deadline
from syncd.directory.failures import CONNECT
from syncd.directory.session import protect
from syncd.directory.tls import describe, tls_context
from syncd.directory.transport import ServerUrl, open_tcp, resolve
from syncd.directory.wire import Wire
from syncd.errors import ConnectTimeoutError, DirectoryError, PlainLoginError
from syncd.settings.directory import DirectorySettings

log = structlog.get_logger(__name__)

# seconds for which a server that could not be reached is tried after the others
_AVOIDED = 30.0


class LoginServers:
    """The servers of one directory. Any number of threads may ask."""

    def __init__(self, name: str, settings: DirectorySettings) -> None:
        self._name = name
        self._settings = settings
        # when a server could not be reached, by URL
        self._failed_at: dict[str, float] = {}

    def failed(self, url: str) -> None:
        """A server did not answer: for a while the others come first."""
        self._failed_at[url] = time.monotonic()

    def connect(self, deadline: Deadline) -> Wire:
        """To the first server that answers; those that did not lately come last. Raises DirectoryError of the last."""
        failed: DirectoryError | None = None
        urls = self._in_order()
        for number, url in enumerate(urls):
            try:
                share = Deadline(time_left(deadline, url) / (len(urls) - number))
                opened = self._open(ServerUrl.parse(url), share)
            except DirectoryError as error:
                log.warning(
                    "directory server not usable",
                    directory=self._name,
                    code=error.code,
                    reason=error.message,
                    advice=error.hint,
                )
                self.failed(url)
                failed = error
            else:
                log.debug("connected for a login", directory=self._name, server=url, tls=describe(opened))
                self._failed_at.pop(url, None)
                seconds = max(deadline.left, 0.05)
                return Wire(opened, url=url, receive_timeout=seconds, page_timeout=seconds)
        raise failed or DirectoryError(f"Directory {self._name!r} has no server.")

    def _in_order(self) -> list[str]:
        now = time.monotonic()
        return sorted(self._settings.urls, key=lambda url: now - self._failed_at.get(url, -_AVOIDED) < _AVOIDED)

    def _open(self, server: ServerUrl, deadline: Deadline) -> socket.socket:
        """Raises DirectoryError: PlainLoginError where a password would be sent in the clear."""
        protected = server.ldaps or self._settings.tls.starttls
        if not protected and not self._settings.tls.plain_logins:
            raise PlainLoginError(f"{server.url}: {CONNECT}: without TLS no password of anybody is sent.", server=server.url)
        context = tls_context(self._settings.tls) if protected else None
        addresses = resolve(server, timeout=time_left(deadline, server.url))
        plain = open_tcp(server, addresses, timeout=time_left(deadline, server.url))
        if context is None:
            return plain
        return protect(plain, context, server, timeout=max(deadline.left, 0.05), directory=self._name)


def time_left(deadline: Deadline, url: str) -> float:
    """Seconds. Raises ConnectTimeoutError when there are none."""
    if deadline.passed:
        raise ConnectTimeoutError(f"{url}: {CONNECT}: no time is left (`login.bind_timeout`).", server=url, phase=CONNECT)
    return deadline.left
