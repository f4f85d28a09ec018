"""Mail as it is installed: the daemon's loop, `syncd mail`, `syncd check`, with a real mail server."""

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine
from tests.contract.company import rows
from tests.contract.post_office import PostOffice
from tests.fakes.edge import FakeClock, now
from tests.fakes.people_rows import Rows
from tests.faults.rig import until
from tests.functional.cli import Result, syncd
from tests.functional.daemon_process import TOKEN, Daemon, daemon, write_config
from tests.servers.smtp import Delivered, SmtpServer
from tests.servers.tls import Authority

REFUSED = "550 5.1.1 no such mailbox"


class MailSite:
    """A configuration with mail, and a directory that is down, on a migrated SQLite store."""

    def __init__(self, folder: Path, database: str, smtp: SmtpServer, stack: ExitStack) -> None:
        self.folder, self.smtp, self._stack = folder, smtp, stack
        self.config = folder / "syncd.toml"
        self.engine: Engine = open_engine(StoreSettings(url=database))
        self.database = database.removeprefix("sqlite:///")
        self.office = PostOffice(self.engine, smtp, clock=FakeClock(now()))
        self.configure()

    def configure(self, **changes: str) -> None:
        write_config(self.config, "corp", store=self.database)
        mail = {"host": "127.0.0.1", "security": "none", "timeout": "5s", "sender": "syncd@example.com"} | changes
        lines = [f'{key} = "{value}"' for key, value in mail.items()]
        hashing = "[passwords]\nargon2_time_cost = 1\nargon2_memory = 64\nargon2_parallelism = 1\n"
        with self.config.open("a") as file:
            file.write(
                "\n".join([f"{hashing}[login]", 'refusal_time = "0s"', "[mail]", f"port = {self.smtp.port}", *lines, ""])
            )

    def start(self) -> Daemon:
        folder = self.folder / "daemon"
        folder.mkdir(exist_ok=True)
        (folder / "notify.socket").unlink(missing_ok=True)
        argv = ["-m", "syncd", "--config", str(self.config), "run"]
        running = self._stack.enter_context(daemon(argv, folder=folder))
        running.until_logged("syncd is running")
        return running

    def checked(self, *words: str) -> list[tuple[str, str, str]]:
        """What `syncd check --connect` says of mail: check, result, text."""
        items = self.cli("check", "--connect", *words, "--output", "json").json()["items"]
        return [(item["name"], item["status"], item["text"]) for item in items if item["directory"] == "mail"]

    def cli(self, *words: str) -> Result:
        return syncd(*words, "-c", self.config)


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str, smtp: SmtpServer) -> Iterator[MailSite]:
    with ExitStack() as stack:
        made = MailSite(tmp_path, sqlite_url, smtp, stack)
        stack.callback(made.engine.dispose)
        yield made


# ---------------------------------------------------------------- the daemon
def test_the_daemon_sends_what_others_queue_and_counts_it(site: MailSite) -> None:
    running = site.start()
    site.office.queue("ada@example.com")
    site.smtp.wait(1)
    running.until_logged("mail sent")
    # counted at the end of the round that sent it
    metrics = running.text_with("/metrics", 'syncd_mails_sent_total{kind="locked"} 1.0')
    assert 'syncd_mails_failed_total{kind="locked"} 0.0' in metrics
    assert "syncd_mails_queued 0.0" in metrics


def test_mails_survive_a_killed_daemon_and_a_server_that_was_down(site: MailSite) -> None:
    site.smtp.stop()
    running = site.start()
    for number in range(3):
        site.office.queue(f"u{number}@example.com")
    running.until_logged("mail server in trouble")
    # given back, so that nobody has to wait for the end of a claim
    until(lambda: all(row.claimed_until is None for row in rows(site.engine, t.outbox)), "nothing is claimed")
    running.signal(signal.SIGKILL)
    running.ended()
    site.smtp.start()
    site.cli("mail", "retry", *(str(mail.id) for mail in site.office.listed()))
    running = site.start()
    mails = site.smtp.wait(3)
    assert sorted(mail.recipients[0] for mail in mails) == [f"u{number}@example.com" for number in range(3)]
    running.signal(signal.SIGTERM)
    assert running.ended() == 0


def test_a_mail_server_that_hangs_does_not_keep_the_daemon_from_stopping(site: MailSite) -> None:
    site.configure(timeout="60s")
    running = site.start()
    with site.smtp.holding():
        site.office.queue()
        assert site.smtp.held.wait(60)
        running.signal(signal.SIGTERM)
        assert running.ended(within=30) == 0


# ---------------------------------------------------------------- the command line
def test_the_outbox_can_be_looked_at_and_tried_again(site: MailSite) -> None:
    site.smtp.answers["nobody@example.com"] = [REFUSED]
    for to in ("nobody@example.com", "ada@example.com"):
        site.office.queue(to)
    site.office.work()
    table = site.cli("mail", "list").out
    assert REFUSED in table
    assert "ada@example.com" in table
    (failed,) = site.cli("mail", "list", "--state", "failed", "--output", "json").json()["items"]
    assert (failed["recipient"], failed["tries"]) == ("nobody@example.com", 1)
    newest = site.cli("mail", "list", "--limit", "1", "--output", "json").json()
    assert newest["next"] == "2"
    assert site.cli("mail", "list", "--before", "2", "--output", "json").json()["items"][0]["id"] == 1
    assert site.cli("mail", "retry", "--failed").out == "1 mail is sent again\n"
    assert site.cli("mail", "retry", "2").code == 1
    assert site.cli("mail", "retry").code == 2
    assert site.cli("mail", "retry", "1", "--failed").code == 2
    # later than the present moment, at which the command line has made it due
    site.office.clock.advance(hours=1)
    site.office.work()
    assert len(site.smtp.mails) == 2


def test_administrators_see_and_retry_the_outbox_over_http(site: MailSite) -> None:
    """A page at a time, and never what stands in a mail."""
    site.smtp.answers["nobody@example.com"] = [REFUSED]
    for to in ("ada@example.com", "nobody@example.com", "bob@example.com"):
        site.office.queue(to, name="Confidential")
    site.office.work()
    api = Api(site.start())
    status, page = api("GET", "/api/v1/mails?limit=2")
    assert (status, [item["id"] for item in page["items"]]) == (200, [3, 2])
    assert set(page["items"][0]) == {
        "id", "kind", "state", "user_id", "recipient", "created_at", "due_at", "tries", "last_error", "sent_at",
    }  # fmt: skip
    assert "Confidential" not in json.dumps(page)
    status, rest = api("GET", page["next"])
    assert ([item["id"] for item in rest["items"]], rest["next"]) == ([1], None)
    (failed,) = api("GET", "/api/v1/mails?state=failed")[1]["items"]
    assert (failed["recipient"], failed["tries"], REFUSED in failed["last_error"]) == ("nobody@example.com", 1, True)
    assert api("POST", "/api/v1/mails/1/retry")[0] == 404, "it was sent"
    status, again = api("POST", "/api/v1/mails/2/retry")
    assert (status, again["id"], again["tries"]) == (200, 2, 0)
    site.smtp.wait(3)
    assert ("mail.retried", "operator") in [(action, actor) for action, actor, _ in site.office.audit()]
    assert api("GET", "/api/v1/mails", token=None)[0] == 401
    assert site.cli("status", "--output", "json").json()["mail"]["status"] == "ok"


# ---------------------------------------------------------------- check
def test_check_connects_and_sends_a_test_mail(site: MailSite) -> None:
    server = f"127.0.0.1:{site.smtp.port}"
    assert site.checked() == [("mail server", "pass", f"{server} answers, not encrypted")]
    assert site.smtp.mails == []
    assert site.checked("corp") == [], "one directory was asked about"
    (_, (name, status, text)) = site.checked("corp", "--mail-to", "root@example.com")
    assert (name, status, text) == ("test mail", "pass", f"{server} has taken a test mail to root@example.com")
    (mail,) = site.smtp.mails
    assert mail.subject == "Test mail of 127.0.0.1"
    assert f"by the mail server {server}." in mail.text


def test_check_says_what_is_wrong_with_the_mail_server(site: MailSite) -> None:
    site.smtp.answers["root@example.com"] = [REFUSED]
    assert [line[:2] for line in site.checked("--mail-to", "root@example.com")] == [
        ("mail server", "pass"),
        ("test mail", "fail"),
    ]
    site.smtp.stop()
    ((name, status, text),) = site.checked()
    assert (name, status) == ("mail server", "fail")
    assert "is not to be had" in text
    assert site.cli("check", "--connect").code == 69


def test_check_verifies_the_certificate(site: MailSite, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with SmtpServer(certificate=authority.issue("127.0.0.1")) as site.smtp:
        site.configure(security="starttls", ca_file=str(authority.ca_file))
        ((_, status, text),) = site.checked()
        assert (status, text.endswith("answers over STARTTLS")) == ("pass", True)
        site.configure(security="starttls")
        ((_, status, text),) = site.checked()
        assert (status, text.startswith("TLS with the mail server")) == ("fail", True)


def test_check_finds_a_broken_template_without_connecting(site: MailSite, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    site.configure(templates=str(tmp_path / "mail"))
    assert "can be used" in site.cli("check").out
    (tmp_path / "mail" / "invitation.txt").write_text("{{ person.nmae }}")
    result = site.cli("check")
    assert result.code == 78
    assert "invitation.txt: 'dict object' has no attribute 'nmae'" in result.out
    assert site.smtp.mails == []


def test_a_test_mail_needs_a_mail_server(site: MailSite) -> None:
    write_config(site.config, "corp", store=site.database)
    result = site.cli("check", "--connect", "--mail-to", "root@example.com")
    assert (result.code, "mail.host" in result.err) == (78, True)
    assert site.cli("check", "--mail-to", "root@example.com").code == 2


# ---------------------------------------------------------------- from the creation to the login
class Api:
    """Calls of a daemon's API; (status, JSON or text)."""

    def __init__(self, running: Daemon) -> None:
        self._url = running.url

    def __call__(self, method: str, path: str, body: object = None, *, token: str | None = TOKEN) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        headers |= {} if data is None else {"Content-Type": "application/json"}
        asked = urllib.request.Request(self._url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, self._read(error)

    @staticmethod
    def _read(answer: Any) -> Any:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers.get("Content-Type", "") else content.decode()


def ada(site: MailSite, *, organization: int, unit: int, role: int) -> dict[str, object]:
    """A new user, to be invited."""
    return {
        "username": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "enabled": True,
        "role_ids": [role], "access": [{"organization_id": organization, "unit_ids": [unit]}], "invite": True,
    }  # fmt: skip


def test_s15_s49_s50_an_invitation_leads_to_a_login_and_a_reset_to_another(site: MailSite) -> None:
    made = Rows(site.engine)
    organization, role = made.organization("Corp"), made.role("clerk")
    new = ada(site, organization=organization, unit=made.unit(organization, "Office"), role=role)
    site.configure(public_url="https://syncd.example.com")
    api = Api(site.start())
    status, user = api("POST", "/api/v1/users", new)
    assert status == 201
    (invitation,) = site.smtp.wait(1)
    assert invitation.subject == "Your account at syncd.example.com"
    password = "Correct-Horse-7-Battery"
    link = link_in(invitation)
    assert api("GET", link, token=None)[0] == 200, "the page that asks for the password"
    token = link.partition("token=")[2]
    assert api("POST", "/api/v1/passwords/redeem", {"token": token, "new_password": password}, token=None)[0] in (200, 204)
    assert api("POST", "/api/v1/passwords/redeem", {"token": token, "new_password": password}, token=None)[0] == 410
    login = {"username": "ada", "password": password}
    assert api("POST", "/api/v1/sessions", login, token=None)[0] == 201
    changed = site.smtp.wait(2)[1]
    assert "was changed" in changed.subject
    assert password not in changed.text + changed.html
    status, _ = api("POST", f"/api/v1/users/{user['id']}/reset-password", {"reason": "lost the laptop"})
    assert status == 200
    reset = site.smtp.wait(3)[2]
    assert "an administrator of syncd.example.com has reset" in reset.text.replace("\r\n", " ")
    assert api("POST", "/api/v1/sessions", login, token=None)[0] == 401, "blocked until a new one is chosen"
    token = link_in(reset).partition("token=")[2]
    body = {"token": token, "new_password": "Another-Horse-8"}
    assert api("POST", "/api/v1/passwords/redeem", body, token=None)[0] in (200, 204)
    assert api("POST", "/api/v1/sessions", {"username": "ada", "password": "Another-Horse-8"}, token=None)[0] == 201


def test_s15_s41_a_mail_server_that_is_down_fails_neither_a_creation_nor_a_lock(site: MailSite) -> None:
    site.smtp.stop()
    made = Rows(site.engine)
    organization, role = made.organization("Corp"), made.role("clerk")
    new = ada(site, organization=organization, unit=made.unit(organization, "Office"), role=role)
    del new["invite"]
    running = site.start()
    api = Api(running)
    assert api("POST", "/api/v1/users", new | {"password": "Correct-Horse-7"})[0] == 201
    invited = new | {"username": "bob", "email": "bob@example.com", "invite": True}
    assert api("POST", "/api/v1/users", invited)[0] == 201
    for _ in range(10):
        assert api("POST", "/api/v1/sessions", {"username": "ada", "password": "wrong"}, token=None)[0] in (401, 429)
    status, user = api("GET", "/api/v1/users/1")
    assert (status, user["auth_status"]) == (200, "locked")
    metrics = running.text_with("/metrics", "syncd_users_locked_total 1.0")
    refused, limited = (
        float(re.search(rf'syncd_logins_total{{result="{result}"}} (\S+)', metrics)[1])  # type: ignore[index]
        for result in ("refused", "limited")
    )
    assert (refused + limited, refused > 0) == (10, True)
    assert "syncd_mails_waiting_since_timestamp_seconds 1" in running.text_with("/metrics", "syncd_mails_queued 2.0")
    assert {mail.kind.value for mail in site.office.listed()} == {"invitation", "locked"}
    site.smtp.start()
    site.cli("mail", "retry", *(str(mail.id) for mail in site.office.listed()))
    assert {mail.recipients[0] for mail in site.smtp.wait(2)} == {"ada@example.com", "bob@example.com"}


def link_in(mail: Delivered) -> str:
    """The path and query of the link in a mail."""
    found = re.search(r"https?://[^/\s]+(/password\?token=\S+)", mail.text)
    assert found, mail.text
    return found[1]
