"""What 389 Directory Server and Samba AD do when read, connected to and checked as OpenLDAP is, and where they do not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from ldap.controls.simple import ManageDSAITControl

from syncd.errors import DirectoryError
from syncd.model.attributes import canonical_attribute
from syncd.model.reading import Scope
from tests.contract.directories import Server, by_dn, directory, people, read, read_once
from tests.contract.test_directory_probe import STEPS, lines, named, statuses
from tests.contract.test_directory_reading import AWKWARD, FILTERS
from tests.servers.content import Attributes, Bound
from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd
from tests.servers.slapd import Slapd


@pytest.fixture(params=["ds389_ou", "samba_ou"])
def own(request: pytest.FixtureRequest) -> Any:
    """Each server, seen from an empty OU."""
    return request.getfixturevalue(request.param)


def failure(server: Server, **changes: Any) -> DirectoryError:
    with pytest.raises(DirectoryError) as caught:
        directory(server, **changes).connect().close()
    return caught.value


def everybody(server: Server, **changes: Any) -> Any:
    """The search for people of the server's usual class."""
    return people(server.base_dn, **({"filter": "(|(objectClass=inetOrgPerson)(objectClass=user))"} | changes))


# ---------------------------------------------------------------- the same as python-ldap reads
def for_active_directory(dn: str, attributes: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same entry as far as Active Directory takes it: one value in the name and for most attributes, 64 letters in cn, no
    languages."""
    kept = {name: value[0] if isinstance(value, list) else value for name, value in attributes.items() if ";" not in name}
    if len(kept["cn"]) > 64:
        return dn.replace(kept["cn"], "n" * 64), {**kept, "cn": "n" * 64}
    return dn.replace("+uid=zoi", ""), kept


@pytest.fixture
def awkward(own: Server) -> Server:
    parent = own.add_ou("people")
    own.add_ou("東京", parent=parent)
    entries: list[tuple[str, Attributes]] = list(AWKWARD)  # type: ignore[arg-type]
    if isinstance(own, SambaAd):
        entries = [for_active_directory(dn, dict(attributes)) for dn, attributes in entries]
    dns = [dn.format(people=parent) for dn, _ in entries]
    for dn, (_, attributes) in zip(dns, entries, strict=True):
        own.add(dn, {"objectClass": "inetOrgPerson"} | dict(attributes))
    own.add_group("group", *dns, parent=parent)
    return own


@pytest.mark.parametrize(
    "attributes", [("*",), ("*", "+"), ("CN", "mail", "memberOf", "nsUniqueId", "objectGUID"), ("cn", "jpegPhoto;binary")]
)
def test_entries_are_those_that_python_ldap_reads(awkward: Server, attributes: tuple[str, ...]) -> None:
    search = everybody(awkward, filter="(cn=*)", attributes=attributes)
    entries, verdict = read_once(awkward, search, page_size=3)
    truth = awkward.search(search.filter, attributes=attributes)
    assert verdict.complete
    wanted = {dn: {canonical_attribute(name): values for name, values in found.items()} for dn, found in truth}
    assert by_dn(entries) == wanted
    assert len(entries) == len(AWKWARD) + 1


# what libldap does not send, and what the servers refuse
_LIBLDAP_REFUSES = ("(&)", "(|)", "(&(objectClass=inetOrgPerson)(|)(&))", "(!(|))")
_REFUSED = {Ds389: ("(:dn:caseIgnoreMatch:=people)",), SambaAd: ("(cn~=smith, john)",)}


def test_filters_mean_what_they_mean_to_python_ldap(awkward: Server) -> None:
    with contextlib.closing(directory(awkward).connect()) as session:
        for filter_ in FILTERS:
            entries, verdict = read(session, people(awkward.base_dn, filter=filter_, attributes=("cn",)))
            if filter_ in _REFUSED[type(awkward)]:
                assert (entries, verdict.complete) == ([], False), filter_
                continue
            assert verdict.complete, (filter_, verdict)
            if filter_ not in _LIBLDAP_REFUSES:
                wanted = {dn for dn, _ in awkward.search(filter_.replace("\n", ""), attributes=["cn"])}
                assert {found.dn for found in entries} == wanted, filter_


# ---------------------------------------------------------------- connecting
def test_a_server_that_freezes_between_pages(own: Server) -> None:
    own.add_people(3, first=100)
    session = directory(own, receive_timeout=1.5).connect()
    own.pause()
    try:
        entries, verdict = read(session, everybody(own))
        refused = failure(own, connect_timeout=1.5)
    finally:
        own.resume()
    session.close()
    assert (entries, verdict.complete, verdict.code) == ([], False, "receive_timeout")
    assert (refused.code, refused.context["phase"]) == ("connect_timeout", "bind")
    assert len(read_once(own, everybody(own))[0]) == 3


def test_check_says_that_all_is_well(server: Server) -> None:
    found = lines(server, people(server.base_dn), urls=[server.ldaps_url], tls={"ca_file": server.ca_file})
    assert statuses(found) == [(name, "pass") for name in [*STEPS, "users", "users id"]]
    assert {Slapd: "OpenLDAP", Ds389: "389", SambaAd: "Samba"}[type(server)] in named(found, "server").text
    assert "50 entries match" in named(found, "users").text


# ---------------------------------------------------------------- 389 Directory Server
def test_389_counts_a_page_against_the_paged_size_limit(ds389: Ds389) -> None:
    reader = ds389.add_reader("paged-limit", limits={"nsPagedSizeLimit": 20, "nsSizeLimit": 5})
    assert read_once(ds389, page_size=19, bind_dn=reader)[1].complete
    # it looks for one entry more than the page has
    entries, verdict = read_once(ds389, page_size=20, bind_dn=reader)
    assert (len(entries), verdict.complete, verdict.code) == (20, False, "size_limit_exceeded")
    assert "nsPagedSizeLimit" in verdict.advice


@pytest.mark.parametrize("limit", ["nsLookThroughLimit", "nsPagedLookThroughLimit"])
def test_389_counts_all_pages_against_the_look_through_limit(ds389: Ds389, limit: str) -> None:
    reader = ds389.add_reader(limit, limits={limit: 20})
    entries, verdict = read_once(ds389, page_size=15, bind_dn=reader)
    assert (len(entries), verdict.complete, verdict.code) == (20, False, "admin_limit_exceeded")
    assert "nsLookThroughLimit" in verdict.advice


def test_389_does_not_tell_a_hidden_base_from_an_empty_one(ds389_ou: Ds389) -> None:
    """Success, and nothing: only what a run knows from the one before can tell. A base that is not there is told."""
    ds389_ou.add_people(3)
    deny = f'(targetattr = "*")(version 3.0; acl "hide"; deny (all) userdn = "ldap:///{ds389_ou.reader_dn}";)'
    ds389_ou.modify(ds389_ou.base_dn, {"aci": deny})
    entries, verdict = read_once(ds389_ou)
    assert (entries, verdict.complete) == ([], True)
    found = lines(ds389_ou, people(ds389_ou.base_dn))
    assert (named(found, "base").status, "hidden" in named(found, "base").text) == ("fail", True)


def test_389_with_a_referral_object(ds389_ou: Ds389) -> None:
    ds389_ou.add_people(3)
    dn = f"ou=remote,{ds389_ou.base_dn}"
    with Bound(ds389_ou) as connection:
        entry = [
            ("objectClass", [b"referral", b"extensibleObject"]),
            ("ou", [b"remote"]),
            ("ref", [b"ldap://192.0.2.1/ou=remote,dc=example,dc=com"]),
        ]
        connection.add_ext_s(dn, entry, serverctrls=[ManageDSAITControl(True)])
    for search, count in ((None, 3), (people(dn), 0)):
        entries, verdict = read_once(ds389_ou, search)
        assert (len(entries), verdict.complete, verdict.code) == (count, False, "referral")


def test_389_that_dies_between_pages_and_comes_back(make_ds389: Callable[..., Ds389]) -> None:
    server = make_ds389()
    # more than what fits into the buffers on the way, so that the last pages are not on this side already
    for dn in server.add_people(60):
        server.modify(dn, {"jpegPhoto": bytes(200_000)})
    session = directory(server, page_size=5).connect()
    reading = session.read(people(server.base_dn, attributes=("uid", "jpegPhoto")))
    batches = iter(reading)
    count = len(next(batches))
    server.kill()
    count += sum(len(batch) for batch in batches)
    session.close()
    assert (reading.verdict.complete, reading.verdict.code) == (False, "connection_lost")
    assert 5 <= count < 60
    server.start()
    assert len(read_once(server, page_size=5)[0]) == 60


def test_389_refuses_accounts_in_its_own_words(ds389_server: Ds389) -> None:
    inactive = ds389_server.add_reader("inactive")
    ds389_server.modify(inactive, {"nsAccountLock": "true"})
    error = failure(ds389_server, bind_dn=inactive)
    assert (error.code, error.context["result_code"]) == ("account_disabled", 53)
    assert "inactivated" in error.message
    nobody: dict[str, Any] = {"bind": "anonymous", "bind_dn": None, "bind_password": None}
    # who may not read sees nothing, with success
    assert read_once(ds389_server, **nobody)[1].complete


# ---------------------------------------------------------------- Samba AD
def test_samba_binds_by_other_names_than_the_dn(samba: SambaAd) -> None:
    for name in (samba.reader_upn, "EXAMPLE\\reader"):
        entries, verdict = read_once(samba, everybody(samba), bind_dn=name)
        assert (len(entries), verdict.complete) == (50, True)


def test_samba_names_its_other_partitions_on_a_search_of_the_domain(samba_server: SambaAd) -> None:
    search = people(samba_server.domain_dn, filter="(sAMAccountName=reader)")
    entries, verdict = read_once(samba_server, search)
    assert ([entry.dn for entry in entries], verdict.complete) == ([samba_server.reader_dn], True)
    assert [url.rpartition("/")[2] for url in verdict.references] == [f"CN=Configuration,{samba_server.domain_dn}"]


def test_samba_says_why_it_refuses(samba_ou: SambaAd) -> None:
    dn = samba_ou.add_people(1, first=200)[0]
    samba_ou.set_password(dn, "Sup3r-secret")
    credentials = {"bind_dn": dn, "bind_password": "Sup3r-secret"}
    directory(samba_ou, **credentials).connect().close()
    for changes, code, said in (
        ({"pwdLastSet": "0"}, "bind_password_must_change", "must be changed first"),
        ({"pwdLastSet": "-1", "accountExpires": "132000000000000000"}, "account_expired", "has expired"),
        ({"accountExpires": "0", "userAccountControl": "514"}, "account_disabled", "is disabled"),
    ):
        samba_ou.modify(dn, changes)
        error = failure(samba_ou, **credentials)
        assert error.code == code
        assert said in error.message


def test_samba_lets_nobody_search_without_a_bind(samba: SambaAd) -> None:
    entries, verdict = read_once(samba, bind="anonymous", bind_dn=None, bind_password=None)
    assert (entries, verdict.complete, verdict.code) == ([], False, "insufficient_access")


def test_samba_gives_the_range_of_members_that_was_asked_for(samba_ou: SambaAd) -> None:
    group = samba_ou.add_group("ranged", *samba_ou.add_people(3, first=300), parent=samba_ou.base_dn)
    for wanted, count in (("member;range=0-1", 2), ("member;range=2-*", 1), ("member;range=3-*", 0)):
        entries, _ = read_once(samba_ou, people(group, scope=Scope.BASE, filter="(cn=*)", attributes=(wanted,)))
        assert [len(values) for values in entries[0].attributes.values()] == [count]


def test_samba_keeps_an_entrys_id_wherever_it_goes(samba_ou: SambaAd) -> None:
    dn = samba_ou.add_people(1, first=400)[0]
    seen = []
    for step in range(3):
        entries, _ = read_once(samba_ou, everybody(samba_ou, attributes=("objectGUID",)))
        seen.append(entries[0].first("objectguid"))
        if step == 0:
            samba_ou.rename(dn, "CN=somebody else")
        elif step == 1:
            samba_ou.rename(f"CN=somebody else,{samba_ou.base_dn}", "CN=moved", new_superior=samba_ou.add_ou("other"))
    assert len(set(seen)) == 1
    samba_ou.delete(f"CN=moved,ou=other,{samba_ou.base_dn}")
    samba_ou.add_people(1, first=400)
    entries, _ = read_once(samba_ou, everybody(samba_ou, attributes=("objectGUID",)))
    assert entries[0].first("objectguid") not in seen
