"""Reading one directory for one run: from a connection to the people that changed.

Everything a run reads comes over one session, and every read must end with a complete verdict, or the run fails here with
nothing done (invariant 3). A server that breaks off is left for the next URL, where the whole collection starts again from the
first page: half of one server and half of another is no picture of a company.

A run for changes follows the directory's feed from the stored cursor. Whatever speaks against that - no cursor, one that the
server does not know, another configuration, too many changes - makes it read everything in the same run, and the run says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from syncd.errors import CursorRefusedError, IncompleteReadError
from syncd.model.feed import Changes, Cursor, FeedKind, StoredCursor
from syncd.model.records import StoredIdentity
from syncd.model.run import Mode
from syncd.services.collect_changes import ChangedRead
from syncd.services.collect_full import full_read
from syncd.services.intake import Collected
from syncd.services.job import Job
from syncd.services.ports_directory import Directory, DirectorySession
from syncd.services.ports_store import SyncStore
from syncd.services.pushed import PushedChanges
from syncd.services.retries import NEXT_SERVER
from syncd.services.sweep import sweep
from syncd.services.visibility import require_bases, require_canaries
from syncd.settings.directory import DirectorySettings

log = structlog.get_logger("syncd.sync")

# a run for changes that would look at more than this many entries one by one reads everything instead, by pages
MOST_CHANGES = 10_000


@dataclass(slots=True, kw_only=True)
class Collector:
    """One run's reading."""

    directory: Directory
    settings: DirectorySettings
    custom_fields: Mapping[str, str]
    store: SyncStore
    # called with the phase and the number of entries read in it
    progress: Callable[[str, int], None]
    stopping: Callable[[], bool]
    # the time of the run
    now: datetime
    mode: Mode = Mode.FULL
    # why everything must be read whatever the mode says; "" when nothing says so
    whole_because: str = ""
    # what a watch was told since a cursor, where one stands
    pushed: PushedChanges = field(default_factory=PushedChanges)
    # Precedence.text
    precedence: str = ""
    # gets the session while it is open and None after, so that someone else can close it to end a blocked read
    on_session: Callable[[DirectorySession | None], None] = lambda session: None
    _failed: set[str] = field(default_factory=set, init=False)
    _known: dict[str, StoredIdentity] | None = field(default=None, init=False)

    def collect(self) -> Collected:
        """Read from the first server that gives a complete answer. Raises SyncdError: of the last server, when none does."""
        retrying = NEXT_SERVER.retrying(attempts=len(self.settings.urls), stopping=self.stopping)
        return retrying(self._collect_once)

    def _collect_once(self) -> Collected:
        self.progress("connect", 0)
        session = self.directory.connect(skip=self._failed)
        self.on_session(session)
        try:
            return self._read(session)
        except IncompleteReadError:
            self._failed.add(session.server.url)
            raise
        finally:
            self.on_session(None)
            session.close()

    def _read(self, session: DirectorySession) -> Collected:
        job = Job.on(
            session,
            name=self.directory.name,
            settings=self.settings,
            custom_fields=self.custom_fields,
            now=self.now,
            progress=self.progress,
            stopping=self.stopping,
            precedence=self.precedence,
        )
        require_bases(session, job.searches)
        require_canaries(session, job.settings.safety.canaries)
        found = self._read_as_possible(job)
        require_canaries(session, job.settings.safety.canaries)
        found.entries_read = job.reader.entries_read
        return found

    # ------------------------------------------------------------ changes, or everything
    def _read_as_possible(self, job: Job) -> Collected:
        stored = self.store.cursor(job.name)
        usable = not cursor_fault(job, stored)
        reason = self.whole_because or why_whole(self.mode, job, stored)
        if not reason and stored is not None:
            try:
                return self._read_changes(job, stored)
            except CursorRefusedError as error:
                usable, reason = False, error.message
                _note_refusal(job, error)
        found = self._read_whole(job, reason, following=usable)
        found.cursor_replaces = stored.version if stored is not None else 0
        return found

    def _read_changes(self, job: Job, stored: StoredCursor) -> Collected:
        """Raises CursorRefusedError."""
        if self.mode is Mode.SWEEP:
            self.progress("sweep", 0)
            changes, feed, reason = sweep(job, self.store), "sweep", "ids, names and versions were compared"
        else:
            self.progress("changes", 0)
            changes = self._changes(job, stored.cursor)
            feed, reason = job.choice.kind.value, job.choice.reason
        count = sum(map(len, changes.touched.values()))
        if count > MOST_CHANGES:
            raise CursorRefusedError(f"{count} entries changed, more than are looked at one by one")
        swept = self.mode is Mode.SWEEP
        found = ChangedRead(job=job, store=self.store, changes=changes, stored=stored, every_unit=swept).collect()
        found.feed, found.feed_reason = feed, reason
        return found

    def _changes(self, job: Job, cursor: Cursor) -> Changes:
        """What a watch was told since the cursor, else what the feed says. Raises CursorRefusedError, DirectoryError."""
        told = self.pushed.since(job.name, cursor)
        if told is not None:
            return told
        changes = job.session.changes(cursor, job.searches)
        if changes.cursor is not None:
            self.pushed.moved(job.name, cursor, changes.cursor)
        return changes

    def _read_whole(self, job: Job, reason: str, *, following: bool) -> Collected:
        """`following`: there is a cursor that the next run can go on with; what it brings once more does no harm."""
        kind, cursor = job.choice.kind, None
        if kind is not FeedKind.FULL and not following:
            try:
                cursor = job.session.position(kind, job.searches)
            except CursorRefusedError as error:
                reason = f"{reason}; {error.message}"
                _note_refusal(job, error)
        if self._known is None:
            self._known = self.store.identities(job.name)
        found = full_read(job, self.store, known=self._known)
        found.cursor, found.feed, found.feed_reason = cursor, FeedKind.FULL.value, reason
        return found


def _note_refusal(job: Job, error: CursorRefusedError) -> None:
    feed = job.choice.kind.value
    log.warning("changes cannot be followed", directory=job.name, feed=feed, reason=error.message, advice=error.hint)


def why_whole(mode: Mode, job: Job, stored: StoredCursor | None) -> str:
    """Why a run must read everything, "" when it need not."""
    kind, reason = job.choice.kind, job.choice.reason
    if kind is FeedKind.FULL:
        return reason
    if job.mapper.uses_references:
        return "memberOf changes without a sign on the person, so that everybody's must be read"
    follows = f"changes are followed by {kind.value}: {reason}"
    if mode is Mode.FULL:
        return f"a full run; {follows}"
    fault = cursor_fault(job, stored)
    return f"{fault}; {follows}" if fault else ""


def cursor_fault(job: Job, stored: StoredCursor | None) -> str:
    """Why no run can go on from the stored cursor, "" when one can."""
    if stored is None:
        return "there is no cursor yet"
    if stored.cursor.feed is not job.choice.kind:
        return f"the cursor is one of {stored.cursor.feed.value}"
    if stored.config_digest != job.config_digest:
        return "the configuration is another one than the cursor's"
    return ""
