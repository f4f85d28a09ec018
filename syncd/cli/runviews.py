"""Runs as the command line shows them. The keys are those of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from syncd.cli.output import Table
from syncd.model.run import Run

if TYPE_CHECKING:
    from syncd.model.views import IssueView

RUN_KEYS = tuple(field.name for field in fields(Run))

RUNS = Table(
    keys=tuple(key for key in RUN_KEYS if key != "counts"),
    headings={
        "id": "RUN",
        "directory": "DIRECTORY",
        "mode": "MODE",
        "outcome": "OUTCOME",
        "started_at": "STARTED",
        "seconds": "SECONDS",
        "entries_read": "ENTRIES",
        "code": "REASON",
    },
    numbers=frozenset({"id", "seconds", "entries_read"}),
    empty="no run yet",
)

# counts of what there is, beside those of what changes
_TOTALS = ("users", "issues")

ISSUES = Table(
    keys=("id", "directory", "subject", "dn", "code", "message", "opened_run_id", "opened_at"),
    headings={"subject": "WHAT", "dn": "DN", "message": "WHY"},
    empty="no issue",
)


def run_json(run: Run) -> dict[str, Any]:
    """A run with the keys of the API's resource."""
    return {key: getattr(run, key) for key in RUN_KEYS}


def run_row(run: Run) -> dict[str, Any]:
    """A run for a table: as JSON, with the seconds it took."""
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    return run_json(run) | {"seconds": None if seconds is None else f"{seconds:.1f}"}


def issue_json(issue: IssueView) -> dict[str, Any]:
    """An issue that is open."""
    return {key: getattr(issue, key) for key in ISSUES.keys}


def shown_changes(counts: Mapping[str, int] | None) -> list[tuple[str, int]]:
    """The counts of changes that are not zero, in words: people first, what was opened and closed last."""
    changes = {name: count for name, count in (counts or {}).items() if count and name not in _TOTALS}
    kinds = ("users", "organizations", "units", "role", "memberships", "grants", "issues")

    def order(name: str) -> int:
        return next((number for number, kind in enumerate(kinds) if name.startswith(kind)), len(kinds))

    return [(name.replace("_", " "), changes[name]) for name in sorted(changes, key=order)]


def totals(counts: Mapping[str, int] | None) -> str:
    """How many people there are, and how many entries could not be used."""
    if not counts or "users" not in counts:
        return ""
    issues = counts.get("issues", 0)
    return f", {counts['users']} people" + (f", {issues} entries that could not be used" if issues else "")
