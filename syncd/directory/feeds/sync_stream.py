"""One synchronized search (RFC 4533 section 3) as it comes in: what it has said so far, and whether its cookie covers that.

A refresh either names what was removed (the delete phase) or lists what is still there (the present phase). Only when the
server has said that the list is at its end does it mean anything for entries that are not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.directory.cutter import SEARCH_RESULT_ENTRY, Message
from syncd.directory.failures import READ
from syncd.directory.feeds.sync_messages import (
    Mode,
    Phase,
    State,
    SyncInfo,
    first_value,
    parse_done,
    parse_info,
    parse_state,
)
from syncd.directory.messages import (
    INTERMEDIATE_RESPONSE,
    SEARCH_RESULT_DONE,
    SEARCH_RESULT_REFERENCE,
    Result,
    parse_reference,
    parse_result,
)
from syncd.directory.references import hidden_parts
from syncd.directory.results import SUCCESS, name_of, printable, search_error
from syncd.errors import ConnectionLostError, CursorRefusedError, DirectoryError
from syncd.model.reading import Search, ServerInfo

# RFC 4533 section 2.6: the cookie is too old, or none of the server's
_REFRESH_REQUIRED = 4096
# code -> what stands in the text when it is the cookie, or the control, that the server does not want
_REFUSALS: dict[int, tuple[str, ...]] = {_REFRESH_REQUIRED: ("",), 12: ("",), 53: ("consumer",), 2: ("sync", "cookie")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between servers."""

    # syncUUID -> the entry id as the mapping writes it
    entry_id: Callable[[bytes], str]
    # an attribute whose values grow with every change, "" where there is none to compare cookies with
    version: str = ""
    # cookie -> versions below this were known when it was given
    floor: Callable[[str], str] = lambda cookie: ""
    # whether a refresh that does not name the removed lists those that are left, as the RFC wants it
    lists: bool = True
    # of so many removed entries in one message, and more, the server may have lost one; 0 for none
    suspicious: int = 0
    # the filter to ask with, "" for the search's own
    filter: str = ""


class SyncStream:
    """Takes the messages that answer one search, in their order."""

    def __init__(self, search: Search, *, cookie: str, mode: Mode, server: ServerInfo, dialect: Dialect) -> None:
        self.search = search
        self.cookie = cookie
        # ids said to be new, changed or removed
        self.touched: set[str] = set()
        # ids of all entries, once the server has listed them to the end
        self.present: set[str] | None = None
        self.refreshed = False
        # whether the cookie stands for all that was said
        self.covered = True
        self._mode = mode
        self._server = server
        self._dialect = dialect
        self._floor = dialect.floor(cookie)
        self._said: set[str] = set()
        self._removed: set[str] = set()
        self._lists = self._listed = self._old = False

    def take(self, message: Message) -> None:
        """Take the next message. Raises CursorRefusedError, DirectoryError; BerError and IndexError for a malformed one."""
        if message.tag == SEARCH_RESULT_ENTRY:
            self._entry(message)
        elif message.tag == INTERMEDIATE_RESPONSE:
            info = parse_info(message)
            if info is not None:
                self._info(info)
        elif message.tag == SEARCH_RESULT_REFERENCE:
            hidden = hidden_parts([parse_reference(message)], search=self.search, server=self._server)
            if hidden is not None:
                raise hidden
        elif message.tag == SEARCH_RESULT_DONE:
            self._result(parse_result(message))

    def clear(self) -> None:
        """Forget what was said, when it has been handed on."""
        self.touched = set()
        self.present = None

    # ------------------------------------------------------------ what comes
    def _entry(self, message: Message) -> None:
        state, uuid, cookie = parse_state(message)
        entry_id = self._dialect.entry_id(uuid)
        if state is State.PRESENT:
            self._lists = True
            self._said.add(entry_id)
            return
        self._touch((entry_id,), gone=state is State.DELETE, cookie=cookie)
        if self._floor and not self._old and not self.refreshed:
            version = first_value(message, self._dialect.version)
            self._old = version is not None and str(version, "ascii", "replace") < self._floor

    def _info(self, info: SyncInfo) -> None:
        if info.phase is Phase.ID_SET:
            ids = tuple(map(self._dialect.entry_id, info.uuids))
            if info.flag and 0 < self._dialect.suspicious <= len(ids):
                raise self.refused(f"with {len(ids)} removed entries at a time the server leaves some out")
            if info.flag:
                self._touch(ids, gone=True, cookie=info.cookie)
            elif not self.refreshed:
                self._lists = True
                self._said.update(ids)
            return
        if self.refreshed:
            self._cover(info.cookie)
            return
        if info.phase is Phase.REFRESH_PRESENT:
            self._listed = True
        if info.phase is not Phase.NEW_COOKIE and info.flag:
            self._end_refresh(info.cookie)

    def _touch(self, ids: tuple[str, ...], *, gone: bool, cookie: str) -> None:
        self.touched.update(ids)
        if self.refreshed:
            self.covered = False
            self._cover(cookie)
        elif gone:
            self._removed.update(ids)
        else:
            self._said.update(ids)

    def _cover(self, cookie: str) -> None:
        if cookie:
            self.cookie = cookie
            self.covered = True

    # ------------------------------------------------------------ ends
    def _result(self, result: Result) -> None:
        if result.code != SUCCESS:
            raise self._failed(result)
        if self._mode is not Mode.REFRESH_ONLY:
            raise ConnectionLostError(
                f"{self._server.url}: {READ}: the server ended the search for {self.search.purpose} that waits for changes.",
                server=self._server.url,
                phase=READ,
            )
        done = parse_done(result)
        self._listed = self._listed or not done.refresh_deletes
        self._end_refresh(done.cookie)

    def _end_refresh(self, cookie: str) -> None:
        """The refresh is over: what it said is as much as there is to say. A cookie within it covers nothing, since the
        server may name the removed first, with the cookie of the last of them, and the changed later."""
        self.refreshed = True
        said_nothing = not self._said and not self._removed
        if self._lists and not self._listed:
            raise self.refused("the server did not say that its list of entries is whole")
        if self._old and not self._listed:
            raise self.refused("the server took no notice of the cookie and sent everything")
        listed = self._listed and (self._lists or self._dialect.lists)
        if listed and not (said_nothing and cookie in ("", self.cookie)):
            self.present = self._said - self._removed
        self.covered = said_nothing and self.present is None
        self._cover(cookie)
        self._said, self._removed = set(), set()

    def _failed(self, result: Result) -> DirectoryError:
        text = result.text.lower()
        if any(words in text for words in _REFUSALS.get(result.code, ())):
            said = f"{name_of(result.code)} ({result.code})" if result.code != _REFRESH_REQUIRED else "e-syncRefreshRequired"
            return self.refused(f"the server answers {said}" + (f": {printable(result.text)!r}" if text else ""))
        return search_error(result.code, result.text, url=self._server.url, purpose=self.search.purpose)

    def refused(self, why: str) -> CursorRefusedError:
        """The error for a cursor that is of no use."""
        return CursorRefusedError(f"{self._server.url}: the syncrepl feed cannot go on for {self.search.purpose}: {why}.")
