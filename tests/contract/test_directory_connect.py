"""Connecting: each way to protect and to bind, and each thing that can be wrong with it, told apart by its code."""

from __future__ import annotations

import gc
import logging
import select
import socket
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.directory.bind import handshake
from syncd.directory.tls import tls_context
from syncd.directory.transport import ServerUrl
from syncd.errors import DirectoryError
from syncd.settings.directory import TlsSettings
from tests.contract.directories import DEAD, Server, binds, directory, people, read_once
from tests.servers.ldap_stub import CLOSE, STALL, LdapStub, result
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority, Certificate


def failure(server: Server | LdapStub, **changes: Any) -> DirectoryError:
    """The error that connecting raises."""
    with pytest.raises(DirectoryError) as caught:
        directory(server, **changes).connect().close()
    return caught.value


# ---------------------------------------------------------------- protection
def test_ldaps(server: Server) -> None:
    session = directory(server, urls=[server.ldaps_url], tls={"ca_file": server.ca_file}).connect()
    assert session.server.tls.startswith("TLSv1.")
    session.close()
    entries, verdict = read_once(server, urls=[server.ldaps_url], tls={"ca_file": server.ca_file})
    assert (len(entries), verdict.complete) == (50, True)


def test_starttls(server: Server) -> None:
    session = directory(server, tls={"ca_file": server.ca_file, "starttls": True}).connect()
    assert session.server.tls.startswith("TLSv1.")
    session.close()
    entries, verdict = read_once(server, tls={"ca_file": server.ca_file, "starttls": True})
    assert (len(entries), verdict.complete) == (50, True)


def test_plain(server: Server) -> None:
    session = directory(server).connect()
    assert session.server.tls == ""
    session.close()


def test_a_certificate_is_verified_by_default(server: Server) -> None:
    for changes in ({"urls": [server.ldaps_url]}, {"tls": {"starttls": True}}):
        error = failure(server, **changes)
        assert (error.code, error.context["phase"]) == ("tls_unknown_issuer", "tls")
        assert server.url.rpartition(":")[0].partition("//")[2] in error.message
        assert "ca_file" in error.hint


@pytest.fixture
def serve(
    tmp_path: Path, make_slapd: Callable[..., Slapd]
) -> Callable[[Callable[[Authority], Certificate]], tuple[Slapd, Path]]:
    """Starts a server with a certificate made by the test; the server, and the file of its authority."""

    def start(certificate: Callable[[Authority], Certificate]) -> tuple[Slapd, Path]:
        authority = Authority(tmp_path / "other")
        return make_slapd(tls=authority, certificate=certificate(authority)), authority.ca_file

    return start


def test_a_certificate_for_another_host(serve: Callable[..., tuple[Slapd, Path]]) -> None:
    server, ca_file = serve(lambda authority: authority.issue("ldap.example.com", "10.0.0.1"))
    error = failure(server, urls=[server.ldaps_url], tls={"ca_file": ca_file})
    assert error.code == "tls_wrong_host"
    # by name instead of by address: the same
    by_name = server.ldaps_url.replace("127.0.0.1", "localhost")
    assert failure(server, urls=[by_name], tls={"ca_file": ca_file}).code == "tls_wrong_host"


def test_a_certificate_by_address_only(serve: Callable[..., tuple[Slapd, Path]]) -> None:
    server, ca_file = serve(lambda authority: authority.issue("127.0.0.1"))
    session = directory(server, urls=[server.ldaps_url], tls={"ca_file": ca_file}).connect()
    session.close()
    by_name = server.ldaps_url.replace("127.0.0.1", "localhost")
    assert failure(server, urls=[by_name], tls={"ca_file": ca_file}).code == "tls_wrong_host"


def test_an_expired_certificate(serve: Callable[..., tuple[Slapd, Path]]) -> None:
    server, ca_file = serve(lambda authority: authority.issue("127.0.0.1", expired=True))
    assert failure(server, urls=[server.ldaps_url], tls={"ca_file": ca_file}).code == "tls_certificate_expired"
    assert failure(server, tls={"ca_file": ca_file, "starttls": True}).code == "tls_certificate_expired"


def test_no_verification_is_said_aloud_at_each_connect(serve: Callable[..., tuple[Slapd, Path]]) -> None:
    server, _ = serve(lambda authority: authority.issue("ldap.example.com", expired=True))
    for _ in range(2):
        with capture_logs() as logs:
            directory(server, urls=[server.ldaps_url], tls={"verify": "none-insecure"}).connect().close()
        assert [line["log_level"] for line in logs if "NOT verified" in line["event"]] == ["warning"]


def test_a_refused_starttls_is_no_reason_to_send_the_password(make_slapd: Callable[..., Slapd], tmp_path: Path) -> None:
    server = make_slapd()
    error = failure(server, tls={"starttls": True})
    assert (error.code, error.context["phase"]) == ("starttls_refused", "starttls")
    assert server.log_lines(f'BIND dn="{server.reader_dn}"') == []


def test_ldaps_to_a_plain_port(server: Server) -> None:
    error = failure(server, urls=[server.url.replace("ldap:", "ldaps:")], tls={"ca_file": server.ca_file})
    assert (error.code, error.context["phase"]) == ("tls_failed", "tls")


def test_plain_to_an_ldaps_port(server: Server) -> None:
    error = failure(server, urls=[server.ldaps_url.replace("ldaps:", "ldap:")], connect_timeout=2)
    assert error.code in ("connection_lost", "malformed_response", "connect_timeout")
    assert error.context["phase"] == "bind"


@pytest.mark.parametrize(
    ("option", "name"), [("ca_file", "missing.pem"), ("cert_file", "missing.pem"), ("ca_file", "empty.pem")]
)
def test_unusable_tls_files(slapd: Slapd, tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / "empty.pem").touch()
    error = failure(slapd, urls=[slapd.ldaps_url], tls={option: tmp_path / name})
    assert error.code == "tls_failed"
    assert option in error.message
    assert name in error.message


# ---------------------------------------------------------------- bind
def test_anonymous(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(acl=["to * by * read"])
    server.add_people(3)
    entries, verdict = read_once(server, bind="anonymous", bind_dn=None, bind_password=None)
    assert (len(entries), verdict.complete) == (3, True)


def test_external(make_slapd: Callable[..., Slapd], tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    client = authority.issue("syncd.example.com", common_name="syncd")
    server = make_slapd(
        tls=authority, config=["olcTLSVerifyClient: allow"], acl=['to * by dn.regex="cn=syncd,.*" read by anonymous auth']
    )
    server.add_people(3)
    tls = {"ca_file": authority.ca_file, "cert_file": client.cert_file, "key_file": client.key_file}
    changes: dict[str, Any] = {"bind": "external", "bind_dn": None, "bind_password": None}
    for more in ({"urls": [server.ldaps_url], "tls": tls}, {"tls": tls | {"starttls": True}}):
        entries, verdict = read_once(server, **changes, **more)
        assert (len(entries), verdict.complete) == (3, True)
    # without the certificate nobody is anybody
    assert failure(server, **changes, urls=[server.ldaps_url], tls={"ca_file": authority.ca_file}).code == "bind_failed"
    assert "needs TLS" in failure(server, **changes).message


def test_a_wrong_password_is_sent_once_whatever_the_number_of_servers(server: Server) -> None:
    before = binds(server)
    error = failure(server, urls=[server.url, server.url, server.url], bind_password="wrong-secret")
    assert (error.code, error.exit_code, error.context["result_code"]) == ("invalid_credentials", 77, 49)
    assert binds(server) == before + 1


@pytest.mark.parametrize("password", ["", " ", "\n", "a\0b", None])
def test_a_password_that_would_bind_as_nobody_is_never_sent(password: str | None) -> None:
    with LdapStub() as stub:
        error = failure(stub, bind="simple", bind_dn="cn=reader,dc=example,dc=com", bind_password=password)
    assert error.code == "bind_failed"
    assert stub.requests == []


def test_the_password_is_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Tr0ub4dor-and-3"
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs, pytest.raises(DirectoryError) as caught:
        directory(server, bind_password=secret).connect()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.context)
    assert secret not in shown + repr(logs) + caplog.text
    target = directory(server, bind_password=secret)
    assert secret not in repr(vars(target))


def test_a_password_the_server_repeats_is_struck_out() -> None:
    text = "no: cn=reader with hunter2-secret"
    with LdapStub(bind=lambda i: [result(i, 0x61, code=49, text=text)]) as stub:
        error = failure(stub, bind=None, bind_dn="cn=reader", bind_password="hunter2-secret")
    assert "hunter2" not in error.message + repr(error.context)
    assert "cn=reader with ***" in error.message


@pytest.mark.parametrize("password", ["pässwörd", "\u200bzero-width", "tab\tinside", "\u0007bell", "\ue000private"])
def test_odd_passwords_make_an_error_and_no_leak(server: Server, password: str) -> None:
    error = failure(server, bind_password=password)
    assert error.code in ("invalid_credentials", "bind_failed", "malformed_response")
    assert password not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("code", "text", "expected", "tried"),
    [
        (8, "", "stronger_auth_required", 2),
        (13, "TLS confidentiality required", "stronger_auth_required", 2),
        (19, "Exceed password retry limit. Please try later.", "account_locked", 1),
        (48, "Inappropriate authentication", "bind_failed", 1),
        (51, "", "server_busy", 2),
        (52, "", "server_unavailable", 2),
        (53, "Account inactivated. Contact system administrator.", "account_disabled", 1),
        (
            49,
            "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 533, v4563",
            "account_disabled",
            1,
        ),
        (
            49,
            "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563",
            "channel_binding_required",
            2,
        ),
    ],
)
def test_refused_binds(code: int, text: str, expected: str, tried: int) -> None:
    with LdapStub(bind=lambda i: [result(i, 0x61, code=code, text=text)]) as stub:
        error = failure(stub, urls=[stub.url, stub.url])
    assert (error.code, error.context["result_code"]) == (expected, code)
    assert stub.requests.count(0x60) == tried
    assert text in error.message


# ---------------------------------------------------------------- network
def test_a_name_that_is_none(slapd: Slapd) -> None:
    error = failure(slapd, urls=["ldap://no-such-host.invalid"])
    assert (error.code, error.context["phase"]) == ("name_resolution_failed", "name resolution")
    assert "no-such-host.invalid" in error.message
    assert error.__cause__ is not None


def test_a_port_where_nobody_listens(slapd: Slapd) -> None:
    error = failure(slapd, urls=[DEAD])
    assert (error.code, error.context["phase"], error.retryable) == ("connection_refused", "connect", True)


def test_the_second_address_of_a_name(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def both(host: str, port: int, **options: Any) -> list[Any]:
        dead = real("127.0.0.1", 1, **options)
        return dead + real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    session = directory(slapd, urls=[slapd.url.replace("127.0.0.1", "two-addresses.example")]).connect()
    session.close()
    assert session.server.vendor == "openldap"


def test_a_server_that_takes_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        # fill the queue of connections nobody accepts
        waiting = [socket.socket() for _ in range(3)]
        for opened in waiting:
            opened.setblocking(False)
            opened.connect_ex(listener.getsockname())
        with LdapStub() as stub:
            error = failure(stub, urls=[f"ldap://127.0.0.1:{listener.getsockname()[1]}"], connect_timeout=1)
        for opened in waiting:
            opened.close()
    assert (error.code, error.context["phase"]) == ("connect_timeout", "connect")


def test_a_server_that_is_frozen(make_slapd: Callable[..., Slapd], authority: Authority) -> None:
    server = make_slapd(tls=authority)
    server.pause()
    for changes, phase in (
        ({}, "bind"),
        ({"urls": [server.ldaps_url], "tls": {"ca_file": server.ca_file}}, "tls"),
        ({"tls": {"ca_file": server.ca_file, "starttls": True}}, "starttls"),
    ):
        error = failure(server, connect_timeout=1.5, **changes)
        assert (error.code, error.context["phase"]) == ("connect_timeout", phase)
    server.resume()
    directory(server).connect().close()


def test_a_server_that_hangs_up_or_talks_nonsense_at_the_bind() -> None:
    with LdapStub(bind=lambda i: [CLOSE]) as stub:
        assert failure(stub).code == "connection_lost"
    for nonsense in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01", b"\x00" * 40, result(1, 0x65)):
        with LdapStub(bind=lambda i, nonsense=nonsense: [nonsense, CLOSE]) as stub:  # type: ignore[misc]
            assert failure(stub, connect_timeout=1).code in ("malformed_response", "connection_lost", "connect_timeout")
    with LdapStub(greeting=b"220 mail.example.com ESMTP\r\n") as stub:
        assert failure(stub, connect_timeout=1).code in ("malformed_response", "connect_timeout")


def test_a_plain_text_answer_smuggled_in_before_tls(slapd: Slapd) -> None:
    """Bytes behind the answer to StartTLS were not protected and must not be believed."""
    with LdapStub(extended=lambda i: [result(i, 0x78) + result(i + 1, 0x61), STALL]) as stub:
        error = failure(stub, tls={"starttls": True}, connect_timeout=1)
    assert error.context["phase"] in ("starttls", "tls")
    assert 0x60 not in stub.requests


def test_failover_starts_at_the_first_page(server: Server) -> None:
    with capture_logs() as logs:
        session = directory(server, urls=[DEAD, "ldap://no-such-host.invalid", server.url]).connect()
    reading = session.read(people(server.base_dn))
    assert [len(batch) for batch in reading] == [20, 20, 10]
    session.close()
    assert session.server.url == server.url
    assert [line["code"] for line in logs if line["log_level"] == "warning"] == ["connection_refused", "name_resolution_failed"]


@pytest.mark.parametrize("url", ["ldap://user:secret@host", "ldap://", "ldap://host:port", "ldap://[::1"])
def test_urls_that_are_none(slapd: Slapd, url: str) -> None:
    with pytest.raises(DirectoryError) as caught:
        ServerUrl.parse(url)
    assert "secret" not in caught.value.message


def test_no_connection_is_left_open(server: Server) -> None:
    """ResourceWarning is an error in this suite; this makes sure of the descriptors."""
    gc.collect()
    before = _descriptors()
    for _ in range(5):
        failure(server, bind_password="wrong")
        failure(server, urls=[server.ldaps_url])
        failure(server, urls=[DEAD])
        failure(server, urls=[server.url], tls={"starttls": True})
        read_once(server)
    # fewer, when a server of another test has only now let go of its own
    assert _descriptors() <= before


def test_a_connection_that_is_reset_before_tls_is_not_left_open() -> None:
    """The error is held all the while: what only a traceback leads to is closed all the same."""
    before = _descriptors()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        # no goodbye, but a reset
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        select.select([plain], [], [], 30)
        server = ServerUrl.parse(f"ldaps://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(DirectoryError) as caught:
            handshake(plain, tls_context(TlsSettings()), server, timeout=5)
    assert _descriptors() <= before
    assert caught.value.context["phase"] == "tls"


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
