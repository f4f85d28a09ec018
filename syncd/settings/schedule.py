"""Whether a schedule is one: "every 5m", a cron expression of five fields, or never."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

NEVER = ("", "never", "off")
_EVERY = re.compile(r"every\s+(\d{1,9}\s*[smhd])")
_NAMED = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly")


def check_schedule(text: str) -> str:
    """The schedule as it was given. Raises ValueError that says how to write one."""
    from syncd.settings.duration import parse_duration

    words = " ".join(text.lower().split())
    if words in _NAMED:
        return text
    if words.startswith("every"):
        match = _EVERY.fullmatch(words)
        if match is None:
            raise ValueError(f"{text!r} is not an interval: write 'every 30s', 'every 5m', 'every 2h' or 'every 1d'")
        if not timedelta(seconds=1) <= parse_duration(match[1]) <= timedelta(days=366):
            raise ValueError(f"{text!r} is not between one second and one year")
        return text
    return _check_cron(text)


def _check_cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError(f"{text!r} is neither 'every 5m' nor a cron expression of five fields, as in '0 3 * * *'")
    try:
        times = CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{text!r} is not a cron expression: {error}") from error
    if next(times, None) is None:
        raise ValueError(f"{text!r} names a time that never comes")
    return text
