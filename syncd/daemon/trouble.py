"""A failure that goes on is told once, and then for debugging only, until what failed works again."""

from __future__ import annotations

from typing import Any

from syncd.errors import SyncdError


class Trouble:
    """What a loop tells of its failures."""

    def __init__(self, log: Any, event: str, *, level: str = "warning", **about: str) -> None:
        """`event`: the log's words; `about`: what stands beside them each time."""
        self._log = log
        self._event = event
        self._level = level
        self._about = about
        self.goes_on = False

    def note(self, error: SyncdError) -> None:
        """It has failed."""
        tell = getattr(self._log, "debug" if self.goes_on else self._level)
        tell(self._event, code=error.code, message=error.message, advice=error.hint, **self._about)
        self.goes_on = True

    def over(self) -> None:
        """It works."""
        self.goes_on = False
