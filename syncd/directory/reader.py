"""A paged search (RFC 2696) from its first request to its verdict.

ldap3's own paged search ends the same way whether it read everything or was cut off by a limit. This one is complete only if
every page had result 0 and its paging control, all on one connection, up to the page whose cookie is empty; anything else ends
in a verdict that says what happened, and nothing is ever tried again half way: a cookie belongs to its connection.

While the pages are looked at the server is not left idle: the next page is asked for before the last one is handed out.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from dataclasses import replace

from syncd.directory.ber import BerError
from syncd.directory.failures import READ, failure
from syncd.directory.messages import PAGED_RESULTS, Result, encode_search, paged_results, parse_cookie, require_names
from syncd.directory.references import hidden_parts
from syncd.directory.results import SUCCESS, search_error
from syncd.directory.wire import Wire
from syncd.errors import DirectoryError, IncompleteReadError, PagingUnsupportedError
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo, Verdict

# Servers may send pages without entries, but not the same one for ever.
_MOST_EMPTY_PAGES = 1000


class PagedReading:
    """Implements `Reading`: iterate over it once, then look at the verdict."""

    def __init__(self, wire: Wire, search: Search, *, server: ServerInfo, page_size: int, controls: bytes = b"") -> None:
        """`controls`: further ones to send with each page, encoded; none may be critical."""
        self._wire = wire
        self._controls = controls
        self._search = search
        self._server = server
        self._page_size = page_size
        # message id of the request whose answer has not been taken yet
        self._pending: int | None = None
        self._references: list[tuple[str, ...]] = []
        self._entries = 0
        self._pages = 0
        self._end: DirectoryError | None = IncompleteReadError(
            f"{server.url}: {READ}: the search for {search.purpose} was not read to its end."
        )
        self._batches = self._read()

    def __iter__(self) -> Iterator[list[Entry]]:
        """A page at a time. A second iteration goes on where the first was left."""
        return self._batches

    @property
    def verdict(self) -> Verdict:
        """How it ended; incomplete until it has."""
        end = self._end
        references = tuple(url for urls in self._references for url in urls)
        if end is None:
            return Verdict(complete=True, entries=self._entries, pages=self._pages, references=references)
        code = end.context.get("result_code")
        return Verdict(
            complete=False,
            entries=self._entries,
            pages=self._pages,
            code=end.code,
            reason=end.message,
            advice=end.hint,
            result_code=code if isinstance(code, int) else None,
            server_text=str(end.context.get("server_text", "")),
            references=references,
        )

    @property
    def error(self) -> DirectoryError | None:
        """Why it is incomplete, None when it is complete."""
        return self._end

    @property
    def in_progress(self) -> bool:
        """Whether it has begun and is not at its end: the connection is in its hands."""
        return inspect.getgeneratorstate(self._batches) in (inspect.GEN_SUSPENDED, inspect.GEN_RUNNING)

    def close(self) -> None:
        """End it early; the connection stays usable for the next search."""
        self._batches.close()

    # ------------------------------------------------------------ pages
    def _read(self) -> Generator[list[Entry], None, None]:
        end: DirectoryError | None = None
        try:
            require_names(self._search, vendor=self._server.vendor)
            request = encode_search(self._search)
            self._pending = self._ask(request, b"")
            empty_pages = 0
            while (pending := self._pending) is not None and end is None:
                entries: list[Entry] = []
                end = self._take_page(request, pending, entries)
                if entries:
                    empty_pages = 0
                    self._entries += len(entries)
                    yield entries
                else:
                    empty_pages += 1
                    if empty_pages > _MOST_EMPTY_PAGES:
                        end = self._malformed(f"{empty_pages} pages without entries one after another")
            self._end = end or hidden_parts(self._references, search=self._search, server=self._server)
        except DirectoryError as error:
            self._end = error
        finally:
            if self._pending is not None:
                self._wire.abandon(self._pending)

    def _take_page(self, request: bytes, pending: int, entries: list[Entry]) -> DirectoryError | None:
        """Read the page asked for, and ask for the next if there is one.

        What went wrong is returned and not raised, since the entries that came are to be handed out all the same.
        """
        try:
            result = self._wire.collect(pending, entries=entries, references=self._references)
            self._pending = None
            self._pages += 1
            cookie = self._judge(result, empty=not entries)
            if cookie:
                self._pending = self._ask(request, cookie)
        except DirectoryError as error:
            return error
        return None

    def _ask(self, request: bytes, cookie: bytes) -> int:
        return self._wire.send(request, paged_results(self._page_size, cookie) + self._controls)

    def _judge(self, result: Result, *, empty: bool) -> bytes:
        """The cookie for the next page, empty after the last. Raises DirectoryError if the page is not as it must be."""
        url, purpose = self._server.url, self._search.purpose
        if result.code != SUCCESS:
            raise search_error(result.code, result.text, url=url, purpose=purpose)
        if PAGED_RESULTS not in result.controls:
            raise self._not_paged(nothing_came=empty and self._pages == 1)
        try:
            return parse_cookie(result.controls[PAGED_RESULTS] or b"")
        except (BerError, IndexError) as error:
            raise self._malformed(str(error)) from error

    def _not_paged(self, *, nothing_came: bool) -> DirectoryError:
        """Why an answer has no paging control. 389-ds gives none, and success, for a base that is not there (2.3.1); asked for
        the base alone and without paging it tells the truth."""
        url, search = self._server.url, self._search
        if nothing_came:
            base = replace(search, scope=Scope.BASE, filter="(objectClass=*)", attributes=("1.1",))
            result = self._wire.collect(self._wire.send(encode_search(base)), entries=[], references=[])
            if result.code != SUCCESS:
                return search_error(result.code, result.text, url=url, purpose=search.purpose)
        return PagingUnsupportedError(
            f"{url}: {READ}: the search for {search.purpose} came back without the paging control, so it may be cut off.",
            server=url,
            phase=READ,
        )

    def _malformed(self, what: str) -> DirectoryError:
        return failure(BerError(what), url=self._server.url, phase=READ)
