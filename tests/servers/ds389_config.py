"""The dse.ldif of the tests' 389 Directory Server, made from the template that comes with the package.

dscreate would do it by way of systemd, half a dozen tools and several starts of the server; the template and a few values
need none of them.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import ldif as ldif_module

_SHARE = Path("/usr/share/dirsrv")
_TEMPLATE = _SHARE / "data" / "template-dse.ldif"

# what a site with a sync switches on, and no log but the access log, which tests look into
_SETTINGS: dict[str, dict[str, str | list[str]]] = {
    "cn=config": {
        "nsslapd-listenhost": "127.0.0.1",
        "nsslapd-securelistenhost": "127.0.0.1",
        "nsslapd-accesslog-logbuffering": "off",
        "nsslapd-securitylog-logging-enabled": "off",
        # a password that is stored anew at the first bind changes the entry
        "nsslapd-enable-upgrade-hash": "off",
        "passwordstoragescheme": "SSHA256",
        "nsslapd-rootpwstoragescheme": "SSHA256",
        "nsslapd-sizelimit": "-1",
        "nsslapd-pagedsizelimit": "-1",
    },
    "cn=config,cn=ldbm database,cn=plugins,cn=config": {
        # nothing outlives the tests, and there is not much of it
        "nsslapd-db-durable-transaction": "off",
        "nsslapd-cache-autosize": "0",
        "nsslapd-dbcachesize": "10000000",
        "nsslapd-lookthroughlimit": "-1",
        "nsslapd-idlistscanlimit": "2147483646",
    },
    "cn=memberof plugin,cn=plugins,cn=config": {
        "nsslapd-pluginenabled": "on",
        "memberofgroupattr": ["member", "uniqueMember"],
        "memberofautoaddoc": "nsMemberOf",
    },
    "cn=referential integrity postoperation,cn=plugins,cn=config": {"nsslapd-pluginenabled": "on"},
    "cn=usn,cn=plugins,cn=config": {"nsslapd-pluginenabled": "on"},
    "cn=retro changelog plugin,cn=plugins,cn=config": {
        "nsslapd-pluginenabled": "on",
        "nsslapd-attribute": ["nsuniqueid:targetUniqueId", "entryuuid:targetEntryUUID"],
    },
    "cn=content synchronization,cn=plugins,cn=config": {"nsslapd-pluginenabled": "on"},
}

# the server adds these to a new dse.ldif by itself, but runs them from its second start on only
_ENTRY_UUID = """
dn: cn=entryuuid,cn=plugins,cn=config
objectClass: top
objectClass: nsSlapdPlugin
cn: entryuuid
nsslapd-pluginPath: libentryuuid-plugin
nsslapd-pluginInitfunc: entryuuid_plugin_init
nsslapd-pluginType: betxnpreoperation
nsslapd-pluginEnabled: on
nsslapd-pluginId: none
nsslapd-pluginVersion: none
nsslapd-pluginVendor: none
nsslapd-pluginDescription: none

dn: cn=entryuuid_syntax,cn=plugins,cn=config
objectClass: top
objectClass: nsSlapdPlugin
cn: entryuuid_syntax
nsslapd-pluginPath: libentryuuid-syntax-plugin
nsslapd-pluginInitfunc: entryuuid_syntax_plugin_init
nsslapd-pluginType: syntax
nsslapd-pluginEnabled: on
nsslapd-pluginId: none
nsslapd-pluginVersion: none
nsslapd-pluginVendor: none
nsslapd-pluginDescription: none
"""


def write_instance(
    folder: Path, *, base_dn: str, root_dn: str, root_password: str, changes: Mapping[str, Mapping[str, str]]
) -> Path:
    """Make the folders and the configuration of a server; `changes` by DN go on top. Returns the configuration's folder."""
    if not _TEMPLATE.exists():
        raise RuntimeError(f"{_TEMPLATE} is missing: apt-get install --no-install-recommends 389-ds-base")
    config = folder / "config"
    for path in (config / "schema", *(folder / name for name in ("db", "ldif", "bak", "log", "lock", "run", "tmp"))):
        path.mkdir(parents=True)
    # the server itself writes schema into this file; /etc/dirsrv, where Debian keeps one, is closed to other users
    (config / "schema" / "99user.ldif").write_text("dn: cn=schema\n")
    (config / "certmap.conf").write_text("certmap default default\n")
    (config / "slapd-collations.conf").touch()
    values = {
        "schema_dir": config / "schema",
        "lock_dir": folder / "lock",
        "tmp_dir": folder / "tmp",
        "cert_dir": config,
        "ldif_dir": folder / "ldif",
        "bak_dir": folder / "bak",
        "run_dir": folder / "run",
        "inst_dir": folder,
        "log_dir": folder / "log",
        "config_dir": config,
        "db_dir": folder / "db",
        "db_home_dir": folder / "db",
        "db_lib": "bdb",
        "fqdn": "localhost",
        "ds_port": 0,
        "ds_user": getpass.getuser(),
        "ds_suffix": base_dn,
        "rootdn": root_dn,
        "ds_passwd": _hashed(root_password),
        "ldapi_enabled": "off",
        "ldapi": folder / "run" / "ldapi",
        "ldapi_autobind": "off",
    }
    text = re.sub(r"%(\w+)%", lambda found: str(values[found[1]]), _TEMPLATE.read_text(encoding="utf-8"))
    (config / "dse.ldif").write_text(text + _ENTRY_UUID, encoding="utf-8")
    edit_dse(config, _SETTINGS)
    edit_dse(config, changes)
    return config


def _hashed(password: str) -> str:
    """The salted hash that the server wants in its configuration; it takes no password in clear there."""
    salt = b"12345678"
    return "{SSHA256}" + base64.b64encode(hashlib.sha256(password.encode() + salt).digest() + salt).decode()


def edit_dse(config: Path, changes: Mapping[str, Mapping[str, str | list[str]]]) -> None:
    """Replace attributes in the dse.ldif of a server that is not running; DNs and names in lower case."""
    parser = ldif_module.LDIFRecordList(io.StringIO((config / "dse.ldif").read_text(encoding="utf-8")))
    parser.parse()
    with (config / "dse.ldif").open("w", encoding="utf-8") as file:
        writer = ldif_module.LDIFWriter(file)
        for dn, attributes in parser.all_records:
            writer.unparse(dn, _replaced(attributes, changes.get(dn.lower(), {})))


def _replaced(attributes: Mapping[str, Sequence[bytes]], changes: Mapping[str, str | list[str]]) -> dict[str, list[bytes]]:
    result = {name: list(values) for name, values in attributes.items() if name.lower() not in changes}
    for name, value in changes.items():
        result[name] = [text.encode() for text in ([value] if isinstance(value, str) else value)]
    return result
