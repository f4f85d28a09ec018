"""One way to print: a table for people, JSON and CSV for programs. What programs get is a promise (docs/cli.md).

Colours, frames and progress bars only appear on a terminal. Elsewhere a table is plain aligned text, so that `grep` and `awk`
work on it and a log file has no escape sequences in it.
"""

from __future__ import annotations

import csv
import enum
import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TextIO

# what a spreadsheet takes for the beginning of a formula (OWASP: CSV injection)
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# between several values in one cell
_SEPARATOR = "; "

Row = Mapping[str, Any]


class Format(enum.StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that are all of one kind."""

    # keys of the rows, in the order of the CSV columns
    keys: tuple[str, ...]
    # key -> heading of the table that people see; the other keys are only for programs
    headings: Mapping[str, str]
    # what people read when there is no row
    empty: str = "nothing"
    # headings whose cells are numbers, aligned to the right
    numbers: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints results to standard output."""

    format: Format
    stream: TextIO = field(default_factory=lambda: sys.stdout)

    @property
    def for_people(self) -> bool:
        return self.format is Format.TABLE

    def rows(self, table: Table, rows: Sequence[Row], *, next_page: str | None = None, title: str = "") -> None:
        """A list. JSON is an object with `items` and `next`, as in the HTTP API."""
        if self.format is Format.JSON:
            self.json({"items": list(rows), "next": next_page})
        elif self.format is Format.CSV:
            write_csv(self.stream, table.keys, rows)
        else:
            self._table(table, rows, title)

    def record(self, record: Row, *, title: str = "") -> None:
        """One thing with all its values. CSV has the columns `key` and `value`."""
        if self.format is Format.JSON:
            self.json(record)
            return
        pairs = [{"key": key, "value": value} for key, value in flat(record)]
        if self.format is Format.CSV:
            write_csv(self.stream, ("key", "value"), pairs)
            return
        if title:
            self.text(title)
        width = max((len(pair["key"]) for pair in pairs), default=0)
        for pair in pairs:
            self.text(f"  {pair['key'].ljust(width)}  {cell(pair['value'])}".rstrip())

    def text(self, line: str = "") -> None:
        """A line for people; printed whatever the format is, so ask `for_people` before."""
        self.stream.write(printable(line) + "\n")

    def json(self, value: Any) -> None:
        """A JSON document, indented, in UTF-8."""
        json.dump(value, self.stream, ensure_ascii=False, indent=2, default=plain)
        self.stream.write("\n")

    def _table(self, table: Table, rows: Sequence[Row], title: str) -> None:
        if title:
            self.text(title)
        if not rows:
            self.text(table.empty)
            return
        cells = [[printable(cell(row.get(key))) for key in table.headings] for row in rows]
        right = [key in table.numbers for key in table.headings]
        if self.stream.isatty():
            _rich_table(self.stream, list(table.headings.values()), cells, right)
        else:
            _plain_table(self.stream, list(table.headings.values()), cells, right)


def write_csv(stream: TextIO, keys: Sequence[str], rows: Sequence[Row], *, header: bool = True) -> None:
    """A header, unless it was written before, and the rows (RFC 4180); texts that a spreadsheet would take for a formula get an
    apostrophe before them."""
    writer = csv.writer(stream, lineterminator="\r\n")
    if header:
        writer.writerow(keys)
    for row in rows:
        writer.writerow([_guarded(row.get(key)) for key in keys])


def _guarded(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = cell(value)
    return "'" + text if text.lstrip(" ")[:1] in _FORMULA and text.strip(" ") else text


def cell(value: Any) -> str:
    """A value as text in a table's cell or a CSV field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(plain(value))
    if isinstance(value, Mapping):
        return _SEPARATOR.join(f"{key}={cell(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return _SEPARATOR.join(cell(item) for item in value)
    return str(value)


def flat(record: Row, prefix: str = "") -> list[tuple[str, Any]]:
    """The values of nested mappings under dotted names."""
    pairs: list[tuple[str, Any]] = []
    for key, value in record.items():
        if isinstance(value, Mapping) and value:
            pairs += flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", value))
    return pairs


def plain(value: Any) -> Any:
    """What JSON has no type for: times in UTC (RFC 3339), dates, and whatever else has a text."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else str(value)


def printable(text: str) -> str:
    """The text without what could move a cursor or could not be written: values come from a directory."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char == "\n" or not unicodedata.category(char).startswith("C") else ascii(char)[1:-1] for char in text
    )


# ---------------------------------------------------------------- tables
def _plain_table(stream: TextIO, headings: list[str], rows: list[list[str]], right: list[bool]) -> None:
    lines = [headings, *([part.replace("\n", " ") for part in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        parts = [_padded(part, width, number) for part, width, number in zip(line, widths, right, strict=True)]
        stream.write("  ".join(parts).rstrip() + "\n")


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    """Columns the text takes on a terminal: wide characters take two, combining ones none (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _rich_table(stream: TextIO, headings: list[str], rows: list[list[str]], right: list[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading, number in zip(headings, right, strict=True):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in rows:
        # Text, so that "[x]" in a name is no markup
        table.add_row(*(Text(part) for part in row))
    Console(file=stream, highlight=False).print(table)
