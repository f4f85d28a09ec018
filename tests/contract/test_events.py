"""The event feed over both databases: in the order of commits, nothing missed, nothing twice, and what an event says."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, delete, func, insert, select

from syncd.errors import CursorExpiredError, UsageError
from syncd.model.caller import ITSELF, Caller
from syncd.model.events import Event
from syncd.services.events import EventService, cursor_of, parse_cursor, shown
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import _TAKE_TURN, open_engine, read, write
from syncd.store.events import SqlEvents
from syncd.store.journal import Journal
from syncd.store.snapshot import SqlSyncStore
from syncd.store.trail import PRUNED_THROUGH
from tests.contract.company import Company, person, rows, unit
from tests.fakes.people_rows import NOON, later

ANNA = Caller(name="anna", user_id=1, request_id="req-1")


@pytest.fixture
def events(engine: Engine) -> EventService:
    return EventService(SqlEvents(engine))


def note(engine: Engine, action: str = "user.updated", subject: str = "user", number: int = 1, **values: object) -> None:
    with write(engine) as connection:
        journal = Journal(connection, caller=ANNA, at=NOON)
        journal.note(action, subject, number, **values)  # type: ignore[arg-type]


def everything(events: EventService, *, limit: int = 100, types: tuple[str, ...] = ()) -> list[Event]:
    """By pages, as a client reads."""
    found: list[Event] = []
    cursor, more = None, True
    while more:
        page = events.page(after=cursor, limit=limit, types=types)
        found += page.items
        cursor, more = cursor_of(page.position), page.more or bool(page.items)
    return found


# ---------------------------------------------------------------- order
WRITERS, EACH = 8, 25


def test_a_reader_misses_nothing_of_many_writers(engine: Engine, store_url: str) -> None:
    """Writers on connections of their own, in transactions of several events that overlap; some are rolled back."""
    ended = threading.Event()
    barrier = threading.Barrier(WRITERS + 1)

    def work(writer: int) -> None:
        own = open_engine(StoreSettings(url=store_url))
        barrier.wait()
        for number in range(EACH):
            try:
                with write(own) as connection:
                    journal = Journal(connection, caller=ITSELF, at=NOON)
                    for part in range(3):
                        journal.note("user.updated", "user", writer * 1000 + number, after={"part": part})
                    if number % 5 == 4:
                        raise LookupError
            except LookupError:
                pass
        own.dispose()

    def follow() -> list[Event]:
        events, found = EventService(SqlEvents(engine)), list[Event]()
        cursor = cursor_of(events.page(after="now").position)
        barrier.wait()
        while True:
            last = ended.is_set()
            page = events.page(after=cursor, limit=7)
            found += page.items
            cursor = cursor_of(page.position)
            if last and not page.items and not page.more:
                return found

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reading = threads.submit(follow)
        writing = [threads.submit(work, writer) for writer in range(WRITERS)]
        for each in writing:
            each.result()
        ended.set()
        found = reading.result()
    kept = [number for number in range(EACH) if number % 5 != 4]
    assert Counter(event.subject_id for event in found) == {w * 1000 + n: 3 for w in range(WRITERS) for n in kept}
    assert [e.position for e in found] == sorted({e.position for e in found})
    # what was written together stands together
    assert [event.changes["part"][1] for event in found] == [0, 1, 2] * (WRITERS * len(kept))


def test_a_run_and_others_are_in_one_order(engine: Engine, events: EventService, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import in many transactions, its rows written in bulk, with a reader beside it and somebody who writes between."""
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (5,))
    company = Company(SqlSyncStore(engine), units=[unit("eng")])
    company.add(*(person(f"p{i:02}", organization="acme", unit="eng") for i in range(40)))
    found: list[Event] = []
    cursor = events.page(after="now").position

    def between(done: int) -> None:
        nonlocal cursor
        note(engine, number=1000 + done)
        page = events.page(after=cursor_of(cursor), limit=1000)
        found.extend(page.items)
        cursor = page.position

    company.runs += 1
    company.apply(company.plan(), progress=between)
    found += events.page(after=cursor_of(cursor), limit=1000).items
    assert len([e for e in found if e.type == "user.created"]) == 40
    assert len([e for e in found if e.type == "access.granted"]) == 40
    assert found == everything(events)
    assert [e.position for e in found] == sorted({e.position for e in found})


def test_pages_of_any_size_hold_the_same(company: Company, engine: Engine, events: EventService) -> None:
    company.units = [unit("eng")]
    company.add(*(person(f"p{i}", organization="acme", unit="eng") for i in range(5)))
    company.sync()
    whole = everything(events, limit=1000)
    assert [e.type for e in whole if e.subject_type == "user"] == ["user.created", "access.granted"] * 5
    for limit in (1, 2, 3, 7):
        assert everything(events, limit=limit) == whole
    # from the cursor of any event on
    for number, event in enumerate(whole):
        assert list(events.page(after=cursor_of(event.position), limit=1000).items) == whole[number + 1 :]


# ---------------------------------------------------------------- what is told
def test_events_say_what_changed_and_who_did_it(engine: Engine, events: EventService) -> None:
    note(engine, before={"title": None}, after={"title": "Engineer"}, reason="promoted")
    (event,) = events.page().items
    assert shown(event) == {
        "id": event.position,
        "cursor": cursor_of(event.position),
        "type": "user.updated",
        "at": "2026-03-01T12:00:00Z",
        "subject": {"type": "user", "id": 1},
        "directory": None,
        "changes": {"title": {"before": None, "after": "Engineer"}},
        "reasons": [],
        "reason": "promoted",
        "actor": {"kind": "api", "name": "anna"},
        "run_id": None,
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("action", "type_"),
    [
        ("user.purged", "user.deleted"),
        ("user.roles_changed", "user.roles_changed"),
        ("role.created", "role.created"),
        ("organization.disabled", "organization.disabled"),
        ("user.password_changed", "user.password_changed"),
        ("memberships.changed", None),
        ("role_identifier.created", None),
        ("api_key.created", None),
        ("session.ended", None),
        ("mail.given_up", None),
        ("plan.approved", None),
        ("user.invited", None),
    ],
)
def test_which_audit_events_are_told(engine: Engine, events: EventService, action: str, type_: str | None) -> None:
    note(engine, action)
    assert [event.type for event in events.page().items] == ([] if type_ is None else [type_])


def test_no_secret_gets_out(engine: Engine, events: EventService) -> None:
    note(engine, before={"hash": "argon2"}, after={"token": "x", "title": "y"})
    assert list(events.page().items[0].changes) == ["title"]


def test_types_choose(company: Company, events: EventService) -> None:
    company.units = [unit("eng")]
    company.add(person("p0", organization="acme", unit="eng"))
    company.sync()
    asked = {
        ("access.granted",): ["access.granted"],
        ("access.*",): ["access.granted"],
        ("user.created",): ["user.created"],
        ("user.*", "access.*"): ["user.created", "access.granted"],
        ("unit.*",): ["unit.created"],
        ("role.created",): [],
    }
    for types, found in asked.items():
        assert [event.type for event in everything(events, types=types)] == found, types
    for wrong in ("access", "acess.*"):
        with pytest.raises(UsageError, match="is no type of event"):
            events.page(types=(wrong,))


def test_rare_types_are_found_behind_many_others(engine: Engine, events: EventService) -> None:
    with write(engine) as connection:
        journal = Journal(connection, caller=ITSELF, at=NOON)
        for number in range(5000):
            journal.add("user.updated", "user", number)
        journal.add("role.created", "role", 1)
        journal.write()
    assert [event.type for event in everything(events, types=("role.*",))] == ["role.created"]


# ---------------------------------------------------------------- cursors
def test_now_is_after_everything(engine: Engine, events: EventService) -> None:
    note(engine)
    page = events.page(after="now")
    assert (page.items, page.more) == ((), False)
    note(engine, number=2)
    assert [e.subject_id for e in events.page(after=cursor_of(page.position)).items] == [2]


def test_a_cursor_whose_events_were_pruned_is_refused(engine: Engine, events: EventService) -> None:
    for number in range(4):
        note(engine, number=number)
    first, second, *_ = events.page().items
    with write(engine) as connection:
        connection.execute(delete(t.audit_events).where(t.audit_events.c.id <= 2))
        connection.execute(insert(t.facts).values(name=PRUNED_THROUGH, value=2))
    with pytest.raises(CursorExpiredError) as refused:
        events.page(after=cursor_of(first.position))
    assert "after=now" in refused.value.hint
    after_second = cursor_of(second.position + 1)
    assert [e.subject_id for e in events.page(after=after_second).items] == [2, 3]
    assert [e.subject_id for e in events.page().items] == [2, 3]


def test_a_cursor_of_a_later_state_is_refused(engine: Engine, events: EventService) -> None:
    note(engine)
    ahead = cursor_of(events.page(after="now").position + 2)
    with pytest.raises(CursorExpiredError, match="earlier state"):
        events.page(after=ahead)


@pytest.mark.parametrize("text", ["", "x", "MTo", "Mjox", "MToxeA", "!!!!", "MTotNQ", "ä"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not one that this server gave"):
        parse_cursor(text)
    assert parse_cursor(cursor_of(12345)) == 12345


# ---------------------------------------------------------------- transactions
def test_a_writer_that_freezes_keeps_nobody_out_for_good(postgres_url: str) -> None:
    """PostgreSQL ends it; SQLite's writers wait for `busy_timeout` and no longer."""
    engine, other = (open_engine(StoreSettings(url=postgres_url)) for _ in range(2))
    frozen = engine.connect()
    frozen.begin()
    frozen.exec_driver_sql(_TAKE_TURN.replace("60000", "300"))
    with write(other) as connection:
        Journal(connection, caller=ITSELF, at=later(1)).note("user.updated", "user", 7)
    assert [row.subject_id for row in rows(other, t.audit_events)] == [7]
    frozen.invalidate()
    frozen.close()
    engine.dispose()
    other.dispose()


def test_whoever_listens_hears_of_each_write(engine: Engine, events: EventService) -> None:
    heard = threading.Semaphore(0)
    forget = events.on_new(heard.release)
    note(engine)
    assert heard.acquire(timeout=5)
    with pytest.raises(LookupError), write(engine):
        raise LookupError
    with write(engine, ordered=False):
        pass
    assert not heard.acquire(blocking=False)
    forget()
    note(engine)
    assert not heard.acquire(blocking=False)
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(t.audit_events)) == 2
