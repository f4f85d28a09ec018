"""Small searches in one piece: only success with everything in it is an answer; and what the fake hides, slapd hides too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.errors import DirectoryError, InsufficientAccessError, ReferralError, ServerBusyError, SizeLimitError
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search
from tests.contract.directories import directory, people
from tests.fakes.directory import FakeDirectory
from tests.servers.ldap_stub import CLOSE, LdapStub, done, entry, reference
from tests.servers.slapd import Slapd

BASE = "dc=example,dc=com"


def fetched(server: Slapd | LdapStub | FakeDirectory, search: Search) -> list[Entry]:
    source = server if isinstance(server, FakeDirectory) else directory(server)
    session = source.connect()
    try:
        return list(session.fetch(search))
    finally:
        session.close()


def test_a_size_limit_is_no_answer(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(limits="size=10")
    server.add_people(11)
    with pytest.raises(SizeLimitError):
        fetched(server, people(BASE))
    assert len(fetched(server, people(BASE, filter="(uid=u00000*)"))) == 10


@pytest.mark.parametrize(
    ("code", "expected"), [(51, ServerBusyError), (50, InsufficientAccessError), (4, SizeLimitError), (80, DirectoryError)]
)
def test_entries_before_a_failure_are_not_handed_out(code: int, expected: type[DirectoryError]) -> None:
    answers = [lambda i: [entry(i, f"uid=a,{BASE}", {"uid": [b"a"]}), done(i, code=code, text="no")]]
    with LdapStub(answers) as stub, pytest.raises(expected) as caught:
        fetched(stub, people(BASE))
    assert stub.url in caught.value.message
    assert "users" in caught.value.message


def test_a_connection_that_ends_in_the_middle() -> None:
    with LdapStub([lambda i: [entry(i, f"uid=a,{BASE}", {}), CLOSE]]) as stub, pytest.raises(DirectoryError) as caught:
        fetched(stub, people(BASE))
    assert caught.value.code == "connection_lost"


def test_a_reference_that_hides_a_part(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    server.add_people(3)
    server.add(f"ou=far,{BASE}", {"objectClass": ["referral", "extensibleObject"], "ou": "far", "ref": "ldap://far.invalid/"})
    with pytest.raises(ReferralError, match=r"far\.invalid"):
        fetched(server, people(BASE))


def test_a_reference_that_hides_nothing() -> None:
    url = f"ldap://x/DC=DomainDnsZones,{BASE}"
    with LdapStub([lambda i: [entry(i, f"uid=a,{BASE}", {}), reference(i, url), done(i)]]) as stub:
        assert len(fetched(stub, people(BASE))) == 1


# ---------------------------------------------------------------- what an ACL hides, in slapd and in the fake
@pytest.fixture(params=["slapd", "fake"])
def hidden(request: pytest.FixtureRequest) -> Slapd | FakeDirectory:
    """Ten people, of whom u000003 and everybody's mail may not be seen, nor the entry ou=secret with u000005 below it."""
    dn = f"uid=u000003,{BASE}"
    if request.param == "fake":
        fake = FakeDirectory()
        fake.add_people(10)
        fake.add(f"ou=secret,{BASE}", objectClass="organizationalUnit", ou="secret")
        fake.hide(dn.upper())
        fake.hide(f"ou=secret,{BASE}")
        fake.hide_attribute("MAIL")
        return fake
    server: Slapd = request.getfixturevalue("make_slapd")(
        acl=[
            f'to dn.exact="{dn}" by * none',
            f'to dn.exact="ou=secret,{BASE}" attrs=entry by users search by * none',
            "to attrs=mail by * none",
            "to attrs=userPassword by anonymous auth",
            "to * by users read",
        ]
    )
    server.add_people(10)
    server.add_ou("secret")
    return server


def test_a_hidden_entry_is_missing_and_the_search_succeeds(hidden: Slapd | FakeDirectory) -> None:
    seen = {entry.first("uid") for entry in fetched(hidden, people(BASE))}
    assert seen == {f"u{number:06}".encode() for number in range(10) if number != 3}


def test_a_hidden_base_is_missing_and_the_search_succeeds(hidden: Slapd | FakeDirectory) -> None:
    assert fetched(hidden, people(f"ou=secret,{BASE}", filter="(objectClass=*)", scope=Scope.BASE)) == []


def test_a_hidden_attribute_is_in_no_entry_and_matches_no_filter(hidden: Slapd | FakeDirectory) -> None:
    assert all("mail" not in entry.attributes for entry in fetched(hidden, people(BASE)))
    assert fetched(hidden, people(BASE, filter="(mail=*)")) == []


def test_what_was_hidden_comes_back() -> None:
    fake = FakeDirectory()
    fake.add_people(2)
    fake.hide(f"uid=u000001,{BASE}")
    assert len(fetched(fake, people(BASE))) == 1
    fake.mend()
    assert len(fetched(fake, people(BASE))) == 2
