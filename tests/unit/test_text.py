"""Folding names: what counts as the same name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.text import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "ANNA"),
        ("  anna   maria ", "Anna Maria"),
        ("ﬁlip", "filip"),
        ("Straße", "STRASSE"),
        ("É", "e\u0301"),
        ("Ａｎｎａ", "anna"),
        ("tab\tname", "tab name"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("no\u00a0break", "no break"),
    ],
)
def test_the_same_name(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("anna", "hanna"), ("ana", "aña"), ("a b", "ab"), ("o", "ö"), ("", "a")])
def test_different_names(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_a_folded_name_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(text: str) -> None:
    assert f"{fold(text)} é".strip() == fold(f"{text} É")
