"""A real 389 Directory Server (ns-slapd) for tests: `with Ds389(folder) as server: ...`.

It counts entries against other limits than OpenLDAP does, writes DNs its own way, names entries by nsUniqueId and keeps a
changelog of its own. The state is whole in one folder; the server listens on 127.0.0.1 on ports that were free, and is
stopped by `stop` or, at the latest, when the test process ends.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.servers.content import Bound, Changes, DirectoryContent, replacements
from tests.servers.ds389_config import edit_dse, write_instance
from tests.servers.process import RunsServer, ServerProcess, accepts, free_port, run_tool, tool
from tests.servers.tls import Authority, Certificate

_PACKAGES = "389-ds-base openssl"
_NO_CHANGES: Mapping[str, Mapping[str, str]] = {}
_NO_LIMITS: Mapping[str, int] = {}


class Ds389(DirectoryContent, RunsServer):
    """One ns-slapd with one database, and the plug-ins memberOf, referential integrity, USN, retro changelog and content sync.

    `tls`: the authority that issues the certificate for 127.0.0.1 and localhost; with it there is an `ldaps_url`, and
    StartTLS. `config`: attributes to set below cn=config before the first start, by DN and name in lower case.
    Whoever has bound reads all but passwords.
    """

    def __init__(
        self,
        folder: Path,
        *,
        base_dn: str = "dc=example,dc=com",
        tls: Authority | None = None,
        config: Mapping[str, Mapping[str, str]] = _NO_CHANGES,
    ) -> None:
        self.folder = folder
        self.base_dn = base_dn
        self.root_dn, self.root_password = "cn=Directory Manager", "root-secret"
        self.reader_dn, self.reader_password = f"cn=reader,{base_dn}", "reader-secret"
        self.ca_file = tls.ca_file if tls else None
        self._tls = tls.issue("127.0.0.1", "localhost") if tls else None
        self._config = config
        self._process = ServerProcess(folder / "ns-slapd.log")
        self.port = self.tls_port = 0

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        assert self._tls, "this server has no certificate"
        return f"ldaps://127.0.0.1:{self.tls_port}"

    # ------------------------------------------------------------ life
    def __exit__(self, *_: object) -> None:
        # an orderly end takes two seconds, and nobody reads the state again
        self.kill()

    def start(self) -> Self:
        """Start on the ports it had before, or on free ones; returns when it answers."""
        config = self.folder / "config"
        created = config.exists()
        if not created:
            self._create()
        for attempt in range(5):
            if not self.port or attempt:
                self.port, self.tls_port = free_port(), free_port()
                edit_dse(config, {"cn=config": self._ports()})
            if self._launch():
                break
        else:
            raise RuntimeError(f"ns-slapd did not start: {self._process.log_text()[-2000:]}")
        if not created:
            self._fill()
        return self

    def _ports(self) -> dict[str, str]:
        protected = {"nsslapd-security": "on", "nsslapd-secureport": str(self.tls_port)} if self._tls else {}
        return {"nsslapd-port": str(self.port), **protected}

    def _launch(self) -> bool:
        # after a crash its own lock is left behind, and the process id in it may be another's by now
        shutil.rmtree(self.folder / "lock")
        (self.folder / "lock").mkdir()
        pid_file = self._pid_file
        pid_file.unlink(missing_ok=True)
        command = (tool("ns-slapd", packages=_PACKAGES), "-D", str(self.folder / "config"), "-i", str(pid_file), "-d", "0")
        return self._process.launch(command, answers=self._answers)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / "ns-slapd.pid"

    def _answers(self, pid: int) -> bool:
        # the pid file is written once the ports are bound, so it is not somebody else's server that answers
        try:
            return int(self._pid_file.read_text()) == pid and accepts("127.0.0.1", self.port)
        except (OSError, ValueError):
            return False

    # ------------------------------------------------------------ a new server
    def _create(self) -> None:
        config = write_instance(
            self.folder,
            base_dn=self.base_dn,
            root_dn=self.root_dn,
            root_password=self.root_password,
            changes=self._config,
        )
        database = f"sql:{config}"
        run_tool(tool("certutil", packages="libnss3-tools"), "-N", "-d", database, "--empty-password")
        if self._tls:
            self._import_certificate(database, self._tls)

    def _import_certificate(self, database: str, certificate: Certificate) -> None:
        bundle = str(self.folder / "tmp" / "server.p12")
        run_tool(
            *(tool("openssl", packages=_PACKAGES), "pkcs12", "-export", "-name", "Server-Cert", "-passout", "pass:x"),
            *("-inkey", str(certificate.key_file), "-in", str(certificate.cert_file), "-out", bundle),
        )
        pk12util, certutil = (tool(name, packages="libnss3-tools") for name in ("pk12util", "certutil"))
        run_tool(pk12util, "-i", bundle, "-d", database, "-W", "x", "-K", "")
        run_tool(certutil, "-A", "-d", database, "-n", "ca", "-t", "C,,", "-a", "-i", str(self.ca_file))

    def _fill(self) -> None:
        """The database and what is at its top."""
        self.add(
            "cn=userRoot,cn=ldbm database,cn=plugins,cn=config",
            {"objectClass": ["top", "extensibleObject", "nsBackendInstance"], "cn": "userRoot", "nsslapd-suffix": self.base_dn},
        )
        self.add(
            f'cn="{self.base_dn}",cn=mapping tree,cn=config',
            {
                "objectClass": ["top", "extensibleObject", "nsMappingTree"],
                "cn": self.base_dn,
                "nsslapd-state": "backend",
                "nsslapd-backend": "userRoot",
            },
        )
        attribute, _, value = self.base_dn.split(",")[0].partition("=")
        kind = {"dc": "domain", "o": "organization", "ou": "organizationalUnit"}[attribute]
        readable = (
            '(targetattr != "userPassword || aci")'
            '(version 3.0; acl "whoever has bound reads"; allow (read, search, compare) userdn = "ldap:///all";)'
        )
        self.add(self.base_dn, {"objectClass": ["top", kind], attribute: value, "aci": readable})
        self.add_reader("reader", self.reader_password)

    # ------------------------------------------------------------ accounts and limits
    def add_reader(self, cn: str, password: str = "reader-secret", *, limits: Mapping[str, int] = _NO_LIMITS) -> str:
        """Add an account that may read; its DN. `limits`: by attribute, such as nsPagedSizeLimit."""
        dn = f"cn={cn},{self.base_dn}"
        self.add(
            dn,
            {
                "objectClass": ["organizationalRole", "simpleSecurityObject"],
                "cn": cn,
                "userPassword": password,
                **{name: str(limit) for name, limit in limits.items()},
            },
        )
        return dn

    def configure(self, dn: str, changes: Changes) -> None:
        """Replace attributes below cn=config; most take effect at once."""
        with Bound(self) as connection:
            connection.modify_s(dn, replacements(changes))

    def log_lines(self, part: str) -> list[str]:
        """The lines of the access log that contain `part`, e.g. "BIND dn="."""
        path = self.folder / "log" / "access"
        text = path.read_text(errors="replace") if path.exists() else ""
        return [line for line in text.splitlines() if part in line]
