"""What a local password must be, and what exactly is missing when it is not.

Every character counts as one, whatever its script: a letter is what Unicode calls one, so "Ж" is an upper-case letter and "٣"
a digit. Two spellings of one text are one password: before it is looked at or hashed it is brought to the form of RFC 8265's
OpaqueString (`prepared`).
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from syncd.model.text import fold

# more is only work for the hash
MAX_LENGTH = 128
# a shorter name may have digits and signs around it
MIN_NAME = 3


class Flaw(enum.StrEnum):
    """Why a password cannot be used; the values are stable."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    CHARACTER = "unusable_character"
    LOWER = "lower_missing"
    UPPER = "upper_missing"
    DIGIT = "digit_missing"
    SPECIAL = "special_missing"
    NAME = "is_a_name"
    WEAK = "too_weak"
    USED = "used_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of a password."""

    min_length: int = 8
    lower: bool = True
    upper: bool = True
    digit: bool = True
    special: bool = False
    # zxcvbn's score, 0 to 4
    min_strength: int = 0
    # how many former passwords cannot be used again
    history: int = 0


def prepared(text: str) -> str:
    """The form in which a password is looked at, hashed and compared: OpaqueString of RFC 8265 section 4.2.

    Every space becomes U+0020 and the text NFC; width and case stay. Nothing is refused here, so that comparing never raises:
    `flaws` refuses what the profile forbids when a password is set.
    """
    if text.isascii():
        return text
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


def flaws(password: str, policy: Policy, names: Iterable[str] = ()) -> tuple[Flaw, ...]:
    """What keeps a password, `prepared` or not, from being used, in a fixed order; strength and history are not judged here.

    `names`: username, addresses and names of the person.
    """
    return tuple(_flaws(prepared(password), policy, names))


def _flaws(text: str, policy: Policy, names: Iterable[str]) -> Iterator[Flaw]:
    if len(text) < policy.min_length:
        yield Flaw.TOO_SHORT
    if len(text) > MAX_LENGTH:
        yield Flaw.TOO_LONG
        # what is longer is not worth looking at
        return
    if not all(map(_usable, text)):
        yield Flaw.CHARACTER
    if policy.lower and not any(character.islower() for character in text):
        yield Flaw.LOWER
    if policy.upper and not any(character.isupper() for character in text):
        yield Flaw.UPPER
    if policy.digit and not any(character.isdecimal() for character in text):
        yield Flaw.DIGIT
    if policy.special and not any(map(_special, text)):
        yield Flaw.SPECIAL
    if is_name(text, names):
        yield Flaw.NAME


def _usable(character: str) -> bool:
    """Whether the FreeformClass of RFC 8264 has it: no controls, formats, line ends, or numbers that mean no character.

    The joiners that Persian and Indian scripts and emoji need are taken wherever they stand.
    """
    category = unicodedata.category(character)
    return category[0] in "LMNPS" or category == "Zs" or character in "\u200c\u200d"


def _special(character: str) -> bool:
    """Neither letter nor digit: punctuation, a symbol, a space."""
    return unicodedata.category(character)[0] in "PSZ"


# ---------------------------------------------------------------- names
def is_name(password: str, names: Iterable[str]) -> bool:
    """Whether a password is somebody's name with at most digits and signs around it: `Smith2026!` for Smith."""
    whole = _letters_and_digits(password)
    return any(whole == name or (len(name) >= MIN_NAME and _digits_around(name, whole)) for name in name_forms(names))


def name_forms(names: Iterable[str]) -> frozenset[str]:
    """The names as they are compared: whole, and what stands before the @ of an address."""
    given = [name for name in names if name]
    forms = {_letters_and_digits(form) for name in given for form in (name, name.partition("@")[0])}
    # first and last name in one, either way round
    words = [name for name in given if "@" not in name]
    forms |= {_letters_and_digits(one + other) for one in words for other in words}
    return frozenset(forms - {""})


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())


def _digits_around(name: str, whole: str) -> bool:
    """Whether it is the name, which may itself begin or end with digits, with nothing but digits before and after it."""
    return not name.isdecimal() and re.fullmatch(rf"\d*{re.escape(name)}\d*", whole) is not None


# ---------------------------------------------------------------- in words
_NEEDS = {
    Flaw.LOWER: "a lower-case letter",
    Flaw.UPPER: "an upper-case letter",
    Flaw.DIGIT: "a digit",
    Flaw.SPECIAL: "a character that is neither letter nor digit",
}


def hint(policy: Policy) -> str:
    """What a password must be, in one sentence; for the form in which it is typed."""
    needs = [_NEEDS[flaw] for flaw in _needed(policy)]
    inside = f", with {_listed(needs)}" if needs else ""
    sentences = [f"{policy.min_length} to {MAX_LENGTH} characters{inside}.", "Not your name, username or address."]
    if policy.min_strength:
        sentences.append("Not easy to guess.")
    if policy.history:
        sentences.append("Not one you had before." if policy.history > 1 else "Not the one you had before.")
    return " ".join(sentences)


def _needed(policy: Policy) -> list[Flaw]:
    wanted = {Flaw.LOWER: policy.lower, Flaw.UPPER: policy.upper, Flaw.DIGIT: policy.digit, Flaw.SPECIAL: policy.special}
    return [flaw for flaw in _NEEDS if wanted[flaw]]


def missing(found: Sequence[Flaw], policy: Policy) -> tuple[str, ...]:
    """A sentence for each thing that is wrong, the missing kinds of characters in one; none when nothing is."""
    told = {
        Flaw.TOO_SHORT: f"At least {policy.min_length} characters are needed.",
        Flaw.TOO_LONG: f"At most {MAX_LENGTH} characters are possible.",
        Flaw.CHARACTER: "It has a character that cannot be typed everywhere, such as a tab, a line end or an invisible one.",
        Flaw.NAME: "It is a name, username or address of this person.",
        Flaw.WEAK: "It is too easy to guess.",
        Flaw.USED: "It was used before.",
    }
    kinds = [_NEEDS[flaw] for flaw in found if flaw in _NEEDS]
    sentences = [told[flaw] for flaw in found if flaw in told]
    if kinds:
        sentences.insert(0, f"{_listed(kinds)} {'is' if len(kinds) == 1 else 'are'} missing.".capitalize())
    return tuple(sentences)


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
