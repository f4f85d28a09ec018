"""`syncd sync`: one run of one directory or of all, now; or, with --dry-run, what it would do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.invocation import Invocation, actor, of
from syncd.cli.output import Format, Printer
from syncd.cli.runviews import ISSUES, RUNS, issue_json, run_json, run_row, shown_changes, totals
from syncd.cli.work import Stoppable, progress_bar
from syncd.errors import HeldError, LeaseHeldError, SyncdError, class_of
from syncd.model.run import Mode, Outcome, Run, Trigger

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime
    from syncd.services.planned import Planned, Progress

# worst first: what a call that did several directories exits with
_WORST = (78, 77, 69, 75, 1, 4, 3)
EXIT_CHANGES = 3
_POLL_SECONDS = 0.5
ISSUES_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("sync")(sync)


def sync(
    context: typer.Context,
    directory: Annotated[str | None, typer.Argument(help="Name of the directory; all of them when left out.")] = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="changes: what the feed says changed; sweep: compare ids, names and versions of all; full: read everything; "
            "roles: grants anew from the role mapping."
        ),
    ] = Mode.CHANGES,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
) -> None:
    """Sync now, and wait for the end."""
    invocation = of(context)
    with invocation.runtime(need_directories=True) as runtime:
        names = [directory] if directory is not None else sorted(runtime.directories)
        code = _dry(invocation, runtime, names, mode) if dry_run else _real(invocation, runtime, names, mode)
    raise typer.Exit(code)


# ---------------------------------------------------------------- for real
def _real(invocation: Invocation, runtime: Runtime, names: Sequence[str], mode: Mode) -> int:
    runs: list[Run] = []
    with progress_bar(wanted=invocation.printer.for_people) as progress:
        for name in names:
            run, _ = runtime.sync.request(name, mode=mode, trigger=Trigger.CLI, actor=actor())
            runs += [do_run(runtime, run, progress)]
    print_runs(invocation.printer, runtime, runs)
    return worst(map(exit_code, runs))


def do_run(runtime: Runtime, run: Run, progress: Callable[[Progress], None]) -> Run:
    """Do a queued run, or wait while another process does it; the run at its end."""
    work: Stoppable[Run] = Stoppable(
        lambda stopping: _to_its_end(runtime, run, stopping, progress),
        interrupt=lambda: runtime.sync.interrupt(run.directory),
    )
    return work.run()


def _to_its_end(runtime: Runtime, run: Run, stopping: Callable[[], bool], progress: Callable[[Progress], None]) -> Run:
    """Do queued runs of the directory until this one is done, or wait while another process does it."""
    while not stopping():
        try:
            runtime.sync.work(run.directory, stopping=stopping, progress=progress)
        except LeaseHeldError:
            time.sleep(_POLL_SECONDS)
        run = runtime.runs.get(run.id)
        if run.outcome.final:
            return run
        if run.outcome is Outcome.RUNNING:
            run = _watch(runtime, run)
    return run


def _watch(runtime: Runtime, run: Run) -> Run:
    """Wait a moment for a run of another process; one whose process has died is ended as abandoned."""
    try:
        with runtime.lease.hold(run.directory):
            runtime.runs.abandon_running(run.directory, at=runtime.clock.now())
    except LeaseHeldError:
        time.sleep(_POLL_SECONDS)
    return runtime.runs.get(run.id)


def exit_code(run: Run) -> int:
    """The exit code that belongs to a run's outcome."""
    if run.outcome.complete:
        return 0
    if run.outcome is Outcome.HELD:
        return HeldError.exit_code
    if run.outcome is Outcome.FAILED:
        return class_of(run.code).exit_code
    return 75


def worst(codes: Any) -> int:
    """Of several exit codes the one to end with."""
    found = set(codes)
    return next((code for code in _WORST if code in found), max(found, default=0))


def print_runs(printer: Printer, runtime: Runtime, runs: Sequence[Run]) -> None:
    """Finished runs, with what could not be used."""
    if printer.format is Format.JSON:
        items = [run_json(run) | {"issues": _issues(runtime, run)} for run in runs]
        printer.json({"items": items, "next": None})
        return
    if printer.format is Format.CSV:
        printer.rows(RUNS, [run_row(run) for run in runs])
        return
    for run in runs:
        print_run(printer, run, _issues(runtime, run))


def print_run(printer: Printer, run: Run, issues: Sequence[dict[str, Any]]) -> None:
    """A finished run for people: outcome, counts, and what could not be used."""
    row = run_row(run)
    took = f" in {row['seconds']} s" if row["seconds"] is not None else ""
    printer.text(f"{run.directory}: run {run.id} {run.outcome}{took}{totals(run.counts)}")
    if run.server:
        printer.text(f"  {run.entries_read} entries read from {run.server}")
    for name, count in shown_changes(run.counts):
        printer.text(f"  {count:>9}  {name}")
    if run.message:
        printer.text(f"  {run.message}")
    if run.advice:
        printer.text(f"  {run.advice}")
    print_issues(printer, issues, more=f"syncd runs show {run.id}")


def print_issues(printer: Printer, issues: Sequence[dict[str, Any]], *, more: str) -> None:
    """The first issues, and how to see the others."""
    if not issues:
        return
    printer.text()
    printer.rows(ISSUES, issues[:ISSUES_SHOWN], title="Could not be used:")
    if len(issues) > ISSUES_SHOWN:
        printer.text(f"… and {len(issues) - ISSUES_SHOWN} more: {more}")


def _issues(runtime: Runtime, run: Run) -> list[dict[str, Any]]:
    if not run.outcome.final or run.started_at is None:
        return []
    return [issue_json(issue) for issue in runtime.queries.issues(directory=run.directory, run_id=run.id)]


# ---------------------------------------------------------------- dry
def _dry(invocation: Invocation, runtime: Runtime, names: Sequence[str], mode: Mode) -> int:
    from syncd.cli import planviews

    plans: list[dict[str, Any]] = []
    codes: list[int] = []
    with progress_bar(wanted=invocation.printer.for_people) as progress:
        for name in names:
            try:
                planned = _plan(runtime, name, mode, progress)
            except SyncdError as error:
                plans.append({"directory": name, "error": {"code": error.code, "message": error.message, "advice": error.hint}})
                codes.append(error.exit_code)
                continue
            objections = runtime.sync.judge(planned)
            plans.append(planviews.plan_json(planned, objections, runtime.sync.settings[name]))
            codes.append(HeldError.exit_code if objections else 0 if planned.plan.is_empty else EXIT_CHANGES)
    _print_plans(invocation.printer, plans)
    return worst(codes)


def _plan(runtime: Runtime, name: str, mode: Mode, progress: Callable[[Progress], None]) -> Planned:
    work: Stoppable[Planned] = Stoppable(
        lambda stopping: runtime.sync.plan(name, mode=mode, stopping=stopping, progress=progress),
        interrupt=lambda: runtime.sync.interrupt(name),
    )
    return work.run()


def _print_plans(printer: Printer, plans: Sequence[dict[str, Any]]) -> None:
    from syncd.cli import planviews

    if printer.format is Format.JSON:
        printer.json({"items": plans, "next": None})
    elif printer.format is Format.CSV:
        printer.rows(planviews.CHANGES, [change for plan in plans for change in plan.get("changes", ())])
    else:
        for plan in plans:
            planviews.print_plan(printer, plan)
