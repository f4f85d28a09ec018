"""One primary address out of several, and the same one every time."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.emails import EmailRule, Emails, FurtherEmailsRule
from syncd.mapping.problems import BadValue
from syncd.mapping.sources import RuleError
from syncd.model.entry import Entry
from syncd.settings.directory import RuleTable


def entry(*mail: str, dn: str = "uid=jd,dc=x", **others: str) -> Entry:
    values = {"mail": [value.encode() for value in mail]} | {name: [text.encode()] for name, text in others.items()}
    return Entry(dn, values)


def rule(**table: Any) -> EmailRule:
    return EmailRule(RuleTable.model_validate(table))


MAIL = EmailRule("mail")


def test_one_address() -> None:
    assert MAIL.addresses(entry("J.Doe@Example.COM")) == Emails("J.Doe@example.com", None)
    assert MAIL.addresses(entry(" ")) == Emails(None, None)
    assert MAIL.addresses(Entry("uid=a", {})) == Emails(None, None)


def test_the_first_in_sorted_order_whatever_the_server_sends() -> None:
    expected = Emails("a@x.de", ("B@x.de", "c@x.de"))
    for mails in permutations(("c@x.de", "a@x.de", "B@x.de")):
        assert MAIL.addresses(entry(*mails)) == expected


def test_spellings_of_one_address_are_one() -> None:
    assert MAIL.addresses(entry("a@x.de", "A@X.DE", "a@x.de ")) == Emails("A@x.de", None)


def test_the_current_one_stays_as_long_as_it_exists() -> None:
    assert MAIL.addresses(entry("c@x.de", "b@x.de"), "C@x.de").primary == "c@x.de"
    assert MAIL.addresses(entry("c@x.de", "b@x.de", "a@x.de"), "c@x.de") == Emails("c@x.de", ("a@x.de", "b@x.de"))
    assert MAIL.addresses(entry("b@x.de", "a@x.de"), "c@x.de").primary == "a@x.de"


def test_the_rdn_counts_before_the_alphabet_and_after_the_current_one() -> None:
    found = entry("b@x.de", "a@x.de", "c@x.de", dn="mail=b@x.de,dc=x")
    assert MAIL.addresses(found).primary == "b@x.de"
    assert MAIL.addresses(found, "c@x.de").primary == "c@x.de"


def test_prefer_wins() -> None:
    preferring = rule(attribute="mail", prefer="@corp\\.de$")
    assert preferring.addresses(entry("a@x.de", "z@corp.de"), "a@x.de") == Emails("z@corp.de", ("a@x.de",))
    assert preferring.addresses(entry("y@corp.de", "z@corp.de"), "z@corp.de").primary == "z@corp.de"
    assert preferring.addresses(entry("y@corp.de", "z@corp.de")).primary == "y@corp.de"
    assert preferring.addresses(entry("b@x.de", "a@x.de"), "b@x.de").primary == "b@x.de"


@given(st.sets(st.sampled_from([f"{name}@x.de" for name in "abcdef"]), min_size=1), st.sampled_from("abcdef"))
def test_an_address_that_comes_or_goes_does_not_move_the_primary_one(mails: set[str], other: str) -> None:
    primary = MAIL.addresses(entry(*mails)).primary
    assert primary is not None
    more = MAIL.addresses(entry(*mails, f"{other}@x.de"), primary)
    assert more.primary == primary
    fewer = mails - {f"{other}@x.de"} | {primary}
    assert MAIL.addresses(entry(*fewer), primary).primary == primary


def test_first_of_attributes_and_templates() -> None:
    several = EmailRule(["mail", "{uid}@example.com"])
    assert several.addresses(entry("a@x.de", "b@x.de", uid="jd")) == Emails("a@x.de", ("b@x.de",))
    assert several.addresses(entry(uid="jd")) == Emails("jd@example.com", None)
    assert rule(attribute="mail", constant="nobody@example.com").addresses(entry(" ")).primary == "nobody@example.com"
    assert rule(constant="nobody@example.com").addresses(entry()).primary == "nobody@example.com"
    assert rule(attribute="mail", convert=["lower"]).addresses(entry("A@X.de", "B@X.de")) == Emails("a@x.de", ("b@x.de",))


def test_exchange_addresses() -> None:
    proxies = rule(attribute="mail", prefer="^SMTP:")
    found = entry("smtp:a@x.de", "SMTP:z@x.de", "X500:/o=Corp/cn=z", "sip:z@x.de", "mailto:b@x.de")
    assert proxies.addresses(found) == Emails("z@x.de", ("a@x.de", "b@x.de"))
    assert MAIL.addresses(entry("sip:z@x.de")) == Emails(None, None)
    assert MAIL.addresses(entry("SMTP: z@x.de")) == Emails("z@x.de", None)


@pytest.mark.parametrize("mails", [("nonsense",), ("a@x.de", "nonsense"), ("a@x.de", "b@x..de")])
def test_bad_addresses_are_told(mails: tuple[str, ...]) -> None:
    with pytest.raises(BadValue, match=r"^mail '(nonsense|b@x\.\.de)' is not an email address"):
        MAIL.addresses(entry(*mails))


def test_bad_bytes_are_told() -> None:
    for values in ([b"\xe4@x.de"], [b"\xe4@x.de", b"a@x.de"], [b"a\0@x.de"]):
        with pytest.raises(BadValue, match=r"^mail "):
            MAIL.addresses(Entry("uid=a", {"mail": values}))


def test_further_addresses_of_their_own() -> None:
    further = FurtherEmailsRule(["mailAlternate", "mail"])
    found = Entry("uid=a", {"mailalternate": [b"c@x.de", b"A@x.de", b"B@x.de", b"sip:x"]})
    assert further.addresses(found, "a@x.de") == ("B@x.de", "c@x.de")
    assert further.addresses(found, None) == ("A@x.de", "B@x.de", "c@x.de")
    assert further.addresses(entry("a@x.de"), "A@X.de") is None
    assert further.addresses(entry(), None) is None
    constant = FurtherEmailsRule(RuleTable(constant="all@x.de"))
    assert constant.addresses(entry(), "a@x.de") == ("all@x.de",)
    assert constant.addresses(entry(), "ALL@x.de") is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"attribute": "mail", "convert": ["guid"]}, "no email address"),
        ({"attribute": "mail", "convert": ["integer"]}, "type email"),
        ({"constant": "nonsense"}, "bad constant"),
        ({}, "neither"),
    ],
)
def test_rules_that_make_no_sense(table: dict[str, Any], message: str) -> None:
    for compiled in (EmailRule, FurtherEmailsRule):
        with pytest.raises(RuleError, match=message):
            compiled(RuleTable.model_validate(table))
