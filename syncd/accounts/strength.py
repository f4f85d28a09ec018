"""How hard a password is to guess, as zxcvbn estimates it: patterns, common passwords, names, dates, keyboard walks.

zxcvbn keeps the names of the person it judges in a table of the module, so whoever calls this from threads does it one at a
time. It takes 10 ms as a rule, and 2 s for 72 characters made to keep it busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.accounts.passwords import prepared

# zxcvbn refuses more
JUDGED = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """An estimate."""

    # 0 (one of the first to be tried) to 4 (very hard to guess)
    score: int
    # decimal logarithm of the number of guesses
    guesses_log10: float
    # what is wrong with it, in one sentence; empty for a strong one
    warning: str
    suggestions: tuple[str, ...]


def strength(password: str, names: Iterable[str] = ()) -> Strength:
    """The estimate for the first 72 characters. `names`: username, addresses and names of the person."""
    judged = prepared(password)[:JUDGED]
    if not judged:
        return Strength(score=0, guesses_log10=0.0, warning="", suggestions=("Use a few words, avoid common phrases.",))
    # only now: its word lists are 15 MB, which most processes never need
    from zxcvbn import zxcvbn

    found = zxcvbn(judged, user_inputs=sorted({part for name in names for part in _parts(name)}))
    feedback = found["feedback"]
    return Strength(
        score=found["score"],
        guesses_log10=round(found["guesses_log10"], 2),
        warning=feedback["warning"] or "",
        suggestions=tuple(feedback["suggestions"]),
    )


def _parts(name: str) -> Iterable[str]:
    """A name whole and in pieces: an address and what stands before its @, each word of a name."""
    whole = prepared(name)
    return filter(None, (whole, whole.partition("@")[0], *whole.split()))
