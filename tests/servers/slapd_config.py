"""The cn=config tree of the tests' slapd, as LDIF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.tls import Certificate

_SCHEMAS = ("core", "cosine", "nis", "inetorgperson")

_OVERLAYS = {
    "memberof": (
        "objectClass: olcMemberOfConfig\nolcMemberOfDangling: ignore\nolcMemberOfRefInt: TRUE\n"
        "olcMemberOfGroupOC: groupOfNames\nolcMemberOfMemberAD: member\nolcMemberOfMemberOfAD: memberOf\n"
    ),
    "refint": (
        "objectClass: olcRefintConfig\nolcRefintAttribute: member\nolcRefintAttribute: uniqueMember\n"
        "olcRefintNothing: cn=nobody\n"
    ),
    "syncprov": "objectClass: olcSyncProvConfig\n",
    # its schema is built in; the policy is for a test to add
    "ppolicy": "objectClass: olcPPolicyConfig\nolcPPolicyDefault: cn=default,{base_dn}\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValues:
    """What differs between the servers of the tests."""

    folder: Path
    base_dn: str
    root_dn: str
    root_password: str
    reader_dn: str
    limits: str
    acl: tuple[str, ...] | None
    tls: Certificate | None
    ca_file: Path | None
    overlays: tuple[str, ...]
    # further lines for cn=config itself, such as "olcTLSVerifyClient: allow"
    extra: tuple[str, ...]
    max_size: int


def config_ldif(values: ConfigValues) -> str:
    """Everything slapadd needs for a new cn=config."""
    return "\n".join([_global(values), _modules(values), _schemas(), _databases(values), *_overlays(values)])


def _global(values: ConfigValues) -> str:
    lines = [
        "dn: cn=config",
        "objectClass: olcGlobal",
        "cn: config",
        f"olcPidFile: {values.folder / 'slapd.pid'}",
        "olcThreads: 8",
        "olcToolThreads: 2",
        *values.extra,
    ]
    if values.tls:
        lines += [f"olcTLSCertificateFile: {values.tls.cert_file}", f"olcTLSCertificateKeyFile: {values.tls.key_file}"]
        if values.ca_file:
            lines.append(f"olcTLSCACertificateFile: {values.ca_file}")
    return "\n".join(lines) + "\n"


def _modules(values: ConfigValues) -> str:
    modules = "".join(f"olcModuleLoad: {name}\n" for name in ("back_mdb", "back_monitor", *values.overlays))
    return f"dn: cn=module{{0}},cn=config\nobjectClass: olcModuleList\ncn: module{{0}}\nolcModulePath: /usr/lib/ldap\n{modules}"


def _schemas() -> str:
    parts = ["dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n"]
    for name in _SCHEMAS:
        text = Path(f"/etc/ldap/schema/{name}.ldif").read_text(encoding="utf-8")
        parts.append("\n".join(line for line in text.splitlines() if not line.startswith("#")) + "\n")
    return "\n".join(parts)


def _databases(values: ConfigValues) -> str:
    acl = values.acl
    if acl is None:
        acl = (
            "to attrs=userPassword by self write by anonymous auth by * none",
            f'to * by dn.exact="{values.reader_dn}" read by users read by * none',
        )
    access = "".join(f"olcAccess: {{{number}}}{line}\n" for number, line in enumerate(acl))
    indexes = "".join(
        f"olcDbIndex: {name} eq\n"
        for name in ("objectClass", "entryUUID", "entryCSN", "uid", "cn", "mail", "member", "memberUid")
    )
    return f"""dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcAccess: {{0}}to dn.base="" by * read
olcAccess: {{1}}to dn.base="cn=Subschema" by * read

dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcRootDN: cn=admin,cn=config
olcRootPW: {values.root_password}

dn: olcDatabase={{2}}monitor,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{2}}monitor
olcAccess: {{0}}to * by dn.exact="{values.root_dn}" read

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {values.base_dn}
olcRootDN: {values.root_dn}
olcRootPW: {values.root_password}
olcDbDirectory: {values.folder / "data"}
olcDbMaxSize: {values.max_size}
olcDbEnvFlags: nosync
olcDbMultival: member 200,100
olcDbMultival: memberUid 200,100
{indexes}olcLimits: {{0}}dn.exact="{values.reader_dn}" {values.limits}
{access}"""


def _overlays(values: ConfigValues) -> list[str]:
    return [
        f"dn: olcOverlay={{{number}}}{name},olcDatabase={{1}}mdb,cn=config\nobjectClass: olcOverlayConfig\n"
        f"olcOverlay: {{{number}}}{name}\n{_OVERLAYS[name].format(base_dn=values.base_dn)}"
        for number, name in enumerate(values.overlays)
    ]
