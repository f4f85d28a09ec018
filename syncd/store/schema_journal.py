"""The tables of what happened: runs, what they could not use, and who changed what.

Runs are pruned after a while, issues and audit events are not: they name their run by number without a foreign key.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from syncd.store.columns import AUTOINCREMENT, index_where, metadata, row_id
from syncd.store.types import Id, Json, Key, UtcTime

# syncd.model.run.Run; the directory by its name, since a run may be asked for before the directory has any row
runs = Table(
    "runs",
    metadata,
    row_id(),
    Column("directory", Key, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("trigger", String(16), nullable=False),
    # who asked: a user's name, a token's name, "" for the daemon itself
    Column("actor", Text, nullable=False, server_default=""),
    Column("outcome", String(16), nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("phase", Text),
    Column("server", Text),
    Column("entries_read", Integer, nullable=False, server_default="0"),
    Column("code", Text),
    Column("message", Text),
    Column("advice", Text),
    Column("counts", Json),
    # "complete" or "partial"; NULL where nothing was read
    Column("verdict", String(16)),
    # the held plan it made, met again or applied
    Column("plan_id", Id),
    # the feed it used, and why that one
    Column("feed", String(16)),
    Column("feed_reason", Text),
    CheckConstraint("outcome IN ('queued', 'running', 'succeeded', 'partial', 'held', 'failed', 'abandoned')", name="outcome"),
    **AUTOINCREMENT,
)
Index("ix_runs_directory_id", runs.c.directory, runs.c.id)
# a request that finds one queued joins it
index_where("uq_runs_queued", runs, ("directory",), condition="outcome = 'queued'", unique=True)

issues = Table(
    "issues",
    metadata,
    row_id(),
    Column("directory_id", Id, ForeignKey("directories.id", ondelete="CASCADE"), nullable=False),
    # syncd.model.records.Issue
    Column("key", Key, nullable=False),
    Column("subject", String(16), nullable=False),
    Column("dn", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("opened_run_id", Id, nullable=False),
    Column("closed_run_id", Id),
    Column("opened_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    **AUTOINCREMENT,
)
index_where("uq_issues_open", issues, ("directory_id", "subject", "key"), condition="closed_at IS NULL", unique=True)

audit_events = Table(
    "audit_events",
    metadata,
    row_id(),
    Column("at", UtcTime, nullable=False),
    # "run", or the user who did it
    Column("actor", Text, nullable=False),
    Column("run_id", Id),
    Column("request_id", Text),
    # "user.created", "user.updated", "memberships.changed", …
    Column("action", Text, nullable=False),
    # "user", "organization", "unit", "role", "role_identifier", "plan"
    Column("subject_type", String(16), nullable=False),
    # without a foreign key: the event outlives its subject
    Column("subject_id", Id, nullable=False),
    Column("directory", Text),
    # only what changed; binary values as their digest, passwords never
    Column("before", Json),
    Column("after", Json),
    Column("reason", Text),
    **AUTOINCREMENT,
)
# "what happened to this user", newest first
Index("ix_audit_events_subject", audit_events.c.subject_id, audit_events.c.subject_type, audit_events.c.id)
