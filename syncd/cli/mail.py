"""`syncd mail …`: mail that waits, was sent, or was given up."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table
from syncd.cli.structure import print_older
from syncd.errors import UsageError
from syncd.model.mail import MailState

app = typer.Typer(help="Show and retry mail.", no_args_is_help=True)

_MAILS = Table(
    keys=("id", "kind", "state", "user_id", "recipient", "created_at", "due_at", "tries", "sent_at", "last_error"),
    headings={
        "id": "ID",
        "kind": "KIND",
        "recipient": "TO",
        "state": "STATE",
        "created_at": "QUEUED AT",
        "tries": "TRIES",
        "last_error": "LAST ERROR",
    },
    numbers=frozenset({"id", "tries"}),
    empty="no mail",
)


@app.command("list")
def list_mails(
    context: typer.Context,
    state: Annotated[MailState | None, typer.Option(help="Only mails in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Only mails older than this one.")] = None,
) -> None:
    """List mails, newest first. What stands in a mail is not kept in a readable form, and a link's secret not at all."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.mails.list(state=state, limit=limit + 1, before_id=before)
    print_older(invocation.printer, _MAILS, found, asdict, limit=limit)


@app.command()
def retry(
    context: typer.Context,
    mails: Annotated[list[int] | None, typer.Argument(min=1, help="Numbers of mails.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
) -> None:
    """Have mails that wait or were given up sent again; the daemon does it within seconds."""
    if bool(mails) == failed:
        raise UsageError("name mails by their numbers, or say --failed")
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.mails.retry(mails, caller=caller())
    if invocation.printer.for_people:
        invocation.printer.text(f"{len(found)} {'mail is' if len(found) == 1 else 'mails are'} sent again")
    else:
        invocation.printer.record({"retried": list(found)})
