"""`syncd webhooks …`: receivers of events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.output import Table

app = typer.Typer(help="Receivers of events.", no_args_is_help=True)

_WEBHOOKS = Table(
    keys=(
        "name", "url", "types", "state", "cursor", "last_event_id", "pending", "pending_since", "failures", "next_try_at",
        "last_error", "delivered_at",
    ),
    headings={
        "name": "NAME",
        "url": "URL",
        "state": "STATE",
        "pending": "PENDING",
        "failures": "FAILURES",
        "next_try_at": "NEXT TRY",
        "last_error": "LAST ERROR",
        "delivered_at": "LAST DELIVERY",
    },
    numbers=frozenset({"pending", "failures"}),
    empty="no webhooks",
)  # fmt: skip


@app.command("list")
def list_webhooks(context: typer.Context) -> None:
    """List the configured webhooks, and how they stand."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.webhooks.list()
    invocation.printer.rows(_WEBHOOKS, [asdict(webhook) for webhook in found])


@app.command()
def skip(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a webhook.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")],
) -> None:
    """Give up on the delivery that fails and blocks all that follow it: its receiver never gets those events."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        skipped = runtime.management.webhooks.skip(name, reason=reason, caller=caller())
    if invocation.printer.for_people:
        given_up = f"the events after {skipped.after_id} up to {skipped.through_id} are given up"
        invocation.printer.text(f"{name}: {given_up}; what follows is delivered")
    else:
        invocation.printer.record(asdict(skipped))
