"""What `syncd check --connect` finds out about one server, step by step, from its name to its limits.

It goes through the very steps a run goes through, so that what passes here works there, and says at each what it saw. A step
that fails ends what depends on it; the rest is still tried.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from syncd.clock import Clock, SystemClock
from syncd.directory.bind import Credentials, bind
from syncd.directory.failures import BIND, CONNECT, NAME_RESOLUTION, TLS
from syncd.directory.messages import PAGED_RESULTS
from syncd.directory.session import LdapSession, open_session, protect
from syncd.directory.tls import describe, tls_context
from syncd.directory.transport import ServerUrl, close, open_tcp, resolve
from syncd.errors import DirectoryError, NoEntryIdError, NoSuchBaseError, PagingUnsupportedError
from syncd.model.attributes import canonical_attribute
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import profile_of

# a certificate is renewed well before it expires, or somebody has forgotten it
_RENEWAL_DAYS = 30
_NO_ATTRIBUTES = "1.1"


def probe(
    name: str,
    settings: DirectorySettings,
    url: str,
    *,
    searches: Callable[[ServerInfo], Sequence[Search]],
    clock: Clock | None = None,
) -> Iterator[CheckLine]:
    """The lines about one server of directory `name`, as they come. Reads all entries that `searches` match, ids only.

    Raises nothing of its own: what goes wrong is a failed line, and binds once.
    """
    with ExitStack() as opened:
        try:
            server = ServerUrl.parse(url)
            session = yield from _connect(name, settings, server, clock or SystemClock(), opened)
            yield _server_line(session)
            yield _paging_line(session, settings.page_size)
            yield from _searches(session, searches(session.server))
        except DirectoryError as error:
            yield _failed(str(error.context.get("phase", CONNECT)), error.message, error.hint)


# ---------------------------------------------------------------- up to the bind
def _connect(
    name: str, settings: DirectorySettings, server: ServerUrl, clock: Clock, opened: ExitStack
) -> Generator[CheckLine, None, LdapSession]:
    """Raises DirectoryError at the first step that fails; the session is the generator's return value."""
    timeout = settings.connect_timeout
    addresses = resolve(server, timeout=timeout)
    numbers = dict.fromkeys(str(address[0]) for *_, address in addresses)
    yield _passed(NAME_RESOLUTION, f"{server.host} is {', '.join(numbers)}")
    connected = open_tcp(server, addresses, timeout=timeout)
    opened.callback(close, connected)
    yield _passed(CONNECT, f"connected to {connected.getpeername()[0]} port {server.port}")
    if server.ldaps or settings.tls.starttls:
        connected = protect(connected, tls_context(settings.tls), server, timeout=timeout, directory=name)
        opened.callback(close, connected)
    yield _tls_line(connected, clock.now())
    credentials = Credentials.of(settings)
    bind(connected, server, credentials, timeout=timeout)
    who = {"simple": f"bound as {credentials.dn}", "anonymous": "bound as nobody (anonymous)"}
    yield _passed(BIND, who.get(credentials.method, "bound by the client certificate (SASL EXTERNAL)"))
    session = open_session(connected, settings, url=server.url)
    opened.callback(session.close)
    return session


def _tls_line(connected: socket.socket, now: datetime) -> CheckLine:
    if not isinstance(connected, ssl.SSLSocket):
        return _warned(
            TLS,
            "the connection is not protected: whoever can listen reads the bind password",
            "Use ldaps:// or `tls.starttls`.",
        )
    certificate: dict[str, Any] = connected.getpeercert() or {}
    if not certificate:
        return _warned(
            TLS, f"{describe(connected)}; the certificate was NOT verified", 'Set `tls.ca_file` and `tls.verify = "full"`.'
        )
    names = ", ".join(value for _, value in certificate.get("subjectAltName", ())) or _common_name(certificate["subject"])
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    text = (
        f"{describe(connected)}; certificate for {names}, issued by {_common_name(certificate['issuer'])}, "
        f"valid until {until:%Y-%m-%d}"
    )
    days = (until - now).days
    if days < _RENEWAL_DAYS:
        return _warned(
            TLS, f"{text}: {days} days left", "Have the certificate renewed; once it has expired, nothing is synced."
        )
    return _passed(TLS, text)


def _common_name(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """The name of a certificate's subject or issuer: its commonName, else whatever it has."""
    parts = [part for rdn in name for part in rdn]
    return next((value for kind, value in parts if kind == "commonName"), ", ".join(value for _, value in parts))


# ---------------------------------------------------------------- what the server is and can
def _server_line(session: LdapSession) -> CheckLine:
    server = session.server
    what = " ".join(part for part in (server.product, server.version) if part)
    if server.naming_contexts or server.controls:
        return _passed("server", f"{what or 'a server that does not say what it is'} (vendor {server.vendor})")
    return _warned(
        "server",
        f"the rootDSE cannot be read (vendor {server.vendor})",
        "Set `vendor`, or let the bind account read the rootDSE.",
    )


def _paging_line(session: LdapSession, page_size: int) -> CheckLine:
    controls = session.server.controls
    profile = profile_of(session.server.vendor)
    if PAGED_RESULTS in controls and profile.max_page_size is not None and page_size > profile.max_page_size:
        return _warned("paging", f"`page_size` is {page_size}, more than the server usually gives", profile.page_size_advice)
    if PAGED_RESULTS in controls:
        return _passed("paging", "the server pages results (RFC 2696)")
    if controls:
        return _failed("paging", "the server does not page results (RFC 2696)", PagingUnsupportedError.advice)
    return _warned("paging", "the server does not say whether it pages results", "")


# ---------------------------------------------------------------- what the bind account sees
def _searches(session: LdapSession, searches: Sequence[Search]) -> Iterator[CheckLine]:
    readable: dict[str, CheckLine] = {}
    for search in searches:
        if search.base_dn not in readable:
            readable[search.base_dn] = line = _base_line(session, search)
            yield line
        if readable[search.base_dn].status is not CheckStatus.FAIL:
            yield from _matches(session, search)


def _base_line(session: LdapSession, search: Search) -> CheckLine:
    reading = session.read(replace(search, scope=Scope.BASE, filter="(objectClass=*)", attributes=(_NO_ATTRIBUTES,)))
    found = sum(len(batch) for batch in reading)
    verdict = reading.verdict
    if not verdict.complete:
        return _failed("base", f"{search.base_dn}: {verdict.reason}", verdict.advice)
    if not found:
        return _failed("base", f"{search.base_dn} is hidden from the bind account", NoSuchBaseError.advice)
    return _passed("base", f"{search.base_dn} can be read")


def _matches(session: LdapSession, search: Search) -> Iterator[CheckLine]:
    """How many entries there are within the limits of the bind account, and whether they show what identifies them."""
    id_attribute = session.server.entry_id_attribute
    reading = session.read(replace(search, attributes=(id_attribute or _NO_ATTRIBUTES,)))
    key = canonical_attribute(id_attribute) if id_attribute else ""
    entries = identified = 0
    for batch in reading:
        entries += len(batch)
        identified += sum(key in attributes for _, attributes in batch)
    verdict = reading.verdict
    what = f"{search.filter} below {search.base_dn}"
    if not verdict.complete:
        yield _failed(search.purpose, f"{verdict.reason} {entries} entries of {what} came before that.", verdict.advice)
    elif not entries:
        yield _warned(search.purpose, f"no entry matches {what}", "Check filter and base, and what the bind account may read.")
    else:
        yield _passed(search.purpose, f"{entries} entries match {what}")
    if entries:
        yield _id_line(search, key, entries=entries, identified=identified)


def _id_line(search: Search, key: str, *, entries: int, identified: int) -> CheckLine:
    name = f"{search.purpose} id"
    if identified == entries:
        return _passed(name, f"each has {key}")
    if not identified:
        return _failed(name, f"none of {entries} entries shows {key or 'an id'}", NoEntryIdError.advice)
    return _warned(name, f"{entries - identified} of {entries} entries do not show {key}", NoEntryIdError.advice)


def _passed(name: str, text: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.PASS, text=text)


def _warned(name: str, text: str, advice: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.WARN, text=text, advice=advice)


def _failed(name: str, text: str, advice: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.FAIL, text=text, advice=advice)
