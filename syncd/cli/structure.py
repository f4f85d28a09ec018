"""What verbs share: how roles, groups, organizations and units are named, and how lists are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from syncd.cli.output import Printer, Table
from syncd.errors import NotFoundError
from syncd.model.structure import Window

if TYPE_CHECKING:
    from syncd.model.views import Page

T = TypeVar("T")

Text = Annotated[str, typer.Argument(help="Words that occur in the name or the description.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")]
After = Annotated[str | None, typer.Option(help="Go on where a list ended: its `next`.")]
Name = Annotated[str, typer.Argument(help="What it is called.")]
NewName = Annotated[str | None, typer.Option("--name", help="Another name.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit trail.", prompt="Reason")]

PAGE = 1000


def number_of(text: str, by_name: Callable[[str], int | None], what: str) -> int:
    """The number that is meant: `7`, `id:7`, a name, or `name:7` for one that looks like a number. Raises NotFoundError."""
    kind, colon, value = text.partition(":")
    if colon and kind in ("id", "name"):
        text = value.strip()
    number = text.isascii() and text.isdecimal() and len(text) <= 18
    if number and not (colon and kind == "name"):
        return int(text)
    found = None if colon and kind == "id" else by_name(text)
    if found is None:
        raise NotFoundError(f"there is no {what} {text!r}")
    return found


def all_of(pages: Callable[[Window], Page[T]], *, text: str = "") -> Iterator[T]:
    """Everything, page by page."""
    after: str | None = None
    while True:
        page = pages(Window(text=text, limit=PAGE, after=after))
        yield from page.items
        if page.next is None:
            return
        after = page.next


def flat(value: Any) -> dict[str, Any]:
    """The attributes of a value of syncd.model.structure, with those of its fields beside them."""
    rest = {name: getattr(value, name) for name in value.__slots__ if name not in ("id", "fields")}
    return {"id": value.id} | {name: getattr(value.fields, name) for name in value.fields.__slots__} | rest


def print_page(printer: Printer, table: Table, page: Page[Any], rows: Callable[[Any], Mapping[str, Any]] = flat) -> None:
    """A page of a list, and how to go on."""
    printer.rows(table, [rows(item) for item in page.items], next_page=page.next)
    if page.next and printer.for_people:
        typer.echo(f"there are more: --after {page.next!r}", err=True)


def print_older(
    printer: Printer, table: Table, found: Sequence[Any], rows: Callable[[Any], Mapping[str, Any]], *, limit: int
) -> None:
    """The first `limit` of what was found, newest first; one more says that there are older ones, and how to go on is told."""
    shown = found[:limit]
    mark = str(shown[-1].id) if len(found) > limit else None
    printer.rows(table, [rows(item) for item in shown], next_page=mark)
    if mark and printer.for_people:
        typer.echo(f"older ones: --before {mark}", err=True)


def print_done(printer: Printer, record: Mapping[str, Any], line: str) -> None:
    """What a change came to: a line for people, the whole for programs."""
    if printer.for_people:
        printer.text(line)
    else:
        printer.record(record)


def given(**values: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in values.items() if value is not None}
