"""`syncd events …`: events for other systems, straight from the store."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Format, cell, plain, write_csv
from syncd.services.events import NOW, cursor_of, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.cli.output import Printer

app = typer.Typer(help="Events for other systems.", no_args_is_help=True)

# seconds between two looks
EVERY = 1.0
PAGE = 500
_KEYS = (
    "cursor",
    "at",
    "type",
    "subject_type",
    "subject_id",
    "directory",
    "changes",
    "reasons",
    "reason",
    "actor_kind",
    "actor",
)


@app.callback()
def _family() -> None:
    """Keep `tail` a verb of its own."""


@app.command()
def tail(
    context: typer.Context,
    after: Annotated[
        str, typer.Option(help="Begin after this cursor; `now`: with what happens next; `start`: with the oldest that is kept.")
    ] = NOW,
    types: Annotated[str, typer.Option(help="Only these types, separated by commas, such as `access.revoked,user.*`.")] = "",
    once: Annotated[
        bool, typer.Option("--once", help="End when there is no further event, instead of waiting for one.")
    ] = False,
) -> None:
    """Print events as they happen, until Ctrl-C. JSON has one event a line, each with its cursor."""
    invocation = of(context)
    wanted = [each.strip() for each in types.split(",") if each.strip()]
    with invocation.runtime() as runtime:
        cursor = None if after == "start" else after
        if invocation.printer.format is Format.CSV:
            write_csv(invocation.printer.stream, _KEYS, [])
        while True:
            page = runtime.management.events.page(after=cursor, types=wanted, limit=PAGE)
            cursor = cursor_of(page.position)
            _print(invocation.printer, [shown(event) for event in page.items])
            if page.more:
                continue
            if once:
                return
            try:
                time.sleep(EVERY)
            except KeyboardInterrupt:
                raise typer.Exit(130) from None


def _print(printer: Printer, events: Sequence[dict[str, Any]]) -> None:
    for event in events:
        if printer.format is Format.JSON:
            printer.stream.write(json.dumps(event, ensure_ascii=False, default=plain) + "\n")
        elif printer.format is Format.CSV:
            _csv(printer, event)
        else:
            printer.text(_line(event))
    printer.stream.flush()


def _csv(printer: Printer, event: dict[str, Any]) -> None:
    subject, actor = event["subject"], event["actor"]
    row = {**event, "subject_type": subject["type"], "subject_id": subject["id"], "actor_kind": actor["kind"]}
    row |= {"actor": actor["name"], "changes": json.dumps(event["changes"], ensure_ascii=False, default=plain)}
    write_csv(printer.stream, _KEYS, [row], header=False)


def _line(event: dict[str, Any]) -> str:
    subject, actor = event["subject"], event["actor"]
    text = f"{event['at']}  {event['type']}  {subject['type']} {subject['id']}"
    changes = [f"{name}: {cell(c['before']) or '-'} -> {cell(c['after']) or '-'}" for name, c in event["changes"].items()]
    parts = [", ".join(event["reasons"]), "; ".join(changes), event["reason"] or "", f"by {actor['name']}"]
    return "  ".join([text, *filter(None, parts)])
