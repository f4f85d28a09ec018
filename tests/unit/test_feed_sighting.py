"""What is known of the directory's clock: never more than is true, and enough not to read the same for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.directory.feeds.sighting import EARLIEST, Sighting

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
OVERLAP = timedelta(minutes=10)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_an_idle_directory_is_left_behind() -> None:
    """The newest entry stays the same; the bound goes on with our clock."""
    sighting = Sighting.first(NOON, began=NOON, ended=NOON)
    bounds = []
    for minute in range(5, 60, 5):
        at = NOON + minutes(minute)
        bounds.append(sighting.bound(OVERLAP, now=at))
        sighting = sighting.next(NOON, began=at, ended=at)
    assert bounds[0] == NOON - OVERLAP
    assert bounds[-1] == NOON + minutes(50) - OVERLAP


@pytest.mark.parametrize("offset", [-3 * 60, -1, 0, 1, 3 * 60])
def test_the_bound_is_never_later_than_the_clock_at_the_last_look(offset: int) -> None:
    """Whatever the directory's clock shows, and however rarely an entry shows how far it has come."""
    at = NOON
    sighting = Sighting.first(at + minutes(offset - 7), began=at, ended=at + minutes(2))
    for step in range(50):
        directory_then = at + minutes(offset)
        assert sighting.bound(timedelta(0), now=at + minutes(3)) <= directory_then
        at += minutes(3)
        # an entry modified while it was read, or one from long ago
        shown = at + minutes(offset + (2 if step % 7 == 0 else -100))
        sighting = sighting.next(shown, began=at, ended=at + minutes(2))


def test_our_clock_set_back_leaves_what_was_proven() -> None:
    ahead = NOON + timedelta(days=365)
    sighting = Sighting.first(NOON, began=NOON, ended=NOON).next(NOON, began=ahead, ended=ahead)
    assert sighting.bound(OVERLAP, now=ahead + minutes(1)) == ahead - OVERLAP
    later = NOON + minutes(30)
    assert sighting.bound(OVERLAP, now=later) == NOON - OVERLAP
    sighting = sighting.next(NOON + minutes(29), began=later, ended=later)
    assert sighting.bound(OVERLAP, now=later + minutes(5)) == NOON + minutes(29) - OVERLAP


def test_an_entry_of_the_next_century_hides_nothing() -> None:
    future = datetime(2126, 1, 1, tzinfo=UTC)
    sighting = Sighting.first(future, began=NOON, ended=NOON)
    assert sighting.bound(OVERLAP, now=NOON) == NOON - OVERLAP
    later = NOON + minutes(5)
    assert sighting.next(future, began=later, ended=later).bound(OVERLAP, now=later) == later - OVERLAP


def test_nothing_seen_yet_is_the_beginning_of_time() -> None:
    sighting = Sighting.first(EARLIEST, began=NOON, ended=NOON)
    assert sighting.bound(OVERLAP, now=NOON) == EARLIEST
