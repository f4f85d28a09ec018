"""What verbs for one or many people share: who is meant, files with a line for each, asking first, and what came of it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from syncd.cli.output import Printer, Table
from syncd.errors import UsageError
from syncd.model.actions import Result, RowResult

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

STDIN = "-"
# shown of those about whom we ask
_SHOWN = 5

Who = Annotated[
    list[str] | None,
    typer.Argument(help="Username, email, DN, entry id or number, one or more; `id:7` names the kind.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before acting on more than one.")]


def people(runtime: Runtime, names: Iterable[str]) -> dict[int, str]:
    """Id -> username, each once. A name that nobody has stops everything before it begins."""
    return {person.id: person.username or "" for person in map(runtime.queries.user, names)}


# ---------------------------------------------------------------- files
class Line(NamedTuple):
    """The name of somebody, and a value for them."""

    number: int
    name: str
    value: str


def lines(file: str, columns: tuple[str, str]) -> list[Line]:
    """The lines of a CSV file (RFC 4180), or of standard input, in UTF-8; a first one of the columns' names is a header.

    Raises UsageError, which has nothing of what is in the file.
    """
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        found = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise UsageError(f"{file}, line {reader.line_num}: {error}") from None
    if found and tuple(found[0][1]) == columns:
        del found[0]
    for number, row in found:
        if len(row) != len(columns):
            raise UsageError(
                f"{file}, line {number}: there are {len(row)} fields, not {' and '.join(columns)}",
                advice="What has a comma in it stands in double quotes.",
            )
    if not found:
        raise UsageError(f"{file} has no lines")
    return [Line(number, *row) for number, row in found]


def people_of(runtime: Runtime, file: str, found: Iterable[Line]) -> dict[int, str]:
    """Id -> username, in the order of the lines. Raises NotFoundError, and UsageError for somebody who comes twice."""
    named: dict[int, str] = {}
    for line in found:
        person = runtime.queries.user(line.name)
        if person.id in named:
            raise UsageError(f"{file}, line {line.number}: {line.name} has an earlier line")
        named[person.id] = person.username or ""
    return named


def _text(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


# ---------------------------------------------------------------- doing it
def ask(what: str, names: Sequence[str], *, yes: bool, file: str | None = None) -> None:
    """Ask about more than one, on standard error, so that the output stays what programs expect. Raises UsageError, Abort."""
    if yes or len(names) < 2:
        return
    if file == STDIN:
        raise UsageError("nobody can be asked while the lines come from standard input", advice="Say --yes.")
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    question: dict[str, Any] = {"abort": True, "err": True}
    typer.confirm(f"{what}: {len(names)} people ({shown}). Go on?", **question)


def tell(
    printer: Printer,
    table: Table,
    results: Iterable[RowResult],
    names: Mapping[int, str],
    *,
    attributes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print a row for each, also for those who were done when it was interrupted; exit code 1 when one was refused.

    `attributes`: key -> the result's attribute, where that is called otherwise.
    """
    done: list[RowResult] = []
    try:
        for row in results:
            done.append(row)  # noqa: PERF402 - what there is of it is printed whatever happens
    except BaseException:
        if done:
            printer.rows(table, _shown(done, table, names, attributes))
        raise
    printer.rows(table, _shown(done, table, names, attributes))
    if any(row.result is Result.REFUSED for row in done):
        raise typer.Exit(1)


def _shown(
    done: Sequence[RowResult], table: Table, names: Mapping[int, str], attributes: Mapping[str, str]
) -> list[dict[str, Any]]:
    wanted = {key: attributes.get(key, key) for key in table.keys}
    return [{key: names[row.id] if key == "username" else getattr(row, name) for key, name in wanted.items()} for row in done]
