"""Reading everything: the ground truth that all feeds are measured by.

Absence is confirmed before it counts: whatever the store has and the read did not show is asked for by its id once more, with
the same base and filter (pages are no snapshot: who moves from a page that is still to come to one that was read is seen by
neither).
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.errors import NoEntryIdError
from syncd.model.records import StoredIdentity
from syncd.reconcile.people import missing_ids
from syncd.services.intake import Collected, Intake
from syncd.services.job import Job
from syncd.services.ports_store import SyncStore


def full_read(job: Job, store: SyncStore, *, known: Mapping[str, StoredIdentity]) -> Collected:
    """Everything the directory has. Raises IncompleteReadError, NoEntryIdError, StoppedError."""
    stored = store.structure(job.name)
    groups = job.empty_groups(stored) if job.settings.roles.enabled else None
    found = job.new_collected(structure=job.read_structure(stored), groups=groups, known=known)
    _read_people(job, store, found)
    if groups is not None:
        found.groups_version = job.read_groups(groups, stored)
    return found


def _read_people(job: Job, store: SyncStore, found: Collected) -> None:
    intake = Intake(found=found, store=store, directory=job.name)
    for batch in job.whole_people(job.reader.pages(job.people)):
        intake.add(batch)
    if found.anonymous and not found.seen:
        url = job.session.server.url
        raise NoEntryIdError(f"none of the {found.anonymous} people on {url} shows {job.id_attribute!r}")
    if not found.anonymous:
        for batch in job.whole_people(job.reader.among(job.people, missing_ids(found.known, found.seen))):
            intake.add(batch)
        for batch in job.whole_people(job.outside_filter(missing_ids(found.known, found.seen))):
            intake.add(batch)
