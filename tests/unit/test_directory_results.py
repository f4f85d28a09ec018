"""What result codes, texts and exceptions mean to an operator."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from syncd.directory.ber import BerError
from syncd.directory.failures import BIND, CONNECT, READ, TLS, failure
from syncd.directory.results import bind_error, name_of, printable, refuses_credentials, search_error
from syncd.directory.transport import ServerUrl

AD_TEXT = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {}, v2580"


@pytest.mark.parametrize(
    ("sub_code", "code", "words"),
    [
        ("525", "invalid_credentials", "no such account"),
        ("52e", "invalid_credentials", "password is wrong"),
        ("52E", "invalid_credentials", "password is wrong"),
        ("530", "logon_hours", "at this time"),
        ("531", "logon_workstation", "from this machine"),
        ("532", "bind_password_expired", "password has expired"),
        ("533", "account_disabled", "disabled"),
        ("568", "invalid_credentials", "too many groups"),
        ("701", "account_expired", "account has expired"),
        ("773", "bind_password_must_change", "must be changed"),
        ("775", "account_locked", "locked out"),
    ],
)
def test_active_directory_says_more_than_wrong(sub_code: str, code: str, words: str) -> None:
    error = bind_error(49, AD_TEXT.format(sub_code) + "\x00", url="ldaps://dc1")
    assert error.code == code
    assert words in error.message
    assert error.message.startswith("ldaps://dc1: bind: ")
    assert error.context["server_text"] == AD_TEXT.format(sub_code)
    assert refuses_credentials(error)


@pytest.mark.parametrize(
    ("result", "text", "code"),
    [
        (19, "Exceed password retry limit. Please try later.", "account_locked"),
        (19, "something else", "bind_failed"),
        (49, "password expired!", "bind_password_expired"),
        (53, "Account inactivated. Contact system administrator.", "account_disabled"),
        (53, "unauthenticated bind (DN with no password) disallowed", "bind_failed"),
        (
            49,
            "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563",
            "channel_binding_required",
        ),
    ],
)
def test_other_servers_say_it_otherwise(result: int, text: str, code: str) -> None:
    error = bind_error(result, text, url="ldap://x")
    assert error.code == code
    assert text in error.message
    assert error.hint


def test_an_unknown_sub_code_is_shown_as_it_is() -> None:
    assert "data 9999" in bind_error(49, AD_TEXT.format("9999"), url="ldap://x").message


@pytest.mark.parametrize(
    ("code", "tries_the_next"),
    [(49, False), (19, False), (53, False), (32, False), (8, True), (13, True), (51, True), (52, True)],
)
def test_whether_another_server_is_asked_after_a_refused_bind(code: int, tries_the_next: bool) -> None:
    assert refuses_credentials(bind_error(code, "", url="ldap://x")) is not tries_the_next


def test_texts_are_made_fit_for_a_log() -> None:
    assert printable("a\r\n b\x00\x1b[31mc  ") == "a b [31mc"
    assert printable("x" * 10_000).endswith("…")
    assert len(printable("x" * 10_000)) < 600
    assert (name_of(4), name_of(9999)) == ("sizeLimitExceeded", "result 9999")


def test_a_search_error_names_server_purpose_code_and_text() -> None:
    error = search_error(53, "too many", url="ldap://x:389", purpose="roles")
    assert error.message == "ldap://x:389: read: the search for roles ended with unwillingToPerform (53): 'too many'."
    assert error.context == {"server": "ldap://x:389", "phase": "read", "result_code": 53, "server_text": "too many"}


@pytest.mark.parametrize(
    ("error", "phase", "code"),
    [
        (socket.gaierror(-2, "Name or service not known"), CONNECT, "name_resolution_failed"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), CONNECT, "connection_refused"),
        (TimeoutError("timed out"), CONNECT, "connect_timeout"),
        (TimeoutError("timed out"), BIND, "connect_timeout"),
        (TimeoutError("timed out"), READ, "receive_timeout"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), CONNECT, "connect_timeout"),
        (OSError(errno.EMFILE, "Too many open files"), CONNECT, "directory_transient"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), TLS, "tls_failed"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), BIND, "connection_lost"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), READ, "connection_lost"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), TLS, "tls_failed"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), READ, "connection_lost"),
        (ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"), BIND, "tls_failed"),
        (BerError("odd"), READ, "malformed_response"),
        (KeyError("protocolOp"), BIND, "malformed_response"),
    ],
)
def test_exceptions(error: Exception, phase: str, code: str) -> None:
    found = failure(error, url="ldap://x", phase=phase, seconds=2.5)
    assert (found.code, found.context["phase"]) == (code, phase)
    assert found.message.startswith(f"ldap://x: {phase}: ")
    assert found.message.endswith(".")
    if isinstance(error, TimeoutError):
        assert "2.5 s" in found.message


def test_what_ldap3_wrapped_is_unwrapped() -> None:
    wrapped = RuntimeError("socket receive error")
    wrapped.__context__ = TimeoutError("timed out")
    assert failure(wrapped, url="ldap://x", phase=READ).code == "receive_timeout"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (9, "tls_certificate_not_yet_valid"),
        (10, "tls_certificate_expired"),
        *((number, "tls_unknown_issuer") for number in (2, 18, 19, 20, 21)),
        *((number, "tls_wrong_host") for number in (62, 64)),
        (23, "tls_failed"),
    ],
)
def test_certificate_faults(number: int, code: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = number, "the reason"
    found = failure(error, url="ldaps://x", phase=TLS)
    assert found.code == code
    assert "the reason" in found.message


@pytest.mark.parametrize(
    ("url", "host", "port", "ldaps"),
    [
        ("ldap://ldap1.example.com", "ldap1.example.com", 389, False),
        ("ldaps://LDAP1.example.com/", "ldap1.example.com", 636, True),
        ("ldaps://[2001:db8::1]:1636", "2001:db8::1", 1636, True),
        ("ldap://10.0.0.1:3268", "10.0.0.1", 3268, False),
    ],
)
def test_urls(url: str, host: str, port: int, ldaps: bool) -> None:
    assert ServerUrl.parse(url) == ServerUrl(url=url, host=host, port=port, ldaps=ldaps)
