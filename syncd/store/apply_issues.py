"""Issues of a plan: closed when they are over, opened when they are new."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, update

from syncd.model.records import Issue
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import Applying
from syncd.store.bulk import bulk_insert

COLUMNS = ("directory_id", "key", "subject", "dn", "code", "message", "opened_run_id", "opened_at")


def close_issues(connection: Connection, applying: Applying, keys: Sequence[str]) -> None:
    """End the open issues with these keys. One whose words changed is closed and opened anew: that is its history."""
    over = {"closed_run_id": applying.run_id, "closed_at": applying.at}
    issues = t.issues.c
    mine = (issues.directory_id == applying.directory_id, among(connection, issues.key, keys))
    connection.execute(update(t.issues).where(*mine, issues.closed_at.is_(None)).values(over))


def open_issues(connection: Connection, applying: Applying, issues: Sequence[Issue]) -> None:
    """Write new issues; one that is open already under the same key and subject is closed first."""
    close_issues(connection, applying, [issue.key for issue in issues])
    mine, run_id, at = applying.directory_id, applying.run_id, applying.at_text
    bulk_insert(connection, t.issues, COLUMNS, [(mine, i.key, i.subject, i.dn, i.code, i.message, run_id, at) for i in issues])
