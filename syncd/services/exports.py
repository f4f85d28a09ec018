"""Exports as jobs: asked for, worked off by a daemon, told of by mail, fetched, and deleted.

The file is written beside its final name and appears when it is whole. A daemon that dies in the middle leaves a claim that
runs out, and another one begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO, cast

from syncd.clock import Clock
from syncd.errors import ExportStateError, NotFoundError, SyncdError
from syncd.model.caller import Caller
from syncd.model.export import ExportJob, ExportRequest, ExportState
from syncd.model.mail import MailKind
from syncd.services.mails import time_text
from syncd.services.ports_lists import ExportStore, PersonByID
from syncd.services.ports_people import Mailer
from syncd.services.userlists import STEP, UserListService

# how long others leave an export alone that somebody works on; it is renewed all the while
CLAIM = timedelta(minutes=2)
RENEW = timedelta(seconds=30)
# how the name of a file begins that is being written, and after how long nobody writes it any more
UNFINISHED = ".export-"
LEFT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportService:
    """The use cases."""

    store: ExportStore
    lists: UserListService
    people: PersonByID
    mailer: Mailer
    clock: Clock
    folder: Path
    # how long a finished one can be fetched
    kept: timedelta

    def request(self, request: ExportRequest, *, caller: Caller) -> ExportJob:
        """Queue an export. Raises UsageError, ExportFieldError, StoreError."""
        self.lists.check(request)
        return self.store.create(request, caller=caller, at=self.clock.now())

    def get(self, export_id: int, *, caller: Caller) -> ExportJob:
        """An export of one's own; administrators see all. Raises NotFoundError, StoreError."""
        job = self.store.get(export_id)
        if job is None or not _may_see(job, caller):
            raise NotFoundError(f"there is no export {export_id}")
        return job

    def list(self, *, caller: Caller, limit: int = 50, before_id: int | None = None) -> Sequence[ExportJob]:
        """Exports of one's own, newest first; administrators see all. Raises StoreError."""
        return self.store.list(of=None if caller.everything else caller, limit=limit, before_id=before_id)

    def content(self, export_id: int, *, caller: Caller) -> tuple[ExportJob, Path]:
        """A finished export and its file. Raises NotFoundError, ExportStateError, StoreError."""
        job = self.get(export_id, caller=caller)
        if job.state is not ExportState.FINISHED or job.file is None:
            raise ExportStateError(f"export {export_id} is {job.state}")
        path = self.folder / job.file
        if not path.is_file():
            raise ExportStateError(f"the file of export {export_id} is gone")
        return job, path

    # ------------------------------------------------------------ the daemon's part
    def work(self, *, stopping: Callable[[], bool]) -> ExportJob | None:
        """Write the next export that waits; None when none does. Raises StoreError."""
        now = self.clock.now()
        job = self.store.claim(at=now, until=now + CLAIM)
        if job is None:
            return None
        try:
            rows = self._write(job, stopping=stopping)
        except (OSError, SyncdError) as error:
            self.store.fail(job.id, error=str(error), at=self.clock.now())
            return self.store.get(job.id)
        if rows is None:
            self.store.release(job.id)
            return None
        self._finish(job, rows)
        return self.store.get(job.id)

    def tidy(self) -> int:
        """Delete exports whose time is over, and their files; how many. Raises StoreError."""
        over = self.store.expired(at=self.clock.now(), failed_before=self.clock.now() - self.kept)
        for job in over:
            if job.file is not None:
                with suppress(OSError):
                    (self.folder / job.file).unlink()
        self.store.delete([job.id for job in over])
        self._sweep()
        return len(over)

    def _sweep(self) -> None:
        """Delete what a daemon that was killed had begun to write: it is about people, and nobody else would."""
        before = (self.clock.now() - LEFT).timestamp()
        with suppress(OSError):
            for path in self.folder.glob(f"{UNFINISHED}*"):
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)

    def _write(self, job: ExportJob, *, stopping: Callable[[], bool]) -> int | None:
        """How many people; None when it was left off because the daemon ends. Raises OSError, StoreError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # 0600 by itself
        temporary = NamedTemporaryFile(  # noqa: SIM115 - closed below, where it is renamed
            "w", encoding="utf-8", newline="", dir=self.folder, prefix=UNFINISHED, delete=False
        )
        try:
            with temporary as stream:
                rows = self._write_to(cast(TextIO, stream), job, stopping=stopping)
            if rows is not None:
                os.replace(temporary.name, self.folder / file_name(job))
                return rows
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary.name)
            raise
        os.unlink(temporary.name)
        return None

    def _write_to(self, stream: TextIO, job: ExportJob, *, stopping: Callable[[], bool]) -> int | None:
        rows, renewed = 0, self.clock.now()
        with closing(self.lists.people(job.request)) as people:
            while True:
                part = list(islice(people, STEP))
                rows += self.lists.write(job.request, stream, part, header=rows == 0)
                if len(part) < STEP:
                    return rows
                if stopping():
                    return None
                if (now := self.clock.now()) - renewed > RENEW:
                    self.store.renew(job.id, until=now + CLAIM)
                    renewed = now

    def _finish(self, job: ExportJob, rows: int) -> None:
        now = self.clock.now()
        expires = now + self.kept
        mail = None
        with suppress(NotFoundError):
            if job.user_id is not None:
                person = self.people.user_by_id(job.user_id)
                name = person.first_name or person.display_name or person.username or ""
                mail = self.mailer.new(
                    MailKind.EXPORT_READY, user_id=person.id, to=person.email, name=name,
                    file=file_name(job), rows=rows, expires=time_text(expires),
                )  # fmt: skip
        self.store.finish(job.id, rows=rows, file=file_name(job), at=now, expires_at=expires, mail=mail)


def file_name(job: ExportJob) -> str:
    """What the file of an export is called."""
    return f"people-{job.id}.{job.request.format.value}"


def export_folder(configured: str | None, *, store_url: str) -> Path:
    """Where exports are kept: as configured, else beside an SQLite database, else in the state directory."""
    if configured is not None:
        return Path(configured)
    scheme, _, path = store_url.partition(":///")
    if scheme.startswith("sqlite") and path:
        return Path(path).absolute().parent / "exports"
    return Path("/var/lib/syncd/exports")


def _may_see(job: ExportJob, caller: Caller) -> bool:
    if caller.everything:
        return True
    if caller.user_id is None:
        return job.user_id is None and job.created_by == caller.name
    return job.user_id == caller.user_id
