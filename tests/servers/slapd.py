"""A real OpenLDAP server (slapd) for tests: `with Slapd(folder) as server: ...`.

Only a real server has size limits, paging state, ACLs and overlays, and those are where a sync goes wrong. The state is
whole in one folder; the server listens on 127.0.0.1 on ports that were free, and is stopped by `stop` or, at the latest,
when the test process ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.servers import process
from tests.servers.content import Attributes, Bound, Changes, DirectoryContent, replacements
from tests.servers.process import RunsServer, ServerProcess, accepts, free_port, run_tool
from tests.servers.slapd_config import ConfigValues, config_ldif
from tests.servers.tls import Authority, Certificate

__all__ = ["Attributes", "Slapd", "free_port", "tool"]


class Slapd(DirectoryContent, RunsServer):
    """One slapd with one database.

    `limits`: olcLimits of the reader, such as "size.prtotal=20". `acl`: olcAccess lines in place of the default, in which
    the reader and every user who has bound read all but passwords. `tls`: the authority that issues the certificate for
    127.0.0.1 and localhost, or a certificate of yours; with it there is an `ldaps_url`, and StartTLS. `overlays`: of
    "memberof", "refint", "syncprov", "ppolicy". `stats`: whether each operation is logged, for `log_lines`.
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
        self._process = ServerProcess(folder / "slapd.log")
        self.port = self.tls_port = 0

    # ------------------------------------------------------------ life
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
        raise RuntimeError(f"slapd did not start: {self._process.log_text()[-2000:]}")

    def _launch(self) -> bool:
        urls = f"ldap://127.0.0.1:{self.port}" + (f" ldaps://127.0.0.1:{self.tls_port}" if self._tls else "")
        (self.folder / "slapd.pid").unlink(missing_ok=True)
        command = (tool("slapd"), "-F", str(self.folder / "slapd.d"), "-h", urls, "-d", "256" if self._stats else "0")
        return self._process.launch(command, answers=self._answers)

    def _answers(self, pid: int) -> bool:
        # the pid file is written once the ports are bound, so it is not somebody else's server that answers
        try:
            return int((self.folder / "slapd.pid").read_text()) == pid and accepts("127.0.0.1", self.port)
        except (OSError, ValueError):
            return False

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
        run_tool(tool("slapadd"), "-q", "-F", str(self.folder / "slapd.d"), "-l", str(ldif), *options)

    # ------------------------------------------------------------ content
    def load(self, ldif: str | Path) -> None:
        """Add many entries by slapadd, which is fast but runs no overlay. Stops the server while it works."""
        running = self._process.running
        self.stop()
        if not (self.folder / "slapd.d").exists():
            self._create()
        self._slapadd(ldif, "-b", self.base_dn, "-w")
        if running:
            self.start()

    # ------------------------------------------------------------ configuration of the running server
    def configure(self, dn: str, changes: Changes) -> None:
        """Replace attributes below cn=config; takes effect at once."""
        with Bound(self, dn=self.config_dn) as connection:
            connection.modify_s(dn, replacements(changes))

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
        return [line for line in self._process.log_text().splitlines() if part in line]


def tool(name: str) -> str:
    """The path of one of OpenLDAP's programs."""
    return process.tool(name, packages="slapd ldap-utils")
