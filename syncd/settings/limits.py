"""How a site writes how much one run may take away: "10%", "200", "10%, at least 10, at most 1000", "50%, from 11"."""

from __future__ import annotations

import re
from typing import NamedTuple

_LIMIT = re.compile(
    r"(?:(?P<share>\d+(?:\.\d+)?)%|(?P<count>\d+))"
    r"(?:, *at least (?P<least>\d+))?(?:, *at most (?P<most>\d+))?(?:, *from (?P<smallest>\d+))?"
)


class Limit(NamedTuple):
    """How many of a population may go."""

    # of the population, 0 to 1; None for a plain number
    share: float | None
    # so many may go whatever their share; the number itself for a plain one
    at_least: int
    # never more than this
    at_most: int | None
    # with fewer than this nothing is held
    smallest: int


def parse_limit(text: str) -> Limit:
    """Raises ValueError that says how limits are written."""
    found = _LIMIT.fullmatch(text.strip())
    share = float(found["share"]) / 100 if found and found["share"] else None
    if found is None or (share is not None and share > 1) or (found["count"] and (found["least"] or found["most"])):
        raise ValueError(
            f'{text!r} is no limit: write a percentage up to 100%, a number, or both, such as "10%", "200", '
            '"10%, at least 10, at most 1000", "50%, from 11"'
        )
    least, most = int(found["least"] or found["count"] or 0), found["most"]
    if most is not None and int(most) < least:
        raise ValueError(f"{text!r} allows at least {least} and at most {most}: the first must not be the larger")
    return Limit(share, least, None if most is None else int(most), int(found["smallest"] or 0))
