"""`syncd db …`: the schema of the database, and backups. Needs no directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.invocation import Invocation, of
from syncd.cli.output import Table
from syncd.model.checks import CheckStatus

if TYPE_CHECKING:
    from syncd.bootstrap import Database

_LINES = Table(keys=("name", "status", "text", "advice"), headings={"status": "RESULT", "name": "CHECK", "text": "FOUND"})

app = typer.Typer(help="Upgrade, check and back up the database.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the database to the schema this version needs; makes an empty one ready. Stop syncd before."""
    invocation = of(context)
    with _database(invocation) as database:
        before = database.revision()
        database.upgrade()
        after = database.revision()
    changed = before != after
    if not invocation.printer.for_people:
        invocation.printer.record({"before": before, "after": after, "changed": changed})
    elif changed:
        invocation.printer.text(f"the database is now at revision {after}; it was {f'at {before}' if before else 'empty'}")
    else:
        invocation.printer.text(f"the database is at revision {after} already; nothing to do")


@app.command()
def check(context: typer.Context) -> None:
    """Check the schema, the file and the content. Exit code 78: it needs an upgrade; 75: no database; 1: it is damaged."""
    invocation = of(context)
    with _database(invocation) as database:
        database.check()
        lines = database.integrity()
    rows = [{"name": line.name, "status": line.status.value, "text": line.text, "advice": line.advice} for line in lines]
    if not invocation.printer.for_people:
        invocation.printer.rows(_LINES, rows)
    for line in lines if invocation.printer.for_people else ():
        invocation.printer.text(f"  {line.status.value}  {line.name}: {line.text}")
        if line.advice:
            invocation.printer.text(f"        {line.advice}")
    if any(line.status is CheckStatus.FAIL for line in lines):
        raise typer.Exit(1)


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.", dir_okay=False)],
) -> None:
    """Write a copy of the database, while syncd runs. For PostgreSQL use pg_dump."""
    invocation = of(context)
    with _database(invocation) as database:
        database.backup(file)
    size = file.stat().st_size
    if invocation.printer.for_people:
        invocation.printer.text(f"{size} bytes written to {file}")
    else:
        invocation.printer.record({"file": str(file), "bytes": size})


@contextmanager
def _database(invocation: Invocation) -> Iterator[Database]:
    settings = invocation.load().settings
    from syncd.bootstrap import open_database

    database = open_database(settings)
    try:
        yield database
    finally:
        database.close()
