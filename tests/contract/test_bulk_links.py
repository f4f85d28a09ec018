"""Linking and unlinking many, over HTTP with everything real, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine

from syncd.bootstrap import Runtime
from syncd.errors import DatabaseUnavailableError, NotFoundError, UsageError
from syncd.model.actions import NewLink
from syncd.model.caller import Caller
from syncd.model.permission import Permission
from syncd.services.actions import MAX_AT_ONCE
from syncd.services.bulk_links import HELD_FOR, BulkLinkService
from syncd.services.ports_store import Relinked
from syncd.store import schema as t
from tests.contract.company import rows
from tests.contract.test_actions import Office
from tests.fakes.edge import FakeClock
from tests.fakes.host import FakeHost, Serve
from tests.fakes.logins import People, runtime
from tests.fakes.management import ADMIN, FakeDoer, logged_in

ACTIONS = "/api/v1/users/actions"
LINK, UNLINK = f"{ACTIONS}/link", f"{ACTIONS}/unlink"
WHY = "They are the same people, ticket 4712."
CORP = {"directory": "corp", "reason": WHY}
DIRECTORY = {"urls": ["ldap://127.0.0.1:1"], "base_dn": "dc=example,dc=com"}


@dataclass
class Bureau:
    """The application over a store with two directories that no run reads."""

    engine: Engine
    site: Runtime
    host: FakeHost
    client: TestClient[Any, Any]

    def __post_init__(self) -> None:
        self.people = People(self.engine)
        self.operator = {"Authorization": f"Bearer {self.host.token}"}

    def entry(self, name: str) -> int:
        """A user of corp."""
        return self.people.of_directory(name, f"uid={name},dc=x", entry_id=f"e-{name}")

    def owner(self, entry_id: str) -> int:
        (found,) = rows(self.engine, t.identities, entry_id=entry_id)
        return int(found.user_id)

    def epoch(self) -> int:
        return sum(row.epoch for row in rows(self.engine, t.leases, directory="corp"))

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
        answer = await self.client.post(path, json=CORP | body, headers=headers or self.operator)
        return answer.status, await answer.json()


@pytest.fixture
async def bureau(engine: Engine, store_url: str, serve: Serve) -> Any:
    host = FakeHost()
    site = runtime(store_url, clock=FakeClock(), directories={"corp": DIRECTORY, "hq": DIRECTORY})
    host.management = site.management
    yield Bureau(engine, site, host, await serve(host))
    site.close()


async def test_s84_many_entries_change_hands_each_with_a_result(bureau: Bureau) -> None:
    ben, cleo, fay, gus = (bureau.people.rows.user(name, manual=True) for name in ("ben", "cleo", "fay", "gus"))
    dan, eve = bureau.entry("dan"), bureau.entry("eve")
    wanted: list[dict[str, Any]] = [
        {"id": ben, "entry_id": "e-dan"}, {"id": cleo, "dn": "uid=eve,dc=x"}, {"id": fay, "dn": "UID=Eve, DC=x"},
        {"id": gus, "entry_id": "e-nobody"}, {"id": 4711, "entry_id": "e-eve"}, {"id": ben, "dn": "uid=nobody,dc=x"},
    ]  # fmt: skip
    status, told = await bureau.post(LINK, {"rows": wanted})
    assert status == 200
    assert (told["action"], told["changed"], told["unchanged"], told["refused"]) == ("link", 2, 0, 4)
    done = {"result": "changed", "code": None, "message": None, "other": "deleted"}
    assert told["results"][:2] == [
        {"id": ben, "other_id": dan, "dn": "uid=dan,dc=x"} | done, {"id": cleo, "other_id": eve, "dn": "uid=eve,dc=x"} | done,
    ]  # fmt: skip
    assert [(row["id"], row["code"]) for row in told["results"][2:]] == [
        (fay, "usage"), (gus, "not_found"), (4711, "not_found"), (ben, "not_found"),
    ]  # fmt: skip
    assert all(row["result"] == "refused" and row["message"] for row in told["results"][2:])
    assert "earlier row" in told["results"][2]["message"]
    assert {row[key] for row in told["results"][2:] for key in ("other_id", "other", "dn")} == {None}
    assert (bureau.owner("e-dan"), bureau.owner("e-eve")) == (ben, cleo)
    events = rows(bureau.engine, t.audit_events, action="user.linked")
    assert [(event.subject_id, event.reason) for event in events] == [(ben, WHY), (cleo, WHY)]
    assert bureau.epoch() == 1, "the lease is taken once"


@pytest.mark.parametrize("status", ["reset", "expired", "locked"])
async def test_s84_no_password_of_ours_is_awaited_of_whom_a_directory_has_now(bureau: Bureau, status: str) -> None:
    """Nobody could save one any more (S86), so an invited user who is linked could never log in."""
    anna = bureau.people.manual("anna", hashed=None, auth_status=status)
    bureau.entry("anna.berg")
    answered, body = await bureau.post(LINK, {"rows": [{"id": anna, "entry_id": "e-anna.berg"}]})
    assert (answered, body["changed"]) == (200, 1)
    now = "locked" if status == "locked" else "active"
    assert (bureau.people.row(anna).auth_status, bureau.people.row(anna).has_access) == (now, now == "active")


async def test_s84_many_are_unlinked_each_with_a_result(bureau: Bureau) -> None:
    ben, only, none = bureau.entry("ben"), bureau.entry("only"), bureau.people.manual("none")
    bureau.people.rows.identity(ben, bureau.people.rows.directory("hq"), "uid=ben,dc=hq", entry_id="hq-ben")
    status, told = await bureau.post(UNLINK, {"ids": [only, ben, none, 4711, ben]})
    assert status == 200
    assert (told["action"], told["changed"], told["refused"]) == ("unlink", 1, 3)
    assert [(row["id"], row["code"]) for row in told["results"]] == [
        (only, "wrong_state"), (ben, None), (none, "wrong_state"), (4711, "not_found"),
    ]  # fmt: skip
    done = told["results"][1]
    assert (done["dn"], done["other"], done["other_id"]) == ("uid=ben,dc=x", "created", bureau.owner("e-ben"))
    assert bureau.owner("hq-ben") == ben != bureau.owner("e-ben")
    (event,) = rows(bureau.engine, t.audit_events, action="user.unlinked")
    assert (event.subject_id, event.reason) == (ben, WHY)


async def test_s84_while_a_run_is_at_work_all_rows_are_refused_for_that(bureau: Bureau) -> None:
    ben, dan = bureau.people.manual("ben"), bureau.entry("dan")
    with bureau.site.lease.hold("corp"):
        for path, body in ((LINK, {"rows": [{"id": ben, "entry_id": "e-dan"}]}), (UNLINK, {"ids": [ben, dan]})):
            status, told = await bureau.post(path, body)
            assert status == 200
            assert {(row["result"], row["code"]) for row in told["results"]} == {("refused", "lease_held")}
    assert bureau.owner("e-dan") == dan
    assert (await bureau.post(LINK, {"rows": [{"id": ben, "entry_id": "e-dan"}]}))[1]["changed"] == 1


async def test_s84_what_is_asked_must_be_clear(bureau: Bureau) -> None:
    row = {"id": 1, "dn": "uid=x,dc=x"}
    links: list[dict[str, Any]] = [
        {}, {"rows": []}, {"rows": [{"id": 1}]}, {"rows": [row | {"entry_id": "x"}]}, {"rows": [{"id": 1, "dn": "nonsense"}]},
        {"rows": [row | {"id": 0}]}, {"rows": [row], "reason": "x"}, {"rows": [row], "extra": 1}, {"rows": [row | {"x": 1}]},
        {"rows": [row] * (MAX_AT_ONCE + 1)}, {"rows": [row], "directory": ""}, {"ids": [1]},
    ]  # fmt: skip
    unlinks: list[dict[str, Any]] = [
        {}, {"ids": []}, {"ids": [0]}, {"ids": ["1"]}, {"ids": list(range(1, MAX_AT_ONCE + 2))}, {"ids": [1], "reason": None},
        {"ids": [1], "filter": "x"}, {"rows": [row]},
    ]  # fmt: skip
    for path, bodies in ((LINK, links), (UNLINK, unlinks)):
        for body in bodies:
            status, told = await bureau.post(path, body)
            assert (status, told["code"]) == (422, "invalid_request"), body
    for path, good in ((LINK, {"rows": [row]}), (UNLINK, {"ids": [1]})):
        status, told = await bureau.post(path, {**good, "directory": "nowhere"})
        assert (status, told["code"]) == (404, "not_found")
    # as many as may be asked for at once, with long DNs
    many = [{"id": 4711 + number, "dn": f"uid={number},ou={'x' * 300},dc=x"} for number in range(MAX_AT_ONCE)]
    answer = await bureau.client.post(LINK, json=CORP | {"rows": many, "directory": "nowhere"}, headers=bureau.operator)
    assert answer.status == 404


async def test_s84_for_those_who_may_link(bureau: Bureau) -> None:
    others = frozenset(permission.value for permission in Permission if permission is not Permission.USERS_LINK)
    headers = logged_in(bureau.host, Caller(name="sam", user_id=77, permissions=others))
    for path, body in ((LINK, {"rows": [{"id": 1, "entry_id": "x"}]}), (UNLINK, {"ids": [1]})):
        assert (await bureau.post(path, body, **headers))[0] == 403
        assert (await bureau.client.post(path, json=CORP | body)).status == 401


# ---------------------------------------------------------------- the service, with neighbours that a test looks into
class Counting:
    """Gives out links, and counts how often; the turns in `refusing` fail, before or after the work."""

    def __init__(self, links: FakeDoer, *, refusing: int | None = None, late: bool = False) -> None:
        self.links, self.taken, self.refusing, self.late = links, 0, refusing, late

    def checked(self, directory: str, reason: str) -> str:
        if directory != "corp":
            raise NotFoundError(f"no directory is called {directory!r}")
        if not reason.strip():
            raise UsageError("a reason is needed")
        return reason.strip()

    @contextmanager
    def holding(self, directory: str) -> Iterator[Any]:
        assert directory == "corp"
        self.taken += 1
        gone = DatabaseUnavailableError("gone") if self.taken == self.refusing else None
        if gone and not self.late:
            raise gone
        yield self.links
        if gone:
            raise gone


class Made(FakeDoer):
    """Says what became of each."""

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str) -> Any:
        self.calls.append((directory, user_id, reason))
        return Relinked(user_id=user_id, other_id=user_id + 1000, dn="uid=x", other="created")


@pytest.mark.parametrize("late", [False, True])
def test_s84_the_lease_is_taken_for_some_at_a_time_and_its_loss_is_told(engine: Engine, late: bool) -> None:
    links = Made()
    leases = Counting(links, refusing=2, late=late)
    office = Office(engine)
    bulk = BulkLinkService(actions=office.actions, leases=leases)
    ids = list(range(1, HELD_FOR * 2 + 4))
    done = list(bulk.unlink([*ids, 1], directory="corp", caller=ADMIN, reason=f" {WHY} "))
    assert [row.id for row in done] == ids
    refused = [] if late else ids[HELD_FOR : HELD_FOR * 2]
    assert [row.id for row in done if row.code] == refused
    assert {row.code for row in done if row.code} <= {"database_unavailable"}
    assert links.calls == [("corp", user_id, WHY) for user_id in ids if user_id not in refused]
    assert leases.taken == 3
    assert office.links.calls == []


def test_s84_not_of_oneself_and_of_nobody_above(engine: Engine) -> None:
    office, links = Office(engine), Made()
    corp = office.rows.directory()
    sam, ben, boss = office.user("sam"), office.user("ben"), office.rows.user("boss")
    office.rows.identity(boss, corp, "uid=boss,dc=x", entry_id="e-boss")
    office.ceiling.above = {boss}
    bulk = BulkLinkService(actions=office.actions, leases=Counting(links))
    caller = Caller(name="sam", user_id=sam, permissions=frozenset({"users:link"}))
    parted = bulk.unlink([sam, boss, ben], directory="corp", caller=caller, reason=WHY)
    assert [row.code for row in parted] == ["oneself", "above_caller", None]
    wanted = [NewLink(id=ben, dn="uid=boss,dc=x"), NewLink(id=sam, entry_id="e-x"), NewLink(id=ben, dn="no dn")]
    assert [row.code for row in bulk.link(wanted, directory="corp", caller=caller, reason=WHY)] == [
        "above_caller", "oneself", "usage",
    ]  # fmt: skip
    assert links.calls == [("corp", ben, WHY)]


def test_s84_nothing_begins_without_a_directory_and_a_reason(engine: Engine) -> None:
    links = Made()
    bulk = BulkLinkService(actions=Office(engine).actions, leases=Counting(links))
    for error, directory, reason in ((NotFoundError, "nowhere", WHY), (UsageError, "corp", " ")):
        with pytest.raises(error):
            bulk.unlink([1], directory=directory, caller=ADMIN, reason=reason)
        with pytest.raises(error):
            bulk.link([NewLink(id=1, entry_id="x")], directory=directory, caller=ADMIN, reason=reason)
    assert links.calls == []
