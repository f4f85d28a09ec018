"""A real OpenLDAP server (slapd) for tests: `with Slapd(folder) as server: ...`.

Only a real server has size limits, paging state, ACLs and overlays, and those are where a sync goes wrong. The state is
whole in one folder; the server listens on 127.0.0.1 on ports that were free, and is stopped by `stop` or, at the latest,
when the test process ends.
"""

from __future__ import annotations

import io
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

import ldap
import ldif as ldif_module

from tests.servers.slapd_config import ConfigValues, config_ldif
from tests.servers.tls import Authority, Certificate

Value = str | bytes
Attributes = Mapping[str, Value | Sequence[Value]]

_START_SECONDS = 30.0


class Slapd:
    """One slapd with one database.

    `limits`: olcLimits of the reader, such as "size.prtotal=20". `acl`: olcAccess lines in place of the default, in which
    the reader and every user who has bound read all but passwords. `tls`: the authority that issues the certificate for
    127.0.0.1 and localhost, or a certificate of yours; with it there is an `ldaps_url`, and StartTLS. `overlays`: of
    "memberof", "refint", "syncprov". `stats`: whether each operation is logged, for `log_lines`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        base_dn: str = "dc=example,dc=com",
        limits: str = "size=unlimited time=unlimited",
        acl: Sequence[str] | None = None,
        tls: Authority | None = None,
        certificate: Certificate | None = None,
        overlays: Sequence[str] = (),
        config: Sequence[str] = (),
        max_size: int = 1 << 30,
        stats: bool = True,
    ) -> None:
        self.folder = folder
        self.base_dn = base_dn
        self.root_dn, self.root_password = f"cn=admin,{base_dn}", "root-secret"
        self.reader_dn, self.reader_password = f"cn=reader,{base_dn}", "reader-secret"
        self.config_dn = "cn=admin,cn=config"
        self.ca_file = tls.ca_file if tls else None
        self._tls = certificate or (tls.issue("127.0.0.1", "localhost") if tls else None)
        self._config = ConfigValues(
            folder=folder,
            base_dn=base_dn,
            root_dn=self.root_dn,
            root_password=self.root_password,
            reader_dn=self.reader_dn,
            limits=limits,
            acl=None if acl is None else tuple(acl),
            tls=self._tls,
            ca_file=self.ca_file,
            overlays=tuple(overlays),
            extra=tuple(config),
            max_size=max_size,
        )
        self._stats = stats
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.port = self.tls_port = 0

    # ------------------------------------------------------------ life
    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        assert self._tls, "this slapd has no certificate"
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self) -> Self:
        """Start on the ports it had before, or on free ones; returns when it answers."""
        if not (self.folder / "slapd.d").exists():
            self._create()
        for attempt in range(5):
            if not self.port or attempt:
                self.port, self.tls_port = free_port(), free_port()
            if self._launch():
                return self
        raise RuntimeError(f"slapd did not start: {self._log_text()[-2000:]}")

    def stop(self) -> None:
        """Stop as an administrator would, and wait for the end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End without a goodbye, as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers. Returns when all threads have stopped."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self._process.pid}/task")
        deadline = time.monotonic() + _START_SECONDS
        while any(_state(task) not in "TZ" for task in tasks.iterdir()):
            assert time.monotonic() < deadline, "slapd does not stop"
            time.sleep(0.001)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _launch(self) -> bool:
        urls = f"ldap://127.0.0.1:{self.port}" + (f" ldaps://127.0.0.1:{self.tls_port}" if self._tls else "")
        (self.folder / "slapd.pid").unlink(missing_ok=True)
        self._log = (self.folder / "slapd.log").open("ab")
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", tool("slapd"), "-F", str(self.folder / "slapd.d")),
                *("-h", urls, "-d", "256" if self._stats else "0"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers(self._process.pid):
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def _answers(self, pid: int) -> bool:
        # the pid file is written once the ports are bound, so it is not somebody else's server that answers
        try:
            if int((self.folder / "slapd.pid").read_text()) != pid:
                return False
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except (OSError, ValueError):
            return False
        return True

    def _end(self, signum: signal.Signals) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signum)
                self._process.send_signal(signal.SIGCONT)
            self._process.wait(timeout=60)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _create(self) -> None:
        for name in ("slapd.d", "data"):
            (self.folder / name).mkdir(parents=True)
        self._slapadd(config_ldif(self._config), "-n", "0")
        self._slapadd(self._base_ldif(), "-b", self.base_dn, "-w")

    def _base_ldif(self) -> str:
        attribute, _, value = self.base_dn.split(",")[0].partition("=")
        kind = {"dc": "dcObject", "o": "", "ou": "organizationalUnit"}[attribute]
        classes = "".join(
            f"objectClass: {name}\n" for name in ("top", kind, "" if attribute == "ou" else "organization") if name
        )
        organization = "" if attribute == "ou" else "o: Example Corporation\n"
        naming = f"{attribute}: {value}\n" if attribute != "o" else ""
        return (
            f"dn: {self.base_dn}\n{classes}{naming}{organization}\n"
            f"dn: {self.reader_dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: reader\nuserPassword: {self.reader_password}\n\n"
        )

    def _slapadd(self, ldif: str | Path, *options: str) -> None:
        # slapadd reads the file itself; a text goes through a file so that the two are one case
        if isinstance(ldif, str):
            path = self.folder / "load.ldif"
            path.write_text(ldif, encoding="utf-8")
            ldif = path
        command = [tool("slapadd"), "-q", "-F", str(self.folder / "slapd.d"), "-l", str(ldif), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"slapadd: {done.stderr[-2000:]}"

    # ------------------------------------------------------------ content
    def load(self, ldif: str | Path) -> None:
        """Add many entries by slapadd, which is fast but runs no overlay. Stops the server while it works."""
        running = self._process is not None
        self.stop()
        if not (self.folder / "slapd.d").exists():
            self._create()
        self._slapadd(ldif, "-b", self.base_dn, "-w")
        if running:
            self.start()

    def add(self, dn: str, attributes: Attributes) -> None:
        """Add an entry as root."""
        modlist = [(name, _values(values)) for name, values in attributes.items()]
        with _Bound(self) as connection:
            connection.add_s(dn, modlist)

    def add_ldif(self, text: str) -> None:
        """Add the entries of an LDIF text as root, by ordinary add operations, so that overlays see them."""
        parser = ldif_module.LDIFRecordList(io.StringIO(text))
        parser.parse()
        with _Bound(self) as connection:
            for dn, attributes in parser.all_records:
                connection.add_s(dn, list(attributes.items()))

    def add_people(self, count: int, *, parent: str | None = None, first: int = 0) -> list[str]:
        """Add inetOrgPersons uid=u000000 and so on with cn, sn, givenName and mail; their DNs."""
        parent = parent or self.base_dn
        dns = [f"uid=u{number:06},{parent}" for number in range(first, first + count)]
        with _Bound(self) as connection:
            for number, dn in enumerate(dns, start=first):
                connection.add_s(dn, [(name, _values(value)) for name, value in person(number).items()])
        return dns

    def add_ou(self, *names: str, parent: str | None = None) -> str:
        """Add an organizational unit below the base (or `parent`) and further ones inside it; the DN of the last."""
        dn = parent or self.base_dn
        for name in names:
            dn = f"ou={name},{dn}"
            self.add(dn, {"objectClass": "organizationalUnit", "ou": name})
        return dn

    def modify(self, dn: str, changes: Mapping[str, Value | Sequence[Value] | None]) -> None:
        """Replace attributes as root; None or an empty list removes one."""
        modlist = [(ldap.MOD_REPLACE, name, _values(values) or None) for name, values in changes.items()]
        with _Bound(self) as connection:
            connection.modify_s(dn, modlist)

    def rename(self, dn: str, new_rdn: str, *, new_superior: str | None = None) -> None:
        with _Bound(self) as connection:
            connection.rename_s(dn, new_rdn, new_superior, delold=1)

    def delete(self, dn: str) -> None:
        with _Bound(self) as connection:
            connection.delete_s(dn)

    def search(
        self,
        filter: str = "(objectClass=*)",
        *,
        base: str | None = None,
        attributes: Sequence[str] = ("*",),
        scope: int = ldap.SCOPE_SUBTREE,
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        """What root sees, by python-ldap in one search: the ground truth."""
        with _Bound(self) as connection:
            found = connection.search_s(base or self.base_dn, scope, filter, list(attributes))
        return [(dn, values) for dn, values in found if dn is not None]

    # ------------------------------------------------------------ configuration of the running server
    def configure(self, dn: str, changes: Mapping[str, Value | Sequence[Value] | None]) -> None:
        """Replace attributes below cn=config; takes effect at once."""
        modlist = [(ldap.MOD_REPLACE, name, _values(values) or None) for name, values in changes.items()]
        with _Bound(self, dn=self.config_dn) as connection:
            connection.modify_s(dn, modlist)

    def set_limits(self, limits: str) -> None:
        """New olcLimits for the reader, such as "size.prtotal=20"."""
        self.configure("olcDatabase={1}mdb,cn=config", {"olcLimits": f'dn.exact="{self.reader_dn}" {limits}'})

    def set_acl(self, *lines: str) -> None:
        """New olcAccess lines, in place of all there are."""
        self.configure(
            "olcDatabase={1}mdb,cn=config", {"olcAccess": [f"{{{number}}}{line}" for number, line in enumerate(lines)]}
        )

    def log_lines(self, part: str) -> list[str]:
        """The lines of the server's operation log that contain `part`, e.g. "BIND dn="."""
        return [line for line in self._log_text().splitlines() if part in line]

    def _log_text(self) -> str:
        path = self.folder / "slapd.log"
        return path.read_text(errors="replace") if path.exists() else ""


class _Bound:
    """A short-lived connection of the administrator."""

    def __init__(self, server: Slapd, *, dn: str | None = None) -> None:
        self._connection = ldap.initialize(server.url)
        self._connection.set_option(ldap.OPT_REFERRALS, 0)
        self._connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 10.0)
        self._connection.timeout = 60
        self._connection.simple_bind_s(dn or server.root_dn, server.root_password)

    def __enter__(self) -> ldap.ldapobject.LDAPObject:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.unbind_s()


def person(number: int) -> dict[str, Value | Sequence[Value]]:
    """Attributes of an invented inetOrgPerson."""
    return {
        "objectClass": "inetOrgPerson",
        "uid": f"u{number:06}",
        "cn": f"Person {number}",
        "sn": f"Family{number}",
        "givenName": f"Given{number}",
        "mail": f"u{number:06}@example.com",
    }


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tool(name: str) -> str:
    """The path of one of OpenLDAP's programs."""
    path = shutil.which(
        name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/usr/local/libexec:/usr/libexec"
    )
    if path is None:
        raise RuntimeError(f"{name} is missing: apt-get install --no-install-recommends slapd ldap-utils")
    return path


def _state(task: Path) -> str:
    """The state of a thread in one letter (proc(5)): what follows the name in parentheses."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def _values(values: Value | Sequence[Value] | None) -> list[bytes]:
    if values is None:
        return []
    listed: Iterable[Value] = [values] if isinstance(values, str | bytes) else values
    return [value.encode() if isinstance(value, str) else value for value in listed]
