"""The outbox and its sender over both databases, with a real mail server."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from syncd.accounts.tokens import digest, parse_token
from syncd.errors import NotFoundError
from syncd.model.mail import MailKind, MailState, MailsWaiting
from syncd.notify.post import SmtpPost
from tests.contract.post_office import ADMINISTRATOR, PostOffice
from tests.servers.smtp import Delivered, SmtpServer

REFUSED = "550 5.1.1 no such mailbox"
BUSY = "451 4.3.0 try again later"
LINK = re.compile(r"https://syncd\.example\.com/password\?token=(syncd_l_\S+)")


@pytest.fixture
def office(engine: Engine, smtp: SmtpServer) -> PostOffice:
    return PostOffice(engine, smtp)


def token_in(mail: Delivered) -> str:
    found = LINK.search(mail.text)
    assert found, mail.text
    assert found[1] in mail.html
    return found[1]


def test_s41_a_mail_is_sent_once(office: PostOffice, smtp: SmtpServer) -> None:
    office.queue(user_id=office.person(), name="Ada")
    report = office.work()
    (mail,) = smtp.mails
    assert (mail.sender, mail.recipients) == ("syncd@example.com", ("ada@example.com",))
    assert mail.subject == "Your account at syncd.example.com is locked"
    assert "Hello Ada," in mail.text
    assert "your account ada at syncd.example.com was locked" in mail.text
    assert (report.sent[MailKind.LOCKED], report.failed.total(), report.waiting) == (1, 0, MailsWaiting())
    office.work()
    assert len(smtp.mails) == 1
    (row,) = office.listed()
    assert (row.state, row.tries, row.sent_at, row.last_error) == (MailState.SENT, 1, office.clock.now(), None)


def test_s15_the_link_in_an_invitation_is_known_to_nobody_but_the_mail(office: PostOffice, smtp: SmtpServer) -> None:
    office.queue_link(office.person())
    assert office.links()[0].digest is None
    office.work()
    token = parse_token(token_in(smtp.mails[0]))
    assert token is not None
    (link,) = office.links()
    assert (token.id, digest(token.secret)) == (link.id, link.digest)
    assert "until 2026-03-09 12:00 UTC" in smtp.mails[0].text
    assert token.secret not in repr(office.listed())


def test_s15_nothing_is_mailed_when_no_mail_is_configured_or_there_is_no_address(office: PostOffice) -> None:
    assert office.mails.new(MailKind.LOCKED, user_id=1, to=None) is None
    assert office.mails.new(MailKind.LOCKED, user_id=1, to="") is None
    office.mails.settings = office.settings.model_copy(update={"host": None})
    assert office.mails.new(MailKind.LOCKED, user_id=1, to="ada@example.com") is None


def test_a_refused_recipient_is_given_up_at_once_and_the_others_get_theirs(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["nobody@example.com"] = [REFUSED]
    for to in ("nobody@example.com", "ada@example.com"):
        office.queue(to)
    with capture_logs() as logs:
        report = office.work()
    assert (report.sent.total(), report.failed.total(), report.waiting) == (1, 1, MailsWaiting())
    refused, sent = office.listed()
    assert (refused.state, sent.state) == (MailState.FAILED, MailState.SENT)
    assert refused.last_error is not None
    assert REFUSED in refused.last_error
    assert [(action, actor) for action, actor, _ in office.audit()] == [("mail.given_up", "syncd")]
    assert [entry["code"] for entry in logs if entry["event"] == "mail given up"] == ["mail_refused"]


def test_what_may_pass_is_tried_again_after_growing_pauses(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["ada@example.com"] = [BUSY, BUSY]
    office.queue()
    begun = office.clock.now()
    office.work()
    assert office.listed()[0].due_at == begun + timedelta(seconds=30)
    office.work()
    assert office.listed()[0].tries == 1, "not before its time"
    office.clock.advance(seconds=30)
    office.work()
    assert office.listed()[0].due_at == begun + timedelta(seconds=90)
    office.clock.advance(seconds=60)
    office.work()
    (row,) = office.listed()
    assert (row.state, row.tries, len(smtp.mails)) == (MailState.SENT, 3, 1)
    assert office.audit() == []


def test_a_mail_that_never_passes_is_given_up_after_the_set_time(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["ada@example.com"] = [BUSY] * 1000
    office.queue()
    begun = office.clock.now()
    while office.listed()[0].state is MailState.QUEUED:
        office.clock.at = max(office.clock.now(), office.listed()[0].due_at)
        assert office.work().sent.total() == 0
    assert timedelta(days=2, hours=22) < office.clock.now() - begun <= timedelta(days=3)
    assert office.listed()[0].tries < 90, "at most one an hour"
    assert office.audit()[0][2] == office.listed()[0].last_error


def test_a_server_that_is_down_costs_one_try_and_then_everything_goes(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.stop()
    for number in range(50):
        office.queue(f"u{number}@example.com")
    with capture_logs() as logs:
        report = office.work()
    assert report.waiting == MailsWaiting(count=50, since=office.clock.now())
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["mail server in trouble"]
    assert sum(row.tries for row in office.listed()) <= 20, "the rest was not touched"
    smtp.start()
    office.work()
    assert smtp.mails == [], "it rests"
    office.clock.advance(seconds=6)
    office.work()
    assert len(smtp.mails) == 50
    assert {row.state for row in office.listed()} == {MailState.SENT}


def test_a_server_that_is_down_for_long_is_asked_ever_more_seldom(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.stop()
    office.queue()
    begun = office.clock.now()
    pauses = []
    for _ in range(8):
        office.work()
        due = office.listed()[0].due_at
        pauses.append((due - office.clock.now()).total_seconds())
        office.clock.advance(seconds=pauses[-1])
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    smtp.start()
    office.work()
    assert len(smtp.mails) == 1
    assert office.clock.now() - begun < timedelta(minutes=20)


def test_a_kill_between_sending_and_marking_sends_the_same_message_again(
    engine: Engine, office: PostOffice, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    office.queue_link(office.person())
    monkeypatch.setattr(office.outbox, "sent", killed)
    monkeypatch.setattr(office.outbox, "release", killed)
    with pytest.raises(Killed):
        office.work()
    other = PostOffice(engine, smtp, clock=office.clock)
    other.work()
    assert len(smtp.mails) == 1, "the claim of the dead one holds for a while"
    office.clock.advance(minutes=11)
    other.work()
    first, second = smtp.mails
    assert first.message_id == second.message_id
    # whichever of the two the person opens, the link in it works
    good = {(link.id, link.digest) for link in other.links()}
    for mail in smtp.mails:
        token = parse_token(token_in(mail))
        assert token is not None
        assert (token.id, digest(token.secret)) in good
    assert other.listed()[0].state is MailState.SENT


def test_a_connection_that_ends_before_the_answer_leaves_the_link_as_it_is(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.cuts = True
    office.queue_link(office.person())
    office.work()
    assert office.links()[0].digest is not None
    (row,) = office.listed()
    assert row.last_error is not None
    assert "did not say" in row.last_error
    smtp.cuts = False
    office.clock.advance(seconds=60)
    office.work()
    assert len(office.links()) == 2
    assert {row.state for row in office.listed()} == {MailState.SENT}


def test_a_mail_that_was_refused_leaves_no_link_that_works(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["ada@example.com"] = [BUSY]
    office.queue_link(office.person())
    office.work()
    assert [link.digest for link in office.links()] == [None]
    office.clock.advance(seconds=30)
    office.work()
    assert len(office.links()) == 1, "the same link, with a new secret"


@pytest.mark.parametrize("how", ["withdrawn", "expired", "used"])
def test_s50_a_mail_whose_link_is_no_longer_good_is_not_sent(office: PostOffice, smtp: SmtpServer, how: str) -> None:
    person = office.person()
    office.queue_link(person, lifetime=timedelta(hours=24))
    if how == "withdrawn":
        office.queue_link(person)
    elif how == "expired":
        office.clock.advance(hours=24)
    else:
        office.use_links()
    report = office.work()
    assert report.failed.total() == 1
    assert len(smtp.mails) == (1 if how == "withdrawn" else 0)
    assert office.listed()[0].last_error == "The link that the mail was to bring is no longer valid."


def test_several_daemons_send_each_mail_once(engine: Engine, smtp: SmtpServer) -> None:
    offices = [PostOffice(engine, smtp) for _ in range(4)]
    for number in range(120):
        offices[0].queue(f"u{number}@example.com")
    start = threading.Barrier(len(offices))

    def work(office: PostOffice) -> None:
        start.wait()
        office.work()

    threads = [threading.Thread(target=work, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(mail.recipients[0] for mail in smtp.mails) == sorted(f"u{number}@example.com" for number in range(120))
    assert {row.tries for row in offices[0].mails.list(limit=500)} == {1}


def test_a_stop_gives_back_what_was_not_sent(office: PostOffice, smtp: SmtpServer) -> None:
    for number in range(5):
        office.queue(f"u{number}@example.com")
    office.work(stopping=lambda: len(smtp.mails) >= 2)
    assert [row.tries for row in office.listed()] == [1, 1, 0, 0, 0]
    assert office.work().sent.total() == 3, "no claim keeps them"


def test_a_mail_that_breaks_does_not_keep_the_others(office: PostOffice, smtp: SmtpServer) -> None:
    office.row(data={"days": "three"}, kind="password_expiring")
    office.row(data={"name": ["no", "text"]}, kind="locked", recipient="not an address")
    office.queue("bob@example.com")
    office.work()
    assert smtp.to("bob@example.com")
    assert office.listed()[1].state is MailState.FAILED


def test_names_that_try_to_begin_a_header_do_not(office: PostOffice, smtp: SmtpServer) -> None:
    evil = "Ada\r\nBcc: all@example.com\r\n\r\n<script>"
    office.queue(user_id=None, name=evil)
    office.work()
    (mail,) = smtp.mails
    assert mail.recipients == ("ada@example.com",)
    assert mail.message["Bcc"] is None
    assert "<script>" not in mail.html
    assert "Hello Ada Bcc: all@example.com <script>,\n" in mail.text.replace("\r\n", "\n")


def test_failed_mails_can_be_sent_again(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["ada@example.com"] = [REFUSED]
    office.queue()
    office.work()
    office.clock.advance(days=20)
    (number,) = office.mails.retry(None, caller=ADMINISTRATOR)
    office.work()
    assert (len(smtp.mails), office.listed()[0].state) == (1, MailState.SENT)
    assert [(action, actor) for action, actor, _ in office.audit()] == [("mail.given_up", "syncd"), ("mail.retried", "root")]
    with pytest.raises(NotFoundError):
        office.mails.retry([number], caller=ADMINISTRATOR)


def test_records_of_mails_are_deleted_after_their_time(office: PostOffice, smtp: SmtpServer) -> None:
    smtp.answers["b@example.com"] = [REFUSED]
    smtp.answers["c@example.com"] = [BUSY] * 10
    for to in ("a@example.com", "b@example.com"):
        office.queue(to)
    office.work()
    office.clock.advance(days=30)
    office.sender.tidy()
    assert len(office.listed()) == 2
    office.queue("c@example.com")
    office.work()
    office.clock.advance(seconds=1)
    office.sender.tidy()
    assert [row.recipient for row in office.listed()] == ["c@example.com"]


def test_mails_go_with_their_person(office: PostOffice) -> None:
    person = office.person()
    office.queue(user_id=person)
    office.delete_person(person)
    assert office.listed() == []


def test_the_templates_of_a_site_are_used(engine: Engine, smtp: SmtpServer, tmp_path: Path) -> None:
    office = PostOffice(engine, smtp, templates=str(tmp_path), site="Ačmé")
    (tmp_path / "locked.subject").write_text("Gesperrt bei {{ site }}")
    office.queue(name="Łucja")
    office.work()
    assert smtp.mails[0].subject == "Gesperrt bei Ačmé"
    assert smtp.mails[0].message["To"].addresses[0].display_name == "Łucja"


def test_use_cases_are_heard_when_they_make_a_mail(office: PostOffice) -> None:
    heard: list[str] = []
    forget = office.mails.on_new(lambda: heard.append("mail"))
    office.queue()
    forget()
    office.queue()
    assert heard == ["mail"]


def test_the_name_of_a_server_says_where_it_is(office: PostOffice) -> None:
    assert SmtpPost(office.settings).server == f"127.0.0.1:{office.settings.port}"
