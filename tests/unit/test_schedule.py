"""Schedules: what is accepted, what comes next, what has gone by, and the days when the clock jumps."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from syncd.daemon.localzone import local_zone
from syncd.daemon.schedule import Cron, Every, parse_schedule

PARIS = ZoneInfo("Europe/Paris")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("every 30s", 30), ("every 5m", 300), ("Every  2 H", 7200), (" every 1d ", 86400), ("every 1s", 1)],
)
def test_an_interval_is_read_with_its_unit(text: str, seconds: int) -> None:
    assert parse_schedule(text, zone=UTC) == Every(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("text", "expression"),
    [("0 3 * * *", "0 3 * * *"), ("*/15 8-18 * * mon-fri", "*/15 8-18 * * mon-fri"), ("@Daily", "0 0 * * *")],
)
def test_a_cron_expression_is_read_in_the_zone(text: str, expression: str) -> None:
    assert parse_schedule(text, zone=PARIS) == Cron(expression, PARIS)


@pytest.mark.parametrize(
    "text",
    ["", "5m", "every", "every 5", "every 0s", "every 5 minutes", "every 400d", "0 3 * *", "0 0 3 * * *", "99 * * * *",
     "0 0 31 2 *", "@reboot"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_schedule(text, zone=UTC)


def test_an_interval_is_anchored_to_the_last_start() -> None:
    anchor = datetime(2026, 3, 2, 13, 0, 7, tzinfo=PARIS)
    assert parse_schedule("every 5m", zone=PARIS).next_after(anchor) == utc("2026-03-02 12:05:07")


def test_an_interval_is_not_stretched_by_a_change_of_the_clock() -> None:
    before = datetime(2026, 3, 29, 1, 59, tzinfo=PARIS)
    assert parse_schedule("every 1h", zone=PARIS).next_after(before) == utc("2026-03-29 01:59")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # 02:30 does not exist on 29 March: the job runs as soon as the hour that is left out is over
        ("2026-03-28 12:00", "2026-03-29 01:00"),
        # and it is back at its time the day after
        ("2026-03-29 12:00", "2026-03-30 00:30"),
        # 02:30 comes twice on 25 October: the job runs at the first
        ("2026-10-24 12:00", "2026-10-25 00:30"),
        # and not again at the second
        ("2026-10-25 00:30", "2026-10-26 01:30"),
    ],
)
def test_a_nightly_run_comes_once_on_the_days_the_clock_changes(after: str, expected: str) -> None:
    assert parse_schedule("30 2 * * *", zone=PARIS).next_after(utc(after)) == utc(expected)


def test_a_frequent_cron_keeps_its_pace_through_the_double_hour() -> None:
    schedule = parse_schedule("*/30 * * * *", zone=PARIS)
    at = utc("2026-10-24 23:45")
    seen = []
    for _ in range(6):
        found = schedule.next_after(at)
        assert found is not None
        seen.append(found)
        at = found
    assert [later - earlier for earlier, later in itertools.pairwise(seen)] == [timedelta(minutes=30)] * 5


def test_a_time_on_the_dot_is_not_given_again() -> None:
    assert parse_schedule("0 3 * * *", zone=UTC).next_after(utc("2026-03-02 03:00")) == utc("2026-03-03 03:00")


def test_three_intervals_back() -> None:
    assert parse_schedule("every 5m", zone=UTC).ticks_ago(utc("2026-03-02 12:00"), 3) == utc("2026-03-02 11:45")


def test_a_weekend_without_scheduled_times_does_not_count_as_missed() -> None:
    schedule = parse_schedule("0 8 * * mon-fri", zone=UTC)
    monday_before_the_run = utc("2026-03-02 07:59")
    assert schedule.ticks_ago(monday_before_the_run, 3) == utc("2026-02-25 08:00")


def test_the_zone_of_the_environment_has_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Paris")
    zone = local_zone()
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)
    assert datetime(2026, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=1)


def test_the_zone_of_the_machine_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TZ", raising=False)
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Paris")
    zone = local_zone(localtime=link)
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)


def test_a_machine_without_a_zone_is_on_utc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert local_zone(localtime=tmp_path / "none") is UTC


def test_an_unknown_zone_is_told_and_means_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Mars/Olympus")
    with capture_logs() as logs:
        assert local_zone() is UTC
    assert [(entry["log_level"], entry["zone"]) for entry in logs] == [("warning", "Mars/Olympus")]
