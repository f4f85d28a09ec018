"""Writes the table of error codes: `python script/error_table.py docs/errors.md` renews the one in that file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from syncd.errors import SyncdError

BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def table() -> str:
    """A row for each class of the tree, each below the one it is a kind of."""
    rows = ["| code | meaning | what to do | exit code | passes by itself |", "| --- | --- | --- | --- | --- |"]
    for kind in _tree(SyncdError):
        meaning = (kind.__doc__ or "").strip().splitlines()[0]
        retryable = "yes" if kind.retryable else ""
        rows.append(f"| `{kind.code}` | {meaning} | {kind.advice or '-'} | {kind.exit_code} | {retryable} |")
    return "\n".join(rows)


def renewed(text: str) -> str:
    """The page with the table as it is now. Raises ValueError for a page that has no place for one."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _tree(kind: type[SyncdError]) -> Iterator[type[SyncdError]]:
    yield kind
    for child in kind.__subclasses__():
        # not those that a test, or a package above, makes for itself
        if child.__module__.startswith("syncd.errors."):
            yield from _tree(child)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
