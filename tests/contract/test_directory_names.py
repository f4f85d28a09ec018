"""Attributes are found by what the site calls them: by alias, by OID, and by names that are something else elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.directory.messages import encode_search
from syncd.model.attributes import canonical_attribute, requested_attribute
from tests.contract.directories import Server, people, read_once
from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd


@pytest.mark.parametrize(
    ("asked", "known_as"),
    [
        *(("surname", "sn"), ("2.5.4.4", "sn"), ("OID.2.5.4.4", "sn"), ("SurName;lang-en", "sn;lang-en")),
        *(("commonName", "cn"), ("gn", "givenname"), ("rfc822Mailbox", "mail"), ("2.5.4.9", "street"), ("userid", "uid")),
        # as they are written
        *(("givenName", "givenName"), ("sAMAccountName", "sAMAccountName"), ("cn;binary", "cn;binary")),
        *(("streetAddress", "streetAddress"), ("1.2.3.4", "1.2.3.4"), ("1.1", "1.1"), ("*", "*"), ("+", "+")),
        ("member;range=0-1499", "member;range=0-1499"),
    ],
)
def test_what_a_server_is_asked_for(asked: str, known_as: str) -> None:
    assert requested_attribute(asked) == known_as
    assert canonical_attribute(requested_attribute(asked)) == canonical_attribute(asked)


def test_nothing_is_asked_for_twice() -> None:
    once, twice = (encode_search(people("dc=x", attributes=names)) for names in (("sn",), ("sn", "surname", "2.5.4.4")))
    assert once == twice


@pytest.mark.parametrize("name", ["surname", "2.5.4.4", "oid.2.5.4.4", "SN"])
def test_by_any_name_on_every_page(server: Server, name: str) -> None:
    entries, verdict = read_once(server, people(server.base_dn, attributes=(name,)))
    assert (verdict.complete, len(entries)) == (True, 50)
    assert all(entry.attributes[canonical_attribute(name)] for entry in entries)


def test_an_oid_that_nobody_can_translate(server: Server) -> None:
    """Of 50 people Samba gives the first page, and success: no part is ever taken for the whole."""
    entries, verdict = read_once(server, people(server.base_dn, attributes=("sn", "2.16.840.1.113730.3.1.2.99")))
    if isinstance(server, SambaAd):
        assert (verdict.complete, verdict.code, entries) == (False, "invalid_filter", [])
        assert "2.16.840.1.113730.3.1.2.99" in verdict.reason
    else:
        assert (verdict.complete, len(entries)) == (True, 50)


def test_a_matching_rule_that_389_ds_does_not_know(ds389: Ds389) -> None:
    """It answers unavailableCriticalExtension, as a server that does not page would."""
    entries, verdict = read_once(ds389, people(ds389.base_dn, filter="(cn:1.2.840.113556.1.4.1941:=x)"))
    assert (verdict.complete, verdict.code, verdict.result_code, entries) == (False, "invalid_filter", 12, [])


@pytest.fixture(params=["make_slapd", "ds389_ou", "samba_ou"])
def empty(request: pytest.FixtureRequest) -> Any:
    """Each server, to be written to."""
    found = request.getfixturevalue(request.param)
    return found() if request.param == "make_slapd" else found


@pytest.mark.parametrize("name", ["streetAddress", "street"])
def test_a_street(empty: Server, name: str) -> None:
    """In Active Directory `street` and `streetAddress` are two attributes, elsewhere two names of one."""
    values: dict[str, Any] = {"streetAddress": "Long Road 1"}
    if isinstance(empty, SambaAd):
        values["street"] = "Not this one"
        expected = {"streetAddress": b"Long Road 1", "street": b"Not this one"}[name]
    else:
        expected = b"Long Road 1"
    parent = empty.add_ou("people")
    attributes = {**empty.person("anna"), **values}
    if not isinstance(empty, SambaAd | Ds389):
        # inetOrgPerson has street, by way of organizationalPerson
        attributes["objectClass"] = "inetOrgPerson"
    empty.add(empty.person_dn("anna", parent), attributes)
    (entry,), verdict = read_once(empty, people(empty.base_dn, filter="(sn=*)", attributes=(name,)))
    assert verdict.complete
    assert entry.attributes == {canonical_attribute(name): [expected]}
