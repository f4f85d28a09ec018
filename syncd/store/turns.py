"""Whose turn it is to write, among the threads of one process: first come, first served.

SQLite has one writer at a time, and whoever waits for it asks again after pauses of up to a tenth of a second, in which a run
that writes one transaction after another takes the turn over and over. Here nobody is passed over; other processes wait as
SQLite has it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One for each database that is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._queue: deque[threading.Event] = deque()

    @contextmanager
    def take(self, *, timeout: float) -> Iterator[None]:
        """Wait for the turn, and have it inside. After `timeout` seconds go ahead without it: the database decides then."""
        mine = self._ask()
        if mine is None or mine.wait(timeout) or not self._leave(mine):
            try:
                yield
            finally:
                self._pass_on()
        else:
            yield

    def _ask(self) -> threading.Event | None:
        """None: it is ours."""
        with self._lock:
            if not self._busy:
                self._busy = True
                return None
            mine = threading.Event()
            self._queue.append(mine)
            return mine

    def _leave(self, mine: threading.Event) -> bool:
        """Wait no longer; False when the turn has come in this very moment."""
        with self._lock:
            if mine.is_set():
                return False
            self._queue.remove(mine)
            return True

    def _pass_on(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._busy = False
