"""The listening socket: opened, moved to another address at a reload, closed."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from syncd.errors import ListenError
from syncd.settings.checked import parse_listen

# seconds that requests in flight get to end at a stop
SHUTDOWN_TIMEOUT = 1.0
# bytes of a request's first line: the longest filter that a list takes, every character of it percent-encoded, has room
LONGEST_LINE = 65_536


def _is_ours(record: logging.LogRecord) -> bool:
    """aiohttp logs a traceback for each request that is no HTTP, which a port scan sends by the hundred, and for each body that
    is not what its head says."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


_protocol_log = logging.getLogger("syncd.http.protocol")
_protocol_log.addFilter(_is_ours)


class HttpServer:
    """Serves one application at one address."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, logger=_protocol_log, shutdown_timeout=SHUTDOWN_TIMEOUT, max_line_size=LONGEST_LINE
        )
        self._site: web.TCPSite | None = None
        self._host = ""

    async def start(self, listen: str) -> None:
        """Listen at ADDRESS:PORT. Raises ListenError."""
        await self._runner.setup()
        self._site = await self._open(listen)
        self._host = parse_listen(listen)[0]

    async def move(self, listen: str) -> None:
        """Listen there instead. Raises ListenError, and goes on at the old address then."""
        old = self._site
        try:
            self._site = await self._open(listen)
        except ListenError:
            if old is None:
                raise
            await self._reopen(listen, old_address=(self._host, old.port))
        else:
            await old.stop() if old else None
        self._host = parse_listen(listen)[0]

    @property
    def url(self) -> str:
        """Where it listens, with the port that was given for port 0; "" when it does not."""
        if self._site is None:
            return ""
        for address in self._runner.addresses:
            host, port = address[0], address[1]
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return ""

    async def stop(self) -> None:
        """Close; requests in flight get a moment to end."""
        await self._runner.cleanup()
        self._site = None

    async def _reopen(self, listen: str, *, old_address: tuple[str, int]) -> None:
        """The old socket may be what is in the way: 0.0.0.0:8080 cannot be had beside 127.0.0.1:8080."""
        if self._site is not None:
            await self._site.stop()
        try:
            self._site = await self._open(listen)
        except ListenError:
            host, port = old_address
            self._site = await self._open(f"[{host}]:{port}")
            raise

    async def _open(self, listen: str) -> web.TCPSite:
        host, port = parse_listen(listen)
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await site.stop()  # a site that failed stays registered with the runner otherwise
            raise ListenError(f"cannot listen on {listen}: {error.strerror or error}") from error
        return site
