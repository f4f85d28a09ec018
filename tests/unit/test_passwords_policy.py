"""What a local password must be: the policy, its hints, names, Unicode, suggestions, strength, age."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd.accounts.age import AgePolicy, days_left
from syncd.accounts.passwords import MAX_LENGTH, Flaw, Policy, flaws, hint, is_name, missing, prepared
from syncd.accounts.strength import strength
from syncd.accounts.suggestion import LOWER, UPPER, suggestion

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOTHING = Policy(min_length=1, lower=False, upper=False, digit=False)
policies = st.builds(
    Policy,
    min_length=st.integers(1, MAX_LENGTH),
    lower=st.booleans(),
    upper=st.booleans(),
    digit=st.booleans(),
    special=st.booleans(),
)
names = st.lists(st.text(max_size=20), max_size=5)


# ---------------------------------------------------------------- the policy
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("Abcdefg1", ()),
        ("Abcdef1", (Flaw.TOO_SHORT,)),
        ("abcdefg1", (Flaw.UPPER,)),
        ("ABCDEFG1", (Flaw.LOWER,)),
        ("Abcdefgh", (Flaw.DIGIT,)),
        ("", (Flaw.TOO_SHORT, Flaw.LOWER, Flaw.UPPER, Flaw.DIGIT)),
        ("!!!!!!!!", (Flaw.LOWER, Flaw.UPPER, Flaw.DIGIT)),
        ("Пароль12", ()),
        ("пароль12", (Flaw.UPPER,)),
        ("Пароль١٢", ()),
        ("A1" + "b" * 126, ()),
        ("A1" + "b" * 127, (Flaw.TOO_LONG,)),
        ("Abcdefg1\n", (Flaw.CHARACTER,)),
        ("Abcdefg1\x00", (Flaw.CHARACTER,)),
        ("Abcdefg1\u200b", (Flaw.CHARACTER,)),
        ("Abcdefg1\ue000", (Flaw.CHARACTER,)),
        ("Abcdefg1\U0001f468\u200d\U0001f469", ()),
    ],
)  # fmt: skip
def test_s6_default_policy(password: str, expected: tuple[Flaw, ...]) -> None:
    assert flaws(password, Policy()) == expected


@pytest.mark.parametrize(
    ("password", "special"), [("Abcdefg1", False), ("Abcdefg1!", True), ("Abcd efg1", True), ("Abcdefg1€", True)]
)
def test_s6_special_is_punctuation_a_symbol_or_a_space(password: str, special: bool) -> None:
    assert (flaws(password, Policy(special=True)) == ()) is special


@pytest.mark.parametrize("kind", ["lower", "upper", "digit", "special"])
def test_s6_each_kind_of_character_can_be_asked_for_alone(kind: str) -> None:
    policy = Policy(min_length=1, **({"lower": False, "upper": False, "digit": False} | {kind: True}))
    having = {"lower": "a", "upper": "A", "digit": "1", "special": "!"}
    for other, character in having.items():
        assert flaws(character, policy) == (() if other == kind else (Flaw(f"{kind}_missing"),))


@given(st.text(max_size=150), policies)
def test_s6_what_is_missing_is_told_exactly(password: str, policy: Policy) -> None:
    found = flaws(password, policy)
    text = prepared(password)
    assert (Flaw.TOO_SHORT in found) is (len(text) < policy.min_length)
    assert (Flaw.TOO_LONG in found) is (len(text) > MAX_LENGTH)
    assert bool(missing(found, policy)) is bool(found)
    if len(text) <= MAX_LENGTH:
        assert (Flaw.DIGIT in found) is (policy.digit and not any(character.isdecimal() for character in text))


def test_s6_hint_names_what_is_missing_and_nothing_else() -> None:
    policy = Policy(special=True)
    assert missing(flaws("abcdefgh", policy), policy) == (
        "An upper-case letter, a digit and a character that is neither letter nor digit are missing.",
    )
    assert missing(flaws("Ab1!", policy), policy) == ("At least 8 characters are needed.",)
    assert missing(flaws("ABCDEFG1", Policy()), Policy()) == ("A lower-case letter is missing.",)
    assert missing((), policy) == ()


def test_s6_hint_says_the_whole_policy() -> None:
    assert hint(Policy()) == (
        "8 to 128 characters, with a lower-case letter, an upper-case letter and a digit. Not your name, username or address."
    )
    assert "neither letter nor digit" in hint(Policy(special=True))
    assert hint(NOTHING) == "1 to 128 characters. Not your name, username or address."
    assert hint(Policy(history=12, min_strength=3)).endswith("Not easy to guess. Not one you had before.")


@pytest.mark.parametrize(
    "password",
    ["anna.smith", "Anna.Smith1", "annasmith2026!", "SMITHANNA", "smith", "Smith!!99", "anna.s@example.com", "anna.s99"],
)
def test_s6_a_name_is_no_password(password: str) -> None:
    assert is_name(password, ("anna.smith", "anna.s@example.com", "Anna", "Smith"))
    assert Flaw.NAME in flaws(password, NOTHING, ("anna.smith", "anna.s@example.com", "Anna", "Smith"))


@pytest.mark.parametrize("password", ["Smithsonian1", "my name is Anna", "Ann1", "example.com", "al123456", "1234"])
def test_s6_what_only_holds_a_name_is_a_password(password: str) -> None:
    assert not is_name(password, ("anna.smith", "anna.s@example.com", "Anna", "Smith", "Al", ""))


@pytest.mark.parametrize("password", ["anna7", "Anna7-2026", "!2026Anna7", "7anna7"])
def test_s6_a_name_that_ends_with_a_digit_is_no_password_with_more_of_them(password: str) -> None:
    assert is_name(password, ("anna7",))
    assert not is_name("Anna-2026", ("anna7",))


def test_s6_a_name_of_digits_is_no_password() -> None:
    assert is_name("100234", ("100234",))
    assert not is_name("1002345", ("100234",))


# ---------------------------------------------------------------- Unicode (RFC 8265 section 4.2)
@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("πßå", "πßå"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u0308", "\u00e4"),
        ("\uff21", "\uff21"),
    ],
)
def test_the_form_is_opaque_string(typed: str, form: str) -> None:
    """The examples of RFC 8265 table 4, and that canonical spellings are one and compatible ones are not."""
    assert prepared(typed) == form


@given(st.text())
def test_the_form_is_stable_and_the_same_for_all_spellings(text: str) -> None:
    form = prepared(text)
    assert prepared(form) == form
    assert prepared(unicodedata.normalize("NFD", text)) == form
    assert not any(unicodedata.category(character) == "Zs" and character != " " for character in form)


# ---------------------------------------------------------------- suggestions
@given(policies, names)
def test_s47_a_suggestion_satisfies_any_policy(policy: Policy, names: list[str]) -> None:
    password = suggestion(policy, names)
    assert flaws(password, policy, names) == ()
    assert prepared(password) == password
    assert not set(password) & set("0OoIl1|2Zz5Ss8B")
    assert password[0].isalnum(), "else a CSV file would have it with an apostrophe"


def test_s47_suggestions_differ_and_are_strong() -> None:
    found = {suggestion(Policy()) for _ in range(200)}
    assert len(found) == 200
    assert min(strength(password).score for password in list(found)[:20]) == 4
    assert set("".join(found)) >= set(LOWER + UPPER)


# ---------------------------------------------------------------- strength
def test_s6_strength_tells_bad_from_good_and_says_why() -> None:
    bad, good = strength("Password1"), strength("correct horse battery staple")
    assert (bad.score, good.score) == (0, 4)
    assert bad.guesses_log10 < 4 < 10 < good.guesses_log10
    assert bad.warning
    assert bad.suggestions
    assert (good.warning, good.suggestions) == ("", ())


def test_s6_strength_knows_the_person() -> None:
    known = ("Karamazova", "dostojewska@example.com")
    assert strength("Karamazova1").score > strength("Karamazova1", known).score
    assert strength("Dostojewska1").score > strength("Dostojewska1", known).score
    # and forgets them
    assert strength("Karamazova1").score == strength("Karamazova1", ()).score


@pytest.mark.parametrize("password", ["", "a", "Ab1" * 60, "\x00", "é" * 200, "\ud800"])
def test_s6_strength_judges_anything(password: str) -> None:
    assert 0 <= strength(password).score <= 4


# ---------------------------------------------------------------- age
MONTH = AgePolicy(max_age=timedelta(days=30), warn_days=(7, 3, 1))


def test_age_ends_at_the_moment_and_not_before() -> None:
    assert not MONTH.is_expired(NOW, now=NOW + timedelta(days=30, microseconds=-1))
    assert MONTH.is_expired(NOW, now=NOW + timedelta(days=30))


def test_each_warning_is_given_once() -> None:
    given: list[tuple[int, int]] = []
    warned = None
    for day in range(31):
        due = MONTH.warning(NOW, now=NOW + timedelta(days=day), warned=warned)
        if due is not None:
            given.append((day, due))
            warned = due
    assert given == [(23, 7), (27, 3), (29, 1)]


def test_after_days_away_only_the_nearest_warning_is_given() -> None:
    at = NOW + timedelta(days=28)
    assert MONTH.warning(NOW, now=at, warned=None) == 3
    assert MONTH.warning(NOW, now=at, warned=7) == 3
    assert MONTH.warning(NOW, now=at, warned=3) is None


@given(st.integers(0, 40 * 24), st.one_of(st.none(), st.sampled_from([7, 3, 1])))
def test_whoever_is_not_looked_at_has_nothing_coming(hours: int, warned: int | None) -> None:
    at = NOW + timedelta(hours=hours)
    assume(MONTH.looked_at_before(at) < NOW)
    assert not MONTH.is_expired(NOW, now=at)
    assert MONTH.warning(NOW, now=at, warned=warned) is None


@pytest.mark.parametrize(
    ("left", "days"), [(timedelta(0), 0), (timedelta(seconds=1), 1), (timedelta(days=3), 3), (timedelta(days=-2), 0)]
)
def test_a_begun_day_counts(left: timedelta, days: int) -> None:
    assert days_left(NOW + left, now=NOW) == days
