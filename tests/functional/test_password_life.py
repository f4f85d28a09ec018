"""A password's life over HTTP with everything wired as the daemon does it: login, counter, mail, page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest_asyncio
from aiohttp.test_utils import TestClient

from syncd.bootstrap import Runtime, open_runtime
from syncd.services.hashing import Argon2Hasher
from syncd.settings.root import RootSettings
from syncd.store.engine import write
from syncd.store.passwords import put_password
from tests.fakes.host import FakeHost, Serve
from tests.fakes.passwords import CHEAP, NEW, OLD
from tests.fakes.people_rows import Rows
from tests.servers.smtp import SmtpServer

ADMIN = {"Authorization": f"Bearer {FakeHost.token}"}
WHY = {"reason": "a laptop was stolen"}
LINK = re.compile(r"https://syncd\.example\.com/people(/password\?token=(syncd_l_\S+))")


class Site:
    """The application on a wired runtime, with one person: Anna."""

    def __init__(self, runtime: Runtime, client: TestClient[Any, Any], anna: int) -> None:
        self.runtime, self.client, self.anna = runtime, client, anna

    async def log_in(self, password: str) -> int:
        body = {"username": "anna.smith", "password": password}
        return (await self.client.post("/api/v1/sessions", json=body)).status

    async def change(self, current: str, new: str) -> int:
        body = {"username": "anna.smith", "current_password": current, "new_password": new}
        return (await self.client.post("/api/v1/passwords/change", json=body)).status

    async def act(self, action: str) -> int:
        return (await self.client.post(f"/api/v1/users/{self.anna}/{action}", json=WHY, headers=ADMIN)).status

    def status(self) -> str:
        return self.runtime.queries.user_by_id(self.anna).auth_status

    async def post(self, smtp: SmtpServer) -> list[str]:
        """Send what waits; the subjects of all mails."""
        assert self.runtime.management.mail_sender is not None
        await asyncio.to_thread(partial(self.runtime.management.mail_sender.work, stopping=lambda: False))
        return [mail.subject for mail in smtp.mails]


@pytest_asyncio.fixture
async def site(store_url: str, smtp: SmtpServer, serve: Serve) -> AsyncIterator[Site]:
    settings = RootSettings.model_validate(
        {
            "store": {"url": store_url},
            "passwords": CHEAP | {"max_age": "30d"},
            "login": {"max_failures": 3, "refusal_time": "0s"},
            "mail": {
                "host": "127.0.0.1", "port": smtp.port, "security": "none", "sender": "syncd@example.com",
                "public_url": "https://syncd.example.com/people",
            },
        }
    )  # fmt: skip
    runtime = open_runtime(settings)
    rows = Rows(runtime.engine)
    organization = rows.organization("acme")
    anna = rows.user("anna.smith", manual=True, first_name="Anna", last_name="Smith")
    rows.access(anna, organization, rows.unit(organization, "sales"))
    with write(runtime.engine) as connection:
        hashed = Argon2Hasher(settings.passwords).hash(OLD)
        put_password(connection, anna, hashed, at=runtime.clock.now())
    host = FakeHost()
    host.management = runtime.management
    yield Site(runtime, await serve(host), anna)
    runtime.close()


async def test_s50_s51_from_the_reset_by_the_mail_to_the_login(site: Site, smtp: SmtpServer) -> None:
    assert await site.log_in(OLD) == 201
    assert await site.act("reset-password") == 200
    assert (site.status(), await site.log_in(OLD), await site.change(OLD, NEW)) == ("reset", 401, 401)
    assert await site.post(smtp) == ["Choose a new password at syncd.example.com"]
    found = LINK.search(smtp.mails[0].text)
    assert found, smtp.mails[0].text
    # as it is asked for behind a proxy that serves syncd below /people
    assert (await site.client.get(found[1])).status == 200
    fields = {"token": found[2], "new_password": NEW, "repeated": NEW}
    assert (await site.client.post("/password", data=fields)).status == 200
    assert (site.status(), await site.log_in(OLD), await site.log_in(NEW)) == ("active", 401, 201)
    assert (await site.post(smtp))[1:] == ["Your password at syncd.example.com was changed"]
    assert NEW not in "".join(mail.text + mail.html for mail in smtp.mails)


async def test_s41_s68_wrong_present_passwords_and_wrong_logins_are_one_count(site: Site, smtp: SmtpServer) -> None:
    assert [await site.change("Not-It-At-All1", NEW), await site.log_in("Not-It-At-All1")] == [401, 401]
    assert await site.log_in(OLD) == 201
    for _ in range(2):
        assert await site.change("Not-It-At-All1", NEW) == 401
    assert (site.status(), await site.log_in("Not-It-At-All1"), site.status()) == ("active", 401, "locked")
    assert (await site.change(OLD, NEW), await site.log_in(OLD)) == (401, 401)
    assert await site.post(smtp) == ["Your account at syncd.example.com is locked"]
    assert await site.act("activate") == 200
    assert (await site.change(OLD, NEW), await site.log_in(NEW)) == (204, 201)


async def test_s41_s68_the_last_wrong_present_password_locks(site: Site) -> None:
    for status in ("active", "active", "locked"):
        assert await site.change("Not-It-At-All1", NEW) == 401
        assert site.status() == status


async def test_s51_an_expired_password_is_changed_and_logs_in_again(site: Site) -> None:
    later = site.runtime.clock.now() + timedelta(days=31)
    assert site.runtime.management.password_age.expire_and_warn(later).expired == 1
    assert site.status() == "expired"
    assert (await site.log_in(OLD), await site.log_in("Not-It-At-All1")) == (403, 401)
    assert (await site.change(OLD, OLD), await site.change(OLD, NEW)) == (422, 204)
    assert (site.status(), await site.log_in(NEW)) == ("active", 201)
