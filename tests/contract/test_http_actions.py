"""Actions and keys over HTTP, down to a real store on both databases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine

from syncd.errors import DatabaseUnavailableError, StateError
from syncd.http.handlers.actions import STEP
from syncd.model.caller import Caller
from syncd.model.permission import Permission
from syncd.store.idempotency import SqlIdempotency
from tests.contract.test_actions import Office
from tests.contract.test_keys import Desk
from tests.fakes.edge import FakeClock
from tests.fakes.host import FakeHost, Serve
from tests.fakes.logins import People, runtime
from tests.fakes.management import logged_in
from tests.fakes.people_rows import later

USERS, ME = "/api/v1/users", "/api/v1/me"
WHY = {"reason": "Left in March, ticket 12."}
STATE = frozenset({Permission.USERS_STATE.value})


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def office(engine: Engine, host: FakeHost) -> Office:
    office = Office(engine)
    host.management = SimpleNamespace(actions=office.actions, idempotency=SqlIdempotency(engine))
    return office


@pytest.fixture
def desk(engine: Engine, host: FakeHost) -> Desk:
    desk = Desk(engine)
    host.management = SimpleNamespace(keys=desk.keys, idempotency=SqlIdempotency(engine))
    return desk


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    return await serve(host)


@pytest.fixture
def operator(host: FakeHost) -> dict[str, str]:
    return {"Authorization": f"Bearer {host.token}"}


# ---------------------------------------------------------------- one
async def test_s36_s37_s42_one_by_one(office: Office, client: TestClient, operator: dict[str, str]) -> None:
    ben = office.user("ben", auth_status="locked", failed_logins=10)
    steps: list[tuple[str, dict[str, str], str, str | None, int]] = [
        ("disable", WHY, "changed", None, 2),
        ("disable", WHY, "unchanged", "already_disabled", 2),
        ("enable", {}, "changed", None, 3),
        ("activate", {}, "changed", None, 4),
        ("activate", WHY, "unchanged", "not_locked", 4),
    ]
    for action, body, result, code, version in steps:
        answer = await client.post(f"{USERS}/{ben}/{action}", json=body, headers=operator)
        told = await answer.json()
        assert (answer.status, told["id"], told["result"], told["code"]) == (200, ben, result, code), action
        assert answer.headers["ETag"] == f'"{version}"'
    assert [event.actor for event in office.events(ben)] == ["operator"] * 3
    assert {event.request_id for event in office.events(ben)} & {None} == set()


async def test_s36_an_action_without_a_body_is_one_without_a_reason(
    office: Office, client: TestClient, operator: dict[str, str]
) -> None:
    ben = office.user("ben", enabled=False)
    answer = await client.post(f"{USERS}/{ben}/enable", headers=operator)
    assert (answer.status, office.row(ben).enabled) == (200, True)


async def test_s37_what_is_refused_is_a_problem_with_a_stable_code(office: Office, host: FakeHost, client: TestClient) -> None:
    role = office.rows.role("administrator")
    anna, ben, boss = (office.user(name) for name in ("anna", "ben", "boss"))
    office.rows.grant(boss, role)
    caller = Caller(name="anna", user_id=anna, permissions=STATE)
    support = logged_in(host, caller)
    wanted = [
        (anna, WHY, {}, 409, "oneself"), (boss, WHY, {}, 409, "last_administrator"), (4711, WHY, {}, 404, "not_found"),
        (ben, {}, {}, 422, "invalid_request"), (ben, {"reason": " "}, {}, 422, "invalid_request"),
        (ben, WHY | {"force": True}, {}, 422, "invalid_request"), (ben, WHY, {"If-Match": '"9"'}, 412, "precondition_failed"),
        (ben, WHY, {"If-Match": "nine"}, 412, "precondition_failed"),
    ]  # fmt: skip
    for user_id, body, more, status, code in wanted:
        answer = await client.post(f"{USERS}/{user_id}/disable", json=body, headers=support | more)
        assert (answer.status, (await answer.json())["code"]) == (status, code)
    office.ceiling.above.add(boss)
    answer = await client.post(f"{USERS}/{boss}/disable", json=WHY, headers=support)
    assert (answer.status, (await answer.json())["code"]) == (403, "above_caller")
    assert office.events(ben) == office.events(anna) == office.events(boss) == []


async def test_each_action_needs_its_own_permission(office: Office, host: FakeHost, client: TestClient) -> None:
    ben = office.user("ben")
    routes = {
        "users:state": [f"{ben}/enable", f"{ben}/disable", f"{ben}/activate", "actions/enable", "actions/disable",
                        "actions/activate"],
        "users:password": [f"{ben}/reset-password", "actions/reset-password"],
        "users:link": [f"{ben}/link", f"{ben}/unlink"],
        "users:delete": ["actions/delete"],
    }  # fmt: skip
    for permission, paths in routes.items():
        others = frozenset(name.value for name in Permission) - {permission}
        headers = logged_in(host, Caller(name="sam", user_id=77, permissions=others))
        for path in paths:
            answer = await client.post(f"{USERS}/{path}", json=WHY | {"ids": [ben]}, headers=headers)
            assert (answer.status, (await answer.json())["code"]) == (403, "forbidden"), path
            assert (await client.post(f"{USERS}/{path}", json=WHY)).status == 401
    assert office.events(ben) == []


async def test_linking_is_told_as_it_is(office: Office, client: TestClient, operator: dict[str, str]) -> None:
    ben = office.user("ben")
    for body in ({}, {"dn": "uid=x,dc=x", "entry_id": "x"}):
        answer = await client.post(f"{USERS}/{ben}/link", json=WHY | {"directory": "corp"} | body, headers=operator)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request")


# ---------------------------------------------------------------- many
async def test_s39_many_have_one_result_each_and_counts(office: Office, host: FakeHost, client: TestClient) -> None:
    anna = office.user("anna")
    people = [office.user(f"p{number}") for number in range(STEP + 5)]
    off = office.user("off", enabled=False)
    headers = logged_in(host, Caller(name="anna", user_id=anna, permissions=STATE))
    ids = [*people, off, anna, people[0]]
    answer = await client.post(f"{USERS}/actions/disable", json=WHY | {"ids": ids}, headers=headers)
    told = await answer.json()
    assert answer.status == 200
    assert [row["id"] for row in told["results"]] == ids[:-1]
    assert (told["action"], told["changed"], told["unchanged"], told["refused"]) == ("disable", len(people), 1, 1)
    assert told["results"][-1]["code"] == "oneself"
    assert not any(office.row(user_id).enabled for user_id in people)
    assert office.row(anna).enabled


async def test_s53_s59_reset_and_delete_for_many(office: Office, client: TestClient, operator: dict[str, str]) -> None:
    ben, cleo = office.user("ben"), office.user("cleo")
    office.users.refusals = {cleo: StateError("user owns 3 records")}
    for action, verb in (("reset-password", "reset"), ("delete", "delete")):
        answer = await client.post(f"{USERS}/actions/{action}", json=WHY | {"ids": [cleo, ben]}, headers=operator)
        told = await answer.json()
        assert answer.status == 200
        doer = office.passwords if verb == "reset" else office.users
        assert (verb, ben, WHY["reason"]) in doer.calls
    assert [(row["result"], row["code"], row["message"]) for row in told["results"]] == [
        ("refused", "wrong_state", "user owns 3 records"), ("changed", None, None),
    ]  # fmt: skip


async def test_s39_a_filter_with_another_count_does_nothing(
    office: Office, client: TestClient, operator: dict[str, str]
) -> None:
    ben, cleo = office.user("ben"), office.user("cleo")
    office.finder.known = {'tag eq "x"': [ben, cleo]}
    body = WHY | {"filter": 'tag eq "x"', "count": 3}
    answer = await client.post(f"{USERS}/actions/disable", json=body, headers=operator)
    assert (answer.status, (await answer.json())["code"]) == (409, "count_mismatch")
    assert office.row(ben).enabled
    answer = await client.post(f"{USERS}/actions/disable", json=body | {"count": 2}, headers=operator)
    assert (await answer.json())["changed"] == 2


async def test_s39_who_is_meant_must_be_clear(office: Office, client: TestClient, operator: dict[str, str]) -> None:
    bodies: list[dict[str, Any]] = [
        {}, {"ids": []}, {"ids": [0]}, {"ids": [2**63]}, {"ids": list(range(1, 1002))}, {"ids": [1], "extra": 1},
        {"ids": [1], "filter": "x", "count": 1}, {"filter": "x"}, {"filter": "", "count": 1}, {"filter": "x", "count": 1001},
        {"filter": "x", "count": True}, {"ids": ["1"]}, {"filter": 1, "count": 1},
    ]  # fmt: skip
    for body in bodies:
        answer = await client.post(f"{USERS}/actions/disable", json=WHY | body, headers=operator)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request"), body


async def test_s39_a_database_that_goes_away_leaves_what_was_done_told(
    office: Office, client: TestClient, operator: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [office.user(f"p{number}") for number in range(STEP * 2)]

    def gone(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailableError("the database has not answered within 10 s")

    def rows(action: Any, ids: list[int], **more: Any) -> Any:
        yield from real(action, ids[:STEP], **more)
        gone()

    real = office.actions.rows
    monkeypatch.setattr(type(office.actions), "rows", lambda _self, action, ids, **more: rows(action, ids, **more))
    answer = await client.post(f"{USERS}/actions/disable", json=WHY | {"ids": people}, headers=operator)
    told = await answer.json()
    assert (answer.status, told["changed"], told["refused"]) == (200, STEP, STEP)
    assert {row["code"] for row in told["results"][STEP:]} == {"database_unavailable"}


# ---------------------------------------------------------------- keys
async def test_s43_s45_keys_of_others_and_ones_own(desk: Desk, host: FakeHost, client: TestClient) -> None:
    admin = logged_in(host, Caller(name="anna", user_id=77, everything=True))
    own = logged_in(host, desk.own)
    places = ((f"{USERS}/{desk.ben}/keys", admin, WHY), (f"{ME}/keys", own, None))
    for path, headers, why in places:
        body = {"organization_id": desk.acme, "name": "report"}
        answer = await client.post(path, json=body, headers=headers)
        made = await answer.json()
        assert answer.status == 201, made
        assert answer.headers["Location"] == f"{path}/{made['id']}"
        assert answer.headers["Cache-Control"] == "no-store"
        assert made["token"].startswith(f"syncd_k_{made['id']}_")
        listed = (await (await client.get(path, headers=headers)).json())["items"]
        assert listed == [{name: value for name, value in made.items() if name not in ("token", "replaced")}]
        again = await (await client.post(path, json=body, headers=headers)).json()
        assert again["replaced"] == listed[0]
        assert (await client.delete(f"{path}/{made['id']}", json=why, headers=headers)).status == 404
        assert (await client.delete(f"{path}/{again['id']}", json=why, headers=headers)).status == 204
        assert (await (await client.get(path, headers=headers)).json())["items"] == []
    assert desk.stored() == []


@pytest.mark.parametrize("text", ["2100-01-31T01:00:00+01:00", "2100-01-31T00:00:00Z", "2100-01-31t00:00:00.000z"])
async def test_s43_a_key_ends_when_it_is_asked_to(desk: Desk, host: FakeHost, client: TestClient, text: str) -> None:
    body = {"organization_id": desk.acme, "expires_at": text}
    answer = await client.post(f"{ME}/keys", json=body, headers=logged_in(host, desk.own))
    made = await answer.json()
    assert (answer.status, made["expires_at"]) == (201, "2100-01-31T00:00:00Z"), made


async def test_s43_a_repeated_creation_does_not_show_the_secret_again(desk: Desk, host: FakeHost, client: TestClient) -> None:
    headers = logged_in(host, desk.own) | {"Idempotency-Key": "once"}
    body = {"organization_id": desk.acme}
    first = await client.post(f"{ME}/keys", json=body, headers=headers)
    second = await client.post(f"{ME}/keys", json=body, headers=headers)
    assert (first.status, second.status) == (201, 409)
    assert (await second.json())["code"] == "idempotency_conflict"
    assert [row.id for row in desk.stored()] == [(await first.json())["id"]]


async def test_s43_a_wrong_request_for_a_key(desk: Desk, host: FakeHost, client: TestClient) -> None:
    own, place = logged_in(host, desk.own), desk.acme
    bodies: list[dict[str, Any]] = [
        {}, {"organization_id": 0}, {"organization_id": place, "name": "x" * 101}, {"organization_id": place, "name": "a\nb"},
        {"organization_id": place, "expires_at": "2027-01-01T00:00:00"}, {"organization_id": place, "expires_at": "soon"},
        {"organization_id": place, "expires_at": "9999-12-31T23:59:59-01:00"},
    ]  # fmt: skip
    for body in bodies:
        answer = await client.post(f"{ME}/keys", json=body, headers=own)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request"), body
    assert desk.stored() == []


async def test_s43_keys_are_their_owners_and_those_who_may(desk: Desk, host: FakeHost, client: TestClient) -> None:
    key = desk.keys.create(desk.ben, organization_id=desk.acme, expires_at=later(999), caller=desk.own).key
    cleo = logged_in(host, Caller(name="cleo", user_id=desk.cleo))
    for method, path, body in (
        ("GET", f"{USERS}/{desk.ben}/keys", None), ("POST", f"{USERS}/{desk.ben}/keys", {"organization_id": desk.acme}),
        ("DELETE", f"{USERS}/{desk.ben}/keys/{key.id}", WHY),
    ):  # fmt: skip
        assert (await client.request(method, path, json=body, headers=cleo)).status == 403
    assert (await client.delete(f"{ME}/keys/{key.id}", headers=cleo)).status == 404
    operator = {"Authorization": f"Bearer {host.token}"}
    assert (await client.get(f"{ME}/keys", headers=operator)).status == 403
    assert [row.id for row in desk.stored()] == [key.id]


# ---------------------------------------------------------------- entries, with everything real
async def test_s84_an_entry_changes_hands_and_who_loses_access_is_told_of(
    engine: Engine, store_url: str, host: FakeHost, client: TestClient, operator: dict[str, str]
) -> None:
    directory = {"urls": ["ldap://127.0.0.1:1"], "base_dn": "dc=example,dc=com"}
    site = runtime(store_url, clock=FakeClock(), directories={"corp": directory})
    host.management = site.management
    people = People(engine)
    ben = people.rows.user("ben", manual=True)
    dan = people.of_directory("dan", "uid=dan,dc=x", entry_id="e-dan", has_access=True)
    try:
        body = WHY | {"directory": "corp", "entry_id": "e-dan"}
        answer = await client.post(f"{USERS}/{ben}/link", json=body, headers=operator)
        assert (answer.status, await answer.json()) == (
            200, {"user_id": ben, "other_id": dan, "dn": "uid=dan,dc=x", "other": "deleted"},
        )  # fmt: skip
        assert people.audited(ben) == ["user.linked", "access.granted"]
        answer = await client.post(f"{USERS}/{ben}/unlink", json=WHY | {"directory": "corp"}, headers=operator)
        assert answer.status == 409, "their only entry: they are a user of its own already"
        for wrong, status in (({"directory": "hq", "dn": "uid=x,dc=x"}, 404), ({"directory": "corp", "dn": "uid=x,dc=x"}, 404)):
            assert (await client.post(f"{USERS}/{ben}/link", json=WHY | wrong, headers=operator)).status == status
    finally:
        site.close()
