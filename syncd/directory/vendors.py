"""Who the server is, from its rootDSE (RFC 4512 section 5.1), and what follows from that.

Here is what tells one vendor from another; all else that is known of them is data (syncd.settings.profiles).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.model.attributes import canonical_attribute
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.settings.profiles import Vendor, profile_of

_RootDse = Mapping[str, list[bytes]]

# what feeds need to know (MS-ADTS section 3.1.1.3.2), kept as it is
_FACTS = ("dnsHostName", "dsServiceName", "highestCommittedUSN", "currentTime", "defaultNamingContext")

# Asked for by name: most are operational and not in "*", and nothing else is read.
ROOT_DSE = Search(
    purpose="the rootDSE",
    base_dn="",
    filter="(objectClass=*)",
    scope=Scope.BASE,
    attributes=(
        "objectClass",
        "structuralObjectClass",
        "vendorName",
        "vendorVersion",
        "namingContexts",
        "supportedControl",
        "supportedExtension",
        "supportedCapabilities",
        "domainControllerFunctionality",
        *_FACTS,
    ),
)

_AD_CAPABILITY = "1.2.840.113556.1.4.800"
# domainControllerFunctionality (MS-ADTS section 3.1.1.3.2.25)
_AD_VERSIONS = {"2": "2003", "3": "2008", "4": "2008 R2", "5": "2012", "6": "2012 R2", "7": "2016 or later", "10": "2025"}


_RECOGNISED: dict[Vendor, Callable[[_RootDse], bool]] = {
    # before the others: Samba has a vendorName of its own
    "active_directory": lambda dse: _AD_CAPABILITY in texts(dse, "supportedcapabilities"),
    "openldap": lambda dse: "openldaprootdse" in _folded(dse, "objectclass") + _folded(dse, "structuralobjectclass"),
    "ds389": lambda dse: any(name.startswith(("389 ", "fedora", "red hat")) for name in _folded(dse, "vendorname")),
    "generic": lambda dse: True,
}


def server_info(
    root_dse: _RootDse, *, url: str, tls: str = "", vendor: str = "auto", entry_id_attribute: str | None = None
) -> ServerInfo:
    """What is known of the server. `vendor` and `entry_id_attribute` from the configuration override what it says."""
    if vendor == "auto":
        vendor = next(name for name, recognised in _RECOGNISED.items() if recognised(root_dse))
    profile = profile_of(vendor)
    return ServerInfo(
        url=url,
        vendor=vendor,
        product=_first(root_dse, "vendorname") or profile.product,
        version=_first(root_dse, "vendorversion") or _AD_VERSIONS.get(_first(root_dse, "domaincontrollerfunctionality"), ""),
        tls=tls,
        naming_contexts=tuple(texts(root_dse, "namingcontexts")),
        controls=frozenset(texts(root_dse, "supportedcontrol")),
        extensions=frozenset(texts(root_dse, "supportedextension")),
        capabilities=frozenset(texts(root_dse, "supportedcapabilities")),
        entry_id_attribute=canonical_attribute(entry_id_attribute or profile.entry_id_attribute),
        version_attribute=canonical_attribute(profile.version_attribute),
        facts=facts(root_dse),
    )


def facts(root_dse: _RootDse) -> dict[str, str]:
    """`ServerInfo.facts`; some of them change from one moment to the next."""
    named = {name.lower(): _first(root_dse, name.lower()) for name in _FACTS}
    return {name: value for name, value in named.items() if value}


def texts(entry: _RootDse, attribute: str) -> list[str]:
    """The values of an attribute, named in lower case, as text."""
    return [str(value, "utf-8", "replace") for value in entry.get(attribute, ())]


def _folded(entry: _RootDse, attribute: str) -> list[str]:
    return [text.casefold() for text in texts(entry, attribute)]


def _first(entry: _RootDse, attribute: str) -> str:
    return next(iter(texts(entry, attribute)), "")
