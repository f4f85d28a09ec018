"""What is printed of an action for many, whatever ends it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pytest
import typer

from syncd.cli.many import tell
from syncd.cli.output import Format, Printer, Table
from syncd.model.actions import PasswordResult, Result

TABLE = Table(keys=("id", "username", "password"), headings={"username": "USERNAME", "password": "PASSWORD"}, empty="nobody")
ANNA = PasswordResult(id=1, result=Result.CHANGED, password="New-Password1")
BEN = PasswordResult(id=2, result=Result.REFUSED, code="wrong_state", message="ben is disabled")


def until(rows: Sequence[PasswordResult], end: BaseException) -> Iterator[PasswordResult]:
    yield from rows
    raise end


@pytest.fixture
def printer() -> Printer:
    return Printer(Format.TABLE, io.StringIO())


def test_s47_a_password_that_was_set_is_shown_though_the_rest_is_interrupted(printer: Printer) -> None:
    with pytest.raises(KeyboardInterrupt):
        tell(printer, TABLE, until([ANNA], KeyboardInterrupt()), {1: "anna", 2: "ben"})
    assert "New-Password1" in printer.stream.getvalue()  # type: ignore[attr-defined]


def test_nothing_is_printed_where_nothing_began(printer: Printer) -> None:
    with pytest.raises(KeyboardInterrupt):
        tell(printer, TABLE, until([], KeyboardInterrupt()), {1: "anna"})
    assert printer.stream.getvalue() == ""  # type: ignore[attr-defined]
    tell(printer, TABLE, [], {})
    assert printer.stream.getvalue() == "nobody\n"  # type: ignore[attr-defined]


def test_s46_a_refusal_is_exit_code_1_after_all_is_told(printer: Printer) -> None:
    with pytest.raises(typer.Exit) as ended:
        tell(printer, TABLE, [BEN, ANNA], {1: "anna", 2: "ben"})
    assert ended.value.exit_code == 1
    assert [line.split()[0] for line in printer.stream.getvalue().splitlines()] == ["USERNAME", "ben", "anna"]  # type: ignore[attr-defined]
