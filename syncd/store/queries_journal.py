"""What happened and how it stands: issues, audit events, earlier DNs, and the counts for status and metrics."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from syncd.errors import NotFoundError
from syncd.model.records import DirectoryPresence
from syncd.model.views import AuditEventView, DnPeriod, IssueView, PeopleCounts
from syncd.store import schema as t


def list_issues(
    connection: Connection, *, directory: str | None, run_id: int | None, limit: int, after_id: int
) -> tuple[IssueView, ...]:
    """Issues by id: those open now, or those open at the end of a run, which may be closed by now. Raises NotFoundError."""
    issues = t.issues.c
    columns = [column for column in t.issues.c if column.name != "directory_id"]
    query = select(*columns, t.directories.c.name.label("directory")).join_from(t.issues, t.directories)
    if run_id is None:
        query = query.where(issues.closed_at.is_(None))
    else:
        query = query.where(t.directories.c.name == _directory_of(connection, run_id), *_open_after(run_id))
    if directory is not None:
        query = query.where(t.directories.c.name == directory)
    query = query.where(issues.id > after_id).order_by(issues.id).limit(limit)
    return tuple(IssueView(**row._asdict()) for row in connection.execute(query))


def _open_after(run_id: int) -> tuple[ColumnElement[bool], ...]:
    """Runs of a directory do not overlap, so their numbers say what came first."""
    issues = t.issues.c
    return issues.opened_run_id <= run_id, or_(issues.closed_at.is_(None), issues.closed_run_id > run_id)


def _directory_of(connection: Connection, run_id: int) -> str:
    name: str | None = connection.execute(select(t.runs.c.directory).where(t.runs.c.id == run_id)).scalar()
    if name is None:
        raise NotFoundError(f"there is no run {run_id}", advice="`syncd runs list` shows those that are kept.")
    return name


def audit_events(
    connection: Connection, *, subject_type: str, subject_id: int, limit: int, before_id: int | None
) -> tuple[AuditEventView, ...]:
    """What was done to one thing, newest first; it may be gone by now."""
    events = t.audit_events.c
    query = select(t.audit_events).where(events.subject_type == subject_type, events.subject_id == subject_id)
    if before_id is not None:
        query = query.where(events.id < before_id)
    rows = connection.execute(query.order_by(events.id.desc()).limit(limit))
    return tuple(AuditEventView(**row._asdict()) for row in rows)


def dn_periods(connection: Connection, user_id: int) -> tuple[DnPeriod, ...]:
    """Every DN a person has or had, newest first, directory by directory."""
    now, past = t.identities.c, t.dn_history.c
    current = select(t.directories.c.name, now.dn, now.dn_since).join_from(
        t.identities, t.directories, t.directories.c.id == now.directory_id
    )
    earlier = select(t.directories.c.name, past.dn, past.valid_from, past.valid_to).join_from(
        t.dn_history, t.directories, t.directories.c.id == past.directory_id
    )
    periods = [
        DnPeriod(directory=name, dn=dn, since=since, until=None)
        for name, dn, since in _rows(connection, current.where(now.user_id == user_id))
    ]
    periods += [
        DnPeriod(directory=name, dn=dn, since=since, until=until)
        for name, dn, since, until in _rows(connection, earlier.where(past.user_id == user_id).order_by(past.id.desc()))
    ]
    return tuple(sorted(periods, key=lambda period: period.directory))


def directories(connection: Connection) -> tuple[str, ...]:
    """Names of all directories that ever brought something, configured or not."""
    return tuple(connection.execute(select(t.directories.c.name).order_by(t.directories.c.name)).scalars())


def people_by_presence(connection: Connection, directory: str | None) -> dict[DirectoryPresence, int]:
    """How many people of a directory, or of all, are there and how many are missing."""
    known = _of(select(func.count()).select_from(t.identities), t.identities.c.directory_id, directory)
    missing = _count(connection, known.where(t.identities.c.missing_since.is_not(None)))
    return {DirectoryPresence.ACTIVE: _count(connection, known) - missing, DirectoryPresence.MISSING: missing}


def people_counts(connection: Connection, directory: str | None) -> PeopleCounts:
    """Counts of one directory; of the whole store for None. A directory without rows has none of anything."""
    presence = people_by_presence(connection, directory)
    users = select(func.count()).select_from(t.users)
    manual = users.where(t.users.c.manual)
    issues = select(func.count()).select_from(t.issues).where(t.issues.c.closed_at.is_(None))
    identifiers = select(func.count()).select_from(t.role_identifiers)
    last_move = _of(select(func.max(t.dn_history.c.valid_to)), t.dn_history.c.directory_id, directory)
    of_directory = directory is not None
    return PeopleCounts(
        directory=directory,
        present=presence[DirectoryPresence.ACTIVE],
        missing=presence[DirectoryPresence.MISSING],
        users=sum(presence.values()) if of_directory else _count(connection, users),
        manual=0 if of_directory else _count(connection, manual),
        open_issues=_count(connection, _of(issues, t.issues.c.directory_id, directory)),
        role_identifiers=_count(connection, _of(identifiers, t.role_identifiers.c.directory_id, directory)),
        last_dn_change_at=connection.execute(last_move).scalar(),
    )


def _of(query: Select[Any], column: Any, directory: str | None) -> Select[Any]:
    """The rows of a directory: all of them for None."""
    if directory is None:
        return query
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    return query.where(column == number)


def _count(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _rows(connection: Connection, query: Select[Any]) -> list[Any]:
    return list(connection.execute(query))
