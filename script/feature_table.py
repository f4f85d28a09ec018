"""Writes which test shows which function: `python script/feature_table.py docs/features.md` renews the table in that file.

A test shows the functions that its name begins with: test_s41_… shows S41, test_s36_s37_… shows S36 and S37.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (S\d+) \| ([^|]*) \|.*$", re.MULTILINE)
TEST = re.compile(r"^ *(?:async )?def (test_((?:s\d+_)+)\w+)\(", re.MULTILINE)


def shown() -> dict[str, list[str]]:
    """S-number -> the tests that show it, as FILE::TEST."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, numbers in TEST.findall(file.read_text(encoding="utf-8")):
            for number in numbers.rstrip("_").split("_"):
                found[number.upper()].append(f"{file.relative_to(ROOT / 'tests')}::{name}")
    return found


def renewed(text: str) -> str:
    """The page with the tests as they are now."""
    tests = shown()
    return ROW.sub(lambda row: f"| {row[1]} | {row[2]} | {_cell(tests.get(row[1], []))} |", text)


def _cell(tests: list[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests) or "-"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
