"""Which wall clock cron expressions mean.

`datetime.astimezone()` only knows the offset of this moment, which is wrong half of the year; the rules are needed.
"""

from __future__ import annotations

import os
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

log = structlog.get_logger(__name__)


def local_zone(*, localtime: Path = Path("/etc/localtime")) -> tzinfo:
    """The zone that `TZ` names, else that of this machine, else UTC, which is what the C library does too."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name.startswith("/"):
            return _read(Path(name))
        if name:
            return UTC if name in ("UTC", "UTC0") else ZoneInfo(name)
        return _read(localtime) if localtime.exists() else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        log.warning("time zone unknown, cron expressions mean UTC", zone=name or str(localtime), error=str(error))
        return UTC


def _read(path: Path) -> tzinfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=path.resolve().as_posix().rpartition("zoneinfo/")[2])
