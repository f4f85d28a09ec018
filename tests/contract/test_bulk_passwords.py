"""Passwords for many people over HTTP, on a real store on both databases."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from syncd.accounts.passwords import MAX_LENGTH, flaws
from syncd.errors import DatabaseUnavailableError
from syncd.http.blocking import CALLS_AT_ONCE
from syncd.http.handlers.bulk import SUGGESTIONS
from syncd.model.actions import NewPassword
from syncd.model.permission import Permission
from syncd.services.bulk_passwords import MAX_PASSWORDS, BulkPasswordService
from syncd.store import schema as t
from syncd.store.idempotency import SqlIdempotency
from tests.contract.test_http_passwords import Site
from tests.fakes.host import Serve
from tests.fakes.passwords import ADMIN, NEW, OLD, Keyring

ACTIONS = "/api/v1/users/actions"
CHANGE, SUGGEST = f"{ACTIONS}/change-password", f"{ACTIONS}/suggest-password"
MISSING = "This password will not do. An upper-case letter and a digit are missing. At least 8 characters are needed."


@pytest.fixture
async def site(engine: Engine, serve: Serve) -> Site:
    site = Site(Keyring(engine))
    site.host.management.bulk_passwords = BulkPasswordService(passwords=site.ring.passwords)
    site.host.management.idempotency = SqlIdempotency(engine)
    site.client = await serve(site.host)
    return site


async def test_s46_s47_many_are_changed_each_with_a_result_and_suggestions_are_told_once(site: Site) -> None:
    ring = site.ring
    bert, weak = ring.person("bert"), ring.person("wim")
    off, dora, boss, support = (ring.person(name) for name in ("carl", "dora", "boss", "sam"))
    ring.update(off, enabled=False)
    ring.from_directory(dora)
    ring.ceiling.above = {boss}
    rows: list[dict[str, Any]] = [
        {"id": site.anna, "password": NEW}, {"id": bert}, {"id": weak, "password": "weak"}, {"id": off}, {"id": dora},
        {"id": boss, "password": None}, {"id": support}, {"id": 4711}, {"id": bert, "password": NEW},
    ]  # fmt: skip
    headers = site.as_caller(Permission.USERS_PASSWORD, user_id=support)
    answer = await site.client.post(CHANGE, json={"rows": rows, "reason": "asked by phone"}, headers=headers)
    told = await answer.json()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (told["action"], told["changed"], told["unchanged"], told["refused"]) == ("change-password", 2, 0, 7)
    results = told["results"]
    assert [(row["id"], row["code"]) for row in results] == [
        (site.anna, None), (bert, None), (weak, "weak_password"), (off, "wrong_state"), (dora, "directory_password"),
        (boss, "above_caller"), (support, "oneself"), (4711, "not_found"), (bert, "usage"),
    ]  # fmt: skip
    assert [row["result"] for row in results] == ["changed"] * 2 + ["refused"] * 7
    assert results[2]["message"] == MISSING
    suggested = results[1]["password"]
    assert [row["password"] for row in results if row is not results[1]] == [None] * 8
    assert flaws(suggested, ring.rules.policy, ring.store.owner(bert).names) == ()
    assert ring.knows(bert, suggested)
    assert ring.knows(site.anna, NEW)
    assert all(ring.knows(user_id, OLD) for user_id in (weak, off, dora, boss, support))
    assert {row.user_id for row in ring.all(t.sessions)} == {weak, off, dora, boss, support}
    assert ring.mails() == ["password_changed"] * 2
    assert [(event.action, event.subject_id, event.reason) for event in ring.audit()] == [
        ("user.password_changed", site.anna, "asked by phone"), ("user.password_changed", bert, "asked by phone"),
    ]  # fmt: skip


async def test_s46_s47_no_password_is_kept_or_logged(site: Site) -> None:
    bert = site.ring.person("bert")
    body = {"rows": [{"id": site.anna, "password": NEW}, {"id": bert}, {"id": site.anna, "password": "Other-Password3"}]}
    with capture_logs() as logs:
        answer = await site.client.post(CHANGE, json=body, headers=site.admin | {"Idempotency-Key": "once"})
        suggested = (await answer.json())["results"][1]["password"]
        refused = await site.client.post(CHANGE, json={"rows": [{"id": 0, "password": NEW}]}, headers=site.admin)
        said = await refused.text()
    assert (answer.status, refused.status) == (200, 422)
    assert site.ring.knows(bert, suggested)
    assert site.ring.all(t.idempotency_keys) == []
    kept = [str(site.ring.all(table)) for table in t.metadata.sorted_tables]
    for secret in (NEW, suggested, "Other-Password3"):
        assert secret not in said + str(logs) + "".join(kept)
    assert suggested not in repr(NewPassword(id=1, password=suggested))


async def test_s46_many_hash_where_they_keep_nobody_from_the_store(site: Site) -> None:
    """With as many requests as the store has places, each in the middle of hashing, others still get theirs."""
    begun, go = threading.Event(), threading.Event()

    class Slow:
        def hash(self, password: str) -> str:
            begun.set()
            assert go.wait(60)
            return site.ring.hasher.hash(password)

    slow = replace(site.ring.passwords, hasher=Slow())  # type: ignore[arg-type]
    site.host.management.bulk_passwords = BulkPasswordService(passwords=slow)
    people = [site.ring.person(f"p{number}") for number in range(CALLS_AT_ONCE + 1)]
    bodies = [{"rows": [{"id": user_id, "password": NEW}]} for user_id in people]
    asked = [asyncio.create_task(site.client.post(CHANGE, json=body, headers=site.admin)) for body in bodies]
    try:
        await asyncio.to_thread(begun.wait, 30)
        invited = site.ring.person("new", password=None)
        answer = await asyncio.wait_for(site.client.post(f"/api/v1/users/{invited}/invite", headers=site.admin), 8)
        assert answer.status == 200
        assert not any(task.done() for task in asked)
    finally:
        go.set()
    answers = await asyncio.gather(*asked)
    assert [(await answer.json())["changed"] for answer in answers] == [1] * len(people)


async def test_s47_a_database_that_goes_away_leaves_what_was_suggested_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert = site.ring.person("bert")
    real = BulkPasswordService.change

    def change(self: BulkPasswordService, rows: list[NewPassword], **more: Any) -> Any:
        yield from real(self, rows[:1], **more)
        raise DatabaseUnavailableError("the database has not answered within 30 s")

    monkeypatch.setattr(BulkPasswordService, "change", change)
    answer = await site.client.post(CHANGE, json={"rows": [{"id": bert}, {"id": site.anna}]}, headers=site.admin)
    first, second = (await answer.json())["results"]
    assert answer.status == 200
    assert site.ring.knows(bert, first["password"])
    assert (second["result"], second["code"], second["password"]) == ("refused", "database_unavailable", None)
    assert "look whether it was done" in second["message"]


async def test_s46_what_breaks_in_one_row_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    bert = site.ring.person("bert")
    real = type(site.ring.passwords).suggest

    def suggest(self: Any, user_id: int) -> str:
        if user_id == site.anna:
            raise ZeroDivisionError
        return real(self, user_id)

    monkeypatch.setattr(type(site.ring.passwords), "suggest", suggest)
    answer = await site.client.post(CHANGE, json={"rows": [{"id": site.anna}, {"id": bert}]}, headers=site.admin)
    first, second = (await answer.json())["results"]
    assert (first["result"], first["code"], second["result"]) == ("refused", "internal_error", "changed")
    assert "log" in first["message"]


async def test_s46_who_and_what_must_be_clear(site: Site) -> None:
    row = {"id": site.anna, "password": NEW}
    bodies: list[dict[str, Any]] = [
        {}, {"rows": []}, {"rows": [{"password": NEW}]}, {"rows": [row | {"id": 0}]}, {"rows": [row | {"password": 12345678}]},
        {"rows": [row | {"extra": 1}]}, {"rows": [row], "extra": 1}, {"rows": [row], "reason": "x"}, {"rows": row},
        {"rows": [row] * (MAX_PASSWORDS + 1)}, {"rows": [row | {"password": "x" * 4097}]}, {"ids": [site.anna]},
    ]  # fmt: skip
    for body in bodies:
        answer = await site.client.post(CHANGE, json=body, headers=site.admin)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request"), body
    assert site.ring.knows(site.anna, OLD)
    # an empty one is no request for a suggestion
    answer = await site.client.post(CHANGE, json={"rows": [row | {"password": ""}]}, headers=site.admin)
    assert [row["code"] for row in (await answer.json())["results"]] == ["weak_password"]
    # the longest that can be asked for, in the longest way of writing it
    long = json.dumps({"rows": [{"id": 4711 + each, "password": "😀" * MAX_LENGTH} for each in range(MAX_PASSWORDS)]})
    as_json = {"Content-Type": "application/json"}
    answer = await site.client.post(CHANGE, data=long, headers=site.admin | as_json)
    assert (answer.status, (await answer.json())["refused"]) == (200, MAX_PASSWORDS)


@pytest.mark.parametrize("path", [CHANGE, SUGGEST])
async def test_s46_s47_for_those_who_may_give_passwords(site: Site, path: str) -> None:
    others = [permission for permission in Permission if permission is not Permission.USERS_PASSWORD]
    body = {"rows": [{"id": site.anna}]} if path == CHANGE else {"ids": [site.anna]}
    answer = await site.client.post(path, json=body, headers=site.as_caller(*others, user_id=999))
    assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")
    assert (await site.client.post(path, json=body)).status == 401
    assert site.ring.knows(site.anna, OLD)


# ---------------------------------------------------------------- suggestions
async def test_s47_one_suggestion_for_each_and_none_is_set(site: Site) -> None:
    people = [site.anna, *(site.ring.person(f"p{number}") for number in range(SUGGESTIONS))]
    headers = site.as_caller(Permission.USERS_PASSWORD, user_id=999)
    answer = await site.client.post(SUGGEST, json={"ids": [*people, 4711, site.anna]}, headers=headers)
    results = (await answer.json())["results"]
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert [row["id"] for row in results] == [*people, 4711]
    assert (results[-1]["password"], results[-1]["code"]) == (None, "not_found")
    found = [row["password"] for row in results[:-1]]
    assert len(set(found)) == len(people)
    for user_id, password in zip(people, found, strict=True):
        assert flaws(password, site.ring.rules.policy, site.ring.store.owner(user_id).names) == ()
        assert site.ring.knows(user_id, OLD)
    assert site.ring.audit() == site.ring.mails() == []


def test_s47_a_persons_own_names_are_kept_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring(engine)
    anna, asked = ring.person(), []
    monkeypatch.setattr(type(ring.rules), "suggest", lambda _self, *, about: asked.append(about) or NEW)
    bulk = BulkPasswordService(passwords=ring.passwords)
    (suggested,) = bulk.suggest([anna])
    (changed,) = bulk.change([NewPassword(id=anna, password=None)], caller=ADMIN)
    assert (suggested.password, changed.password) == (NEW, NEW)
    assert asked == [ring.store.owner(anna).names] * 2
    assert "anna.smith" in asked[0]


async def test_s47_suggestions_are_asked_for_by_ids(site: Site) -> None:
    for body in ({}, {"ids": []}, {"ids": ["1"]}, {"ids": [0]}, {"ids": list(range(1, MAX_PASSWORDS + 2))}, {"rows": []}):
        answer = await site.client.post(SUGGEST, json=body, headers=site.admin)
        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_request"), body
