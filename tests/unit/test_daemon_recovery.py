"""Runs whose process died: found by two looks, healed by a run that is asked for, and never mistaken for one at work."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from syncd.daemon.board import DirectoryState
from syncd.daemon.recovery import INTERVAL, Recovery
from syncd.daemon.timetable import Timetable
from syncd.errors import DatabaseUnavailableError
from syncd.model.run import Mode, Outcome, Run, Trigger
from tests.fakes.edge import START, FakeLease, FakeRuns


class Ward:
    """A recovery over fakes; what the observer saw is what the test puts there."""

    def __init__(self, *names: str) -> None:
        self.runs = FakeRuns()
        self.lease = FakeLease()
        self.busy: set[str] = set()
        self.asked: list[tuple[str, Mode, Trigger]] = []
        self.states = {
            name: DirectoryState(name, Timetable(changes=None, full=None), began=START) for name in names or ("corp",)
        }
        self.recovery = Recovery(self.states, lease=self.lease, busy=self.busy.__contains__, request=self.request)

    async def request(self, directory: str, mode: Mode, trigger: Trigger) -> Run:
        self.asked.append((directory, mode, trigger))
        return self.runs.request(directory, mode=mode, trigger=trigger, at=START)[0]

    def running(self, directory: str = "corp", *, mode: Mode = Mode.CHANGES) -> Run:
        """The observer sees a run at work."""
        run = self.runs.add(directory, outcome=Outcome.RUNNING, started_at=START, mode=mode)
        self.states[directory].running = run
        return run

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.recovery.once()


def test_two_looks_and_a_start_fit_into_a_minute() -> None:
    assert 2 * INTERVAL <= 30


async def test_a_run_that_nobody_does_is_replaced_at_the_second_look() -> None:
    ward = Ward()
    dead = ward.running()
    await ward.look()
    assert ward.asked == []
    with capture_logs() as logs:
        await ward.look()
    assert ward.asked == [("corp", Mode.CHANGES, Trigger.RECOVERY)]
    assert [(entry["directory"], entry["dead"], entry["log_level"]) for entry in logs] == [("corp", dead.id, "warning")]


@pytest.mark.parametrize(("mode", "wanted"), [(Mode.FULL, Mode.FULL), (Mode.CHANGES, Mode.CHANGES), (Mode.ROLES, Mode.CHANGES)])
async def test_what_is_asked_for_reads_as_much_as_the_dead_one_and_never_nothing(mode: Mode, wanted: Mode) -> None:
    ward = Ward()
    ward.running(mode=mode)
    await ward.look(2)
    assert [asked[1] for asked in ward.asked] == [wanted]


async def test_a_run_whose_lease_is_held_is_let_alone() -> None:
    ward = Ward()
    ward.running()
    ward.lease.held.add("corp")
    await ward.look(5)
    assert ward.asked == []


async def test_a_run_of_this_process_is_never_asked_about() -> None:
    ward = Ward()
    ward.running()
    ward.busy.add("corp")
    await ward.look(5)
    assert (ward.asked, ward.lease.asked) == ([], [])


async def test_a_run_that_began_here_while_the_lease_was_looked_at_is_let_alone() -> None:
    ward = Ward()
    ward.running()
    await ward.look()
    free = ward.lease.free

    def begin(directory: str) -> bool:
        ward.busy.add(directory)
        return free(directory)

    ward.lease.free = begin  # type: ignore[method-assign]
    await ward.look()
    assert ward.asked == []


async def test_a_lease_that_is_taken_between_the_looks_makes_it_begin_anew() -> None:
    ward = Ward()
    ward.running()
    await ward.look()
    ward.lease.held.add("corp")
    await ward.look()
    ward.lease.held.clear()
    await ward.look()
    assert ward.asked == []
    await ward.look()
    assert len(ward.asked) == 1


async def test_another_run_between_the_looks_makes_it_begin_anew() -> None:
    ward = Ward()
    ward.running()
    await ward.look()
    ward.running()
    await ward.look()
    assert ward.asked == []


async def test_a_run_that_ended_between_the_looks_was_not_dead() -> None:
    ward = Ward()
    ward.running()
    await ward.look()
    ward.states["corp"].running = None
    await ward.look(2)
    assert ward.asked == []


async def test_nothing_running_asks_nothing() -> None:
    ward = Ward()
    await ward.look(3)
    assert ward.lease.asked == []


async def test_each_directory_for_itself() -> None:
    ward = Ward("corp", "hq", "lab")
    for name in ward.states:
        ward.running(name)
    ward.lease.held.add("hq")
    await ward.look(2)
    assert [asked[0] for asked in ward.asked] == ["corp", "lab"]


async def test_a_database_that_does_not_answer_is_asked_again() -> None:
    ward = Ward()
    ward.running()
    await ward.look()
    ward.lease.error = DatabaseUnavailableError("refused")
    await ward.look()
    assert ward.asked == []
    ward.lease.error = None
    await ward.look()
    assert len(ward.asked) == 1
