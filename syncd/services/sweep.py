"""The sweep: ids, DNs and versions of everything, compared with what the store has.

It costs a fraction of a full read and finds what feeds cannot show: entries that left the filter, parents that were renamed,
removals where the server does not tell of them, and what came late from another replica. What differs is then read like any
other change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from syncd.errors import CursorRefusedError
from syncd.mapping.problems import MappingIssue
from syncd.model.feed import Changes
from syncd.model.reading import Search
from syncd.model.records import StoredIdentity
from syncd.services.groupversions import GroupVersions
from syncd.services.job import Job
from syncd.services.ports_store import SyncStore


def sweep(job: Job, store: SyncStore) -> Changes:
    """What differs. Raises CursorRefusedError where entries cannot be told apart, IncompleteReadError, StoppedError."""
    touched: dict[str, set[str]] = {"users": _differing_people(job, store)}
    if job.roles is not None:
        stored = store.structure(job.name)
        if _groups_version(job, job.roles) != stored.groups_version:
            # which of them does not matter: they are all looked at
            touched["roles"] = set(stored.role_identifiers) or {""}
    return Changes(touched=touched)


def moved_people(job: Job, store: SyncStore) -> set[str]:
    """Entry ids of people whose DN is another one than the store's."""
    known = store.identities(job.name)
    return {i for i, dn, _ in _ids(job, job.people) if i in known and known[i].dn != dn}


def _differing_people(job: Job, store: SyncStore) -> set[str]:
    known = store.identities(job.name)
    seen: set[str] = set()
    differing: set[str] = set()
    for entry_id, dn, version in _ids(job, job.people):
        seen.add(entry_id)
        if _differs(known.get(entry_id), dn, version):
            differing.add(entry_id)
    return differing | {entry_id for entry_id, identity in known.items() if identity.present and entry_id not in seen}


def _differs(identity: StoredIdentity | None, dn: str, version: str | None) -> bool:
    return identity is None or not identity.present or identity.dn != dn or identity.version != version


def _ids(job: Job, search: Search) -> Iterator[tuple[str, str, str | None]]:
    """Id, DN and version of every entry of a search."""
    for batch in job.reader.pages(_narrow(job, search)):
        for entry in batch:
            try:
                yield job.mapper.entry_id(entry), entry.dn, job.mapper.version(entry)
            except MappingIssue as issue:
                raise CursorRefusedError(f"{entry.dn}: {issue.message}: entries cannot be compared by ids") from issue


def _groups_version(job: Job, search: Search) -> bytes:
    versions = GroupVersions.of(job.session.server, job.id_attribute)
    for batch in job.reader.pages(_narrow(job, search)):
        for entry in batch:
            versions.add(entry)
    return versions.digest()


def _narrow(job: Job, search: Search) -> Search:
    """The same entries, with their ids and versions alone."""
    version = job.session.server.version_attribute
    return replace(search, attributes=(job.id_attribute, version) if version else (job.id_attribute,))
