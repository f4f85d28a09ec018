"""One connection as a stream of messages: requests out, entries and results in.

ldap3 has connected and bound; from then on the socket is read here, since decoding is where ldap3 spends nine tenths of a
large read. Every fault ends the connection for good: what follows a broken message or a lost answer could belong to anything.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Collection, Iterator
from typing import NamedTuple

from syncd.directory.ber import BerError
from syncd.directory.cutter import Cutter, Message
from syncd.directory.deadline import Deadline
from syncd.directory.failures import READ, failure
from syncd.directory.messages import (
    EXTENDED_RESPONSE,
    INTERMEDIATE_RESPONSE,
    NOTICE_OF_DISCONNECTION,
    SEARCH_RESULT_DONE,
    SEARCH_RESULT_REFERENCE,
    Result,
    abandon,
    encode_message,
    parse_reference,
    parse_result,
    unbind,
)
from syncd.directory.results import name_of, printable
from syncd.directory.transport import close, is_readable, keep_alive
from syncd.errors import ConnectionLostError, DirectoryError, ReceiveTimeoutError
from syncd.model.entry import Entry

# What the kernel has ready is taken at once; more than a page's worth of bytes at a time gains nothing.
_CHUNK = 256 * 1024
_UNSOLICITED = 0
# for the unbind request, which nobody answers
_GOODBYE_SECONDS = 1.0


class Limit(NamedTuple):
    """How long an answer may take as a whole, and the setting that says so."""

    name: str
    seconds: float


class Wire:
    """Sends operations and collects their answers: one search at a time, or several whose messages are told apart by id."""

    def __init__(self, connected: socket.socket, *, url: str, receive_timeout: float, page_timeout: float) -> None:
        """`connected`: bound, no answer outstanding. `receive_timeout`: seconds to wait for the next bytes; `page_timeout`: for
        the whole of an answer, counted while it is waited for."""
        connected.settimeout(receive_timeout)
        self._socket = connected
        self._url = url
        self._timeout = receive_timeout
        self._limit = Limit("page_timeout", page_timeout)
        self._ids = itertools.count(1)
        self._cutter = Cutter()
        self._abandoned: set[int] = set()
        self._failure: DirectoryError | None = None
        # close may be called from another thread than the one that reads
        self._lock = threading.Lock()
        self._receiving = self._closed = False

    @property
    def url(self) -> str:
        return self._url

    def send(self, operation: bytes, controls: bytes = b"", *, timeout: float | None = None) -> int:
        """Send a request; its message id. `timeout`: seconds, instead of the receive timeout. Raises DirectoryError."""
        if self._failure is not None:
            raise self._failure
        message_id = next(self._ids)
        try:
            self._socket.settimeout(timeout or self._timeout)
            self._socket.sendall(encode_message(message_id, operation, controls))
        except OSError as error:
            raise self._broken(error) from error
        return message_id

    def collect(
        self, message_id: int, *, entries: list[Entry], references: list[tuple[str, ...]], limit: Limit | None = None
    ) -> Result:
        """Wait for the end of a search; its result. What came before it is in `entries` and `references`, also when this
        raises DirectoryError because the connection was lost, went silent, took too long or spoke nonsense.

        `limit`: for the whole answer, instead of the page's.
        """
        if self._failure is not None:
            raise self._failure
        limit = limit or self._limit
        deadline = Deadline(limit.seconds)
        with self._faults(limit, deadline):
            while True:
                for message in self._cutter.feed(self._receive(deadline), message_id=message_id, entries=entries):
                    result = self._take(message, message_id, references)
                    if result is not None:
                        return result

    def receive(self, expected: Collection[int], *, patient: bool) -> list[Message]:
        """Wait for more of the answers to these requests: the whole messages that came, entries and results as they are;
        none when what came was no whole message, or for nobody. Raises DirectoryError.

        `patient`: wait for ever, for a server that speaks only when something happens; see `keep_alive`.
        """
        if self._failure is not None:
            raise self._failure
        deadline = None if patient else Deadline(self._limit.seconds)
        strays: list[Entry] = []
        with self._faults(self._limit, deadline):
            messages = self._cutter.feed(self._receive(deadline), message_id=_UNSOLICITED, entries=strays)
            if strays:
                raise BerError("an entry that answers no request")
            return [message for message in messages if message.id in expected or self._refuse_stray(message)]

    def malformed(self) -> contextlib.AbstractContextManager[None]:
        """Whatever finds that a message is not as it must be ends the connection, as in `collect`."""
        return self._faults(self._limit, None)

    def has_more(self, *, within: float) -> bool:
        """Whether `receive` would find bytes, or the end of the connection, `within` so many seconds."""
        return is_readable(self._socket, within=within)

    def keep_alive(self) -> None:
        """Let the kernel find out, while nothing is said for days, whether the server is still there. Raises DirectoryError."""
        try:
            keep_alive(self._socket)
        except OSError as error:
            raise self._broken(error) from error

    def abandon(self, message_id: int) -> None:
        """Tell the server that nobody waits for this answer any more; what still comes of it is dropped."""
        self._abandoned.add(message_id)
        with contextlib.suppress(DirectoryError):
            self.send(abandon(message_id))

    def close(self) -> None:
        """Say goodbye and close. A `collect` that waits in another thread ends at once with ConnectionLostError."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            busy = self._receiving
        if busy:
            # The waiting thread closes when it wakes: the descriptor is in its hands. The method of the plain socket, since a
            # TLS socket's own touches the state that thread works on.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return
        if self._failure is None:
            with contextlib.suppress(DirectoryError):
                self.send(unbind(), timeout=_GOODBYE_SECONDS)
        self._remember(self._closed_error())
        close(self._socket)

    @contextlib.contextmanager
    def _faults(self, limit: Limit, deadline: Deadline | None) -> Iterator[None]:
        """What ends the connection, as the error that says so."""
        try:
            yield
        except (OSError, BerError, IndexError) as error:
            if isinstance(error, TimeoutError) and deadline is not None and deadline.passed:
                raise self._remember(self._late(limit)) from error
            if isinstance(error, TimeoutError) and deadline is None:
                raise self._broken(ConnectionResetError("the server gave no sign of life")) from error
            raise self._broken(BerError("a message that ends too early") if isinstance(error, IndexError) else error) from error

    def _receive(self, deadline: Deadline | None) -> bytes:
        """The next bytes: at least what is missing of a long message, so that it is put together only once."""
        chunks: list[bytes] = []
        count = 0
        with self._lock:
            if self._closed:
                raise self._remember(self._closed_error())
            self._receiving = True
        try:
            while count < self._cutter.missing or not chunks:
                if deadline is None:
                    self._socket.settimeout(None)
                else:
                    deadline.allow(self._socket, at_most=self._timeout)
                data = self._socket.recv(_CHUNK)
                if not data:
                    raise ConnectionResetError("closed by the server")
                chunks.append(data)
                count += len(data)
        finally:
            with self._lock:
                self._receiving = False
            if self._closed:
                self._remember(self._closed_error())
                close(self._socket)
        return b"".join(chunks) if len(chunks) > 1 else chunks[0]

    def _take(self, message: Message, message_id: int, references: list[tuple[str, ...]]) -> Result | None:
        """Handle a message that is not an entry of this search; the result if it is that."""
        if message.id == message_id:
            if message.tag == SEARCH_RESULT_DONE:
                return parse_result(message)
            if message.tag == SEARCH_RESULT_REFERENCE:
                references.append(parse_reference(message))
            elif message.tag != INTERMEDIATE_RESPONSE:
                raise BerError(f"an answer of type {message.tag:#04x} to a search")
        else:
            self._refuse_stray(message)
        return None

    def _refuse_stray(self, message: Message) -> bool:
        """Drop a message that nobody waits for; always False. Raises unless that can be."""
        if message.id == _UNSOLICITED:
            self._unsolicited(message)
        elif message.id not in self._abandoned:
            raise BerError(f"an answer to request {message.id}, which was not asked")
        return False

    def _unsolicited(self, message: Message) -> None:
        """RFC 4511 section 4.4: a notice of disconnection is the last message; others are not for us."""
        if message.tag != EXTENDED_RESPONSE:
            raise BerError("an unsolicited message that is no notification")
        result = parse_result(message)
        if result.name == NOTICE_OF_DISCONNECTION:
            text = printable(result.text)
            raise self._remember(
                ConnectionLostError(
                    f"{self._url}: {READ}: the server announced the end of the connection with "
                    f"{name_of(result.code)} ({result.code})" + (f": {text!r}." if text else "."),
                    server=self._url,
                    phase=READ,
                    result_code=result.code,
                    server_text=text,
                )
            )

    def _late(self, limit: Limit) -> DirectoryError:
        return ReceiveTimeoutError(
            f"{self._url}: {READ}: the answer was not complete within {limit.seconds:g} s (`{limit.name}`).",
            advice=f"Look at the server's load and the network, or raise `{limit.name}`.",
            server=self._url,
            phase=READ,
        )

    def _closed_error(self) -> DirectoryError:
        return ConnectionLostError(f"{self._url}: {READ}: the session was closed on this side.", server=self._url, phase=READ)

    def _broken(self, error: Exception) -> DirectoryError:
        return self._remember(failure(error, url=self._url, phase=READ, seconds=self._timeout))

    def _remember(self, error: DirectoryError) -> DirectoryError:
        if self._failure is None:
            self._failure = error
        return self._failure
