"""`syncd webhooks …`: receivers of events."""

from __future__ import annotations

from dataclasses import asdict

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Table

app = typer.Typer(help="Receivers of events.", no_args_is_help=True)

_WEBHOOKS = Table(
    keys=("name", "url", "types", "state", "cursor", "failures", "next_try_at", "last_error", "delivered_at"),
    headings={
        "name": "NAME",
        "url": "URL",
        "state": "STATE",
        "failures": "FAILURES",
        "next_try_at": "NEXT TRY",
        "last_error": "LAST ERROR",
        "delivered_at": "LAST DELIVERY",
    },
    numbers=frozenset({"failures"}),
    empty="no webhooks",
)


@app.callback()
def _family() -> None:
    """Keep `list` a verb of its own."""


@app.command("list")
def list_webhooks(context: typer.Context) -> None:
    """List the configured webhooks, and how they stand."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.management.webhooks.list()
    invocation.printer.rows(_WEBHOOKS, [asdict(webhook) for webhook in found])
