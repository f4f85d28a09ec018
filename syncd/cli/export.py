"""`syncd export`: everybody, as JSON lines or CSV, streamed. What is in it: docs/export.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, TextIO, cast

import typer

from syncd.cli.invocation import of
from syncd.errors import UsageError
from syncd.model.export import ExportFormat, ExportRequest
from syncd.model.views import UserState


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("export")(export)


def export(
    context: typer.Context,
    *,
    form: Annotated[ExportFormat, typer.Option("--format", help="One JSON object a line, or CSV for spreadsheets.")],
    output_file: Annotated[
        Path | None, typer.Option(help="Write here instead of to standard output; appears when it is complete.", dir_okay=False)
    ] = None,
    view: Annotated[UserState, typer.Option(help="Which people.")] = UserState.ALL,
    condition: Annotated[str, typer.Option("--filter", help='A SCIM filter, such as: userName sw "a" and active eq true')] = "",
    fields: Annotated[str, typer.Option(help="Columns in this order, with commas between them. Left out: as configured.")] = "",
) -> None:
    """Write people with their organizations, units, roles and directories."""
    wanted = ExportRequest(
        format=form, filter=condition, view=view.value, fields=tuple(part.strip() for part in fields.split(",") if fields)
    )
    with of(context).runtime() as runtime:
        lists = runtime.management.lists
        # what is wrong shows before a file is begun
        lists.check(wanted)
        with _target(output_file) as stream, closing(lists.people(wanted)) as people:
            count = lists.write(wanted, stream, people, header=True)
    if output_file is not None:
        typer.echo(f"{count} people written to {output_file}", err=True)


@contextmanager
def _target(file: Path | None) -> Iterator[TextIO]:
    """Where to write: UTF-8, line ends as they are. A file replaces the old one only when everything is in it."""
    if file is None:
        # an own text layer over the same bytes: standard output may have another encoding and translate line ends
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as stream:
            yield stream
        return
    try:
        temporary = NamedTemporaryFile(  # noqa: SIM115 - closed below, where it is renamed
            "w", encoding="utf-8", newline="", dir=file.parent, prefix=f".{file.name}.", delete=False
        )
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    try:
        with temporary as stream:
            yield cast(TextIO, stream)
        os.replace(temporary.name, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary.name)
        raise
