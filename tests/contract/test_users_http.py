"""Users over HTTP, on a real store: what is accepted, what is refused with which code, and what the answers carry."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine

from syncd.http.table import users as table
from syncd.model.caller import Caller
from syncd.store import schema as t
from syncd.store.idempotency import SqlIdempotency
from tests.fakes.edge import START
from tests.fakes.host import FakeHost, Serve
from tests.fakes.users import PASSWORD, House

USERS = "/api/v1/users"
WHY = {"reason": "was made twice, ticket 4711"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
CLERK = Caller(name="clerk", user_id=77, permissions=frozenset({"users:read", "users:write"}))


@pytest.fixture
def house(engine: Engine) -> House:
    return House(engine, managed={"corp": frozenset({"first_name", "avatar"})})


@pytest.fixture
def host(house: House) -> FakeHost:
    host = FakeHost()
    host.management = SimpleNamespace(users=house.users, avatars=house.avatars, idempotency=SqlIdempotency(house.engine))
    return host


@pytest.fixture
async def client(host: FakeHost, serve: Serve) -> TestClient:
    client = await serve(host)
    client.session.headers["Authorization"] = f"Bearer {host.token}"
    return client


def body(house: House, **more: Any) -> dict[str, Any]:
    return {
        "username": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "enabled": True,
        "role_ids": [house.staff], "access": [{"organization_id": house.organization, "unit_ids": [house.unit]}],
        "password": PASSWORD,
    } | more  # fmt: skip


async def refused(answer: Any) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


# ---------------------------------------------------------------- making
async def test_s1_a_user_is_made(client: TestClient, house: House) -> None:
    answer = await client.post(USERS, json=body(house, tags=["vip"], birthday="1985-12-10", custom={"badge": 7.0}))
    user = await answer.json()
    assert answer.status == 201
    assert (answer.headers["Location"], answer.headers["ETag"]) == (f"{USERS}/{user['id']}", '"1"')
    assert (user["username"], user["manual"], user["can_log_in"], user["reasons"]) == ("ada", True, True, [])
    assert (user["tags"], user["birthday"], user["custom"]) == (["vip"], "1985-12-10", {"badge": 7})
    assert user["roles"] == [
        {"id": house.staff, "name": "employee", "organization_id": None, "organization": None, "sources": ["manual"]}
    ]
    assert [(each["organization"], each["unit"], each["source"]) for each in user["access"]] == [("Acme", "Sales", "manual")]
    assert PASSWORD not in await answer.text()
    assert house.table("passwords")[0]["hash"] == f"hash:{PASSWORD[::-1]}"
    again = await client.get(answer.headers["Location"])
    assert (again.status, again.headers["ETag"], await again.json()) == (200, '"1"', user)


async def test_s15_a_user_is_invited(client: TestClient, house: House) -> None:
    invited = body(house, invite=True)
    del invited["password"]
    answer = await client.post(USERS, json=invited)
    assert (answer.status, (await answer.json())["reasons"]) == (201, ["password_reset"])
    assert [row["kind"] for row in house.table("outbox")] == ["invitation"]
    house.mailer.on = False
    assert await refused(await client.post(USERS, json=invited | {"username": "b", "email": "b@x.example"})) == (
        409,
        "conflict",
    )


UNFIT: tuple[dict[str, Any], ...] = (
    {"username": None}, {"username": ""}, {"username": " "}, {"username": "a\nb"}, {"first_name": 7}, {"email": "ada"},
    {"email": "a b@example.com"}, {"email": "ada@example..com"}, {"enabled": None}, {"enabled": "true"}, {"role_ids": []},
    {"role_ids": ["1"]}, {"role_ids": [1.5]}, {"role_ids": [True]}, {"role_ids": [0]}, {"birthday": "10.12.1985"},
    {"birthday": 7}, {"colour": "red"}, {"access": [{"organization_id": 1, "units": []}]}, {"custom": None},
    {"custom": {"badge": {"x": 1}}}, {"password": ""}, {"invite": True}, {"password": None}, {"tags": [""]},
    {"auth_status": "active"}, {"manual": False},
)  # fmt: skip


async def test_s1_what_the_schema_does_not_say_is_refused(client: TestClient, house: House) -> None:
    for change in UNFIT:
        answer = await client.post(USERS, json=body(house, **change))
        assert await refused(answer) == (422, "invalid_request"), change
    assert house.table("users") == []


async def test_s1_s3_what_is_required_is_never_guessed(client: TestClient, house: House) -> None:
    for field in ("username", "first_name", "last_name", "email", "enabled", "role_ids", "password"):
        whole = body(house)
        del whole[field]
        assert await refused(await client.post(USERS, json=whole)) == (422, "invalid_request"), field


IMPOSSIBLE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"birthday": "2999-01-01"}, "unfit_value"), ({"custom": {"badge": "7"}}, "unfit_value"),
    ({"custom": {"nothing": 1}}, "unfit_value"), ({"role_ids": [999]}, "no_such_reference"),
    ({"group_ids": [999]}, "no_such_reference"), ({"access": [{"organization_id": 999}]}, "no_such_reference"),
    ({"owner_unit_id": 999}, "no_such_reference"), ({"username": "TAKEN"}, "name_taken"),
    ({"email": "taken@example.com"}, "name_taken"),
)  # fmt: skip


async def test_what_only_the_store_knows_is_a_conflict(client: TestClient, house: House) -> None:
    house.create("taken")
    for change, code in IMPOSSIBLE:
        assert await refused(await client.post(USERS, json=body(house, **change))) == (409, code), change
    assert len(house.table("users")) == 1


async def test_s6_a_weak_password_says_what_is_missing(client: TestClient, house: House) -> None:
    answer = await client.post(USERS, json=body(house, password="short"))
    assert await refused(answer) == (422, "weak_password")
    assert "8 characters or more" in (await answer.json())["detail"]


async def test_a_repeated_creation_makes_one_user(client: TestClient, house: House) -> None:
    key = {"Idempotency-Key": "order-1"}
    first, second = [await client.post(USERS, json=body(house), headers=key) for _ in range(2)]
    assert (first.status, second.status) == (201, 201)
    assert await first.json() == await second.json()
    assert len(house.table("users")) == 1


# ---------------------------------------------------------------- editing
async def test_s35_a_merge_patch_leaves_out_what_it_does_not_name(client: TestClient, house: House) -> None:
    number = house.create(title="Boss", phone="1", tags=["a"], **{"custom.badge": 7, "custom.grade": "A"})
    change = {"title": None, "tags": ["b"], "custom": {"badge": None}}
    answer = await client.patch(f"{USERS}/{number}", json=change, headers={"If-Match": '"1"'})
    user = await answer.json()
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert (user["title"], user["phone"], user["tags"], user["custom"]) == (None, "1", ["b"], {"grade": "A"})
    late = await client.patch(f"{USERS}/{number}", json=change, headers={"If-Match": '"1"'})
    assert await refused(late) == (412, "precondition_failed")
    assert (await client.patch(f"{USERS}/{number}", json={})).headers["ETag"] == '"2"'


async def test_s35_what_cannot_be_changed_so_is_refused(client: TestClient, house: House) -> None:
    number = house.create()
    changes: tuple[dict[str, Any], ...] = (
        {"username": None}, {"email": None}, {"role_ids": None}, {"enabled": False}, {"auth_status": "active"},
        {"password": "x"}, {"reason": "no"}, {"access": None},
    )  # fmt: skip
    for change in changes:
        assert await refused(await client.patch(f"{USERS}/{number}", json=change)) == (422, "invalid_request"), change
    assert house.users.get(number).person.version == 1


async def test_s35_what_a_directory_decides_names_it(client: TestClient, house: House) -> None:
    number = house.create()
    house.corp(number)
    answer = await client.patch(f"{USERS}/{number}", json={"first_name": "X"})
    assert await refused(answer) == (409, "managed_by_directory")
    detail = (await answer.json())["detail"]
    assert ("corp" in detail, "first_name" in detail) == (True, True)
    user = await (await client.get(f"{USERS}/{number}")).json()
    assert (user["managed"], user["directories"][0]["dn"]) == (
        {"first_name": "corp", "avatar": "corp"}, f"uid=u{number},dc=example,dc=com",
    )  # fmt: skip
    assert (await client.patch(f"{USERS}/{number}", json={"first_name": "Ada", "title": "T"})).status == 200


async def test_s22_taking_a_role_away_needs_a_reason_and_another_role(client: TestClient, house: House) -> None:
    number = house.create(role_ids=frozenset({house.staff, house.admin}))
    house.administrator()
    path = f"{USERS}/{number}"
    assert await refused(await client.patch(path, json={"role_ids": [house.staff]})) == (409, "reason_needed")
    assert await refused(await client.patch(path, json={"role_ids": [], **WHY})) == (409, "last_role")
    assert await refused(await client.patch(path, json={"role_ids": [house.local]} | WHY)) == (409, "role_organization")
    answer = await client.patch(path, json={"role_ids": [house.staff], **WHY})
    assert [role["name"] for role in (await answer.json())["roles"]] == ["employee"]


# ---------------------------------------------------------------- deleting
async def test_s58_a_user_is_deleted_with_a_reason(client: TestClient, house: House) -> None:
    number = house.create()
    path = f"{USERS}/{number}"
    assert await refused(await client.delete(path)) == (422, "invalid_request")
    await client.put(f"{path}/records/crm/lead-1")
    assert await refused(await client.delete(path, json=WHY)) == (409, "in_use")
    await client.delete(f"{path}/records/crm/lead-1")
    assert await refused(await client.delete(path, json=WHY, headers={"If-Match": '"9"'})) == (412, "precondition_failed")
    assert (await client.delete(path, json=WHY, headers={"If-Match": '"1"'})).status == 204
    assert await refused(await client.get(path)) == (404, "not_found")
    assert await refused(await client.delete(path, json=WHY)) == (404, "not_found")


async def test_s58_the_last_administrator_and_a_directorys_user_stay(client: TestClient, house: House) -> None:
    root = house.administrator()
    assert await refused(await client.delete(f"{USERS}/{root}", json=WHY)) == (409, "last_administrator")
    theirs = house.create()
    house.corp(theirs)
    assert await refused(await client.delete(f"{USERS}/{theirs}", json=WHY)) == (409, "managed_by_directory")


# ---------------------------------------------------------------- who may
async def test_each_route_needs_its_permission(client: TestClient, host: FakeHost, house: House) -> None:
    secret = "s" * 43
    number = house.create()
    client.session.headers["Authorization"] = f"Bearer syncd_s_1_{secret}"
    for route in table.ROUTES:
        path = route.path.format(id=number, system="crm", reference="x")
        kind = {"Content-Type": route.raw_body[0]} if route.raw_body else {}
        sent: dict[str, Any] = {"data": PNG, "headers": kind} if route.raw_body else {"json": {}} if route.body else {}
        host.callers[secret] = replace(CLERK, permissions=frozenset())
        assert await refused(await client.request(route.method, path, **sent)) == (403, "forbidden"), path
        host.callers[secret] = replace(CLERK, permissions=frozenset({route.permission.value}))
        assert (await client.request(route.method, path, **sent)).status != 403, path


async def test_a_merge_patch_may_be_called_one(client: TestClient, house: House) -> None:
    path = f"{USERS}/{house.create()}"
    patch = {"Content-Type": "application/merge-patch+json"}
    answer = await client.patch(path, data=b'{"title": "Analyst"}', headers=patch)
    assert (answer.status, (await answer.json())["title"]) == (200, "Analyst")
    answer = await client.request("DELETE", path, data=b'{"reason": "no longer here"}', headers=patch)
    assert await refused(answer) == (415, "unsupported_media_type")


async def test_nobody_edits_their_own_roles(client: TestClient, host: FakeHost, house: House) -> None:
    number = house.create()
    secret = "s" * 43
    host.callers[secret] = replace(CLERK, user_id=number)
    client.session.headers["Authorization"] = f"Bearer syncd_s_1_{secret}"
    change = {"role_ids": [house.staff, house.admin]}
    assert await refused(await client.patch(f"{USERS}/{number}", json=change)) == (409, "oneself")


# ---------------------------------------------------------------- pictures
async def test_s10_a_picture_is_served_as_what_it_is(client: TestClient, house: House) -> None:
    number = house.create()
    path = f"{USERS}/{number}/avatar"
    assert await refused(await client.get(path)) == (404, "not_found")
    # whatever it is said to be
    assert (await client.put(path, data=PNG, headers={"Content-Type": "image/jpeg"})).status == 204
    answer = await client.get(path)
    assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    same = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status, await same.read()) == (304, b"")
    assert (await (await client.get(f"{USERS}/{number}")).json())["avatar"] == path
    assert [(await client.delete(path)).status for _ in range(2)] == [204, 204]
    assert (await client.get(path)).status == 404


async def test_a_picture_is_not_changed_by_who_knows_another(client: TestClient, house: House) -> None:
    path = f"{USERS}/{house.create()}/avatar"
    image = {"Content-Type": "image/png"}
    first = (await client.put(path, data=PNG, headers=image)).headers["ETag"]
    second = (await client.put(path, data=PNG + b"2", headers=image | {"If-Match": f'"other", {first}'})).headers["ETag"]
    for tag in (first, f"W/{second}", '""', ""):
        answer = await client.put(path, data=PNG, headers=image | {"If-Match": tag})
        assert await refused(answer) == (412, "precondition_failed"), tag
        assert await refused(await client.delete(path, headers={"If-Match": tag})) == (412, "precondition_failed"), tag
    assert (await client.get(path)).headers["ETag"] == second
    assert (await client.delete(path, headers={"If-Match": second})).status == 204
    assert await refused(await client.put(path, data=PNG, headers=image | {"If-Match": second})) == (412, "precondition_failed")
    assert (await client.put(path, data=PNG, headers=image | {"If-Match": "*"})).status == 204


async def test_s10_what_is_no_picture_is_refused(client: TestClient, house: House) -> None:
    path = f"{USERS}/{house.create()}/avatar"
    image = {"Content-Type": "image/png"}
    assert await refused(await client.put(path, data=b"<svg/>", headers=image)) == (422, "not_a_picture")
    assert await refused(await client.put(path, data=PNG + bytes(2000), headers=image)) == (413, "picture_too_large")
    svg = {"Content-Type": "image/svg+xml"}
    assert await refused(await client.put(path, data=b"<svg/>", headers=svg)) == (415, "unsupported_media_type")
    theirs = house.create("theirs")
    house.corp(theirs)
    answer = await client.put(f"{USERS}/{theirs}/avatar", data=PNG, headers=image)
    assert await refused(answer) == (409, "managed_by_directory")


# ---------------------------------------------------------------- records of other systems
async def test_s58_other_systems_note_what_a_user_owns(client: TestClient, house: House) -> None:
    number = house.create()
    path = f"{USERS}/{number}/records"
    assert [(await client.put(f"{path}/crm/lead%201")).status for _ in range(2)] == [204, 204]
    assert house.table("owned_records") == [{"user_id": number, "system": "crm", "reference": "lead 1"}]
    assert (await (await client.get(f"{USERS}/{number}")).json())["records"] == {"crm": 1}
    assert await (await client.get(path)).json() == {"items": [{"system": "crm", "reference": "lead 1"}], "next": None}
    await client.put(f"{path}/erp/7")
    first = await (await client.get(path, params={"limit": "1"})).json()
    assert await (await client.get(first["next"])).json() == {"items": [{"system": "erp", "reference": "7"}], "next": None}
    assert (await client.get(f"{USERS}/999/records")).status == 404
    assert [(await client.delete(f"{path}/crm/lead%201")).status for _ in range(2)] == [204, 204]
    assert (await client.put(f"{path}/CRM/x")).status == 404
    assert (await client.put(f"{USERS}/999/records/crm/x")).status == 404


async def test_s4_somebody_disabled_becomes_no_owner(client: TestClient, house: House) -> None:
    number = house.create(enabled=False)
    assert await refused(await client.put(f"{USERS}/{number}/records/crm/x")) == (409, "wrong_state")


async def test_s32_s34_the_states_of_somebody_gone_are_shown(client: TestClient, house: House) -> None:
    number = house.rows.user("ada", username_key=None, locked_at=START, auth_status="locked", failed_logins=10)
    house.corp(number, missing_since=START, missing_reason="run 3 found it gone")
    user = await (await client.get(f"{USERS}/{number}")).json()
    assert (user["username"], user["username_released"], user["email_released"]) == ("ada", True, False)
    assert user["reasons"] == ["locked", "directory_missing:corp", "no_organization", "no_unit"]
    assert (user["locked_at"], user["failed_logins"]) == ("2026-03-02T12:00:00Z", 10)
    assert user["directories"][0]["missing_reason"] == "run 3 found it gone"
    assert user["dn_history"] == [
        {"directory": "corp", "dn": f"uid=u{number},dc=example,dc=com", "since": "2026-03-01T12:00:00Z", "until": None}
    ]
    assert t.users.c.username_key.name not in user
