"""Who is told that somebody can log in or no longer can: once for each change, whatever makes it, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from syncd.accounts.gate import login_reasons
from syncd.model.caller import ITSELF, Caller
from syncd.services.announcing import EVERYBODY_EVERY, AnnouncingService
from syncd.services.events import EventService
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.announce import announce, announce_deletion, passed, strayed
from syncd.store.announcing import SqlAnnouncing
from syncd.store.engine import open_engine, read, write
from syncd.store.events import SqlEvents
from syncd.store.gate import reasons_of
from syncd.store.journal import Journal
from syncd.store.purge import purge_people
from syncd.store.relink import SqlLinkStore
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import START, Company, contents, organization, person, rows, take, unit
from tests.fakes.edge import FakeClock
from tests.fakes.people_rows import NOON, Rows, later

ACCESS = ("access.revoked", "access.granted")
OFF: dict[str, Any] = {"account.disabled": True}
# user, type, reasons
Told = tuple[int, str, tuple[str, ...]]


def told(engine: Engine, *types: str) -> list[Told]:
    """The events about access, in their order."""
    page = EventService(SqlEvents(engine)).page(types=types or ACCESS, limit=1000)
    return [(event.subject_id, event.type, event.reasons) for event in page.items]


def number(engine: Engine, username: str) -> int:
    with read(engine) as connection:
        found = connection.scalar(select(t.users.c.id).where(t.users.c.username == username))
    assert found is not None
    return int(found)


def working(company: Company, count: int = 3) -> None:
    """A company whose people can log in."""
    company.units = [unit("eng")]
    company.add(*(person(f"p{i}", organization="acme", unit="eng") for i in range(count)))
    company.sync()


def consistent(engine: Engine) -> None:
    """What was told last is what the gate says, and everybody's events alternate, granted first."""
    with read(engine) as connection:
        assert strayed(connection, now=later(600)) == []
    types: dict[int, list[str]] = {}
    for user_id, type_, _ in told(engine):
        types.setdefault(user_id, []).append(type_)
    for user_id, own in types.items():
        assert own[0] == "access.granted", user_id
        assert all(one != other for one, other in pairwise(own)), (user_id, own)


# ---------------------------------------------------------------- runs
def test_a_first_import_tells_who_has_access_without_an_event_of_its_own(company: Company, engine: Engine) -> None:
    company.units = [unit("eng")]
    company.add(person("in", organization="acme", unit="eng"), person("unitless", organization="acme"))
    valid: dict[str, Any] = {"account.valid_from": START + timedelta(days=300)}
    off = person("off", organization="acme", unit="eng", **OFF)
    company.add(off, person("later", organization="acme", unit="eng", **valid))
    company.sync()
    assert {row.username: row.has_access for row in rows(engine, t.users)} == {
        "in": True, "unitless": False, "off": False, "later": False,
    }  # fmt: skip
    assert rows(engine, t.audit_events, action="access.granted") == []
    assert told(engine) == [(number(engine, "in"), "access.granted", ())]
    consistent(engine)


def test_whoever_leaves_and_comes_back_is_told_once_each(company: Company, engine: Engine) -> None:
    working(company)
    p1 = company.people.pop("p1")
    company.sync()
    company.sync()
    who = number(engine, "p1")
    assert [e for e in told(engine) if e[0] == who] == [
        (who, "access.granted", ()), (who, "access.revoked", ("directory_missing:corp",)),
    ]  # fmt: skip
    company.add(p1)
    company.sync()
    assert [e[1] for e in told(engine) if e[0] == who] == ["access.granted", "access.revoked", "access.granted"]
    consistent(engine)


def test_a_disabled_account_and_a_lost_unit_are_told_of(company: Company, engine: Engine) -> None:
    working(company)
    company.add(
        person("p0", organization="acme", unit="eng", **OFF),
        person("p1", organization="acme", unit=None),
        person("p2", organization="acme", unit="eng", title="Engineer"),
    )
    company.sync()
    assert [e for e in told(engine) if e[1] == "access.revoked"] == [
        (number(engine, "p0"), "access.revoked", ("directory_disabled:corp",)),
        (number(engine, "p1"), "access.revoked", ("no_unit",)),
    ]
    consistent(engine)


def test_a_run_in_which_nothing_of_access_changes_tells_nothing(company: Company, engine: Engine) -> None:
    working(company)
    before = contents(engine)
    company.sync()
    assert contents(engine) == before
    company.add(person("p0", organization="acme", unit="eng", title="Engineer"))
    company.sync()
    assert len(told(engine)) == 3


def test_a_unit_that_goes_takes_the_access_of_whoever_is_left_in_it(company: Company, engine: Engine) -> None:
    company.units = [unit("eng"), unit("ops")]
    company.add(person("p0", organization="acme", unit="ops"), person("p1", organization="acme", unit="eng"))
    company.sync()
    # p0 stays where they are, as somebody does whose entry could not be used
    company.units = [unit("eng")]
    company.sync()
    assert [e for e in told(engine) if e[1] == "access.revoked"] == [(number(engine, "p0"), "access.revoked", ("no_unit",))]
    consistent(engine)


def test_new_people_of_an_organization_that_is_switched_off_have_no_access(company: Company, engine: Engine) -> None:
    working(company, 1)
    _switch(engine, "Acme", enabled=False)
    company.add(person("new", organization="acme", unit="eng"))
    company.sync()
    assert {row.username: row.has_access for row in rows(engine, t.users)} == {"p0": True, "new": False}


def test_an_organization_switched_off_while_people_are_created_counts(
    company: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.units = [unit("eng")]
    company.add(*(person(f"p{i}", organization="acme", unit="eng") for i in range(6)))
    monkeypatch.setattr("syncd.store.apply_context.batches.__defaults__", (3,))
    switched = False

    def switch(done: int) -> None:
        nonlocal switched
        if done > 3 and not switched:
            switched = True
            _switch(engine, "Acme", enabled=False)

    company.runs += 1
    company.apply(company.plan(), progress=switch)
    assert [row.has_access for row in rows(engine, t.users)] == [True] * 3 + [False] * 3
    created = rows(engine, t.audit_events, action="user.created")
    assert [bool(row.after.get("can_log_in")) for row in created] == [True] * 3 + [False] * 3


def test_people_who_move_into_an_organization_that_is_switched_off_lose_access(company: Company, engine: Engine) -> None:
    rows_of = Rows(engine)
    rows_of.organization("Elsewhere", enabled=False)
    working(company, 2)
    company.organizations = [organization("acme", "Elsewhere")]
    company.sync()
    assert [e for e in told(engine) if e[1] == "access.revoked"] == [
        (number(engine, f"p{i}"), "access.revoked", ("no_organization",)) for i in range(2)
    ]
    consistent(engine)


def _switch(engine: Engine, name: str, *, enabled: bool) -> None:
    with write(engine) as connection:
        connection.execute(update(t.organizations).where(t.organizations.c.name == name).values(enabled=enabled))


# ---------------------------------------------------------------- purge, links
def test_a_purge_tells_of_nothing_that_was_told_before(company: Company, engine: Engine) -> None:
    working(company)
    del company.people["p1"]
    company.sync()
    before = told(engine)
    assert purge_people(engine, "corp", missing_before=company.at() + timedelta(days=1), run_id=None, at=company.at()) == 1
    assert told(engine) == before
    types = [e.type for e in EventService(SqlEvents(engine)).page(types=["user.deleted"]).items]
    assert types == ["user.deleted"]


def test_whoever_has_left_one_of_two_directories_has_access_again_when_that_is_purged(company: Company, engine: Engine) -> None:
    working(company)
    who, other = number(engine, "p1"), Rows(engine).directory("lab")
    Rows(engine).identity(who, other, "uid=p1,dc=lab", missing_since=NOON)
    with write(engine) as connection:
        announce(connection, [who], journal=Journal(connection, caller=ITSELF, at=later(60)))
    assert told(engine)[-1] == (who, "access.revoked", ("directory_missing:lab",))
    purge_people(engine, "lab", missing_before=later(60), run_id=None, at=later(61))
    assert told(engine)[-1] == (who, "access.granted", ())
    consistent(engine)


def test_unlinking_tells_of_both_users(company: Company, engine: Engine) -> None:
    working(company)
    lab = Company(SqlSyncStore(engine), name="lab", organizations=[organization("lab")], units=[unit("lab", "lab")])
    lab.add(person("x1", organization="lab", unit="lab"))
    lab.sync()
    p1, x1 = number(engine, "p1"), number(engine, "x1")
    links, who = SqlLinkStore(engine), Caller(name="anna", request_id="req-9")
    first = lab.epoch()
    links.link(p1, directory="lab", entry="x1", is_dn=False, caller=who, reason="the same", at=later(90), epoch=first)
    assert told(engine)[-1] == (x1, "access.revoked", ("deleted",))
    then = take(engine, "lab")
    done = links.unlink(p1, directory="lab", caller=who, reason="not the same", at=later(91), epoch=then)
    assert told(engine)[-1] == (done.other_id, "access.granted", ())
    # whoever asked stays known, so that it is told as a call of the API and not of the command line
    asked = [row.action for row in rows(engine, t.audit_events, request_id="req-9")]
    assert asked == ["access.revoked", "user.linked", "user.merged", "user.unlinked", "user.created", "access.granted"]
    consistent(engine)


# ---------------------------------------------------------------- anybody else
def _one(engine: Engine, **values: object) -> int:
    make = Rows(engine)
    home = make.organization("Acme")
    who = make.user("ben", **values)
    make.access(who, home, make.unit(home, "Eng"))
    return who


def _announce(engine: Engine, users: Sequence[int], *, minutes: float = 0) -> int:
    with write(engine) as connection:
        return announce(connection, users, journal=Journal(connection, caller=ITSELF, at=later(minutes)))


def test_each_change_is_told_once_and_ends_the_sessions(engine: Engine) -> None:
    who = _one(engine)
    assert (_announce(engine, [who]), _announce(engine, [who])) == (1, 0)
    session = {"digest": b"x", "created_at": NOON, "last_seen_at": NOON, "expires_at": later(600)}
    Rows(engine).row(t.sessions, user_id=who, **session)
    with write(engine) as connection:
        connection.execute(update(t.users).values(enabled=False, auth_status="locked"))
    assert (_announce(engine, [who]), _announce(engine, [who])) == (1, 0)
    assert told(engine) == [(who, "access.granted", ()), (who, "access.revoked", ("disabled", "locked"))]
    assert rows(engine, t.sessions) == []


def test_whoever_is_deleted_loses_access_before(engine: Engine) -> None:
    who = _one(engine)
    other = Rows(engine).user("nobody")
    _announce(engine, [who, other])
    with write(engine) as connection:
        announce_deletion(connection, [who, other], journal=Journal(connection, caller=ITSELF, at=NOON))
    assert told(engine) == [(who, "access.granted", ()), (who, "access.revoked", ("deleted",))]


# ---------------------------------------------------------------- time
@pytest.mark.parametrize(
    ("column", "begins", "ends"),
    [
        ("account_expires_at", True, False),
        ("account_password_expires_at", True, False),
        ("account_locked_until", False, True),
        ("account_valid_from", False, True),
    ],
)
def test_time_alone_gives_and_takes_access(engine: Engine, column: str, *, begins: bool, ends: bool) -> None:
    who = _one(engine)
    times: dict[str, Any] = {column: later(10)}
    Rows(engine).identity(who, Rows(engine).directory(), "uid=ben,dc=x", **times)
    clock = FakeClock(NOON)
    service = AnnouncingService(store=SqlAnnouncing(engine), clock=clock)
    assert service.look() == begins
    clock.advance(seconds=599)
    assert service.look() == 0
    clock.advance(seconds=1)
    assert service.look() == 1
    assert service.look() == 0
    reasons = (
        () if ends else (f"directory_{column.removeprefix('account_').removesuffix('_at').replace('expires', 'expired')}:corp",)
    )
    assert told(engine)[-1] == (who, ACCESS[ends], reasons)


def test_what_nobody_announced_is_told_within_a_day(engine: Engine) -> None:
    who = _one(engine)
    clock = FakeClock(NOON)
    service = AnnouncingService(store=SqlAnnouncing(engine), clock=clock)
    assert service.look() == 1
    with write(engine) as connection:
        connection.execute(update(t.users).values(enabled=False))
    clock.advance(seconds=5)
    assert service.look() == 0
    clock.advance(seconds=EVERYBODY_EVERY.total_seconds())
    assert service.look() == 1
    assert told(engine)[-1] == (who, "access.revoked", ("disabled",))


def test_a_look_reads_only_whose_time_has_come(sqlite_url: str) -> None:
    """By the indexes of the four times."""
    engine = open_engine(StoreSettings(url=sqlite_url))
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    with read(engine) as connection:
        assert passed(connection, since=NOON, now=later(1)) == []
        (query,) = [text for text in asked if text.startswith("SELECT")]
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (str(NOON),) * query.count("?")).all()
    plan = [step[-1] for step in steps if "identities" in step[-1]]
    assert len(plan) == 4
    assert all(" INDEX ix_identities_account_" in step for step in plan), plan
    engine.dispose()


# ---------------------------------------------------------------- the gate itself
def test_reasons_for_many_are_those_of_the_gate(company: Company, engine: Engine) -> None:
    company.units = [unit("eng")]
    company.add(person("a", organization="acme", unit="eng"), person("b"), person("c", organization="acme", **OFF))
    company.sync()
    with read(engine) as connection:
        ids = list(connection.scalars(select(t.users.c.id)))
        found = reasons_of(connection, ids, now=later(0))
    assert found[number(engine, "a")] == ()
    assert found[number(engine, "b")] == login_reasons(
        enabled=True, auth_status="active", missing_in=(), organizations_enabled=0, units=0, manual=False
    )
    assert found[number(engine, "c")] == ("directory_disabled:corp", "no_unit")
