"""`syncd plan …`: look at the plans that the guard holds, and decide about them."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli import planviews
from syncd.cli.invocation import actor, of
from syncd.cli.output import Format
from syncd.cli.structure import print_older
from syncd.cli.sync import do_run, exit_code, print_runs
from syncd.cli.work import progress_bar

app = typer.Typer(help="Look at held plans, approve or reject them.", no_args_is_help=True)

PlanId = Annotated[int, typer.Argument(min=1, help="Number of the plan.", metavar="PLAN")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]
_SAMPLES = 20


@app.command("list")
def list_plans(
    context: typer.Context,
    directory: Annotated[str | None, typer.Option(help="Only plans of this directory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Only plans older than this one.")] = None,
) -> None:
    """List plans that are or were held, newest first."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        runtime.management.lists.require_directory(directory)
        found = runtime.plans.list(directory=directory, limit=limit + 1, before_id=before)
    make = planviews.held_json if invocation.format is Format.JSON else planviews.held_row
    print_older(invocation.printer, planviews.PLANS, found, make, limit=limit)


@app.command()
def show(
    context: typer.Context,
    plan_id: PlanId,
    changes: Annotated[bool, typer.Option("--changes", help="Every change, not only a few.")] = False,
) -> None:
    """Show one plan: why it is held, what it would do, and which line of the configuration makes it so.

    As CSV it is always every change.
    """
    invocation = of(context)
    printer = invocation.printer
    with invocation.runtime() as runtime:
        plan = runtime.plans.get(plan_id)
        everything = changes or printer.format is Format.CSV
        found = runtime.plans.changes(plan_id) if everything else runtime.plans.samples(plan_id, _SAMPLES)
        rows = list(planviews.held_changes(plan, found))
    if printer.format is Format.CSV:
        printer.rows(planviews.CHANGES, rows)
    elif printer.format is Format.JSON:
        printer.json(planviews.held_json(plan) | {"items" if changes else "samples": rows})
    else:
        planviews.print_held(printer, plan, rows)


@app.command()
def approve(context: typer.Context, plan_id: PlanId, reason: Reason) -> None:
    """Approve a plan, and sync: it is made anew, and applied only if it is still the same."""
    invocation = of(context)
    with invocation.runtime(need_directories=True) as runtime:
        plan, run = runtime.plans.approve(plan_id, actor=actor(), reason=reason)
        if plan.directory not in runtime.directories:
            typer.echo(f"plan {plan.id} is approved; directory {plan.directory!r} is not in this configuration", err=True)
            raise typer.Exit(0)
        with progress_bar(wanted=invocation.printer.for_people) as progress:
            run = do_run(runtime, run, progress)
        print_runs(invocation.printer, runtime, [run])
    raise typer.Exit(exit_code(run))


@app.command()
def reject(context: typer.Context, plan_id: PlanId, reason: Reason) -> None:
    """Reject a plan: nothing is changed, and the same plan is not asked about again until it expires."""
    invocation = of(context)
    with invocation.runtime() as runtime:
        plan = runtime.plans.reject(plan_id, actor=actor(), reason=reason)
    if invocation.printer.for_people:
        invocation.printer.text(f"Plan {plan.id} of {plan.directory} is rejected; nothing was changed.")
    else:
        invocation.printer.record(planviews.held_json(plan))
