"""One name for each attribute, whatever it is called.

A server may answer a request for `surname` with `sn`, an administrator may write the OID, and case never matters
(RFC 4512 sections 1.4 and 2.5). All looking up is done by the canonical name this module gives.
"""

from __future__ import annotations

from functools import lru_cache

# Short name -> other names and OID, of the attributes people and directories do name in more than one way
# (RFC 4519, RFC 4524, RFC 2798, RFC 4530).
_ALIASES: dict[str, tuple[str, ...]] = {
    "c": ("countryname", "2.5.4.6"),
    "cn": ("commonname", "2.5.4.3"),
    "dc": ("domaincomponent", "0.9.2342.19200300.100.1.25"),
    "departmentnumber": ("2.16.840.1.113730.3.1.2",),
    "description": ("multilinedescription", "2.5.4.13"),
    "displayname": ("2.16.840.1.113730.3.1.241",),
    "employeenumber": ("2.16.840.1.113730.3.1.3",),
    "employeetype": ("2.16.840.1.113730.3.1.4",),
    "entryuuid": ("1.3.6.1.1.16.4",),
    "facsimiletelephonenumber": ("fax", "2.5.4.23"),
    "givenname": ("gn", "2.5.4.42"),
    "homephone": ("hometelephonenumber", "0.9.2342.19200300.100.1.20"),
    "initials": ("2.5.4.43",),
    "jpegphoto": ("0.9.2342.19200300.100.1.60",),
    "l": ("localityname", "2.5.4.7"),
    "mail": ("rfc822mailbox", "0.9.2342.19200300.100.1.3"),
    "member": ("2.5.4.31",),
    "mobile": ("mobiletelephonenumber", "0.9.2342.19200300.100.1.41"),
    "o": ("organizationname", "2.5.4.10"),
    "objectclass": ("2.5.4.0",),
    "ou": ("organizationalunitname", "2.5.4.11"),
    "pager": ("pagertelephonenumber", "0.9.2342.19200300.100.1.42"),
    "postalcode": ("2.5.4.17",),
    "serialnumber": ("2.5.4.5",),
    "sn": ("surname", "2.5.4.4"),
    "st": ("stateorprovincename", "2.5.4.8"),
    "street": ("streetaddress", "2.5.4.9"),
    "telephonenumber": ("2.5.4.20",),
    "title": ("2.5.4.12",),
    "uid": ("userid", "0.9.2342.19200300.100.1.1"),
    "uniquemember": ("2.5.4.50",),
}
_CANONICAL = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
# aliases that are attributes of their own on some servers: `streetAddress` is not `street` in Active Directory
_OWN_ATTRIBUTES = frozenset(("streetaddress",))


@lru_cache(maxsize=4096)
def canonical_attribute(description: str) -> str:
    """An attribute description's canonical form: lower case, the short name, options kept in sorted order but `;binary`.

    `;binary` says how a value is transferred (RFC 4522), not what it is; other options, such as `;lang-en`, make another
    attribute of it (RFC 4512 section 2.5.2).
    """
    name, *options = description.strip().lower().removeprefix("oid.").split(";")
    kept = sorted(option for option in options if option != "binary")
    return ";".join([_CANONICAL.get(name, name), *kept])


@lru_cache(maxsize=4096)
def requested_attribute(description: str) -> str:
    """The description to ask a server for: as it is written, but for names that not every server knows.

    Active Directory knows few of the standard's aliases (no `surname`), and Samba ends a paged search that asks by OID before
    all is read, with success.
    """
    name, *options = description.strip().split(";")
    bare = name.lower().removeprefix("oid.")
    short = bare if bare in _OWN_ATTRIBUTES else _CANONICAL.get(bare, name)
    return ";".join([name if short == name.lower() else short, *options])
