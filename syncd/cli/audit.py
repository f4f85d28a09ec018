"""`syncd audit …`: what was changed, and who logged in."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Table
from syncd.cli.structure import print_older
from syncd.errors import UsageError
from syncd.model.export import ExportFormat
from syncd.model.trail import AttemptFilter, AuditFilter
from syncd.model.views import AuditEventView

app = typer.Typer(help="What was changed, and who logged in.", no_args_is_help=True)

_EVENTS = Table(
    keys=(
        "id", "at", "actor", "run_id", "request_id", "action", "subject_type", "subject_id", "directory", "before", "after",
        "reason",
    ),
    headings={
        "id": "ID", "at": "AT", "actor": "BY", "action": "WHAT", "subject": "WHOSE", "changed": "CHANGED", "reason": "WHY",
    },
    empty="nothing happened",
    numbers=frozenset({"id"}),
)  # fmt: skip
_ATTEMPTS = Table(
    keys=("id", "at", "name", "user_id", "outcome", "directory", "address", "request_id"),
    headings={"id": "ID", "at": "AT", "name": "NAME", "outcome": "OUTCOME", "directory": "BY", "address": "FROM"},
    empty="nobody tried",
    numbers=frozenset({"id"}),
)

Actor = Annotated[str | None, typer.Option(help="Only what this one did.")]
Action = Annotated[str | None, typer.Option(help="Only this, such as user.disabled; or user.* for all that begin so.")]
Subject = Annotated[str | None, typer.Option(help="Only of this kind of thing: user, role, organization …")]
Number = Annotated[int | None, typer.Option("--id", help="Only of the thing with this id.")]
RunId = Annotated[int | None, typer.Option("--run", help="Only what this run did.")]
Since = Annotated[datetime | None, typer.Option(help="From this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Before this time (UTC).")]
Search = Annotated[str, typer.Option(help="A part of the reason.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")]
Before = Annotated[int | None, typer.Option(help="Only those older than the one with this id.")]


@app.command("list")
def list_events(
    context: typer.Context,
    *,
    actor: Actor = None,
    action: Action = None,
    subject: Subject = None,
    number: Number = None,
    run: RunId = None,
    since: Since = None,
    until: Until = None,
    search: Search = "",
    limit: Limit = 50,
    before: Before = None,
) -> None:
    """List what was changed, newest first."""
    from syncd.services.trail import trail_json

    invocation = of(context)
    wanted = AuditFilter(
        actor=actor, action=action, subject_type=subject, subject_id=number, run_id=run, since=_utc(since), until=_utc(until),
        search=search,
    )  # fmt: skip
    with invocation.runtime() as runtime:
        events = runtime.management.trail.audit(wanted, limit=limit + 1, before_id=before)
    make = _shown if invocation.printer.for_people else trail_json
    print_older(invocation.printer, _EVENTS, events, make, limit=limit)


@app.command()
def export(
    context: typer.Context,
    *,
    form: Annotated[ExportFormat, typer.Option("--format", help="One JSON object a line, or CSV for spreadsheets.")],
    actor: Actor = None,
    action: Action = None,
    subject: Subject = None,
    number: Number = None,
    run: RunId = None,
    since: Since = None,
    until: Until = None,
    search: Search = "",
    logins: Annotated[bool, typer.Option("--logins", help="The login attempts instead.")] = False,
) -> None:
    """Write what was changed, or the login attempts, newest first, to standard output."""
    others = (actor, action, subject, number, run, search or None)
    if logins and any(other is not None for other in others):
        raise UsageError("with --logins only --since and --until can be given")
    wanted: AuditFilter | AttemptFilter = AttemptFilter(since=_utc(since), until=_utc(until))
    if not logins:
        wanted = AuditFilter(
            actor=actor, action=action, subject_type=subject, subject_id=number, run_id=run, since=_utc(since),
            until=_utc(until), search=search,
        )  # fmt: skip
    with of(context).runtime() as runtime:
        before: int | None = None
        while True:
            content, before = runtime.management.trail.piece(wanted, form, before_id=before)
            sys.stdout.buffer.write(content)
            if before is None:
                break
    sys.stdout.buffer.flush()


@app.command()
def logins(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Option(help="Only tries under this name.")] = None,
    user: Annotated[int | None, typer.Option(help="Only tries for the user with this id.")] = None,
    outcome: Annotated[str | None, typer.Option(help="accepted, refused, or the code of a refusal.")] = None,
    address: Annotated[str | None, typer.Option(help="Only tries from this address.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    before: Before = None,
) -> None:
    """List who tried to log in, newest first."""
    from syncd.services.trail import trail_json

    invocation = of(context)
    wanted = AttemptFilter(name=name, user_id=user, outcome=outcome, address=address, since=_utc(since), until=_utc(until))
    with invocation.runtime() as runtime:
        tries = runtime.management.trail.attempts(wanted, limit=limit + 1, before_id=before)
    print_older(invocation.printer, _ATTEMPTS, tries, trail_json, limit=limit)


def _shown(found: AuditEventView) -> dict[str, Any]:
    from syncd.services.trail import trail_json

    event = trail_json(found)
    changed = sorted({*(event["before"] or {}), *(event["after"] or {})})
    return event | {"subject": f"{event['subject_type']} {event['subject_id']}", "changed": changed}


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
