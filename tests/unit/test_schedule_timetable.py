"""Which run is due: anchors, what absorbs what, jitter, refused credentials, clocks that were set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.daemon.schedule import parse_schedule
from syncd.daemon.timetable import Due, Past, Timetable, parse_timetable
from syncd.model.run import Mode
from syncd.settings.directory import ScheduleSettings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def timetable(changes: str | None = "every 5m", full: str | None = None) -> Timetable:
    return Timetable(
        changes=parse_schedule(changes, zone=UTC) if changes else None,
        full=parse_schedule(full, zone=UTC) if full else None,
    )


def past(minutes_ago: float, full_minutes_ago: float = 0.0) -> Past:
    return Past(started=NOON - timedelta(minutes=minutes_ago), full_started=NOON - timedelta(minutes=full_minutes_ago))


def test_the_next_run_comes_one_interval_after_the_last_start() -> None:
    assert timetable().next_due(past(2), now=NOON) == Due(at=NOON + timedelta(minutes=3), mode=Mode.CHANGES)


def test_missed_times_collapse_into_one_run_that_is_due_at_once() -> None:
    table = timetable()
    due = table.next_due(past(600), now=NOON)
    assert due is not None
    assert due.at <= NOON
    after_it_started = table.next_due(past(0), now=NOON)
    assert after_it_started is not None
    assert after_it_started.at == NOON + timedelta(minutes=5)


def test_a_full_run_that_is_due_as_well_absorbs_the_one_for_changes() -> None:
    due = timetable(full="every 1h").next_due(past(5, 60), now=NOON)
    assert due is not None
    assert due.mode is Mode.FULL


def test_a_full_run_that_is_not_due_yet_does_not_turn_the_next_run_into_one() -> None:
    due = timetable(full="every 1h").next_due(past(5, 30), now=NOON)
    assert due is not None
    assert due.mode is Mode.CHANGES


def test_both_at_the_same_future_moment_are_one_full_run() -> None:
    due = timetable(changes="0 13 * * *", full="0 13 * * *").next_due(past(5, 5), now=NOON)
    assert due == Due(at=NOON + timedelta(hours=1), mode=Mode.FULL)


def test_nothing_scheduled_is_never_due() -> None:
    table = timetable(changes=None)
    assert table.next_due(past(5), now=NOON) is None
    assert table.stale_before(NOON, ticks=3) is None


def test_jitter_delays_the_start() -> None:
    due = timetable().next_due(past(2), now=NOON, delay=timedelta(seconds=4))
    assert due is not None
    assert due.at == NOON + timedelta(minutes=3, seconds=4)


@pytest.mark.parametrize("changes", ["every 10s", "every 1m", "every 5h", "*/7 * * * *"])
def test_refused_credentials_are_tried_at_most_four_times_in_any_24_hours(changes: str) -> None:
    table, tries = timetable(changes=changes, full="0 3 * * *"), [NOON]
    while tries[-1] < NOON + timedelta(days=30):
        last = tries[-1]
        due = table.next_due(
            Past(started=last, full_started=last, refusals=len(tries), refused=last), now=last + timedelta(seconds=1)
        )
        assert due is not None
        tries.append(due.at)
    for first, fifth in zip(tries, tries[4:], strict=False):
        assert fifth - first > timedelta(hours=24)
    # and it does go on
    assert len(tries) > 25


def test_the_first_refusal_costs_an_hour() -> None:
    refused = Past(started=NOON, full_started=NOON, refusals=1, refused=NOON)
    due = timetable().next_due(refused, now=NOON + timedelta(minutes=30))
    assert due is not None
    assert due.at == NOON + timedelta(hours=1)


def test_a_run_that_never_got_as_far_as_the_bind_does_not_shorten_the_pause() -> None:
    refused = Past(started=NOON, full_started=NOON, refusals=4, refused=NOON - timedelta(hours=1))
    due = timetable().next_due(refused, now=NOON)
    assert due is not None
    assert due.at == NOON + timedelta(hours=23)


def test_a_refusal_from_the_future_of_a_clock_that_was_set_back_holds_nothing_up() -> None:
    refused = Past(started=NOON - timedelta(hours=1), full_started=NOON, refusals=9, refused=NOON + timedelta(days=300))
    due = timetable().next_due(refused, now=NOON)
    assert due is not None
    assert due.at <= NOON


def test_after_the_clock_was_set_back_the_run_is_due_now() -> None:
    due = timetable().next_due(past(-600, -600), now=NOON)
    assert due is not None
    assert due.at == NOON


def test_another_instance_whose_clock_is_a_little_ahead_counts_as_it_is() -> None:
    due = timetable().next_due(past(-1), now=NOON)
    assert due is not None
    assert due.at == NOON + timedelta(minutes=6)


def test_what_runs_most_often_decides_when_a_picture_is_stale() -> None:
    assert timetable(full="0 3 * * *").stale_before(NOON, ticks=3) == NOON - timedelta(minutes=15)


def test_the_settings_are_read() -> None:
    table = parse_timetable(ScheduleSettings(changes="every 1m", full=None, jitter=7.5), zone=UTC)
    assert table == Timetable(changes=parse_schedule("every 1m", zone=UTC), full=None, jitter=timedelta(seconds=7.5))


def test_a_wrong_schedule_is_refused_with_the_name_of_its_key() -> None:
    settings = ScheduleSettings.model_construct(changes="sometimes", full=None, jitter=0.0, on_start=True)
    with pytest.raises(ValueError, match=r"schedule\.changes: 'sometimes'"):
        parse_timetable(settings, zone=UTC)
