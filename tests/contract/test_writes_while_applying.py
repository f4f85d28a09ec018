"""Administering people while a large import is being applied: nobody is refused or passed over, on both databases.

How long that takes, on an idle machine and with 100,000 people, is measured by `script/bench --only writes`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from syncd.services.events import EventService
from syncd.store.actions import SqlActions
from syncd.store.events import SqlEvents
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import Company, person, unit
from tests.fakes.management import ADMIN
from tests.fakes.people_rows import Rows

# a transaction of the run takes some tens of ms: longer than a thread waits for its processor
PEOPLE = 9000
BATCH = 150
ADMINISTRATORS = 3


@dataclass
class Progress:
    """How far the run is."""

    transactions: int = 0

    def __call__(self, done: int) -> None:
        del done
        self.transactions += 1


@dataclass
class Administrator:
    """Switches one person off and on, over and over."""

    store: SqlActions
    user: int
    progress: Progress
    # transactions of the run that were committed between the question and the answer
    passed: list[int] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def work(self, ended: threading.Event) -> None:
        enabled = True
        while not ended.wait(0.01):
            enabled = not enabled
            before = self.progress.transactions
            try:
                at = datetime.now(UTC)
                self.store.switch(self.user, enabled=enabled, caller=ADMIN, reason="measured", if_match=None, at=at)
            except Exception as error:
                self.errors.append(error)
            self.passed.append(self.progress.transactions - before)


def test_nobody_is_refused_or_passed_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (BATCH,))
    rows = Rows(engine)
    home = rows.organization("Partners")
    place = rows.unit(home, "Main")
    company = Company(SqlSyncStore(engine), units=[unit("eng")])
    company.add(*(person(f"p{i:05}", organization="acme", unit="eng", title=f"Engineer {i}") for i in range(PEOPLE)))
    company.grants = {(f"p{i:05}", "Member") for i in range(PEOPLE)}
    plan = company.plan()
    company.runs += 1
    progress, administrators = Progress(), []
    for number in range(ADMINISTRATORS):
        user = rows.user(f"partner{number}", manual=True)
        rows.access(user, home, place)
        administrators.append(Administrator(SqlActions(engine, administrator_roles=()), user, progress))
    ended = threading.Event()
    threads = [threading.Thread(target=each.work, args=(ended,)) for each in administrators]
    for thread in threads:
        thread.start()
    company.apply(plan, progress=progress)
    ended.set()
    for thread in threads:
        thread.join()
    assert [error for each in administrators for error in each.errors] == []
    passed = [count for each in administrators for count in each.passed]
    assert len(passed) >= 10
    assert progress.transactions >= 60
    # the one under way, and the next where the run asked first
    assert max(passed) <= 3, passed
    # what they did stands among what the run did, in the order of commits
    events, cursor = EventService(SqlEvents(engine)), None
    page = events.page(types=["user.*"], limit=1000, after=cursor)
    kinds = [event.actor_kind for event in page.items]
    assert {"run", "api"} <= set(kinds)
