"""Checking somebody's password: a bind as their entry, once, on a connection of its own that ends with it.

The stored DN may be stale: the entry may have moved since the last sync, and another may have its name now. Most servers answer
that there is no such entry as they answer a wrong password, so where it is in doubt the bind account looks the entry up by its
id, and a bind is made at the DN it has at present. No server is asked twice about one DN: each bind that is refused counts
towards the directory's own lockout. What could not be asked is `unavailable`, never `wrong`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from syncd.accounts.lockout import is_password
from syncd.directory.bind_answers import judge, may_have_moved
from syncd.directory.bind_messages import WHO_AM_I, bind_response, encode_bind, encode_who_am_i, who_am_i_response
from syncd.directory.deadline import Deadline
from syncd.directory.failures import BIND
from syncd.directory.fetch import fetch
from syncd.directory.login_servers import LoginServers, time_left
from syncd.directory.results import refuses_credentials
from syncd.directory.session import LdapDirectory, LdapSession, root_dse
from syncd.directory.vendors import server_info
from syncd.directory.wire import Wire
from syncd.errors import (
    ConnectionLostError,
    DirectoryError,
    NoSuchBaseError,
    TransientDirectoryError,
)
from syncd.mapping.identity import could_be_id, entry_id_reader
from syncd.mapping.problems import MappingIssue
from syncd.mapping.searches import among_ids, people_search
from syncd.model.dn import InvalidDN, normalize
from syncd.model.login import Answer, BindResult
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.redaction import forget_locals
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import fill, profile_of

log = structlog.get_logger(__name__)

# seconds for which a bind account that was refused is not tried again
_BARRED = 900.0
_UNAVAILABLE = BindResult(answer=Answer.UNAVAILABLE)
_MISSING = BindResult(answer=Answer.REFUSED, reason="directory_missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A bind, and what is not certain about it."""

    url: str
    result: BindResult
    # whether the DN may not be that of the entry that is meant
    doubtful: bool
    # the server says in so many words that there is no such entry
    absent: bool = False


class LdapAuthenticator:
    """Checks passwords in one directory. Any number of threads may ask."""

    def __init__(self, name: str, settings: DirectorySettings, *, timeout: float, at_once: int) -> None:
        """`timeout`: seconds for all that one check takes; `at_once`: binds at the same time. As many again may wait."""
        self._name = name
        self._settings = settings
        self._servers = LoginServers(name, settings)
        self._timeout = timeout
        self._places = threading.BoundedSemaphore(at_once)
        self._admitted = threading.BoundedSemaphore(2 * at_once)
        # how and when the bind account was refused
        self._refused: DirectoryError | None = None
        self._refused_at = 0.0

    def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
        """Whether it is the password of the entry, which had this DN when it was last seen. Raises nothing."""
        if not dn.strip() or not is_password(password.get_secret_value()):
            # either would be taken for an anonymous bind, and succeed (RFC 4513 section 5.1.2)
            return BindResult(answer=Answer.WRONG, detail="not sent: no name, or no password")
        deadline = Deadline(self._timeout)
        with self._place(deadline) as place:
            if not place:
                log.warning(
                    "password not checked",
                    directory=self._name,
                    reason="too many are being checked",
                    advice="See why the directory is slow, or raise `login.binds_at_once`.",
                )
                return _UNAVAILABLE
            try:
                return self._logged(self._check(dn, entry_id, password, deadline))
            except DirectoryError as error:
                # frames on the way here hold the request, and with it the password
                forget_locals(error)
                log.warning(
                    "password not checked", directory=self._name, code=error.code, reason=error.message, advice=error.hint
                )
                return BindResult(answer=Answer.UNAVAILABLE, detail=error.message)

    @contextmanager
    def _place(self, deadline: Deadline) -> Iterator[bool]:
        """A place among those who are being checked, if there is one in time. A directory that hangs holds few threads."""
        if not self._admitted.acquire(blocking=False):
            yield False
            return
        try:
            if not self._places.acquire(timeout=max(deadline.left, 0)):
                yield False
                return
            try:
                yield True
            finally:
                self._places.release()
        finally:
            self._admitted.release()

    def _logged(self, result: BindResult) -> BindResult:
        """The same, with what the server said for whoever runs the directory."""
        if result.answer is Answer.UNAVAILABLE:
            log.warning("password not checked", directory=self._name, reason=result.detail)
        elif result.answer is Answer.REFUSED:
            log.info("login refused by the directory", directory=self._name, code=result.reason, reason=result.detail)
        return result

    # ------------------------------------------------------------ the stored DN, and the present one
    def _check(self, dn: str, entry_id: str, password: SecretStr, deadline: Deadline) -> BindResult:
        tried = self._try(dn, entry_id, password, deadline)
        if not tried.doubtful:
            return tried.result
        wrong = tried.result.answer is Answer.WRONG
        try:
            present = self._present_dn(entry_id, deadline, url=tried.url)
        except DirectoryError as error:
            log.warning("entry not looked up", directory=self._name, code=error.code, reason=error.message, advice=error.hint)
            return tried.result if wrong and not tried.absent else _UNAVAILABLE
        if present is None:
            return tried.result if wrong and not tried.absent else _MISSING
        if _same(present, dn):
            return tried.result
        log.info("entry has moved since the last sync", directory=self._name, dn=present)
        return self._try(present, entry_id, password, deadline).result

    def _try(self, dn: str, entry_id: str, password: SecretStr, deadline: Deadline) -> _Tried:
        """Bind once. Raises DirectoryError when that could not be done."""
        with closing(self._servers.connect(deadline)) as wire:
            try:
                answer = bind_response(wire, wire.send(*encode_bind(dn, password.get_secret_value())))
                with wire.malformed():
                    result = judge(answer, url=wire.url, secret=password.get_secret_value())
            except TransientDirectoryError:
                self._servers.failed(wire.url)
                raise
            doubtful = may_have_moved(answer, result)
            if answer.code == 0:
                doubtful = self._is_other(wire, dn, entry_id, deadline)
            return _Tried(url=wire.url, result=result, doubtful=doubtful, absent=answer.code in (32, 34))

    def _is_other(self, wire: Wire, dn: str, entry_id: str, deadline: Deadline) -> bool:
        """Whether whoever has just bound is not known to be the entry that is meant. Raises DirectoryError.

        An anonymous connection is an error: the server took the bind for something else.
        """
        server = server_info(
            root_dse(wire, timeout=time_left(deadline, wire.url)),
            url=wire.url,
            vendor=self._settings.vendor,
            entry_id_attribute=self._settings.entry_id_attribute,
        )
        if WHO_AM_I in server.extensions:
            name = who_am_i_response(wire, wire.send(encode_who_am_i()))
            if name in ("", "dn:"):
                raise ConnectionLostError(f"{wire.url}: {BIND}: the server took the bind for an anonymous one.", phase=BIND)
        return server.entry_id_attribute is None or self._id_at(wire, server, dn) != entry_id

    def _id_at(self, wire: Wire, server: ServerInfo, dn: str) -> str | None:
        """The id of the entry with this DN, as far as whoever has bound may see it."""
        attribute = server.entry_id_attribute or ""
        search = Search(purpose="oneself", base_dn=dn, filter="(objectClass=*)", scope=Scope.BASE, attributes=(attribute,))
        try:
            entries = fetch(wire, search, server=server)
            return entry_id_reader(attribute)(entries[0]) if len(entries) == 1 else None
        except (NoSuchBaseError, MappingIssue):
            return None
        except TransientDirectoryError:
            raise
        except DirectoryError:
            return None

    def _present_dn(self, entry_id: str, deadline: Deadline, *, url: str) -> str | None:
        """The DN that the entry has now, None when it is not among the directory's people. Asked by the bind account.

        An account that the server refuses is not tried again for a while: each login would bring its lockout nearer.
        """
        if self._refused is not None and time.monotonic() - self._refused_at < _BARRED:
            raise _anew(self._refused)
        seconds = time_left(deadline, url)
        limits = {"connect_timeout": seconds, "receive_timeout": seconds, "page_timeout": seconds}
        settings = self._settings.model_copy(update={"urls": [url], **limits})
        with closing(self._as_bind_account(settings)) as session:
            attribute = session.server.entry_id_attribute
            if attribute is None or not could_be_id(attribute, entry_id):
                return None
            people = people_search(fill(settings, profile_of(session.server.vendor)), (attribute,))
            found = session.fetch(among_ids(people, attribute, [entry_id]))
            return found[0].dn if len(found) == 1 else None

    def _as_bind_account(self, settings: DirectorySettings) -> LdapSession:
        try:
            return LdapDirectory(self._name, settings).connect()
        except DirectoryError as error:
            if refuses_credentials(error):
                self._refused, self._refused_at = _anew(error), time.monotonic()
            raise


def _anew(error: DirectoryError) -> DirectoryError:
    """The same error without the frames that it came through: those hold somebody's password, and it is kept."""
    return type(error)(error.message, advice=error.hint, **error.context)


def _same(one: str, other: str) -> bool:
    try:
        return normalize(one) == normalize(other)
    except InvalidDN:
        return False
