"""The times directories write, as aware UTC datetimes.

generalizedTime (RFC 4517 section 3.3.13) comes in more forms than any server's documentation shows: Active Directory adds
`.0`, others leave out seconds or minutes, write fractions with a comma, offsets instead of Z, and a leap second as 60.
FILETIME is Active Directory's count of 100 ns since 1601.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

_GENERALIZED = re.compile(
    r"(\d{4})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})?)?(?:[.,](\d{1,18}))?(?:Z|([+-])(\d{2})(\d{2})?)", re.ASCII | re.IGNORECASE
)
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_EPOCH_1601 = datetime(1601, 1, 1, tzinfo=UTC)
# accountExpires and its like: 0 and the largest number both mean "never"
_NEVER = frozenset((0, 0x7FFFFFFFFFFFFFFF))


def generalized_time(text: str) -> datetime:
    """Raises ValueError. A leap second becomes the first moment of the next minute."""
    match = _GENERALIZED.fullmatch(text)
    if match is None:
        raise ValueError("is not a generalizedTime (YYYYMMDDHH[MM[SS]][.fraction](Z|+HHMM))")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    leap = second == "60"
    zone = _zone(sign, zone_hours, zone_minutes)
    with _real("time"):
        whole = datetime(
            int(year), int(month), int(day), int(hour), int(minute or 0), 59 if leap else int(second or 0), tzinfo=zone
        )
    # a fraction is one of the smallest unit written
    unit = 1 if second else 60 if minute else 3600
    part = Fraction(int(fraction), 10 ** len(fraction)) * unit if fraction else Fraction(0)
    try:
        return (whole + timedelta(seconds=int(leap), microseconds=int(part * 1_000_000))).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999") from error


def any_time(text: str) -> datetime:
    """generalizedTime, or ISO 8601 with a zone. Raises ValueError."""
    if _GENERALIZED.fullmatch(text):
        return generalized_time(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is neither a generalizedTime nor an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999") from error


def any_date(text: str) -> date:
    """`1970-12-31`, `19701231`, or the day a generalizedTime is written with, in its own zone. Raises ValueError."""
    match = _DATE.fullmatch(text)
    if match is None and _GENERALIZED.fullmatch(text):
        generalized_time(text)
        match = _DATE.match(text)
    if match is None:
        raise ValueError("is not a date (YYYY-MM-DD, YYYYMMDD or a generalizedTime)")
    with _real("day"):
        return date(int(match[1]), int(match[2]), int(match[3]))


def filetime(text: str) -> datetime | None:
    """100 ns since 1601-01-01 UTC; None for 0 and the largest number, which mean "never". Raises ValueError."""
    if _INTEGER.fullmatch(text) is None:
        raise ValueError("is not a FILETIME (a whole number)")
    ticks = int(text)
    if ticks in _NEVER:
        return None
    if ticks < 0:
        raise ValueError("is a negative FILETIME")
    try:
        return _EPOCH_1601 + timedelta(microseconds=ticks // 10)
    except OverflowError as error:
        raise ValueError("is a FILETIME after the year 9999") from error


@contextmanager
def _real(what: str) -> Iterator[None]:
    """Python says which number is wrong, but not as the rest of a sentence."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"is no {what} there is ({error})") from None


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None:
        return UTC
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise ValueError("has an impossible time zone")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)
