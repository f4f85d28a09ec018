"""Roles, groups, organizations and units over HTTP, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from syncd.accounts.tokens import TokenKind, new_secret, token_text
from syncd.http.table import structure
from syncd.model.caller import Caller
from tests.contract.structure import WHY, Kit, opened
from tests.fakes.host import FakeHost, Serve

ROLES, GROUPS = "/api/v1/roles", "/api/v1/groups"
ORGANIZATIONS, UNITS = "/api/v1/organizations", "/api/v1/units"
FAMILIES = [ROLES, GROUPS, ORGANIZATIONS, UNITS]


@pytest.fixture
def kit(sqlite_url: str) -> Iterator[Kit]:
    with opened(sqlite_url) as kit:
        yield kit


class Api:
    """Calls as one caller; each answer with its status, body and headers."""

    def __init__(self, client: TestClient[Any, Any], host: FakeHost) -> None:
        self.client = client
        self.host = host

    def token_of(self, permissions: set[str]) -> str:
        """A session of somebody with these."""
        secret = new_secret()
        self.host.callers[secret] = Caller(name="anna", permissions=frozenset(permissions))
        return token_text(TokenKind.SESSION, 1, secret)

    async def __call__(
        self, method: str, path: str, *, token: str | None = None, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        authorization = {"Authorization": f"Bearer {token or self.host.token}"}
        answer = await self.client.request(method, path, headers=authorization | (headers or {}), **options)
        return answer.status, (await answer.json() if await answer.read() else None), answer


@pytest.fixture
async def api(kit: Kit, serve: Serve) -> Api:
    host = FakeHost()
    host.management = kit.management
    return Api(await serve(host, routes=structure.ROUTES), host)


async def body_for(api: Api, family: str, name: str) -> dict[str, Any]:
    if family != UNITS:
        return {"name": name}
    _, page, _ = await api("GET", ORGANIZATIONS)
    if not page["items"]:
        await api("POST", ORGANIZATIONS, json={"name": "Acme"})
        _, page, _ = await api("GET", ORGANIZATIONS)
    return {"name": name, "organization_id": page["items"][0]["id"]}


# ---------------------------------------------------------------- all families alike
@pytest.mark.parametrize("family", FAMILIES)
async def test_s23_a_life_over_http(api: Api, kit: Kit, family: str) -> None:
    status, made, answer = await api("POST", family, json=await body_for(api, family, "First"), headers={"X-Request-ID": "r1"})
    address = f"{family}/{made['id']}"
    assert (status, answer.headers["Location"], answer.headers["ETag"]) == (201, address, '"1"')
    status, got, answer = await api("GET", address)
    assert (status, got, answer.headers["ETag"]) == (200, made, '"1"')
    status, changed, answer = await api("PATCH", address, json={"name": "Second"}, headers={"If-Match": '"1"'})
    assert (status, changed["name"], answer.headers["ETag"]) == (200, "Second", '"2"')
    status, problem, _ = await api("PATCH", address, json={"name": "Third"}, headers={"If-Match": '"1"'})
    assert (status, problem["code"]) == (412, "precondition_failed")
    status, problem, _ = await api("DELETE", address)
    assert (status, problem["code"]) == (422, "invalid_request")
    status, problem, _ = await api("DELETE", address, params={"reason": WHY}, headers={"If-Match": '"1"'})
    assert status == 412
    status, _, _ = await api("DELETE", address, params={"reason": WHY}, headers={"If-Match": '"2"'})
    assert status == 204
    for method, options in (("GET", {}), ("PATCH", {"json": {}}), ("DELETE", {"params": {"reason": WHY}})):
        status, problem, _ = await api(method, address, **options)
        assert (status, problem["code"]) == (404, "not_found")
    events = [event for event in kit.audit() if event["subject_id"] == made["id"] and event["subject_type"] in family]
    assert [(event["actor"], event["action"].partition(".")[2]) for event in events] == [
        ("operator", "created"), ("operator", "updated"), ("operator", "deleted"),
    ]  # fmt: skip
    assert events[0]["request_id"] == "r1"


@pytest.mark.parametrize("family", FAMILIES)
async def test_pages_follow_one_another_and_keep_the_search(api: Api, family: str) -> None:
    for number in range(5):
        status, _, _ = await api("POST", family, json=await body_for(api, family, f"unit & {number}"))
        assert status == 201
    await api("POST", family, json=await body_for(api, family, "other"))
    seen: list[str] = []
    address: str | None = f"{family}?search=UNIT%20%26&limit=2"
    while address:
        status, page, answer = await api("GET", address)
        assert status == 200
        seen += [item["name"] for item in page["items"]]
        address = page["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == [f"unit & {number}" for number in range(5)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": " \u00a0"}, {"name": "a\nb"}, {"name": None}, {"name": "x" * 201}, {"nam": "x"}, {"name": 7}],
)
async def test_wrong_fields_are_refused(api: Api, family: str, wrong: dict[str, Any]) -> None:
    for method, address in (("POST", family), ("PATCH", f"{family}/1")):
        status, problem, _ = await api(method, address, json=wrong)
        assert (status, problem["code"]) == (422, "invalid_request"), (method, problem)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_name_that_is_taken_is_a_conflict(api: Api, family: str) -> None:
    body = await body_for(api, family, "First")
    assert (await api("POST", family, json=body))[0] == 201
    status, problem, _ = await api("POST", family, json=body | {"name": "FIRST"})
    assert (status, problem["code"]) == (409, "name_taken")


@pytest.mark.parametrize("route", structure.ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_each_route_asks_for_its_permission(api: Api, route: Any) -> None:
    right = {"/api/v1/roles": "roles", "/api/v1/perm": "roles", "/api/v1/role-": "roles", "/api/v1/groups": "groups"}
    subject = next((name for start, name in right.items() if route.path.startswith(start)), "structure")
    needed = f"{subject}:{'read' if route.method == 'GET' else 'write'}"
    assert route.permission == needed
    token = api.token_of({"users:read"})
    address = route.path.replace("{id}", "1").replace("{user_id}", "1")
    status, problem, _ = await api(route.method, address, token=token)
    assert (status, problem["code"]) == (403, "forbidden")


# ---------------------------------------------------------------- roles
async def test_null_removes_and_left_out_leaves(api: Api, kit: Kit) -> None:
    acme = kit.rows.organization("Acme")
    fields = {"description": "buys", "organization_id": acme, "permissions": ["erp:buy", "erp:ask"]}
    _, made, _ = await api("POST", ROLES, json={"name": "Buyer"} | fields)
    assert (made["permissions"], made["organization"]) == (["erp:ask", "erp:buy"], "Acme")
    _, same, answer = await api("PATCH", f"{ROLES}/{made['id']}", json={})
    assert (same, answer.headers["ETag"]) == (made, '"1"')
    _, emptied, _ = await api(
        "PATCH", f"{ROLES}/{made['id']}", json={"description": None, "organization_id": None, "permissions": None}
    )
    assert {name: emptied[name] for name in fields} == {"description": "", "organization_id": None, "permissions": []}
    status, page, _ = await api("GET", f"{ROLES}?scope=system")
    assert (status, [role["name"] for role in page["items"]]) == (200, ["Buyer"])
    status, page, _ = await api("GET", f"{ROLES}?organization={acme}")
    assert (status, page["items"]) == (200, [])


async def test_s22_a_caller_makes_no_role_above_their_own(api: Api) -> None:
    token = api.token_of({"roles:write", "users:read"})
    status, _, _ = await api("POST", ROLES, json={"name": "Mine", "permissions": ["users:read"]}, token=token)
    assert status == 201
    status, problem, _ = await api("POST", ROLES, json={"name": "More", "permissions": ["users:write"]}, token=token)
    assert (status, problem["code"]) == (403, "above_caller")
    assert "users:write" in problem["detail"]
    status, problem, _ = await api("POST", ROLES, json={"name": "administrator"}, token=token)
    assert (status, problem["code"]) == (403, "above_caller")


async def test_permissions_that_no_role_can_hold(api: Api, kit: Kit) -> None:
    acme = kit.rows.organization("Acme")
    for body, status, code in (
        ({"permissions": ["Users:Read"]}, 422, "invalid_request"),
        ({"permissions": ["users:reed"]}, 409, "permission_name"),
        ({"permissions": ["users:read"], "organization_id": acme}, 409, "permission_name"),
        ({"organization_id": 999}, 409, "no_such_reference"),
    ):
        got, problem, _ = await api("POST", ROLES, json={"name": "x"} | body)
        assert (got, problem["code"]) == (status, code)


async def test_permissions_and_s28_role_identifiers_are_listed(api: Api, kit: Kit) -> None:
    corp = kit.rows.directory()
    for identifier in ("crm-admins", "unknown", "unknown too"):
        kit.rows.role_identifier(corp, identifier)
    await api("POST", ROLES, json={"name": "x", "permissions": ["users:read", "erp:buy"]})
    _, permissions, _ = await api("GET", "/api/v1/permissions")
    found = {item["name"]: item for item in permissions["items"]}
    assert found["erp:buy"] == {"name": "erp:buy", "sentence": None, "ours": False, "roles": 1}
    assert found["users:read"]["ours"] is True
    _, page, _ = await api("GET", "/api/v1/role-identifiers?mapped=false&limit=1")
    (item,) = page["items"]
    assert (item["identifier"], item["roles"], item["configured"]) == ("unknown", [], True)
    _, page, _ = await api("GET", page["next"])
    assert ([item["identifier"] for item in page["items"]], page["next"]) == (["unknown too"], None)
    _, page, _ = await api("GET", "/api/v1/role-identifiers?directory=corp&mapped=true")
    assert [item["roles"] for item in page["items"]] == [["Clerk"]]
    status, wrong, _ = await api("GET", "/api/v1/role-identifiers?directory=crop")
    assert (status, wrong["detail"]) == (400, "no directory is called 'crop'")


async def test_a_role_that_people_have_says_how_many(api: Api, kit: Kit) -> None:
    role = kit.rows.role("Buyer")
    for name in ("anna", "bert"):
        kit.rows.grant(kit.user(name), role)
    status, problem, _ = await api("DELETE", f"{ROLES}/{role}", params={"reason": WHY})
    assert (status, problem["code"]) == (409, "in_use")
    assert "2 people" in problem["detail"]


# ---------------------------------------------------------------- groups
async def test_s21_members_over_http(api: Api, kit: Kit) -> None:
    users = [kit.user(f"u{number}") for number in range(3)]
    _, group, _ = await api("POST", GROUPS, json={"name": "Board"})
    members = f"{GROUPS}/{group['id']}/members"
    assert (await api("POST", members, json={"users": users}))[:2] == (200, {"changed": 3, "members": 3})
    assert (await api("POST", members, json={"users": users[:1]}))[:2] == (200, {"changed": 0, "members": 3})
    _, page, _ = await api("GET", f"{members}?limit=2")
    assert [member["username"] for member in page["items"]] == ["u0", "u1"]
    _, page, _ = await api("GET", page["next"])
    assert (page["items"], page["next"]) == (
        [{"id": users[2], "username": "u2", "display_name": None, "email": "u2@example.com"}], None,
    )  # fmt: skip
    assert (await api("DELETE", f"{members}/{users[0]}", params={"reason": WHY}))[0] == 204
    assert (await api("DELETE", f"{members}/{users[0]}", params={"reason": WHY}))[0] == 404
    status, changed, _ = await api("POST", f"{members}/remove", json={"users": users, "reason": WHY})
    assert (status, changed) == (200, {"changed": 2, "members": 0})
    for body, expected in (({"users": [999]}, 409), ({"users": []}, 422), ({"users": ["x"]}, 422), ({}, 422)):
        assert (await api("POST", members, json=body))[0] == expected


# ---------------------------------------------------------------- organizations and units
async def test_s17_the_switch_over_http(api: Api) -> None:
    _, made, _ = await api("POST", ORGANIZATIONS, json={"name": "Acme", "enabled": False})
    assert made["enabled"] is False
    address = f"{ORGANIZATIONS}/{made['id']}"
    assert (await api("POST", f"{address}/enable"))[0] == 422
    status, enabled, answer = await api("POST", f"{address}/enable", json={"reason": WHY}, headers={"If-Match": '"1"'})
    assert (status, enabled["enabled"], answer.headers["ETag"]) == (200, True, '"2"')
    assert (await api("POST", f"{address}/disable", json={"reason": WHY}, headers={"If-Match": '"1"'}))[0] == 412
    assert (await api("POST", f"{address}/disable", json={"reason": WHY}))[1]["enabled"] is False
    for wanted, names in (("true", []), ("false", ["Acme"])):
        _, page, _ = await api("GET", f"{ORGANIZATIONS}?enabled={wanted}")
        assert [item["name"] for item in page["items"]] == names
    assert (await api("GET", f"{ORGANIZATIONS}?enabled=yes"))[0] == 422
    assert (await api("PATCH", address, json={"enabled": True}))[0] == 422


async def test_s20_units_over_http(api: Api, kit: Kit) -> None:
    corp, acme = kit.rows.directory(), kit.rows.organization("Acme")
    theirs = kit.rows.unit(acme, "Theirs", directory=corp)
    _, below, _ = await api("POST", UNITS, json={"name": "Ours", "organization_id": acme, "parent_id": theirs})
    assert (below["path"], below["depth"], below["directory"]) == ("Theirs/Ours", 1, None)
    _, deeper, _ = await api("POST", UNITS, json={"name": "Deeper", "organization_id": acme, "parent_id": below["id"]})
    status, problem, _ = await api("PATCH", f"{UNITS}/{below['id']}", json={"parent_id": deeper["id"]})
    assert (status, problem["code"]) == (409, "unit_tree")
    status, moved, _ = await api("PATCH", f"{UNITS}/{below['id']}", json={"parent_id": None})
    assert (status, moved["path"]) == (200, "Ours")
    for method, options in (("PATCH", {"json": {"name": "x"}}), ("DELETE", {"params": {"reason": WHY}})):
        status, problem, _ = await api(method, f"{UNITS}/{theirs}", **options)
        assert (status, problem["code"]) == (409, "managed_by_directory")
        assert "corp" in problem["detail"]
    _, page, _ = await api("GET", f"{UNITS}?division={below['id']}")
    assert [unit["path"] for unit in page["items"]] == ["Ours", "Ours/Deeper"]
    _, page, _ = await api("GET", f"{UNITS}?organization={acme}&parent={below['id']}")
    assert [unit["path"] for unit in page["items"]] == ["Ours/Deeper"]
    assert (await api("GET", f"{UNITS}?parent=999"))[0] == 404


async def test_a_repeated_creation_makes_one(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await api("POST", GROUPS, json={"name": "Board"}, headers=key)
    again = await api("POST", GROUPS, json={"name": "Board"}, headers=key)
    assert (first[0], again[0]) == (201, 201)
    assert first[1] == again[1]
