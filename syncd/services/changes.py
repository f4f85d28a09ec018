"""The changes of a held plan as JSON and CSV, for whoever has to decide about them: the same keys and columns everywhere."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from syncd.model.hold import ChangeRow
from syncd.services.export import Json, field_cell, plain_value, text_cell

COLUMNS = ChangeRow._fields


def change_json(row: ChangeRow) -> Json:
    """A change as JSON, every key always there."""
    return row._asdict() | {"before": plain_value(row.before), "after": plain_value(row.after)}


def write_changes_csv(rows: Iterable[ChangeRow], stream: TextIO, *, header: bool = True) -> int:
    """A header and one row for each change (RFC 4180), no cell of which a spreadsheet takes for a formula; how many.

    The stream must not translate line ends (`open(..., newline="")`).
    """
    writer = csv.writer(stream)
    if header:
        writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        name, field = text_cell(row.name), text_cell(row.field)
        before, after = field_cell(row.before), field_cell(row.after)
        writer.writerow([row.kind, row.action, text_cell(row.id), name, field, before, after, text_cell(row.rule)])
        count += 1
    return count
