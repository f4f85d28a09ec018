"""`syncd purge`: delete people who have been gone longer than the retention time. Works with the directory down."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Table
from syncd.errors import UsageError

_PURGED = Table(
    keys=("directory", "users_purged"),
    headings={"directory": "DIRECTORY", "users_purged": "PEOPLE DELETED"},
    numbers=frozenset({"users_purged"}),
)


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("purge")(purge)


def purge(
    context: typer.Context,
    directory: Annotated[str | None, typer.Argument(help="Name of the directory; all of them when left out.")] = None,
    confirm: Annotated[
        int | None, typer.Option(min=1, help="Exactly how many people are to be deleted, when that is more than is usual.")
    ] = None,
) -> None:
    """Delete people who have been gone from their directory for longer than `safety.purge_after`."""
    if confirm is not None and directory is None:
        raise UsageError("--confirm is for one directory: name it")
    invocation = of(context)
    with invocation.runtime(need_directories=True) as runtime:
        names = [directory] if directory is not None else sorted(runtime.directories)
        rows = [{"directory": name, "users_purged": runtime.sync.purge(name, confirmed=confirm)} for name in names]
    invocation.printer.rows(_PURGED, rows)
