"""Active Directory's change notifications: a search that never ends and brings what changes, for whoever wants to look then."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from syncd.directory.cutter import SEARCH_RESULT_ENTRY, Message
from syncd.directory.deadline import Deadline
from syncd.directory.feeds.ad_controls import notification, show_deleted
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.paged import contexts
from syncd.directory.messages import SEARCH_RESULT_DONE, encode_search, parse_result
from syncd.directory.results import SUCCESS, search_error
from syncd.directory.vendors import ROOT_DSE
from syncd.directory.wire import Wire
from syncd.errors import ConnectionLostError, CursorRefusedError, DirectoryError
from syncd.model.feed import Changes, Cursor
from syncd.model.reading import Scope, Search, ServerInfo

_CRITICAL_EXTENSION = 12
# one edit often comes as several messages: a pause this long ends what is one notice, and it is held up no longer than that
_PAUSE_SECONDS, _LONGEST_SECONDS = 0.005, 0.05


def watch(
    wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options
) -> Generator[Changes, None, None]:
    """A notice, without saying of what, as soon as the server listens and then for everything that changes.

    The first one is for what changed between the cursor and the start. Waits without a time limit. Raises
    CursorRefusedError, DirectoryError.
    """
    wire.keep_alive()
    asked = [
        wire.send(encode_search(_everything(base)), notification() + show_deleted())
        for base in contexts(searches, server=server)
    ]
    try:
        _await_start(wire, asked, server=server)
        yield Changes()
        while True:
            if _receive(wire, asked, server=server):
                deadline = Deadline(_LONGEST_SECONDS)
                while not deadline.passed and wire.has_more(within=_PAUSE_SECONDS):
                    _receive(wire, asked, server=server)
                yield Changes()
    finally:
        for message_id in asked:
            wire.abandon(message_id)


def _everything(base_dn: str) -> Search:
    """The one filter that the control allows."""
    return Search(
        purpose="notifications", base_dn=base_dn, filter="(objectClass=*)", scope=Scope.SUB, attributes=("objectGUID",)
    )


def _await_start(wire: Wire, asked: Sequence[int], *, server: ServerInfo) -> None:
    """Nothing says that a notification has begun; but an answer to what was asked after it does."""
    marker = wire.send(encode_search(ROOT_DSE))
    while True:
        for message in wire.receive({*asked, marker}, patient=False):
            if message.id != marker:
                _judge(wire, message, server=server)
            elif message.tag == SEARCH_RESULT_DONE:
                return


def _receive(wire: Wire, asked: Sequence[int], *, server: ServerInfo) -> bool:
    """Wait for more; whether an entry was in it."""
    messages = wire.receive(asked, patient=True)
    changed = [_judge(wire, message, server=server) for message in messages]
    return any(changed)


def _judge(wire: Wire, message: Message, *, server: ServerInfo) -> bool:
    """Whether a message says that an entry changed. Raises CursorRefusedError, DirectoryError when it is the end."""
    if message.tag != SEARCH_RESULT_DONE:
        return message.tag == SEARCH_RESULT_ENTRY
    with wire.malformed():
        result = parse_result(message)
    raise _end(result.code, result.text, server=server)


def _end(code: int, text: str, *, server: ServerInfo) -> DirectoryError:
    if code == _CRITICAL_EXTENSION:
        return CursorRefusedError(f"{server.url}: the server does not notify of changes: {text!r}")
    if code == SUCCESS:
        return ConnectionLostError(f"{server.url}: the server ended its notifications", server=server.url)
    return search_error(code, text, url=server.url, purpose="notifications")
