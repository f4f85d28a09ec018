"""Several synchronized searches at a time on one connection, told apart by their message ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from syncd.directory.feeds.sync_messages import Mode, sync_request
from syncd.directory.feeds.sync_stream import Dialect, SyncStream
from syncd.directory.messages import encode_search
from syncd.directory.wire import Wire
from syncd.errors import ReceiveTimeoutError
from syncd.model.reading import Search, ServerInfo

# OpenLDAP 2.5 counts a search that waits for changes as one at work
_FEW_THREADS = (
    "OpenLDAP lets a connection have half as many operations as it has threads, and makes further ones wait for ever: set "
    "`olcThreads` to 8 or more (16 is its default)."
)


class SyncExchange:
    """`with SyncExchange(...) as exchange: ...`; what the server still sends after that is dropped."""

    def __init__(self, wire: Wire, *, server: ServerInfo, mode: Mode, dialect: Dialect) -> None:
        self._wire = wire
        self._server = server
        self._mode = mode
        self._dialect = dialect
        self._streams: dict[int, SyncStream] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the searches that are still going on; the connection stays usable."""
        for message_id, stream in self._streams.items():
            if not self._is_over(stream):
                self._wire.abandon(message_id)

    @property
    def streams(self) -> Sequence[SyncStream]:
        return list(self._streams.values())

    def refresh(self, search: Search, cookie: str = "") -> None:
        """Send a search, and take what comes until its refresh is over.

        No attributes, but the one that says how old an entry is. Raises CursorRefusedError, DirectoryError.
        """
        dialect = self._dialect
        asked = replace(search, filter=dialect.filter or search.filter, attributes=(dialect.version or "1.1",))
        stream = SyncStream(search, cookie=cookie, mode=self._mode, server=self._server, dialect=dialect)
        self._streams[self._wire.send(encode_search(asked), sync_request(self._mode, cookie))] = stream

        try:
            while not stream.refreshed:
                self.receive(patient=False)
        except ReceiveTimeoutError as error:
            if len(self._streams) > 1 and self._mode is Mode.REFRESH_AND_PERSIST:
                raise ReceiveTimeoutError(error.message, advice=_FEW_THREADS, **error.context) from error
            raise

    def receive(self, *, patient: bool) -> None:
        """Wait for what comes next, for ever if `patient`, and take it. Raises CursorRefusedError, DirectoryError."""
        messages = self._wire.receive(self._streams, patient=patient)
        with self._wire.malformed():
            for message in messages:
                self._streams[message.id].take(message)

    def _is_over(self, stream: SyncStream) -> bool:
        return stream.refreshed and self._mode is Mode.REFRESH_ONLY
