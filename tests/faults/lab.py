"""Everything a directory server can do to a run, as a catalogue: each failure is made by something real, and has its code.

    with failure.arranged(lab) as settings: ...

gives the directory's settings with which a run meets it. In all of them the bind password is `MARK`, so that whatever shows it
is found out. Where no real server can be made to say something (Active Directory's texts, a limit of time), the stub says it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from syncd.directory.ber import contents
from tests.contract.directories import directory
from tests.faults.proxy import Fault, Proxy, answers, cut, drip, freeze
from tests.servers.ldap_stub import SEARCH, Handler, LdapStub, done, entry, paged, reference, result
from tests.servers.process import refusing_port
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority, Certificate

MARK = "Mk7&x=/pass+word%Q"
BASE = "dc=example,dc=com"
_SEARCH_DONE, _BASE_SCOPE = 0x65, b"\x0a\x01\x00"
_AD_TEXT = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {}, v4563"
_BINDING = "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563"

Settings = dict[str, Any]


class Lab:
    """A slapd whose reader has `MARK` for a password, and an authority that can issue any certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca")
        self.slapd = Slapd(folder / "slapd", tls=self.authority, stats=False)

    def __enter__(self) -> Self:
        self.slapd.start()
        self.slapd.reader_password = MARK
        self.slapd.modify(self.slapd.reader_dn, {"userPassword": MARK})
        self.slapd.add_people(12, parent=self.slapd.add_ou("people"))
        self.slapd.add_ou("groups")
        return self

    def __exit__(self, *_: object) -> None:
        self.slapd.stop()

    @contextmanager
    def refused(self) -> Iterator[Settings]:
        with refusing_port() as port:
            yield {"urls": [f"ldap://127.0.0.1:{port}"]}

    def urls(self, *urls: str) -> AbstractContextManager[Settings]:
        return nullcontext({"urls": list(urls)})

    def limits(self, limits: str) -> AbstractContextManager[Settings]:
        @contextmanager
        def limited() -> Iterator[Settings]:
            self.slapd.set_limits(limits)
            try:
                yield {}
            finally:
                self.slapd.set_limits("size=unlimited time=unlimited")

        return limited()

    @contextmanager
    def behind(self, fault: Fault, *, tls: bool = False, **settings: Any) -> Iterator[Settings]:
        """With a proxy between; the fault counts from the end of the rootDSE on when it has `after`."""
        with Proxy(self.slapd.ldaps_url if tls else self.slapd.url) as proxy:
            if fault.after:
                directory(self.slapd, urls=[proxy.url]).connect().close()
                start = next(end for tag, end in answers(proxy.streams[0]) if tag == _SEARCH_DONE)
                fault = Fault(kind=fault.kind, after=start + fault.after, seconds=fault.seconds)
            proxy.fault = fault
            yield {"urls": [proxy.url]} | settings

    @contextmanager
    def certified(self, certificate: Certificate) -> Iterator[Settings]:
        """With a TLS server that has this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
        with _TlsPort(context) as port:
            yield {"urls": [f"ldaps://127.0.0.1:{port}"], "tls": {"ca_file": self.authority.ca_file}}


class _TlsPort:
    """Shakes hands with whoever connects, and hangs up."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(5)
                self._context.wrap_socket(client, server_side=True).close()


class FailingStub(LdapStub):
    """Shows every base that it is asked for alone, and answers all other searches in the same way."""

    def __init__(self, search: Handler | None = None, **options: Any) -> None:
        super().__init__([search] * 50 if search else [], **options)

    def _answer(self, connection: socket.socket, message_id: int, tag: int, body: bytes) -> bool:
        if tag == SEARCH:
            start, end = contents(body, 1)
            if end > start and body[end : end + 3] == _BASE_SCOPE:
                values = {"objectClass": [b"organizationalUnit"], "entryUUID": [b"0e3a1a5e-7d1c-4c1e-9d3f-000000000000"]}
                connection.sendall(entry(message_id, body[start:end], values) + done(message_id, controls=paged(b"")))
                return True
        return super()._answer(connection, message_id, tag, body)


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that goes wrong."""

    name: str
    code: str
    phase: str
    arrange: Callable[[Lab], AbstractContextManager[Settings]]

    def arranged(self, lab: Lab) -> AbstractContextManager[Settings]:
        """While it lasts, a run with these settings of the directory meets the failure."""

        @contextmanager
        def met() -> Iterator[Settings]:
            with self.arrange(lab) as changes:
                slapd = lab.slapd
                values: Settings = {
                    "urls": [slapd.url],
                    "bind_dn": slapd.reader_dn,
                    "bind_password": MARK,
                    "connect_timeout": 5,
                    "receive_timeout": 5,
                    "users": {"base_dn": f"ou=people,{BASE}"},
                    "roles": {"base_dn": f"ou=groups,{BASE}"},
                }
                yield values | changes

        return met()


def _with(**settings: Any) -> Callable[[Lab], AbstractContextManager[Settings]]:
    return lambda lab: nullcontext(settings)


def _stub(search: Handler | None = None, **options: Any) -> Callable[[Lab], AbstractContextManager[Settings]]:
    @contextmanager
    def arranged(lab: Lab) -> Iterator[Settings]:
        del lab
        with FailingStub(search, **options) as stub:
            yield {"urls": [stub.url]}

    return arranged


def _bind(code: int, text: str = "") -> Callable[[Lab], AbstractContextManager[Settings]]:
    # a rude server that repeats what it was sent
    return _stub(bind=lambda i: [result(i, 0x61, code=code, text=f"{text} ({MARK})")])


def _search(code: int, text: str = "") -> Callable[[Lab], AbstractContextManager[Settings]]:
    return _stub(lambda i: [done(i, code=code, text=text)])


def _certificate(**options: Any) -> Callable[[Lab], AbstractContextManager[Settings]]:
    names = options.pop("names", ("127.0.0.1",))
    return lambda lab: lab.certified(lab.authority.issue(*names, **options))


FAILURES: tuple[Failure, ...] = (
    # ---------------------------------------------------------------- the way there
    Failure("a name that is none", "name_resolution_failed", "name resolution", _with(urls=["ldap://no-such-host.invalid"])),
    Failure("nobody listens", "connection_refused", "connect", lambda lab: lab.refused()),
    Failure("a half-open port", "connect_timeout", "bind", lambda lab: lab.behind(freeze(), connect_timeout=1)),
    Failure("a dripping bind", "connect_timeout", "bind", lambda lab: lab.behind(drip(0.1), connect_timeout=1)),
    Failure("cut at the bind", "connection_lost", "bind", lambda lab: lab.behind(cut())),
    # ---------------------------------------------------------------- TLS
    Failure("an unknown issuer", "tls_unknown_issuer", "tls", lambda lab: lab.urls(lab.slapd.ldaps_url)),
    Failure("an unknown issuer, StartTLS", "tls_unknown_issuer", "tls", _with(tls={"starttls": True})),
    Failure("another host's certificate", "tls_wrong_host", "tls", _certificate(names=("ldap.example.com", "10.0.0.1"))),
    Failure("an expired certificate", "tls_certificate_expired", "tls", _certificate(expired=True)),
    Failure("tomorrow's certificate", "tls_certificate_not_yet_valid", "tls", _certificate(not_yet=True)),
    Failure("no TLS there", "tls_failed", "tls", lambda lab: lab.urls(lab.slapd.url.replace("ldap:", "ldaps:"))),
    Failure("StartTLS refused", "starttls_refused", "starttls", lambda lab: _starttls_refused()),
    Failure("a frozen handshake", "connect_timeout", "tls", lambda lab: lab.behind(freeze(), tls=True, connect_timeout=1)),
    # ---------------------------------------------------------------- bind
    Failure("a wrong password", "invalid_credentials", "bind", _with(bind_dn=f"uid=u000001,ou=people,{BASE}")),
    Failure("no such account", "invalid_credentials", "bind", _bind(49, _AD_TEXT.format("525"))),
    Failure("a wrong password, AD", "invalid_credentials", "bind", _bind(49, _AD_TEXT.format("52e"))),
    Failure("a locked account", "account_locked", "bind", _bind(49, _AD_TEXT.format("775"))),
    Failure("a locked account, 389-ds", "account_locked", "bind", _bind(19, "Exceed password retry limit. Please try later.")),
    Failure("a disabled account", "account_disabled", "bind", _bind(49, _AD_TEXT.format("533"))),
    Failure("a disabled account, 389-ds", "account_disabled", "bind", _bind(53, "Account inactivated. Contact somebody.")),
    Failure("an expired account", "account_expired", "bind", _bind(49, _AD_TEXT.format("701"))),
    Failure("an expired password", "bind_password_expired", "bind", _bind(49, _AD_TEXT.format("532"))),
    Failure("a password to change", "bind_password_must_change", "bind", _bind(49, _AD_TEXT.format("773"))),
    Failure("not at this hour", "logon_hours", "bind", _bind(49, _AD_TEXT.format("530"))),
    Failure("not from here", "logon_workstation", "bind", _bind(49, _AD_TEXT.format("531"))),
    Failure("another refusal", "bind_failed", "bind", _bind(48, "no")),
    Failure("an empty password", "bind_failed", "bind", _with(bind_password=" ")),
    Failure("a password with NUL", "bind_failed", "bind", _with(bind_password=f"{MARK}\0")),
    Failure("stronger authentication", "stronger_auth_required", "bind", _bind(8)),
    Failure("confidentiality required", "stronger_auth_required", "bind", _bind(13)),
    Failure("channel binding", "channel_binding_required", "bind", _bind(49, _BINDING)),
    Failure("busy at the bind", "server_busy", "bind", _bind(51)),
    Failure("unavailable at the bind", "server_unavailable", "bind", _bind(52)),
    Failure("nonsense at the bind", "malformed_response", "bind", _stub(bind=lambda i: [result(i, 0x65)])),
    # ---------------------------------------------------------------- the read
    Failure("no such base", "no_such_base", "read", _with(users={"base_dn": f"ou=nowhere,{BASE}"})),
    Failure("a size limit", "size_limit_exceeded", "read", lambda lab: lab.limits("size.prtotal=5")),
    Failure("an admin limit", "admin_limit_exceeded", "read", lambda lab: lab.limits("size.pr=5")),
    Failure("a time limit", "time_limit_exceeded", "read", _search(3)),
    Failure("a bad filter", "invalid_filter", "read", _search(2, "Bad search filter")),
    Failure("a referral", "referral", "read", _search(10)),
    Failure(
        "a reference", "referral", "read", _stub(lambda i: [reference(i, "ldap://far.invalid/"), done(i, controls=paged(b""))])
    ),
    Failure("no access", "insufficient_access", "read", _search(50)),
    Failure("busy", "server_busy", "read", _search(51)),
    Failure("unavailable", "server_unavailable", "read", _search(52)),
    Failure("unwilling", "unwilling_to_perform", "read", _search(53)),
    Failure("another result", "ldap_error", "read", _search(80, "internal")),
    Failure("no paging", "paging_unsupported", "read", _stub(lambda i: [done(i)])),
    Failure("nonsense", "malformed_response", "read", _stub(lambda i: [b"\x00" * 20])),
    Failure("cut in a page", "connection_lost", "read", lambda lab: lab.behind(cut(after=200))),
    Failure("silent in a page", "receive_timeout", "read", lambda lab: lab.behind(freeze(after=200), receive_timeout=0.3)),
    Failure("dripping in a page", "receive_timeout", "read", lambda lab: lab.behind(drip(0.02, after=200), page_timeout=0.3)),
)


@contextmanager
def _starttls_refused() -> Iterator[Settings]:
    with FailingStub() as stub:
        yield {"urls": [stub.url], "tls": {"starttls": True}}
