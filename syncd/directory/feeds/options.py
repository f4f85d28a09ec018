"""What feeds need of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The same for all feeds."""

    # entries per page
    page_size: int
    # how far back the timestamp feed reaches beyond its last look
    overlap: timedelta
