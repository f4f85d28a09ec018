"""One's own account over HTTP, down to a real store on both databases, with real tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine

from syncd.accounts.tokens import Token
from syncd.bootstrap import Runtime
from syncd.model.caller import Caller
from syncd.store import schema as t
from tests.contract.company import rows
from tests.fakes.edge import FakeClock
from tests.fakes.host import FakeHost, Serve
from tests.fakes.logins import GOOD, ORIGIN, People, runtime

ME = "/api/v1/me"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
DIRECTORY = {
    "urls": ["ldap://127.0.0.1:1"], "base_dn": "dc=example,dc=com", "vendor": "openldap",
    "users": {"attributes": {"username": "uid", "email": "mail", "last_name": "sn", "phone": "telephoneNumber"}},
}  # fmt: skip


class RealTokens(FakeHost):
    """A process that knows whose tokens are whose, as the daemon does."""

    async def resolve(self, token: Token, *, request_id: str) -> Caller | None:
        found: Caller | None = self.management.callers.resolve(token, request_id=request_id)
        return found


@pytest.fixture
def site(store_url: str) -> Iterator[Runtime]:
    opened = runtime(store_url, clock=FakeClock(), directories={"corp": DIRECTORY}, custom_fields={"shoe_size": "integer"})
    yield opened
    opened.close()


@pytest.fixture
def people(engine: Engine) -> People:
    return People(engine)


@pytest.fixture
async def client(site: Runtime, serve: Serve) -> TestClient:
    host = RealTokens()
    host.management = site.management
    return await serve(host)


def log_in(site: Runtime, name: str) -> dict[str, str]:
    done = site.management.login.login(name, SecretStr(GOOD), origin=ORIGIN)
    return {"Authorization": f"Bearer {done.token}"}


def key_of(site: Runtime, people: People, user_id: int) -> dict[str, str]:
    """A directory user logs in by a key here: no directory answers."""
    made = site.management.keys.create(user_id, organization_id=people.organization, caller=Caller(name="t", everything=True))
    return {"Authorization": f"Bearer {made.token}"}


async def test_s66_everybody_sees_themselves(site: Runtime, people: People, client: TestClient) -> None:
    ben = people.manual("ben", first_name="Ben", emails=["b@example.com"], tags=["new"], custom={"shoe_size": 44})
    people.grant(ben, "seller", "shop:sell")
    own = log_in(site, "ben")
    answer = await client.get(ME, headers=own)
    told = await answer.json()
    assert (answer.status, answer.headers["ETag"]) == (200, f'"{told["version"]}"')
    assert (told["id"], told["username"], told["first_name"]) == (ben, "ben", "Ben")
    assert (told["emails"], told["tags"], told["custom"]) == (["b@example.com"], ["new"], {"shoe_size": 44})
    assert (told["access"]["can_log_in"], told["access"]["reasons"]) == (True, [])
    assert told["access"]["permissions"] == ["shop:sell"]
    assert [role["name"] for role in told["access"]["roles"]] == ["seller"]
    assert [unit["path"] for unit in told["access"]["units"]] == ["Main"]
    assert told["login_count"] == 1
    assert (told["directories"], told["managed"], told["avatar"]) == ([], {}, None)


async def test_s32_distinguished_names_are_for_administrators(site: Runtime, people: People, client: TestClient) -> None:
    dan = people.of_directory("dan", "uid=dan,ou=secret,dc=x")
    answer = await client.get(ME, headers=key_of(site, people, dan))
    assert "ou=secret" not in await answer.text()
    told = await answer.json()
    assert told["directories"] == ["corp"]
    assert told["managed"]["last_name"] == "corp"


async def test_s67_everybody_edits_their_own_profile(site: Runtime, people: People, client: TestClient) -> None:
    ben = people.manual("ben", phone="1", title="Clerk", emails=["b@example.com"])
    own = log_in(site, "ben")
    body = {
        "first_name": "Бен", "last_name": "Öz", "phone": "+34 600", "title": None, "birthday": "1990-02-03",
        "emails": ["c@example.com", "d@example.com"],
    }  # fmt: skip
    answer = await client.patch(ME, json=body, headers=own)
    told = await answer.json()
    assert answer.status == 200, told
    assert {name: told[name] for name in body} == body
    row = people.row(ben)
    assert (row.first_name, row.title, row.phone) == ("Бен", None, "+34 600")
    assert answer.headers["ETag"] == f'"{row.version}"'
    (event,) = rows(people.engine, t.audit_events, action="user.updated", subject_id=ben)
    assert (event.subject_type, event.actor) == ("user", "ben")
    stale = own | {"If-Match": f'"{row.version - 1}"'}
    assert (await client.patch(ME, json={"phone": "2"}, headers=stale)).status == 412
    assert people.row(ben).phone == "+34 600"


async def test_s67_what_is_not_theirs_to_change_is_refused(site: Runtime, people: People, client: TestClient) -> None:
    ben = people.manual("ben")
    own = log_in(site, "ben")
    before = people.row(ben)
    bodies: list[dict[str, Any]] = [
        {"role_ids": [1]}, {"owner_unit_id": 1}, {"enabled": False}, {"auth_status": "active"}, {"username": "boss"},
        {"email": "boss@example.com"}, {"access": []}, {"group_ids": []}, {"tags": ["vip"]}, {"custom": {"shoe_size": 1}},
        {"id": 1}, {"version": 3}, {"first_name": None}, {"last_name": ""}, {"emails": ["no address"]},
    ]  # fmt: skip
    for body in bodies:
        answer = await client.patch(ME, json=body, headers=own)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request"), body
    assert people.row(ben) == before


async def test_s35_s67_what_a_directory_decides_is_its_own(site: Runtime, people: People, client: TestClient) -> None:
    dan = people.of_directory("dan", "uid=dan,dc=x", last_name="Old", phone="1")
    own = key_of(site, people, dan)
    for body in ({"last_name": "New"}, {"phone": None}):
        answer = await client.patch(ME, json=body, headers=own)
        told = await answer.json()
        assert (answer.status, told["code"]) == (409, "managed_by_directory")
        assert "corp" in told["detail"]
    assert (await client.patch(ME, json={"title": "Clerk"}, headers=own)).status == 200
    row = people.row(dan)
    assert (row.last_name, row.phone, row.title) == ("Old", "1", "Clerk")


async def test_s10_s67_ones_own_picture(site: Runtime, people: People, client: TestClient) -> None:
    people.manual("ben")
    own = log_in(site, "ben")
    avatar = f"{ME}/avatar"
    assert (await client.get(avatar, headers=own)).status == 404
    put = await client.put(avatar, data=PNG, headers=own | {"Content-Type": "image/png"})
    assert put.status == 204, await put.text()
    got = await client.get(avatar, headers=own)
    assert (got.status, got.content_type, await got.read()) == (200, "image/png", PNG)
    assert (await (await client.get(ME, headers=own)).json())["avatar"] == avatar
    assert (await client.get(avatar, headers=own | {"If-None-Match": got.headers["ETag"]})).status == 304
    assert (await client.delete(avatar, headers=own)).status == 204
    assert (await client.get(avatar, headers=own)).status == 404


async def test_s66_ones_own_sessions(site: Runtime, people: People, client: TestClient) -> None:
    people.manual("ben")
    people.manual("cleo")
    other, own, cleo = log_in(site, "ben"), log_in(site, "ben"), log_in(site, "cleo")
    listed = (await (await client.get(f"{ME}/sessions", headers=own)).json())["items"]
    assert [session["current"] for session in listed] == [True, False]
    first = listed[1]["id"]
    assert (await client.delete(f"{ME}/sessions/{first}", headers=cleo)).status == 404
    assert (await client.delete(f"{ME}/sessions/{first}", headers=own)).status == 204
    assert (await client.get(ME, headers=other)).status == 401
    assert (await client.get(ME, headers=own)).status == 200


async def test_s45_a_key_is_worth_what_its_owner_is_at_each_request(site: Runtime, people: People, client: TestClient) -> None:
    ben = people.manual("ben")
    own = key_of(site, people, ben)
    states: list[dict[str, Any]] = [
        {"enabled": False}, {"auth_status": "locked"}, {"auth_status": "reset"}, {"auth_status": "expired"},
    ]  # fmt: skip
    assert (await client.get(ME, headers=own)).status == 200
    for state in states:
        people.set(ben, **state)
        assert (await client.get(ME, headers=own)).status == 401, state
        people.set(ben, enabled=True, auth_status="active")
        assert (await client.get(ME, headers=own)).status == 200
    people.forget_access(ben)
    assert (await client.get(ME, headers=own)).status == 401
    # a key makes no other key
    people.rows.access(ben, people.organization, people.unit)
    answer = await client.post(f"{ME}/keys", json={"organization_id": people.organization}, headers=own)
    assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")


async def test_s66_the_operators_token_is_nobody(client: TestClient) -> None:
    operator = {"Authorization": f"Bearer {FakeHost.token}"}
    for method, path in (("GET", ME), ("PATCH", ME), ("GET", f"{ME}/avatar"), ("GET", f"{ME}/sessions"), ("GET", f"{ME}/keys")):
        answer = await client.request(method, path, json={} if method == "PATCH" else None, headers=operator)
        assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")
        assert (await client.request(method, path)).status == 401
