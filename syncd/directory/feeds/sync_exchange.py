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
from syncd.model.reading import Search, ServerInfo


class SyncExchange:
    """`with SyncExchange(...) as exchange: ...`; what the server still sends at the end of it is dropped."""

    def __init__(self, wire: Wire, *, server: ServerInfo, mode: Mode, dialect: Dialect) -> None:
        self._wire = wire
        self._server = server
        self._mode = mode
        self._dialect = dialect
        self._streams: dict[int, SyncStream] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        for message_id, stream in self._streams.items():
            if not self._is_over(stream):
                self._wire.abandon(message_id)

    @property
    def streams(self) -> Sequence[SyncStream]:
        return list(self._streams.values())

    @property
    def refreshed(self) -> bool:
        return all(stream.refreshed for stream in self._streams.values())

    def ask(self, search: Search, cookie: str = "") -> None:
        """Send a search, with no attributes but the one that says how old an entry is. Raises DirectoryError."""
        dialect = self._dialect
        asked = replace(search, filter=dialect.filter or search.filter, attributes=(dialect.version or "1.1",))
        stream = SyncStream(search, cookie=cookie, mode=self._mode, server=self._server, dialect=dialect)
        self._streams[self._wire.send(encode_search(asked), sync_request(self._mode, cookie))] = stream

    def receive(self) -> None:
        """Wait for what comes next, for ever once all is refreshed, and take it with all that has come meanwhile.

        Raises CursorRefusedError, DirectoryError.
        """
        messages = self._wire.receive(self._streams, patient=self.refreshed)
        with self._wire.malformed():
            for message in messages:
                self._streams[message.id].take(message)

    def _is_over(self, stream: SyncStream) -> bool:
        return stream.refreshed and self._mode is Mode.REFRESH_ONLY
