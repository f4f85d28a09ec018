"""`syncd export`: everybody, as JSON lines or CSV, streamed. What is in it: docs/export.md."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, TextIO, cast

import typer

from syncd.cli.invocation import of
from syncd.errors import UsageError


class ExportFormat(enum.StrEnum):
    """How people are written."""

    JSONL = "jsonl"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("export")(export)


def export(
    context: typer.Context,
    form: Annotated[ExportFormat, typer.Option("--format", help="One JSON object a line, or CSV for spreadsheets.")],
    output_file: Annotated[
        Path | None, typer.Option(help="Write here instead of to standard output; appears when it is complete.", dir_okay=False)
    ] = None,
) -> None:
    """Write all people with their organizations, units, roles and directories."""
    from syncd.services.export import write_csv, write_jsonl

    with of(context).runtime() as runtime, _target(output_file) as stream:
        people = runtime.queries.iter_people()
        if form is ExportFormat.JSONL:
            count = write_jsonl(people, stream)
        else:
            count = write_csv(people, stream, custom=tuple(runtime.settings.custom_fields))
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
