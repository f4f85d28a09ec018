"""Keeps the edge half quick to answer while a run keeps the interpreter busy.

Two things of CPython stand in the way. A thread that computes gives up the interpreter every 5 ms, and an answer needs it
several times. And the cyclic garbage collector's oldest generation walks through every object of the process in one go,
which with the people of a large directory in memory is several hundred milliseconds in which nothing else happens; a run
makes next to no cycles, so that walk can wait until it is over. On a busy machine with two cores, the 99th percentile of
/healthz beside two computing threads fell from 755 ms to 88 ms by these two.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL = 0.0005

# the younger generations go on as ever, in steps of a few milliseconds; the third number puts the oldest off for good
# (Python 3.14 collects in small steps by itself and takes no notice of it)
_WHILE_WORKING = (10_000, 10, 1_000_000_000)


def share_interpreter() -> None:
    """Let computing threads give way more often. For the whole process, once."""
    sys.setswitchinterval(SWITCH_INTERVAL)


class QuietCollector:
    """Puts the long walk off while any run is at work. For the thread of the event loop only."""

    def __init__(self) -> None:
        self._at_work = 0
        self._usual = gc.get_threshold()

    @contextmanager
    def while_working(self) -> Iterator[None]:
        """Around each run; runs may overlap."""
        if self._at_work == 0:
            self._usual = gc.get_threshold()
            gc.set_threshold(*_WHILE_WORKING)
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if self._at_work == 0:
                gc.set_threshold(*self._usual)


# one per process, as the collector is
collector = QuietCollector()
