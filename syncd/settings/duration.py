"""Lengths of time as a person writes them: 30d, 12h, 5m, 90s, 1d12h."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d{1,9})\s*([wdhms])\s*")
# far beyond any retention time, and far below what datetime arithmetic can bear
_LONGEST = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """The length of time that `text` names: whole numbers with w, d, h, m or s, added up. Raises ValueError.

    A number without a unit is refused: nobody can tell whether 30 means seconds or days.
    """
    words = text.strip().lower()
    position, seconds = 0, 0
    while match := _PART.match(words, position):
        seconds += int(match[1]) * _SECONDS[match[2]]
        position = match.end()
    if position != len(words) or not words:
        raise ValueError(f"{text!r} is not a length of time: write 90s, 5m, 12h, 30d or 2w")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than a hundred years")
    return timedelta(seconds=seconds)
