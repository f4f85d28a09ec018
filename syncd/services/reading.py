"""The searches of one run, each read to its verdict: anything but a complete one ends the run (invariant 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.errors import IncompleteReadError, StoppedError
from syncd.mapping.identity import entry_id_reader
from syncd.mapping.problems import MappingIssue
from syncd.mapping.searches import in_batches_by_id
from syncd.model.entry import Entry
from syncd.model.reading import Search, Verdict
from syncd.services.ports_directory import DirectorySession


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads over one session."""

    session: DirectorySession
    id_attribute: str
    # called with the phase and the number of entries read in it
    progress: Callable[[str, int], None]
    stopping: Callable[[], bool]
    # of the searches that count
    entries_read: int = field(default=0, init=False)

    def pages(self, search: Search, *, counted: bool = True) -> Iterator[Sequence[Entry]]:
        """The batches of one search, and then its verdict. Raises IncompleteReadError, StoppedError."""
        reading = self.session.read(search)
        phase, count = f"read {search.purpose}", 0
        self.progress(phase, 0)
        for batch in reading:
            if self.stopping():
                raise StoppedError("the run was asked to stop while reading")
            count += len(batch)
            self.progress(phase, count)
            yield batch
        if counted:
            self.entries_read += count
        require_complete(reading.verdict, search, server=self.session.server.url)

    def among(self, search: Search, entry_ids: Iterable[str], *, counted: bool = False) -> Iterator[Sequence[Entry]]:
        """Those entries of a search that have one of these ids: who is in no answer is not in the search."""
        for some in in_batches_by_id(search, self.id_attribute, entry_ids):
            yield from self.pages(some, counted=counted)

    def ids_of(self, entries: Iterable[Entry]) -> set[str]:
        """The ids of those entries that have one."""
        read, ids = entry_id_reader(self.id_attribute), set()
        for entry in entries:
            with suppress(MappingIssue):
                ids.add(read(entry))
        return ids


def require_complete(verdict: Verdict, search: Search, *, server: str) -> None:
    """Raise IncompleteReadError, with the verdict's own code, unless the verdict is complete."""
    if verdict.complete:
        return
    error = IncompleteReadError(
        f"{verdict.reason} {verdict.entries} entries of {search.purpose} were read; nothing was removed.",
        advice=verdict.advice,
        server=server,
        entries_read=verdict.entries,
        base_dn=search.base_dn,
        result_code=verdict.result_code,
        server_text=verdict.server_text,
    )
    error.cause_code = verdict.code or error.code
    raise error
