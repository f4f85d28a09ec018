"""`syncd status`: how the store stands, directory by directory, and what could not be used."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Format, Printer, Table
from syncd.cli.runviews import issue_json, run_json
from syncd.cli.sync import print_issues

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

_DIRECTORIES = Table(
    keys=("directory", "configured", "present", "missing", "role_identifiers", "open_issues", "last_run", "last_complete"),
    headings={
        "directory": "DIRECTORY",
        "present": "PEOPLE",
        "missing": "GONE",
        "role_identifiers": "ROLE IDENTIFIERS",
        "open_issues": "ISSUES",
        "outcome": "LAST RUN",
        "finished": "ENDED",
        "complete": "LAST COMPLETE",
    },
    numbers=frozenset({"present", "missing", "role_identifiers", "open_issues"}),
    empty="no directory is configured",
)


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("status")(status)


def status(context: typer.Context) -> None:
    """Show what the store holds and how the last runs ended."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        document = _document(runtime)
    if invocation.format is Format.JSON:
        invocation.printer.json(document)
    elif invocation.format is Format.CSV:
        invocation.printer.rows(_DIRECTORIES, [_row(directory) for directory in document["directories"]])
    else:
        _print(invocation.printer, document)


def _document(runtime: Runtime) -> dict[str, Any]:
    queries = runtime.queries
    whole = queries.people_counts()
    names = sorted({*runtime.directories, *queries.directories()})
    return {
        "users": whole.users,
        "manual_users": whole.manual,
        "organizations": len(queries.organizations()),
        "units": len(queries.units()),
        "roles": len(queries.roles()),
        "directories": [_directory(runtime, name) for name in names],
        "issues": [issue_json(issue) for issue in queries.issues()],
        **_deliveries(runtime),
    }


def _deliveries(runtime: Runtime) -> dict[str, Any]:
    """What goes out, judged as in health."""
    from syncd.services.health_deliveries import assess_mail, assess_webhook

    now, management = runtime.clock.now(), runtime.management
    webhooks = [assess_webhook(now, standing) for standing in management.webhooks.standings()]
    mail = assess_mail(now, management.mails.waiting())
    return {
        "webhooks": [
            {
                "name": each.standing.name,
                "status": each.status.value,
                "pending": each.standing.pending,
                "pending_since": each.standing.pending_since,
                "failures": each.standing.failures,
                "last_error": each.standing.last_error,
                "problems": [asdict(problem) for problem in each.problems],
            }
            for each in webhooks
        ],
        "mail": mail
        and {
            "status": mail.status.value,
            "waiting": mail.waiting.count,
            "waiting_since": mail.waiting.since,
            "problems": [asdict(problem) for problem in mail.problems],
        },
    }


def _directory(runtime: Runtime, name: str) -> dict[str, Any]:
    counts = runtime.queries.people_counts(name)
    last, complete = runtime.runs.last_finished(name), runtime.runs.last_complete(name)
    return {
        "name": name,
        "configured": name in runtime.directories,
        "present": counts.present,
        "missing": counts.missing,
        "role_identifiers": counts.role_identifiers,
        "open_issues": counts.open_issues,
        "last_run": run_json(last) if last else None,
        "last_complete": run_json(complete) if complete else None,
    }


def _row(directory: dict[str, Any]) -> dict[str, Any]:
    last, complete = directory["last_run"] or {}, directory["last_complete"] or {}
    return directory | {
        "directory": directory["name"],
        "outcome": last.get("outcome", "never"),
        "finished": last.get("finished_at"),
        "complete": complete.get("finished_at", "never"),
        "last_run": last.get("outcome", "never"),
        "last_complete": complete.get("finished_at"),
    }


def _print(printer: Printer, document: dict[str, Any]) -> None:
    words = ("users", "manual_users", "organizations", "units", "roles")
    printer.text(", ".join(f"{document[word]} {word.replace('_', ' ')}" for word in words))
    printer.text()
    printer.rows(_DIRECTORIES, [_row(directory) for directory in document["directories"]])
    for directory in document["directories"]:
        last = directory["last_run"]
        if last and last["feed"]:
            printer.text(f"{directory['name']}: read by {last['feed']} ({last['feed_reason']})")
        if last and last["message"]:
            printer.text(f"{directory['name']}: {last['message']} {last['advice'] or ''}".rstrip())
    for part in (*document["webhooks"], *([document["mail"]] if document["mail"] else [])):
        for problem in part["problems"]:
            printer.text(f"{problem['message']} {problem['advice']}")
    print_issues(printer, document["issues"], more="syncd --output json status")
