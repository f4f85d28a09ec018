"""A real Samba Active Directory domain controller for tests: `with SambaAd(folder) as server: ...`.

It stands for Active Directory: objectGUID, sAMAccountName, userAccountControl, linked member and memberOf, references at the
end of a search. Unlike Windows it has no limit to a page or to the number of a group's members in one answer.

Its ports are fixed, 389 and 636, so each server listens on a loopback address of its own, 127.53.x.y, and only root can
start one. The state is whole in one folder; it is stopped by `stop` or, at the latest, when the test process ends.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from ldap.controls import RequestControl

from tests.servers.content import Bound, DirectoryContent, Value
from tests.servers.process import RunsServer, ServerProcess, accepts, run_tool, tool
from tests.servers.tls import Authority

_PACKAGES = "samba samba-ad-provision samba-dsdb-modules"
_SYSTEM_PYTHON = "/usr/bin/python3"
_DOMAIN_SCRIPT = Path(__file__).with_name("samba_domain.py")
_HOST = "dc1"
_LDAP, _LDAPS = 389, 636
_TREE_DELETE = "1.2.840.113556.1.4.805"

# userAccountControl (MS-ADTS section 2.2.16)
NORMAL_ACCOUNT, DISABLED, NO_PASSWORD_NEEDED = 0x200, 0x2, 0x20

_CONFIGURATION = """\
[global]
netbios name = {host}
realm = {realm}
workgroup = {domain}
server role = active directory domain controller
server services = ldap
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}/run
pid directory = {folder}/run
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
interfaces = {address}/8
bind interfaces only = yes
ldap server require strong auth = no
tls enabled = {tls}
tls keyfile = {folder}/tls/server.key
tls certfile = {folder}/tls/server.pem
tls cafile = {folder}/tls/ca.pem
idmap_ldb:use rfc2307 = yes
ldb:nosync = yes
log level = 1 auth_audit:3

[sysvol]
path = {folder}/state/sysvol

[netlogon]
path = {folder}/state/sysvol/scripts
"""


class SambaAd(DirectoryContent, RunsServer):
    """One domain controller of the domain ad.example.com, in one process.

    `tls`: the authority that issues the certificate; with it there is an `ldaps_url`, and StartTLS. `lockout_attempts`: after
    so many wrong passwords an account is locked for half an hour; 0 for never. The reader is an ordinary account with the
    right to use DirSync; `reader_upn` is its other name to bind with.
    """

    def __init__(self, folder: Path, *, tls: Authority | None = None, lockout_attempts: int = 0) -> None:
        self.folder = folder
        self.base_dn = self.domain_dn = "DC=ad,DC=example,DC=com"
        self.root_dn, self.root_password = f"CN=Administrator,CN=Users,{self.domain_dn}", "Root-Secret-1"
        self.reader_dn, self.reader_password = f"CN=reader,CN=Users,{self.domain_dn}", "Reader-Secret-1"
        self.reader_upn = "reader@ad.example.com"
        self.ca_file = tls.ca_file if tls else None
        # "inetOrgPerson" is a kind of user, for searches that are the same on all servers
        self.person_class = "user"
        self.address = ""
        self._authority = tls
        self._lockout_attempts = lockout_attempts
        self._process = ServerProcess(folder / "samba.log")

    @property
    def url(self) -> str:
        return f"ldap://{self.address}:{_LDAP}"

    @property
    def ldaps_url(self) -> str:
        assert self._authority, "this server has no certificate"
        return f"ldaps://{self.address}:{_LDAPS}"

    # ------------------------------------------------------------ life
    def start(self) -> Self:
        """Start on the address it had before, or on a free one; returns when it answers."""
        if not self.address:
            self.address = _free_address()
            self._create()
        command = (
            *(tool("samba", packages=_PACKAGES), "--foreground", "--no-process-group", "--model=single"),
            *(f"--configfile={self.folder / 'smb.conf'}", "--debug-stdout"),
        )
        if not self._process.launch(command, answers=lambda _: accepts(self.address, _LDAP)):
            raise RuntimeError(f"samba did not start: {self._process.log_text()[-2000:]}")
        return self

    def _create(self) -> None:
        if os.geteuid() != 0:
            raise RuntimeError(f"Only root can start Samba AD: its ports {_LDAP} and {_LDAPS} are fixed.")
        _check_installed()
        for name in ("private", "state", "cache", "run", "ncalrpc", "bind-dns", "tls"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        values = {"host": _HOST.upper(), "realm": "AD.EXAMPLE.COM", "domain": "EXAMPLE"}
        text = _CONFIGURATION.format(folder=self.folder, address=self.address, tls="yes" if self._authority else "no", **values)
        (self.folder / "smb.conf").write_text(text, encoding="utf-8")
        self._write_certificate()
        arguments = {
            **values,
            "host": _HOST,
            "address": self.address,
            "administrator_password": self.root_password,
            "reader": "reader",
            "reader_password": self.reader_password,
            "lockout_attempts": self._lockout_attempts,
        }
        self._work_on_domain("create", arguments)

    def _work_on_domain(self, action: str, arguments: Mapping[str, object]) -> None:
        python = tool(_SYSTEM_PYTHON, packages=f"python3 {_PACKAGES}")
        values = {"smb_conf": str(self.folder / "smb.conf"), **arguments}
        # -I: beside the script lies this module, which is not the `samba` it imports
        run_tool(python, "-I", str(_DOMAIN_SCRIPT), action, json.dumps(values))

    def _write_certificate(self) -> None:
        if self._authority is None:
            return
        certificate = self._authority.issue(self.address, f"{_HOST}.ad.example.com", "localhost")
        shutil.copy(certificate.cert_file, self.folder / "tls" / "server.pem")
        shutil.copy(self._authority.ca_file, self.folder / "tls" / "ca.pem")
        key_file = Path(shutil.copy(certificate.key_file, self.folder / "tls" / "server.key"))
        # Samba takes no key that others could read
        key_file.chmod(0o600)

    # ------------------------------------------------------------ content
    def person_dn(self, uid: str, parent: str) -> str:
        return f"CN={uid},{parent}"

    def person(self, uid: str, number: int = 0) -> dict[str, Value | Sequence[Value]]:
        return {
            "objectClass": self.person_class,
            "sAMAccountName": uid,
            "uid": uid,
            "userPrincipalName": f"{uid}@ad.example.com",
            "displayName": f"Person {number}",
            "sn": f"Family{number}",
            "givenName": f"Given{number}",
            "mail": f"{uid}@example.com",
            "userAccountControl": str(NORMAL_ACCOUNT | NO_PASSWORD_NEEDED),
            "pwdLastSet": "-1",
        }

    def group(self, cn: str, members: Sequence[str]) -> dict[str, Value | Sequence[Value]]:
        return {"objectClass": "group", "sAMAccountName": cn, "member": list(members)}

    def set_password(self, dn: str, password: str) -> None:
        self.modify(dn, {"unicodePwd": f'"{password}"'.encode("utf-16-le")})

    def delete_tree(self, dn: str) -> None:
        """Delete an entry and everything below it: names of accounts are unique in the whole domain."""
        control = RequestControl(_TREE_DELETE, criticality=True)
        with Bound(self) as connection:
            connection.delete_ext_s(dn, serverctrls=[control])

    def rename_large(self, dn: str, new_rdn: str) -> None:
        """Rename an OU with thousands below it, for which the running server takes a minute. Stops it for a moment."""
        self.stop()
        self._work_on_domain("rename", {"dn": dn, "new_dn": f"{new_rdn},{dn.partition(',')[2]}"})
        self.start()

    def log_lines(self, part: str) -> list[str]:
        """The lines of the log that contain `part`; an attempt to bind has "Simple Bind"."""
        return [line for line in self._process.log_text().splitlines() if part in line]


def _check_installed() -> None:
    """Raise RuntimeError with the packages to install unless all that a domain needs is there."""
    tool("samba", packages=_PACKAGES)
    for pattern in ("usr/share/samba/setup/provision.ldif", "usr/lib/*/samba/ldb/samba_dsdb.so"):
        if not any(Path("/").glob(pattern)):
            raise RuntimeError(f"/{pattern} is missing: apt-get install --no-install-recommends {_PACKAGES}")


def _free_address() -> str:
    """A loopback address on whose LDAP ports nothing listens."""
    while True:
        address = f"127.53.{random.randrange(256)}.{random.randrange(1, 255)}"
        if not accepts(address, _LDAP) and not accepts(address, _LDAPS):
            return address
