"""Works on an Active Directory domain whose server does not run; run itself by the system's Python, which has Samba's modules.

    /usr/bin/python3 -I samba_domain.py create '{"smb_conf": "/f/smb.conf", "realm": "AD.EXAMPLE.COM", ...}'
    /usr/bin/python3 -I samba_domain.py rename '{"smb_conf": "/f/smb.conf", "dn": "OU=a,...", "new_dn": "OU=b,..."}'

Samba's own tool makes a domain in four runs, and wants the modules of its file server for a share that no test uses.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import ldb  # type: ignore[import-not-found]
from samba import dsdb, provision, sd_utils  # type: ignore[import-not-found]
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.dcerpc import security  # type: ignore[import-not-found]
from samba.ndr import ndr_unpack  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]

# the right "Replicating Directory Changes", which DirSync wants
_GET_CHANGES = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"
_DATABASE_BYTES = 1 << 30


def create(loaded: Any, arguments: dict[str, Any]) -> None:
    """A new domain, with the reader's account."""
    provision.provision(
        logging.getLogger("provision"),
        system_session(),
        smbconf=arguments["smb_conf"],
        targetdir=None,
        realm=arguments["realm"],
        domain=arguments["domain"],
        hostname=arguments["host"],
        hostip=arguments["address"],
        adminpass=arguments["administrator_password"],
        serverrole="active directory domain controller",
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        dns_backend="NONE",
        use_rfc2307=True,
        lp=loaded,
        backend_store="mdb",
        backend_store_size=_DATABASE_BYTES,
        batch_mode=True,
        skip_sysvolacl=True,
    )
    database = SamDB(url=loaded.private_path("sam.ldb"), session_info=system_session(), lp=loaded)
    _set_policies(database, attempts=arguments["lockout_attempts"])
    _add_reader(database, arguments["reader"], arguments["reader_password"])


def rename(loaded: Any, arguments: dict[str, Any]) -> None:
    """Rename an entry and all below it, in time that grows with their number and not with its square."""
    database = SamDB(url=loaded.private_path("sam.ldb"), session_info=system_session(), lp=loaded, options=["batch_mode:1"])
    database.rename(arguments["dn"], arguments["new_dn"])


def _set_policies(database: Any, *, attempts: int) -> None:
    """No rules for passwords, none of which expires; a lockout for half an hour."""
    half_an_hour = -30 * 60 * 10_000_000
    values = {
        "pwdProperties": 0,
        "minPwdLength": 0,
        "minPwdAge": 0,
        "maxPwdAge": -0x8000000000000000,
        "pwdHistoryLength": 0,
        "lockoutThreshold": attempts,
        "lockoutDuration": half_an_hour,
        "lockOutObservationWindow": half_an_hour,
    }
    message = ldb.Message(ldb.Dn(database, database.domain_dn()))
    for name, value in values.items():
        message[name] = ldb.MessageElement(str(value), ldb.FLAG_MOD_REPLACE, name)
    database.modify(message)


def _add_reader(database: Any, name: str, password: str) -> None:
    """An ordinary account, with the one right more that feeds need."""
    database.newuser(name, password)
    found = database.search(f"CN={name},CN=Users,{database.domain_dn()}", ldb.SCOPE_BASE, attrs=["objectSid"])
    sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
    sd_utils.SDUtils(database).dacl_add_ace(database.domain_dn(), f"(OA;;CR;{_GET_CHANGES};;{sid})")


def main(action: str, arguments: dict[str, Any]) -> None:
    loaded = LoadParm()
    loaded.load(arguments["smb_conf"])
    {"create": create, "rename": rename}[action](loaded, arguments)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
