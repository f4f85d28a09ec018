"""Passwords over HTTP, on a real store."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine
from structlog.testing import capture_logs

from syncd.accounts.passwords import flaws
from syncd.accounts.tokens import TokenKind, new_secret, token_text
from syncd.model.caller import Caller
from syncd.model.permission import Permission
from syncd.settings.accounts import LoginSettings
from syncd.store import schema as t
from tests.fakes.host import FakeHost, Serve
from tests.fakes.passwords import ADMIN, NEW, OLD, Keyring

FORM = "application/x-www-form-urlencoded"
API = "/api/v1/passwords"


class Site:
    """The application on a store with one person, Anna Smith."""

    def __init__(self, ring: Keyring, **login: Any) -> None:
        self.ring = ring
        self.host = FakeHost()
        settings = LoginSettings(**({"refusal_time": "1s", "per_name": 1000, "per_address": 1000} | login))
        self.host.management = SimpleNamespace(
            passwords=ring.passwords,
            password_links=ring.links,
            login=SimpleNamespace(settings=settings),
            trusted_proxies=(),
        )
        self.anna = ring.person()
        self.client: TestClient[Any, Any] = None  # type: ignore[assignment]

    def as_caller(self, *permissions: Permission, user_id: int | None = None) -> dict[str, str]:
        """Headers of somebody with these permissions; without a number: Anna herself."""
        secret = new_secret()
        number = self.anna if user_id is None else user_id
        self.host.callers[secret] = Caller(name="caller", user_id=number, permissions=frozenset(permissions), session_id=1)
        return {"Authorization": f"Bearer {token_text(TokenKind.SESSION, 1, secret)}"}

    def link(self) -> str:
        self.ring.links.reset(self.anna, caller=ADMIN, reason="a laptop was stolen")
        return self.ring.mailed_token()

    @property
    def admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.host.token}"}


Open = Callable[..., Awaitable[Site]]


@pytest.fixture
def site(engine: Engine, serve: Serve) -> Open:
    async def start(*, settings: dict[str, Any] | None = None, **login: Any) -> Site:
        site = Site(Keyring(engine, **(settings or {})), **login)
        site.client = await serve(site.host)
        return site

    return start


async def at_the_first_second(ask: Callable[[], Awaitable[list[Any]]]) -> tuple[list[Any], int]:
    """The answers, each with its seconds at its end, and how often they were asked for.

    What a busy machine has not done by then is answered a second later: asked again, up to three times.
    """
    answers, rounds = await ask(), 1
    while rounds < 3 and not all(took < 2 for *_, took in answers):
        answers, rounds = await ask(), rounds + 1
    return answers, rounds


async def code(response: Any) -> tuple[int, str]:
    return response.status, (await response.json())["code"]


# ---------------------------------------------------------------- the policy
async def test_s6_policy_is_public_and_in_words(site: Open) -> None:
    here = await site(settings={"special": True, "min_length": 10})
    policy = await (await here.client.get(f"{API}/policy")).json()
    assert policy["hint"].startswith("10 to 128 characters, with a lower-case letter, an upper-case letter, a digit and")
    assert {name: value for name, value in policy.items() if name != "hint"} == {
        "min_length": 10, "max_length": 128, "lower": True, "upper": True, "digit": True, "special": True,
        "min_strength": 0, "history": 0,
    }  # fmt: skip


async def test_s47_suggestions_satisfy_the_policy(site: Open) -> None:
    here = await site(settings={"special": True, "min_strength": 4})
    first = (await (await here.client.get(f"{API}/suggestion")).json())["password"]
    response = await here.client.post(f"{API}/suggestion", json={"about": ["anna.smith"]})
    second = (await response.json())["password"]
    assert first != second
    assert flaws(first, here.ring.rules.policy) == flaws(second, here.ring.rules.policy) == ()
    assert response.headers["Cache-Control"] == "no-store"


async def test_s6_strength_estimate_knows_who_asks_and_is_not_logged(site: Open) -> None:
    here = await site()
    with capture_logs() as logs:
        response = await here.client.post(f"{API}/check", json={"password": "Anna.Smith1"}, headers=here.as_caller())
        weak = await response.json()
        response = await here.client.post(f"{API}/check", json={"password": NEW * 2}, headers=here.as_caller())
        strong = await response.json()
    assert (weak["acceptable"], weak["missing"]) == (False, ["It is a name, username or address of this person."])
    assert weak["score"] <= 1
    assert (strong["acceptable"], strong["missing"]) == (True, [])
    assert strong["guesses_log10"] > weak["guesses_log10"]
    assert "Smith1" not in str(logs)
    assert NEW not in str(logs)
    response = await here.client.post(f"{API}/check", json={"password": "Jabberwocky1", "about": ["Jabberwocky"]},
                                      headers=here.as_caller())  # fmt: skip
    assert (await response.json())["acceptable"] is False
    assert (await here.client.post(f"{API}/check", json={"password": "x"})).status == 401


# ---------------------------------------------------------------- changing
async def test_s46_administrator_changes_a_password(site: Open) -> None:
    here = await site()
    address = f"/api/v1/users/{here.anna}/password"
    allowed = here.as_caller(Permission.USERS_PASSWORD, user_id=999)
    assert (await here.client.post(address, json={"password": NEW}, headers=here.as_caller(user_id=999))).status == 403
    stale = allowed | {"If-Match": '"99"'}
    assert await code(await here.client.post(address, json={"password": NEW}, headers=stale)) == (412, "precondition_failed")
    response = await here.client.post(address, json={"password": NEW, "reason": "she asked"}, headers=allowed)
    assert (response.status, await response.read()) == (204, b"")
    assert here.ring.knows(here.anna, NEW)
    assert here.ring.mails() == ["password_changed"]
    weak = await here.client.post(address, json={"password": "weak"}, headers=allowed)
    problem = await weak.json()
    assert (weak.status, problem["code"]) == (422, "weak_password")
    assert (
        problem["detail"]
        == "This password will not do. An upper-case letter and a digit are missing. At least 8 characters are needed."
    )


@pytest.mark.parametrize("case", ["disabled", "directory", "unknown"])
async def test_s46_refusals_have_their_codes(site: Open, case: str) -> None:
    here = await site()
    number = here.anna + (case == "unknown")
    if case == "disabled":
        here.ring.update(here.anna, enabled=False)
    if case == "directory":
        here.ring.from_directory(here.anna)
    response = await here.client.post(f"/api/v1/users/{number}/password", json={"password": NEW}, headers=here.admin)
    expected = {"disabled": (409, "wrong_state"), "directory": (409, "directory_password"), "unknown": (404, "not_found")}
    assert await code(response) == expected[case]


async def test_s68_own_password(site: Open) -> None:
    here = await site()
    address = "/api/v1/me/password"
    wrong = {"current_password": "Not-It-At-All1", "new_password": NEW}
    assert await code(await here.client.post(address, json=wrong, headers=here.as_caller())) == (403, "wrong_password")
    ((name, origin),) = here.ring.counter.told
    assert (name, origin.address) == ("anna.smith", "127.0.0.1")
    assert origin.request_id
    right = {"current_password": OLD, "new_password": NEW}
    assert (await here.client.post(address, json=right, headers=here.admin)).status == 403
    assert (await here.client.post(address, json=right, headers=here.as_caller())).status == 204
    assert here.ring.knows(here.anna, NEW)
    assert here.ring.sessions() == 0


async def test_s68_own_password_is_guessed_slowly(site: Open) -> None:
    here = await site(per_name=2)
    wrong = {"current_password": "Not-It-At-All1", "new_password": NEW}
    statuses = [(await here.client.post("/api/v1/me/password", json=wrong, headers=here.as_caller())).status for _ in range(3)]
    assert statuses == [403, 403, 429]


async def test_s51_an_expired_password_is_changed_without_a_session(site: Open) -> None:
    here = await site()
    here.ring.update(here.anna, auth_status="expired")
    body = {"username": "Anna.Smith", "current_password": OLD, "new_password": NEW}
    assert (await here.client.post(f"{API}/change", json=body)).status == 204
    assert here.ring.user(here.anna).auth_status == "active"


async def test_s41_a_wrong_one_without_a_session_is_kept_with_the_name_as_typed_and_the_address(site: Open) -> None:
    here = await site()
    body = {"username": "ANNA.smith", "current_password": "Not-It-At-All1", "new_password": NEW}
    headers = {"X-Request-Id": "change-1"}
    assert await code(await here.client.post(f"{API}/change", json=body, headers=headers)) == (401, "login_refused")
    ((name, origin),) = here.ring.counter.told
    assert (name, origin.address, origin.request_id) == ("ANNA.smith", "127.0.0.1", "change-1")


async def test_s68_every_refusal_without_a_session_is_the_same(site: Open) -> None:
    here = await site()
    carl, dora = here.ring.person("carl", enabled=False), here.ring.person("dora", manual=False)
    here.ring.from_directory(dora)
    loop = asyncio.get_running_loop()

    async def refusal(username: str, current: str) -> tuple[int, dict[str, Any], float]:
        began = loop.time()
        body = {"username": username, "current_password": current, "new_password": NEW}
        response = await here.client.post(f"{API}/change", json=body)
        problem = await response.json()
        problem.pop("request_id")
        return response.status, problem, loop.time() - began

    tries = [("nobody", OLD), ("anna.smith", "wrong"), ("carl", OLD), ("dora", OLD)]
    answers, rounds = await at_the_first_second(lambda: asyncio.gather(*(refusal(*each) for each in tries)))
    assert {status for status, _, _ in answers} == {401}
    assert all(problem == answers[0][1] for _, problem, _ in answers)
    assert answers[0][1]["code"] == "login_refused"
    assert all(0.95 <= took < 2 for _, _, took in answers)
    counter = here.ring.counter
    assert (counter.unknown_names, counter.succeeded) == (["nobody"] * rounds, [])
    assert Counter(zip(counter.failed, counter.whys, strict=True)) == {
        (here.anna, "wrong_password"): rounds,
        (carl, "disabled"): rounds,
        (dora, "directory_password"): rounds,
    }


async def test_s68_changes_without_a_session_are_limited_like_logins(site: Open) -> None:
    here = await site(per_name=1)
    body = {"username": "anna.smith", "current_password": OLD, "new_password": "weak"}
    assert (await here.client.post(f"{API}/change", json=body)).status == 422
    limited = await here.client.post(f"{API}/change", json=body)
    assert await code(limited) == (429, "too_many_requests")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60


# ---------------------------------------------------------------- links
async def test_s15_administrator_invites(site: Open) -> None:
    here = await site()
    bert = here.ring.person("bert", password=None)
    response = await here.client.post(f"/api/v1/users/{bert}/invite", headers=here.admin)
    given = await response.json()
    assert (response.status, given) == (200, {"user_id": bert, "expires_at": "2026-03-08T12:00:00Z", "mailed": True})
    assert here.ring.mails() == ["invitation"]
    assert await code(await here.client.post(f"/api/v1/users/{here.anna}/invite", headers=here.admin)) == (409, "wrong_state")


async def test_s51_forgotten_is_answered_alike_in_words_and_time(site: Open) -> None:
    here = await site()
    loop = asyncio.get_running_loop()

    async def ask(name: str) -> tuple[int, bytes, float]:
        began = loop.time()
        response = await here.client.post(f"{API}/forgot", json={"username": name})
        return response.status, await response.read(), loop.time() - began

    names = ("anna.smith", "nobody", "anna.smith@example.com", "x\x00")
    answers, _ = await at_the_first_second(lambda: asyncio.gather(*map(ask, names)))
    assert {(status, body) for status, body, _ in answers} == {(202, answers[0][1])}
    assert b"If this is somebody who may set a password here" in answers[0][1]
    assert all(0.95 <= took < 2 for _, _, took in answers)
    assert here.ring.mails() == ["password_reset"]


async def test_s51_forgotten_is_limited(site: Open) -> None:
    here = await site(per_address=1)
    assert (await here.client.post(f"{API}/forgot", json={"username": "nobody"})).status == 202
    assert (await here.client.post(f"{API}/forgot", json={"username": "somebody"})).status == 429


async def test_s51_a_link_is_redeemed_once(site: Open) -> None:
    here = await site()
    body = {"token": here.link(), "new_password": NEW}
    weak = await here.client.post(f"{API}/redeem", json=body | {"new_password": "weak"})
    assert await code(weak) == (422, "weak_password")
    with capture_logs() as logs:
        assert (await here.client.post(f"{API}/redeem", json=body)).status == 204
    assert here.ring.knows(here.anna, NEW)
    assert await code(await here.client.post(f"{API}/redeem", json=body)) == (410, "link_invalid")
    assert body["token"] not in str(logs)
    assert NEW not in str(logs)


async def test_s51_single_use_under_twenty_requests_at_once(site: Open) -> None:
    here = await site()
    token = here.link()

    async def redeem(number: int) -> int:
        body = {"token": token, "new_password": f"New-Password{number}"}
        return (await here.client.post(f"{API}/redeem", json=body)).status

    assert sorted(await asyncio.gather(*map(redeem, range(20)))) == [204] + [410] * 19


# ---------------------------------------------------------------- the page
async def send(here: Site, token: str, password: str, repeated: str | None = None) -> tuple[int, str]:
    fields = {"token": token, "new_password": password, "repeated": password if repeated is None else repeated}
    response = await here.client.post("/password", data=fields)
    assert response.content_type == "text/html"
    return response.status, await response.text()


async def test_s51_the_page_sets_a_password(site: Open) -> None:
    here = await site()
    token = here.link()
    response = await here.client.get("/password", params={"token": token})
    text = await response.text()
    assert response.status == 200
    assert here.ring.rules.hint in text
    assert 'value="anna.smith"' in text
    assert "2026-03-02 12:00 UTC" in text
    assert re.findall(r'action="([^"]*)"', text) == ["password"]
    status, text = await send(here, token, NEW)
    assert (status, "Your password is set" in text) == (200, True)
    assert here.ring.knows(here.anna, NEW)
    assert (await send(here, token, NEW))[0] == 410
    assert (await here.client.get("/password", params={"token": token})).status == 410


async def test_s51_opening_the_page_does_not_use_the_link_up(site: Open) -> None:
    here = await site()
    token = here.link()
    for _ in range(3):
        assert (await here.client.get("/password", params={"token": token})).status == 200
        assert (await here.client.head("/password", params={"token": token})).status == 200
    assert (await send(here, token, NEW))[0] == 200


async def test_s6_the_page_says_what_is_missing(site: Open) -> None:
    here = await site()
    token = here.link()
    status, text = await send(here, token, "weak")
    assert status == 422
    assert "This password will not do. An upper-case letter and a digit are missing. At least 8 characters are needed." in text
    assert 'role="alert"' in text
    assert 'aria-invalid="true"' in text
    # the form has the token, in which any four letters may stand
    assert "weak" not in text.replace(token, "")
    status, text = await send(here, token, NEW, "another")
    assert (status, "The two passwords are not the same." in text) == (422, True)
    assert (await send(here, token, NEW))[0] == 200


async def test_s15_the_page_greets_the_invited(site: Open) -> None:
    here = await site()
    here.ring.links.invite(here.ring.person("bert", password=None), caller=ADMIN)
    text = await (await here.client.get("/password", params={"token": here.ring.mailed_token()})).text()
    assert "<h1>Choose your password</h1>" in text


async def test_s51_without_a_good_token_the_page_says_so(site: Open) -> None:
    here = await site()
    for query in ("", "?token=", "?token=x", "?token=syncd_l_1_x&token=y", "?other=1", "?token=%00"):
        response = await here.client.get(f"/password{query}")
        text = await response.text()
        assert (response.status, response.content_type) == (410, "text/html"), query
        assert "This link does not work" in text
        assert "<form" not in text


async def test_the_page_bears_any_form(site: Open) -> None:
    here = await site()
    for body in (b"", b"token", b"\xff\xfe", b"&" * 100, b"a=1&" * 100):
        response = await here.client.post("/password", data=body, headers={"Content-Type": FORM})
        assert (response.status, response.content_type) == (410, "text/html"), body


async def test_the_page_takes_only_forms(site: Open) -> None:
    here = await site()
    assert await code(await here.client.post("/password", json={"token": "x"})) == (415, "unsupported_media_type")


async def test_the_page_lets_nothing_in_and_is_kept_nowhere(site: Open) -> None:
    here = await site()
    here.ring.update(here.anna, username="<script>alert(1)</script>'\"&")
    token = here.link()
    response = await here.client.get("/password", params={"token": token})
    text = await response.text()
    policy = response.headers["Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; "
        r"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        policy,
    )
    assert "<script" not in text
    assert not re.search(r"https?://|\bsrc=|\bhref=|\son\w+=", text)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_is_limited_and_says_when_to_come_again(site: Open) -> None:
    here = await site(per_name=1)
    token = here.link()
    assert (await send(here, token, "weak"))[0] == 422
    status, text = await send(here, token, NEW)
    assert (status, "try again" in text) == (429, True)


async def test_s51_made_up_links_are_limited_on_the_page_too(site: Open) -> None:
    here = await site(per_address=2)
    tries = [(await send(here, f"syncd_l_{number}_{'x' * 43}", NEW))[0] for number in (7, 8, 9)]
    assert tries == [410, 410, 429]


async def test_s51_no_token_of_a_link_is_logged(site: Open) -> None:
    here = await site()
    token = here.link()
    with capture_logs() as logs:
        await here.client.get("/password", params={"token": token})
        await send(here, token, "weak")
        await send(here, token, NEW)
        await send(here, token, NEW)
    assert [line["path"] for line in logs if line["event"] == "request"] == ["/password"] * 4
    assert token.split("_", 3)[3] not in str(logs)
    assert here.ring.all(t.links)[0].used_at is not None
