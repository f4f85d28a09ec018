"""A search in one piece: for what is known to be small and must be seen whole, such as a base, a canary or one person.

Without the paging control nothing tells a limited answer from a whole one but the result code, so every code other than
success is an error here; no verdict, no half an answer.
"""

from __future__ import annotations

from syncd.directory.messages import encode_search, require_names
from syncd.directory.references import hidden_parts
from syncd.directory.results import SUCCESS, search_error
from syncd.directory.wire import Wire
from syncd.model.entry import Entry
from syncd.model.reading import Search, ServerInfo


def fetch(wire: Wire, search: Search, *, server: ServerInfo) -> list[Entry]:
    """All entries of a search, on a connection that waits for nothing else. Raises DirectoryError."""
    entries: list[Entry] = []
    references: list[tuple[str, ...]] = []
    require_names(search, vendor=server.vendor)
    result = wire.collect(wire.send(encode_search(search)), entries=entries, references=references)
    if result.code != SUCCESS:
        raise search_error(result.code, result.text, url=server.url, purpose=search.purpose)
    hidden = hidden_parts(references, search=search, server=server)
    if hidden is not None:
        raise hidden
    return entries
