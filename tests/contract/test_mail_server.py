"""Connections to mail servers: encrypted and verified as configured, or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import (
    MailAddressError,
    MailDeferredError,
    MailError,
    MailLoginError,
    MailRefusedError,
    MailTlsError,
    MailUnavailableError,
    MailUncertainError,
)
from syncd.notify.message import Texts, compose
from syncd.notify.smtp import SmtpServer as OurServer
from tests.contract.post_office import mail_settings
from tests.fakes.edge import START
from tests.servers.smtp import SmtpServer
from tests.servers.tls import Authority, Certificate

TEXTS = Texts("Hello", "Hello.\n", "<p>Hello.</p>\n")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def certificate(authority: Authority) -> Certificate:
    return authority.issue("127.0.0.1", "localhost")


def send(smtp: SmtpServer, *addresses: str, **changes: Any) -> None:
    """One mail to each address, by one connection."""
    with OurServer(mail_settings(smtp, **changes)).connect() as connection:
        for address in addresses or ("ada@example.com",):
            connection.send(
                compose(TEXTS, sender="syncd@example.com", to_name="", to_address=address, message_id="m@x", at=START)
            )


def test_several_mails_go_by_one_connection(smtp: SmtpServer) -> None:
    send(smtp, "a@example.com", "b@example.com")
    assert [mail.recipients for mail in smtp.mails] == [("a@example.com",), ("b@example.com",)]
    assert smtp.mails[0].text == "Hello.\r\n"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_connections_log_in(authority: Authority, certificate: Certificate, security: str) -> None:
    with SmtpServer(certificate=certificate, implicit_tls=security == "tls", user="syncd", password="pässword") as smtp:
        ours = {"security": security, "ca_file": str(authority.ca_file), "username": "syncd"}
        send(smtp, **ours, password="pässword")
        assert len(smtp.mails) == 1
        with pytest.raises(MailLoginError) as caught:
            send(smtp, **ours, password="wrong-one")
        assert "wrong-one" not in str(caught.value)
        assert len(smtp.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown issuer", "wrong host", "expired"])
def test_a_certificate_that_is_not_right_ends_the_connection(
    tmp_path: Path, authority: Authority, security: str, fault: str
) -> None:
    issuer = Authority(tmp_path / "other") if fault == "unknown issuer" else authority
    names = ("mail.example.com",) if fault == "wrong host" else ("127.0.0.1",)
    shown = issuer.issue(*names, expired=fault == "expired")
    with SmtpServer(certificate=shown, implicit_tls=security == "tls", user="syncd", password="secret") as smtp:
        with pytest.raises(MailTlsError):
            send(smtp, security=security, ca_file=str(authority.ca_file), username="syncd", password="secret")
        assert (smtp.mails, smtp.logins) == ([], [])


def test_starttls_that_is_not_offered_is_no_reason_to_go_on_without(smtp: SmtpServer) -> None:
    with pytest.raises(MailTlsError, match="STARTTLS"):
        send(smtp, security="starttls")
    assert smtp.mails == []


def test_tls_to_a_server_that_speaks_plainly_fails(smtp: SmtpServer) -> None:
    with pytest.raises(MailError):
        send(smtp, security="tls")


def test_a_ca_file_that_is_none_is_named(smtp: SmtpServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(MailTlsError, match=r"ca\.pem"):
        send(smtp, security="starttls", ca_file=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [("550 no such user", MailRefusedError), ("451 later", MailDeferredError), ("421 busy", MailDeferredError)],
)
def test_answers_about_a_recipient(smtp: SmtpServer, answer: str, error: type[MailError]) -> None:
    smtp.answers["ada@example.com"] = [answer]
    with pytest.raises(error) as caught:
        send(smtp)
    assert type(caught.value) is error
    assert answer in caught.value.message


def test_a_server_that_is_not_there(smtp: SmtpServer) -> None:
    smtp.stop()
    with pytest.raises(MailUnavailableError):
        send(smtp)


def test_a_server_that_says_nothing_is_left_after_the_set_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = mail_settings(SmtpServer()).model_copy(update={"port": silent.getsockname()[1], "timeout": "1s"})
        with pytest.raises(MailUnavailableError), OurServer(settings).connect():
            pass


def test_a_server_that_refuses_the_login_and_says_no_goodbye_is_left_all_the_same(
    authority: Authority, certificate: Certificate
) -> None:
    """The error is held all the while: what only a traceback leads to is closed all the same."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.cert_file, certificate.key_file)
    over = threading.Event()

    def refuse(listener: socket.socket) -> None:
        with tls.wrap_socket(listener.accept()[0], server_side=True) as connection:
            for answer in (b"220 here\r\n", b"250-here\r\n250 AUTH PLAIN\r\n"):
                connection.sendall(answer)
                connection.recv(1000)
            connection.sendall(b"535 5.7.8 no\r\n")
            over.wait(30)

    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=refuse, args=(listener,))
        server.start()
        settings = mail_settings(
            SmtpServer(), security="tls", ca_file=str(authority.ca_file), username="syncd", password="wrong-one"
        ).model_copy(update={"port": listener.getsockname()[1]})
        with pytest.raises(MailLoginError) as caught, OurServer(settings).connect():
            pass
        over.set()
        server.join(30)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert "535" in caught.value.message


def test_a_name_that_nobody_knows(smtp: SmtpServer) -> None:
    with pytest.raises(MailUnavailableError):
        send(smtp, host="mail.invalid")


def test_a_connection_that_ends_before_the_answer(smtp: SmtpServer) -> None:
    smtp.cuts = True
    with pytest.raises(MailUncertainError):
        send(smtp)
    with pytest.raises(MailUncertainError):
        send(smtp)
    assert len(smtp.mails) == 2


def test_letters_beyond_ascii_in_an_address() -> None:
    with SmtpServer() as smtp:
        send(smtp, "łucja@example.com")
        assert smtp.mails[0].recipients == ("łucja@example.com",)
    with SmtpServer(utf8_addresses=False) as old:
        with pytest.raises(MailRefusedError):
            send(old, "łucja@example.com")
        send(old, "ada@example.com")
        assert len(old.mails) == 1


def test_an_address_that_is_none_is_refused_before_anything_is_said(smtp: SmtpServer) -> None:
    with pytest.raises(MailAddressError):
        send(smtp, "ada@example.com> NOTIFY=NEVER")
    assert smtp.mails == []
