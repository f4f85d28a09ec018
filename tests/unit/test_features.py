"""Every function that docs/features.md promises has a test that carries its number."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "features.md"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("feature_table", ROOT / "script" / "feature_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_functions_is_true() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == _script().renewed(page), "renew it: python script/feature_table.py docs/features.md"


def test_every_function_is_shown_by_a_test() -> None:
    script = _script()
    rows = script.ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 60
    assert [number for number, _ in rows if number not in script.shown()] == []
