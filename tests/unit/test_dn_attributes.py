"""One name for each attribute, one fold for each text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.attributes import canonical_attribute
from syncd.model.text import fold


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("SN", "sn"),
        ("surname", "sn"),
        ("2.5.4.4", "sn"),
        ("OID.2.5.4.4", "sn"),
        (" userid ", "uid"),
        ("0.9.2342.19200300.100.1.3", "mail"),
        ("rfc822Mailbox", "mail"),
        ("domainComponent", "dc"),
        ("1.3.6.1.1.16.4", "entryuuid"),
        ("userCertificate;binary", "usercertificate"),
        ("CN;lang-DE;Lang-AT", "cn;lang-at;lang-de"),
        ("commonName;binary;lang-en", "cn;lang-en"),
        ("msDS-KeyCredentialLink", "msds-keycredentiallink"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_canonical_names(description: str, name: str) -> None:
    assert canonical_attribute(description) == name
    assert canonical_attribute(name) == name


def test_folding_squeezes_and_composes() -> None:
    assert fold("  Jane   DOE ") == "jane doe"
    assert fold("ﬁ Å") == fold("fi A\u030a")
    assert fold("Straße") == "strasse"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text)
    assert fold(once) == once


def test_folding_is_stable_for_every_character() -> None:
    unstable = [
        hex(code)
        for code in range(0x30000)
        if not 0xD800 <= code < 0xE000 and fold(once := fold("a" + chr(code) + "b")) != once
    ]
    assert unstable == []
