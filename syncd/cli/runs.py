"""`syncd runs …`: what was done, and what could not be used."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Format
from syncd.cli.runviews import RUNS, issue_json, run_json, run_row
from syncd.cli.structure import print_older
from syncd.cli.sync import print_run

app = typer.Typer(help="Show runs.", no_args_is_help=True)


@app.command("list")
def list_runs(
    context: typer.Context,
    directory: Annotated[str | None, typer.Option(help="Only runs of this directory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Only runs older than this one.")] = None,
) -> None:
    """List runs, newest first."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        runtime.management.lists.require_directory(directory)
        found = runtime.runs.list(directory=directory, limit=limit + 1, before_id=before)
    print_older(invocation.printer, RUNS, found, run_json if invocation.format is Format.JSON else run_row, limit=limit)


@app.command()
def show(context: typer.Context, run: Annotated[int, typer.Argument(min=1, help="Number of the run.")]) -> None:
    """Show one run, with the entries that could not be used and why."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        found = runtime.runs.get(run)
        started = found.started_at is not None
        issues = (
            [issue_json(issue) for issue in runtime.queries.issues(directory=found.directory, run_id=run)] if started else []
        )
    if invocation.printer.for_people:
        print_run(invocation.printer, found, issues)
    else:
        invocation.printer.record(run_json(found) | {"issues": issues})
