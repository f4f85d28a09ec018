"""Recognising servers by what their rootDSE says, as they have been seen to say it."""

from __future__ import annotations

import pytest

from syncd.directory.vendors import server_info

OPENLDAP = {"objectclass": [b"top", b"OpenLDAProotDSE"], "structuralobjectclass": [b"OpenLDAProotDSE"]}
DS389 = {"objectclass": [b"top"], "vendorname": [b"389 Project"], "vendorversion": [b"389-Directory/2.3.1 B2023.045.1200"]}
WINDOWS = {
    "supportedcapabilities": [b"1.2.840.113556.1.4.800", b"1.2.840.113556.1.4.1670"],
    "domaincontrollerfunctionality": [b"7"],
    "namingcontexts": [b"DC=example,DC=com", b"CN=Configuration,DC=example,DC=com"],
    "supportedcontrol": [b"1.2.840.113556.1.4.319"],
}
SAMBA = {
    "supportedcapabilities": [b"1.2.840.113556.1.4.800"],
    "vendorname": [b"Samba Team (https://www.samba.org)"],
    "vendorversion": [b"4.17.12-Debian"],
}


@pytest.mark.parametrize(
    ("root_dse", "vendor", "product", "version", "entry_id"),
    [
        (OPENLDAP, "openldap", "OpenLDAP", "", "entryuuid"),
        ({"structuralobjectclass": [b"openldaprootdse"]}, "openldap", "OpenLDAP", "", "entryuuid"),
        (DS389, "ds389", "389 Project", "389-Directory/2.3.1 B2023.045.1200", "nsuniqueid"),
        ({"vendorname": [b"Red Hat Inc."]}, "ds389", "Red Hat Inc.", "", "nsuniqueid"),
        ({"vendorname": [b"Fedora Project"]}, "ds389", "Fedora Project", "", "nsuniqueid"),
        (WINDOWS, "active_directory", "Active Directory", "2016 or later", "objectguid"),
        (SAMBA, "active_directory", "Samba Team (https://www.samba.org)", "4.17.12-Debian", "objectguid"),
        ({"vendorname": [b"Oracle Corporation"]}, "generic", "Oracle Corporation", "", "entryuuid"),
        ({}, "generic", "", "", "entryuuid"),
        ({"vendorname": [b"\xff\xfe"]}, "generic", "\ufffd\ufffd", "", "entryuuid"),
    ],
)
def test_recognition(root_dse: dict[str, list[bytes]], vendor: str, product: str, version: str, entry_id: str) -> None:
    info = server_info(root_dse, url="ldap://x")
    assert (info.vendor, info.product, info.version, info.entry_id_attribute) == (vendor, product, version, entry_id)


def test_the_configuration_knows_better() -> None:
    info = server_info(OPENLDAP, url="ldap://x", vendor="ds389", entry_id_attribute="employeeNumber")
    assert (info.vendor, info.entry_id_attribute) == ("ds389", "employeenumber")


def test_what_it_lists() -> None:
    info = server_info(WINDOWS, url="ldaps://dc1", tls="TLSv1.3")
    assert (info.url, info.tls) == ("ldaps://dc1", "TLSv1.3")
    assert info.naming_contexts == ("DC=example,DC=com", "CN=Configuration,DC=example,DC=com")
    assert info.controls == {"1.2.840.113556.1.4.319"}
    assert "1.2.840.113556.1.4.1670" in info.capabilities
