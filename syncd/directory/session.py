"""One configured directory, and a bound connection to one of its servers: the adapter behind the port `Directory`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import structlog

from syncd.directory import feeds
from syncd.directory.bind import Credentials, bind, handshake, start_tls
from syncd.directory.fetch import fetch
from syncd.directory.messages import encode_search
from syncd.directory.reader import PagedReading
from syncd.directory.results import SUCCESS, refuses_credentials
from syncd.directory.tls import describe, tls_context
from syncd.directory.transport import ServerUrl, close, open_tcp, resolve
from syncd.directory.vendors import ROOT_DSE, server_info
from syncd.directory.wire import Limit, Wire
from syncd.errors import DirectoryError
from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Search, ServerInfo
from syncd.settings.directory import DirectorySettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger(__name__)


class LdapSession:
    """Implements `DirectorySession`."""

    def __init__(self, wire: Wire, server: ServerInfo, *, page_size: int, overlap: timedelta = timedelta(minutes=10)) -> None:
        self._wire = wire
        self._server = server
        self._page_size = page_size
        self._options = feeds.Options(page_size=page_size, overlap=overlap)
        self._reading: PagedReading | None = None

    @property
    def server(self) -> ServerInfo:
        return self._server

    def read(self, search: Search) -> PagedReading:
        """Start a paged search; one that is still going on is ended."""
        if self._reading is not None:
            self._reading.close()
        self._reading = PagedReading(self._wire, search, server=self._server, page_size=self._page_size)
        return self._reading

    def fetch(self, search: Search) -> list[Entry]:
        """A small search in one piece, without paging. Raises DirectoryError, RuntimeError while a read is in progress."""
        if self._reading is not None and self._reading.in_progress:
            raise RuntimeError(f"the search for {search.purpose} was begun while a read is in progress on the same session")
        return fetch(self._wire, search, server=self._server)

    def position(self, feed: FeedKind, searches: Sequence[Search]) -> Cursor:
        """Where a feed stands now. Raises CursorRefusedError where this server cannot be followed by it, DirectoryError."""
        return feeds.position(self._wire, feed, searches, server=self._server, options=self._options)

    def changes(self, cursor: Cursor, searches: Sequence[Search]) -> Changes:
        """What changed since then. Raises CursorRefusedError, DirectoryError."""
        return feeds.changes(self._wire, cursor, searches, server=self._server, options=self._options)

    def watch(self, cursor: Cursor, searches: Sequence[Search]) -> Iterator[Changes]:
        """Wait for changes, until the connection ends. Raises CursorRefusedError, DirectoryError."""
        return feeds.watch(self._wire, cursor, searches, server=self._server, options=self._options)

    def close(self) -> None:
        """Unbind and close. From another thread it also ends a read that is waiting for the server."""
        self._wire.close()


class LdapDirectory:
    """Implements `Directory`."""

    def __init__(self, name: str, settings: DirectorySettings) -> None:
        self._name = name
        self._settings = settings

    @property
    def name(self) -> str:
        return self._name

    def connect(self, *, skip: Collection[str] = ()) -> LdapSession:
        """Connect and bind to the first of `urls` that answers.

        Every attempt has at most `connect_timeout` seconds for each of name, connection, TLS, bind and rootDSE. Raises
        DirectoryError of the last server; of the first one that does not accept the credentials, since each further attempt
        with a wrong password counts towards a lockout.
        """
        credentials = Credentials.of(self._settings)
        failed: DirectoryError | None = None
        for url in self._settings.urls:
            if url in skip:
                continue
            try:
                return self._connect(url, credentials)
            except DirectoryError as error:
                log.warning("directory server not usable", directory=self._name, code=error.code, reason=error.message)
                if refuses_credentials(error):
                    raise
                failed = error
        raise failed or DirectoryError(f"No server of directory {self._name!r} is left to try.")

    def _connect(self, url: str, credentials: Credentials) -> LdapSession:
        settings = self._settings
        connected = open_protected(ServerUrl.parse(url), settings, directory=self._name)
        try:
            bind(connected, ServerUrl.parse(url), credentials, timeout=settings.connect_timeout)
            session = open_session(connected, settings, url=url)
        except BaseException:
            close(connected)
            raise
        log.debug("connected", directory=self._name, server=url, vendor=session.server.vendor, tls=session.server.tls)
        return session


def open_protected(server: ServerUrl, settings: DirectorySettings, *, directory: str) -> socket.socket:
    """A connection ready for the bind: TCP, and TLS if the URL or `tls.starttls` wants it. Raises DirectoryError."""
    timeout = settings.connect_timeout
    protected = server.ldaps or settings.tls.starttls
    context = tls_context(settings.tls) if protected else None
    plain = open_tcp(server, resolve(server, timeout=timeout), timeout=timeout)
    if context is None:
        return plain
    return protect(plain, context, server, timeout=timeout, directory=directory)


def protect(
    plain: socket.socket, context: ssl.SSLContext, server: ServerUrl, *, timeout: float, directory: str
) -> socket.socket:
    """TLS on an open connection, from the first byte or by StartTLS. Raises DirectoryError, the socket closed."""
    if context.verify_mode == ssl.CERT_NONE:
        log.warning("server certificate is NOT verified (tls.verify = none-insecure)", directory=directory, server=server.url)
    if server.ldaps:
        return handshake(plain, context, server, timeout=timeout)
    return start_tls(plain, context, server, timeout=timeout)


def open_session(connected: socket.socket, settings: DirectorySettings, *, url: str) -> LdapSession:
    """A session on a bound connection: asks the server who it is. Raises DirectoryError."""
    wire = Wire(connected, url=url, receive_timeout=settings.receive_timeout, page_timeout=settings.page_timeout)
    server = server_info(
        root_dse(wire, timeout=settings.connect_timeout),
        url=url,
        tls=describe(connected),
        vendor=settings.vendor,
        entry_id_attribute=settings.entry_id_attribute,
    )
    overlap = parse_duration(settings.timestamp_overlap)
    return LdapSession(wire, server, page_size=settings.page_size, overlap=overlap)


def root_dse(wire: Wire, *, timeout: float) -> dict[str, list[bytes]]:
    """The rootDSE's attributes; nothing from a server that does not show it."""
    entries: list[Entry] = []
    limit = Limit("connect_timeout", timeout)
    result = wire.collect(wire.send(encode_search(ROOT_DSE)), entries=entries, references=[], limit=limit)
    return entries[0].attributes if result.code == SUCCESS and entries else {}
