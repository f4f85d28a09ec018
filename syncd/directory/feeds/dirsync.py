"""Active Directory's DirSync (MS-ADTS section 3.1.1.3.4.1.3): the server itself knows what changed since a cookie.

It wants the root of a naming context as base and says which attributes changed; only the ids are taken. The list of attributes
asked for decides which changes are told at all, so all that any search uses are in it, and those that come with every move and
deletion. Deleted entries have no objectCategory any more, so the filter is the one that everything matches.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from syncd.directory.ber import BerError
from syncd.directory.failures import READ, failure
from syncd.directory.feeds.ad_controls import DIRSYNC, OBJECT_SECURITY, DirSyncAnswer, dirsync, parse_dirsync
from syncd.directory.feeds.options import Options
from syncd.directory.feeds.paged import contexts, ids_of
from syncd.directory.messages import Result, encode_search
from syncd.directory.references import hidden_parts
from syncd.directory.results import SUCCESS, search_error
from syncd.directory.wire import Wire
from syncd.errors import CursorRefusedError, DirectoryError, InsufficientAccessError, NoSuchBaseError
from syncd.mapping.searches import unique_attributes
from syncd.model.dn import normalize
from syncd.model.entry import Entry
from syncd.model.feed import Changes, Cursor, FeedKind
from syncd.model.reading import Scope, Search, ServerInfo

_ID = "objectGUID"
# what comes with each creation, renaming, move and deletion, with changes of members and of the account's state
_ALWAYS = (_ID, "name", "isDeleted", "objectClass", "member", "userAccountControl")
_ATTRIBUTE_OF_ITEM = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)[^=()]*=")
_EVERYTHING, _NOTHING = "(objectClass=*)", "(!(objectClass=*))"
_CRITICAL_EXTENSION = 12
# a server that has more after so many answers in a row without an entry goes round in a circle
_MOST_EMPTY_ANSWERS = 10_000


class _Mark(NamedTuple):
    """How far one naming context has been followed, and with which flags."""

    flags: int
    cookie: bytes

    def as_text(self) -> str:
        return f"{self.flags}:{base64.b64encode(self.cookie).decode()}"


def position(wire: Wire, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Cursor:
    """Where it stands now: a filter that matches nothing brings the cookie alone. Raises CursorRefusedError, DirectoryError."""
    marks: dict[str, str] = {}
    for base in contexts(searches, server=server):
        request = _request(base, _NOTHING, searches, server=server)
        try:
            marks[normalize(base)] = _begin(wire, request, server=server).as_text()
        except (InsufficientAccessError, NoSuchBaseError) as error:
            raise CursorRefusedError(f"{server.url}: the account may not use DirSync at {base}: {error}") from error
    return Cursor(feed=FeedKind.DIRSYNC, position=marks)


def changes(wire: Wire, cursor: Cursor, searches: Sequence[Search], *, server: ServerInfo, options: Options) -> Changes:
    """What changed since then. Raises CursorRefusedError, DirectoryError."""
    marks: dict[str, str] = {}
    touched: set[str] = set()
    for base in contexts(searches, server=server):
        before = _parse(cursor.position.get(normalize(base), ""), base=base, server=server)
        request = _request(base, _EVERYTHING, searches, server=server)
        marks[normalize(base)] = _follow(wire, request, before, touched, server=server).as_text()
    return Changes(touched={"": touched} if touched else {}, cursor=Cursor(feed=FeedKind.DIRSYNC, position=marks))


def _request(base: str, filter_: str, searches: Sequence[Search], *, server: ServerInfo) -> Search:
    if server.entry_id_attribute != _ID.lower():
        raise CursorRefusedError(
            f"{server.url}: DirSync names entries by {_ID} only, and the entry id is {server.entry_id_attribute}"
        )
    used = [name for search in searches for name in search.attributes if name != "1.1"]
    filtered = [name for search in searches for name in _ATTRIBUTE_OF_ITEM.findall(search.filter)]
    # "name;option" changes with the attribute itself
    names = unique_attributes(name.partition(";")[0] for name in (*_ALWAYS, *used, *filtered))
    return Search(purpose="changes", base_dn=base, filter=filter_, scope=Scope.SUB, attributes=names)


def _begin(wire: Wire, request: Search, *, server: ServerInfo) -> _Mark:
    """Without the right to replicate, an account may still be told of what it can read."""
    try:
        return _follow(wire, request, _Mark(0, b""), set(), server=server)
    except InsufficientAccessError:
        return _follow(wire, request, _Mark(OBJECT_SECURITY, b""), set(), server=server)


def _follow(wire: Wire, request: Search, mark: _Mark, touched: set[str], *, server: ServerInfo) -> _Mark:
    """Ask until the server has no more; the new mark. The ids are added to `touched`.

    Raises CursorRefusedError, DirectoryError.
    """
    operation, cookie, empty = encode_search(request), mark.cookie, 0
    while True:
        entries: list[Entry] = []
        references: list[tuple[str, ...]] = []
        message_id = wire.send(operation, dirsync(mark.flags, cookie))
        result = wire.collect(message_id, entries=entries, references=references)
        if result.code != SUCCESS:
            raise _refusal(result, request, began_anew=not mark.cookie, server=server)
        hidden = hidden_parts(references, search=request, server=server)
        if hidden is not None:
            raise hidden
        ids = _ids(entries, server=server)
        touched |= ids
        answer = _answer(result, server=server)
        cookie = answer.cookie
        if not answer.more:
            return _Mark(mark.flags, cookie)
        empty = 0 if ids else empty + 1
        if empty > _MOST_EMPTY_ANSWERS:
            raise _malformed(BerError("DirSync answers without entries and without an end"), server=server)


def _ids(entries: Sequence[Entry], *, server: ServerInfo) -> set[str]:
    ids = ids_of(entries, attribute=_ID)
    if len(ids) < len({entry.dn for entry in entries}):
        raise CursorRefusedError(f"{server.url}: DirSync named an entry without its {_ID}")
    return ids


def _answer(result: Result, *, server: ServerInfo) -> DirSyncAnswer:
    if DIRSYNC not in result.controls:
        raise CursorRefusedError(f"{server.url}: the server answered without the DirSync control")
    try:
        answer = parse_dirsync(result.controls[DIRSYNC] or b"")
    except (BerError, IndexError) as error:
        raise _malformed(error, server=server) from error
    if not answer.cookie:
        raise CursorRefusedError(f"{server.url}: DirSync gave no cookie")
    return answer


def _refusal(result: Result, request: Search, *, began_anew: bool, server: ServerInfo) -> DirectoryError:
    if result.code == _CRITICAL_EXTENSION:
        what = "the server does not offer DirSync" if began_anew else "the server does not know the DirSync cookie"
        return CursorRefusedError(f"{server.url}: {what}: {result.text!r}", result_code=result.code)
    return search_error(result.code, result.text, url=server.url, purpose=request.purpose)


def _malformed(error: Exception, *, server: ServerInfo) -> DirectoryError:
    return failure(
        error if isinstance(error, BerError) else BerError("a DirSync control cut short"), url=server.url, phase=READ
    )


def _parse(text: str, *, base: str, server: ServerInfo) -> _Mark:
    """The mark as it was stored. Raises CursorRefusedError."""
    flags, _, encoded = text.partition(":")
    try:
        mark = _Mark(int(flags), base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error):
        mark = _Mark(0, b"")
    if not mark.cookie or mark.flags not in (0, OBJECT_SECURITY):
        raise CursorRefusedError(f"{server.url}: the cursor has no DirSync cookie for {base}")
    return mark
