"""Tables, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest

from syncd.cli.output import Format, Printer, Table, write_csv

PEOPLE = Table(
    keys=("id", "name", "roles", "since", "enabled"),
    headings={"name": "NAME", "id": "ID", "roles": "ROLES"},
    numbers=frozenset({"id"}),
    empty="nobody",
)
ROWS = [
    {"id": 7, "name": "Anke Ackermann", "roles": ("a", "b"), "since": datetime(2026, 1, 31, 12, tzinfo=UTC), "enabled": True},
    {"id": 1234, "name": "山田太郎", "roles": (), "since": None, "enabled": False},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(form: Format, stream: io.StringIO | None = None) -> tuple[Printer, io.StringIO]:
    stream = stream or io.StringIO()
    return Printer(form, stream), stream


def test_a_table_is_aligned_text() -> None:
    printer, stream = printed(Format.TABLE)
    printer.rows(PEOPLE, ROWS, title="People")
    assert stream.getvalue().splitlines() == [
        "People",
        "NAME              ID  ROLES",
        "Anke Ackermann     7  a; b",
        "山田太郎        1234",
    ]


def test_a_table_without_rows_says_so() -> None:
    printer, stream = printed(Format.TABLE)
    printer.rows(PEOPLE, [])
    assert stream.getvalue() == "nobody\n"


def test_a_table_on_a_terminal_is_framed_and_takes_no_markup_from_names() -> None:
    printer, stream = printed(Format.TABLE, Terminal())
    printer.rows(PEOPLE, [{"id": 1, "name": "[red]x[/red]", "roles": ["[b]"]}])
    assert "─" in stream.getvalue()
    assert "[red]x[/red]" in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_name_cannot_move_the_cursor(stream: type[io.StringIO]) -> None:
    printer, out = printed(Format.TABLE, stream())
    printer.rows(PEOPLE, [{"id": 1, "name": "a\x1b[2Jb\x07\u202e\udc80"}])
    printer.text("x\x1b[31my\r")
    printer.record({"name": "\x9b2J"})
    assert not set("\x07\u202e\udc80\x9b\r") & set(out.getvalue())
    assert "\x1b[2J" not in out.getvalue()
    assert "\x1b[31m" not in out.getvalue()


def test_json_is_an_object_with_items_and_next() -> None:
    printer, stream = printed(Format.JSON)
    printer.rows(PEOPLE, ROWS, next_page="abc")
    document = json.loads(stream.getvalue())
    assert document["next"] == "abc"
    assert document["items"][0] == {
        "id": 7, "name": "Anke Ackermann", "roles": ["a", "b"], "since": "2026-01-31T12:00:00Z", "enabled": True,
    }  # fmt: skip
    assert "山田太郎" in stream.getvalue()


def test_csv_has_all_keys_as_columns() -> None:
    printer, stream = printed(Format.CSV)
    printer.rows(PEOPLE, ROWS)
    assert stream.getvalue() == (
        "id,name,roles,since,enabled\r\n7,Anke Ackermann,a; b,2026-01-31T12:00:00Z,true\r\n1234,山田太郎,,,false\r\n"
    )


@pytest.mark.parametrize("text", ["=1+1", "+34 1", "-x", "@sum", "\tx", "\rx", "\nx", " =1", "＝1"])
def test_a_csv_cell_is_never_a_formula(text: str) -> None:
    stream = io.StringIO(newline="")
    write_csv(stream, ("a",), [{"a": text}])
    assert list(csv.reader(io.StringIO(stream.getvalue(), newline="")))[1] == ["'" + text]


def test_numbers_and_harmless_texts_stay_in_csv() -> None:
    stream = io.StringIO(newline="")
    write_csv(stream, ("a", "b", "c", "d"), [{"a": -1, "b": "a=b", "c": 2.5, "d": date(2026, 1, 31)}])
    assert stream.getvalue().splitlines()[1] == "-1,a=b,2.5,2026-01-31"


def test_a_record_is_key_and_value() -> None:
    record = {"name": "x", "counts": {"users": 3, "none": {}}, "list": [1, 2]}
    printer, stream = printed(Format.TABLE)
    printer.record(record, title="Thing")
    assert stream.getvalue().splitlines() == [
        "Thing",
        "  name          x",
        "  counts.users  3",
        "  counts.none",
        "  list          1; 2",
    ]
    printer, stream = printed(Format.CSV)
    printer.record(record)
    assert stream.getvalue().splitlines() == ["key,value", "name,x", "counts.users,3", "counts.none,", "list,1; 2"]
    printer, stream = printed(Format.JSON)
    printer.record(record)
    assert json.loads(stream.getvalue()) == record
