"""The audit trail, login attempts and exports: over HTTP down to a real store, on both databases."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine, insert, select, update

from syncd.errors import ExportFieldError, ExportStateError, FilterError, NotFoundError
from syncd.model.caller import Caller
from syncd.model.export import ExportFormat, ExportRequest, ExportState
from syncd.model.permission import Permission
from syncd.model.trail import AttemptFilter, AuditFilter
from syncd.services import userlists
from syncd.services.exports import ExportService, export_folder
from syncd.services.mails import Mails
from syncd.services.trail import TrailService
from syncd.services.userlists import UserListService
from syncd.settings.accounts import MailSettings
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.exports import SqlExports
from syncd.store.idempotency import SqlIdempotency
from syncd.store.journal import Journal
from syncd.store.outbox import SqlOutbox
from syncd.store.queries import Queries
from syncd.store.trail import PRUNED_THROUGH, SqlTrail
from tests.contract.company import rows as rows_of
from tests.fakes.edge import FakeClock
from tests.fakes.host import FakeHost, Serve
from tests.fakes.management import ADMIN, logged_in
from tests.fakes.people_rows import NOON, Rows, later

API = "/api/v1"
JSONL, CSV = ExportFormat.JSONL, ExportFormat.CSV


class Desk:
    """The services over one store, and a clock."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.rows, self.clock = engine, Rows(engine), FakeClock(later(60))
        queries = Queries(engine, clock=self.clock)
        self.lists = UserListService(store=queries, export_fields=[], custom_fields={"cost": "text"}, directories=())
        mails = Mails(settings=MailSettings(host="mail.example.com"), outbox=SqlOutbox(engine), clock=self.clock)
        self.exports = ExportService(
            store=SqlExports(engine), lists=self.lists, people=queries, mailer=mails, clock=self.clock,
            folder=folder / "exports", kept=timedelta(days=7),
        )  # fmt: skip
        self.trail = TrailService(
            store=SqlTrail(engine), clock=self.clock, audit_kept=timedelta(days=30), attempts_kept=timedelta(days=1)
        )

    def note(self, action: str, subject: str, number: int, *, at: float = 0, **options: Any) -> None:
        caller = Caller(name=options.pop("actor", "anna"))
        with write(self.engine) as connection:
            Journal(connection, caller=caller, at=later(at)).note(action, subject, number, **options)

    def attempt(self, name: str, outcome: str, *, at: float = 0, **values: Any) -> None:
        with write(self.engine) as connection:
            connection.execute(insert(t.login_attempts).values(name=name, outcome=outcome, at=later(at), **values))

    def work(self) -> Any:
        return self.exports.work(stopping=lambda: False)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
async def client(desk: Desk, host: FakeHost, serve: Serve) -> TestClient:
    host.management = SimpleNamespace(
        lists=desk.lists, exports=desk.exports, trail=desk.trail, idempotency=SqlIdempotency(desk.engine)
    )
    return await serve(host)


@pytest.fixture
def operator(host: FakeHost) -> dict[str, str]:
    return {"Authorization": f"Bearer {host.token}"}


# ---------------------------------------------------------------- lists over HTTP
async def test_s33_s40_pages_of_users_over_http(desk: Desk, client: TestClient, operator: dict[str, str]) -> None:
    for name in ("cleo", "ana", "ben"):
        desk.rows.user(name, last_name=name.upper(), enabled=name != "ben")
    address: str | None = f"{API}/users?limit=2&sort=-name&count=true"
    seen: list[str] = []
    while address is not None:
        response = await client.get(address, headers=operator)
        assert response.status == 200
        page = await response.json()
        assert page["total"] == 3
        seen += [user["username"] for user in page["items"]]
        address = page["next"]
        assert ("Link" in response.headers) == (address is not None)
    assert seen == ["cleo", "ben", "ana"]
    page = await (await client.get(f"{API}/users", params={"view": "disabled", "search": "BE"}, headers=operator)).json()
    ((ben,), total) = page["items"], page["total"]
    assert (ben["username"], ben["reasons"], total) == ("ben", ["disabled", "no_organization", "no_unit"], None)
    page = await (await client.get(f"{API}/users", params={"filter": "not (active eq true)"}, headers=operator)).json()
    assert [user["username"] for user in page["items"]] == ["ben"]
    wrong = await client.get(f"{API}/users", params={"filter": "shoeSize gt 4"}, headers=operator)
    assert (wrong.status, (await wrong.json())["code"]) == (400, "filter_invalid")
    for query in ("sort=phone", "limit=0", "after=x", "view=odd", "total=1", "count=1", "search=%00"):
        assert (await client.get(f"{API}/users?{query}", headers=operator)).status == 422, query


async def test_s33_lists_exports_and_the_trail_need_their_permissions(client: TestClient, host: FakeHost) -> None:
    for path, needed in (
        ("/users", Permission.USERS_READ), ("/users/export", Permission.EXPORT), ("/exports", Permission.EXPORT),
        ("/audit", Permission.AUDIT_READ), ("/login-attempts", Permission.AUDIT_READ),
    ):  # fmt: skip
        everything_else = frozenset(one.value for one in Permission) - {needed.value}
        assert (await client.get(API + path)).status == 401
        headers = logged_in(host, Caller(name="x", user_id=1, permissions=everything_else))
        assert (await client.get(API + path, headers=headers)).status == 403, path
        headers = logged_in(host, Caller(name="x", user_id=1, permissions=frozenset({needed.value})))
        assert (await client.get(API + path, headers=headers)).status == 200, path


# ---------------------------------------------------------------- exports at once
async def test_s54_s55_s56_everybody_streamed_with_chosen_fields(
    desk: Desk, client: TestClient, operator: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(userlists, "STEP", 3)
    for number in range(10):
        user = desk.rows.user(f"u{number}", title="=1+1", custom={"cost": "A"}, enabled=number != 4)
        desk.rows.row(t.passwords, user_id=user, hash="$argon2id$secret", set_at=NOON)
    whole = await client.get(f"{API}/users/export", headers=operator)
    text = await whole.text()
    assert (whole.headers["Content-Type"], whole.headers["Content-Disposition"]) == (
        "text/csv; charset=utf-8", 'attachment; filename="users.csv"',
    )  # fmt: skip
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["username"] for row in table] == [f"u{number}" for number in range(10)]
    assert {(row["title"], row["custom.cost"]) for row in table} == {("'=1+1", "A")}
    query = {"format": "jsonl", "view": "active", "filter": 'userName ne "u1"', "fields": "username,custom.cost,login_count"}
    lines = (await (await client.get(f"{API}/users/export", params=query, headers=operator)).text()).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"username": f"u{number}", "custom.cost": "A", "login_count": 0} for number in (0, 2, 3, 5, 6, 7, 8, 9)
    ]
    assert "argon2" not in text + "".join(lines)
    wrong = await client.get(f"{API}/users/export", params={"fields": "password"}, headers=operator)
    assert (wrong.status, (await wrong.json())["code"]) == (409, "export_field")


def test_s55_fields_by_configuration_are_those_of_csv(desk: Desk) -> None:
    desk.rows.user("ana")
    lists = replace(desk.lists, export_fields=["email", "username"])
    assert lists.piece(ExportRequest(format=CSV), after=None).content == b"email,username\r\nana@example.com,ana\r\n"
    wanted = ExportRequest(format=CSV, fields=("username",))
    assert lists.piece(wanted, after=None).content == b"username\r\nana\r\n"


# ---------------------------------------------------------------- exports as jobs
async def test_s57_an_export_is_asked_for_written_told_of_fetched_and_deleted(
    desk: Desk, client: TestClient, host: FakeHost
) -> None:
    ana, ben = desk.rows.user("ana", first_name="Ana"), desk.rows.user("ben", enabled=False)
    may = frozenset({Permission.EXPORT.value})
    own = logged_in(host, Caller(name="ana", user_id=ana, permissions=may))
    body = {"format": "jsonl", "view": "disabled", "fields": ["username"]}
    asked = await client.post(f"{API}/exports", json=body, headers=own | {"Idempotency-Key": "k1"})
    again = await client.post(f"{API}/exports", json=body, headers=own | {"Idempotency-Key": "k1"})
    job = await asked.json()
    assert (asked.status, job["state"], job["content"], await again.json()) == (202, "queued", None, job)
    address = asked.headers["Location"]
    assert (await client.get(f"{address}/content", headers=own)).status == 409
    assert desk.work().state is ExportState.FINISHED
    assert desk.work() is None
    job = await (await client.get(address, headers=own)).json()
    assert (job["state"], job["rows"], job["content"]) == ("finished", 1, f"{address}/content")
    content = await client.get(job["content"], headers=own)
    assert await content.text() == '{"username":"ben"}\n'
    assert "people-" in content.headers["Content-Disposition"]
    (mail,) = rows_of(desk.engine, t.outbox)
    assert (mail.kind, mail.recipient, mail.user_id, mail.data["rows"]) == ("export_ready", "ana@example.com", ana, 1)
    # nobody else's
    other = logged_in(host, Caller(name="ben", user_id=ben, permissions=may))
    for path in (address, f"{address}/content"):
        assert (await client.get(path, headers=other)).status == 404
    assert (await (await client.get(f"{API}/exports", headers=other)).json())["items"] == []
    everything = {"Authorization": f"Bearer {host.token}"}
    assert [one["id"] for one in (await (await client.get(f"{API}/exports", headers=everything)).json())["items"]] == [
        job["id"]
    ]
    (file,) = desk.exports.folder.iterdir()
    assert (file.stat().st_mode & 0o777, desk.exports.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [row.action for row in rows_of(desk.engine, t.audit_events, subject_type="export")] == [
        "export.requested", "export.finished",
    ]  # fmt: skip
    desk.clock.advance(days=7)
    assert desk.exports.tidy() == 1
    assert list(desk.exports.folder.iterdir()) == []
    assert (await client.get(address, headers=own)).status == 404


def test_s57_an_export_survives_whoever_works_on_it(desk: Desk) -> None:
    desk.rows.user("ana")
    job = desk.exports.request(ExportRequest(format=CSV), caller=ADMIN)
    # a daemon took it and died
    assert SqlExports(desk.engine).claim(at=desk.clock.now(), until=desk.clock.now() + timedelta(minutes=2)) is not None
    assert desk.work() is None
    desk.clock.advance(minutes=3)
    assert desk.work().state is ExportState.FINISHED
    assert desk.exports.content(job.id, caller=ADMIN)[1].read_bytes().count(b"\n") == 2
    assert rows_of(desk.engine, t.outbox) == [], "nobody of the store asked for it"


def test_s57_a_daemon_that_ends_gives_it_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.services.exports.STEP", 1)
    for name in ("ana", "ben"):
        desk.rows.user(name)
    job = desk.exports.request(ExportRequest(format=CSV), caller=ADMIN)
    assert desk.exports.work(stopping=lambda: True) is None
    assert desk.exports.get(job.id, caller=ADMIN).state is ExportState.QUEUED
    assert list(desk.exports.folder.iterdir()) == []
    done = desk.work()
    assert (done.state, done.rows) == (ExportState.FINISHED, 2)


def test_s57_what_a_killed_daemon_had_begun_to_write_is_deleted(desk: Desk) -> None:
    desk.exports.folder.mkdir()
    left, at_work = desk.exports.folder / ".export-left", desk.exports.folder / ".export-work"
    for file, age in ((left, 61), (at_work, 59)):
        file.write_text("about people")
        at = (desk.clock.now() - timedelta(minutes=age)).timestamp()
        os.utime(file, (at, at))
    assert desk.exports.tidy() == 0
    assert list(desk.exports.folder.iterdir()) == [at_work]


def test_s57_an_export_that_cannot_be_written_says_why(desk: Desk) -> None:
    desk.exports.folder.parent.joinpath("exports").write_text("in the way")
    job = desk.exports.request(ExportRequest(format=CSV), caller=ADMIN)
    done = desk.work()
    assert (done.state, done.rows) == (ExportState.FAILED, None)
    assert "exports" in done.error
    with pytest.raises(ExportStateError):
        desk.exports.content(job.id, caller=ADMIN)
    desk.clock.advance(days=8)
    assert desk.exports.tidy() == 1


def test_s57_what_makes_no_sense_is_refused_when_it_is_asked_for(desk: Desk) -> None:
    with pytest.raises(FilterError):
        desk.exports.request(ExportRequest(format=CSV, filter="odd"), caller=ADMIN)
    for fields in (("password",), ("username", "username"), ("custom.other",)):
        with pytest.raises(ExportFieldError):
            desk.exports.request(ExportRequest(format=CSV, fields=fields), caller=ADMIN)
    with pytest.raises(NotFoundError):
        desk.exports.get(1, caller=ADMIN)


def test_exports_are_kept_beside_an_sqlite_database_or_in_the_state_directory() -> None:
    assert export_folder(None, store_url="sqlite:////srv/syncd/syncd.db") == Path("/srv/syncd/exports")
    assert export_folder(None, store_url="postgresql://db/syncd") == Path("/var/lib/syncd/exports")
    assert export_folder("/elsewhere", store_url="sqlite:////srv/syncd/syncd.db") == Path("/elsewhere")


# ---------------------------------------------------------------- audit and login attempts
async def test_audit_events_are_listed_filtered_and_exported(desk: Desk, client: TestClient, operator: dict[str, str]) -> None:
    for number in range(1, 6):
        desk.note("user.disabled", "user", number, at=number, after={"enabled": False}, reason=f"Left 10%, {number}")
    desk.note("role.deleted", "role", 7, at=9, actor="bob", before={"name": "=x"})

    async def ids(**query: str) -> list[int]:
        page = await (await client.get(f"{API}/audit", params=query, headers=operator)).json()
        return [event["subject_id"] for event in page["items"]]

    assert await ids() == [7, 5, 4, 3, 2, 1]
    assert await ids(actor="bob") == await ids(action="role.*") == await ids(subject_type="role") == [7]
    assert await ids(subject_id="3", action="user.disabled") == [3]
    assert await ids(search="10%, 4") == await ids(search="LEFT 10%, 4") == [4]
    assert await ids(search="1_%") == []
    assert await ids(directory="corp") == []
    for path in ("audit", "audit?format=csv", "login-attempts"):
        wrong = await client.get(f"{API}/{path}", params={"directory": "crop"}, headers=operator)
        assert (wrong.status, (await wrong.json())["detail"]) == (400, "no directory is called 'crop'")
    assert await ids(since=later(4).isoformat(), until=later(9).isoformat()) == [5, 4]
    address, seen = f"{API}/audit?limit=4", []
    while address:
        page = await (await client.get(address, headers=operator)).json()
        seen += [event["subject_id"] for event in page["items"]]
        address = page["next"]
    assert seen == [7, 5, 4, 3, 2, 1]
    text = await (await client.get(f"{API}/audit?format=csv", headers=operator)).text()
    first, *others = csv.DictReader(io.StringIO(text))
    assert (first["actor"], first["before"], first["at"]) == ("bob", '{"name": "=x"}', "2026-03-01T12:09:00Z")
    assert len(others) == 5
    lines = (await (await client.get(f"{API}/audit?format=jsonl&subject_id=5", headers=operator)).text()).splitlines()
    assert [json.loads(line)["after"] for line in lines] == [{"enabled": False}]
    assert (await client.get(f"{API}/audit?format=csv&limit=3", headers=operator)).status == 422


async def test_s41_login_attempts_are_listed_filtered_and_exported(
    desk: Desk, client: TestClient, operator: dict[str, str]
) -> None:
    desk.attempt("Ana", "accepted", at=1, user_id=5, address="192.0.2.1", directory="corp")
    desk.attempt("ana", "wrong_password", at=2, user_id=5, address="192.0.2.2")
    desk.attempt("=cmd", "unknown_name", at=3)

    async def names(**query: str) -> list[str]:
        page = await (await client.get(f"{API}/login-attempts", params=query, headers=operator)).json()
        return [attempt["name"] for attempt in page["items"]]

    assert await names() == ["=cmd", "ana", "Ana"]
    assert await names(name="ANA") == await names(user_id="5") == ["ana", "Ana"]
    assert await names(outcome="refused") == ["=cmd", "ana"]
    assert await names(outcome="accepted") == await names(address="192.0.2.1") == await names(directory="corp") == ["Ana"]
    assert await names(since=later(2).isoformat(), limit="1") == ["=cmd"]
    text = await (await client.get(f"{API}/login-attempts?format=csv", headers=operator)).text()
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["'=cmd", "ana", "Ana"]


def test_what_is_old_is_forgotten_and_how_far_is_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.trail.BATCH", 2)
    for number in range(1, 8):
        desk.note("user.updated", "user", number, at=number)
        desk.attempt("ana", "accepted", at=number)
    desk.clock.at = later(5) + timedelta(days=30)
    assert desk.trail.prune() == (4, 7)
    assert [event.subject_id for event in desk.trail.audit(AuditFilter())] == [7, 6, 5]
    assert desk.trail.attempts(AttemptFilter()) == []
    with read(desk.engine) as connection:
        through = connection.execute(select(t.facts.c.value).where(t.facts.c.name == PRUNED_THROUGH)).scalar()
        oldest = connection.execute(select(t.audit_events.c.id).order_by(t.audit_events.c.id)).scalars().first()
    assert (through, oldest) == (4, 5)
    assert desk.trail.prune() == (0, 0)


def test_a_clock_that_was_wrong_keeps_what_came_after(desk: Desk) -> None:
    """Numbers say what came first: an old event behind a young one waits for it."""
    desk.note("user.updated", "user", 1, at=100_000)
    desk.note("user.updated", "user", 2, at=0)
    with write(desk.engine) as connection:
        connection.execute(update(t.audit_events).where(t.audit_events.c.subject_id == 1).values(at=later(100_000)))
    desk.clock.at = later(10) + timedelta(days=30)
    assert desk.trail.prune() == (0, 0)
