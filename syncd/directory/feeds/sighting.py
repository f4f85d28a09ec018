"""What is known of the directory's clock, as arithmetic: it reads no clock itself.

A time in an entry proves that the directory's clock had come so far when the entry was read. A clock that had come to T at our
moment L has come to T + (L2 - L) at L2, or further. That holds whatever the two clocks show, as long as nobody sets them; when
ours was set back, only what was proven counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

# before any entry of any directory
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """When ours showed `seen` the directory's clock had come to `time` at least; the last look began at `looked` of ours."""

    time: datetime
    seen: datetime
    looked: datetime

    @classmethod
    def first(cls, shown: datetime, *, began: datetime, ended: datetime) -> Self:
        """From a look that began and ended at these moments of our clock and that brought the time `shown`."""
        return cls(time=_back_then(shown, began=began, ended=ended), seen=began, looked=began)

    def next(self, shown: datetime, *, began: datetime, ended: datetime) -> Self:
        """The same of the look after this one."""
        proven = _back_then(shown, began=began, ended=ended)
        if began < self.looked:
            return type(self)(time=max(self.time, proven), seen=began, looked=began)
        if proven >= self._at(began):
            return type(self)(time=proven, seen=began, looked=began)
        return replace(self, looked=began)

    def bound(self, overlap: timedelta, *, now: datetime) -> datetime:
        """What changed after the last look has this time or a later one, if it came no later than `overlap`."""
        time = self._at(self.looked) if now >= self.looked else self.time
        return time - overlap if time > EARLIEST + overlap else EARLIEST

    def _at(self, moment: datetime) -> datetime:
        """How far the directory's clock had come at a moment of ours. What is only worked out stays behind our own clock."""
        return max(self.time, min(self.time + max(moment - self.seen, _NO_TIME), moment))


def _back_then(shown: datetime, *, began: datetime, ended: datetime) -> datetime:
    """How far the clock had come at the beginning of the look, at whose end it had come to `shown`.

    Never later than our own time: one entry with a time of the next century must not hide all that come before it, and too
    early a time is only a cost.
    """
    took = max(ended - began, _NO_TIME)
    return min(max(shown - took, EARLIEST), began)
