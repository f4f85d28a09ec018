"""The tree of errors as a catalogue: codes that are one of a kind, advice where an operator needs some, a page that is true."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import DirectoryError, StoreError, SyncdError, class_of

ROOT = Path(__file__).resolve().parents[2]


def tree(kind: type[SyncdError]) -> Iterator[type[SyncdError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("syncd.errors."):
            yield from tree(child)


def test_each_code_is_one_class() -> None:
    codes = Counter(kind.code for kind in tree(SyncdError))
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(class_of(kind.code) is kind for kind in tree(SyncdError))


@pytest.mark.parametrize("kind", [*tree(DirectoryError), *tree(StoreError)], ids=lambda kind: kind.code)
def test_each_failure_has_a_sentence_and_advice_of_its_own(kind: type[SyncdError]) -> None:
    error = kind()
    assert error.message.endswith(".")
    assert error.hint
    inherited = kind.__bases__[0].advice  # type: ignore[attr-defined]
    assert error.hint != inherited


def test_the_page_of_error_codes_is_true() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == _script().renewed(page), "renew it: python script/error_table.py docs/errors.md"
    assert all(f"| `{kind.code}` |" in page for kind in tree(SyncdError))


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("error_table", ROOT / "script" / "error_table.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
