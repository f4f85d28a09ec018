"""Suggesting a random password (S47): one that the policy allows, and that survives being read aloud or typed from paper."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from syncd.accounts.passwords import Policy, flaws

# without those that look like another: 0 O o, 1 I i l, 2 Z z, 5 S s, 8 B
LOWER = "abcdefghjkmnpqrtuvwxy"
UPPER = "ACDEFGHJKLMNPQRTUVWXY"
DIGITS = "34679"
SPECIAL = "#%+=?@*!"
# about 98 bits: one of 47 characters at each place, each kind at least once
LENGTH = 18


def suggestion(policy: Policy, names: Iterable[str] = ()) -> str:
    """A random password that has no flaw, from the system's random numbers. `names`: as for `flaws`."""
    known = tuple(names)
    while True:
        password = _random(policy)
        # one that begins with a sign would be taken for a formula, and guarded, where it is written as CSV
        if password[0] not in SPECIAL and not flaws(password, policy, known):
            return password


def _random(policy: Policy) -> str:
    """Special characters only where they are needed: some programs and keyboards are bad at them."""
    kinds = [LOWER, UPPER, DIGITS, *([SPECIAL] if policy.special else [])]
    letters = "".join(kinds)
    length = max(LENGTH, policy.min_length)
    drawn = [secrets.choice(kind) for kind in kinds]
    drawn += [secrets.choice(letters) for _ in range(length - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)
