"""What the bind account must see: bases, canaries; and what pages hid is asked for again before anybody is disabled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from syncd.model.entry import Entry
from syncd.model.reading import Search
from syncd.services.ports_directory import Reading
from syncd.services.reading import Reader
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

READ_ALL = "to * by users read by anonymous auth"


@pytest.fixture
def watched(make_site: SiteFactory) -> Site:
    site = make_site()
    site.slapd.add_people(8, parent=site.people_dn)
    dn = site.add_person("canary", title="Bird")
    site.settings["safety"] = {"canaries": [{"dn": dn, "attribute": "title"}]}
    site.synced()
    return site


def test_a_canary_that_is_seen_is_no_news(watched: Site) -> None:
    assert watched.synced().verdict == "complete"


@pytest.mark.parametrize(
    ("acl", "what"),
    [
        ('to dn.exact="uid=canary,ou=people,dc=example,dc=com" by * none', "the canary"),
        ('to dn.exact="uid=canary,ou=people,dc=example,dc=com" attrs=title by * none', "the attribute 'title'"),
        ("to attrs=title by * none", "the attribute 'title'"),
    ],
)
def test_a_hidden_canary_fails_the_run(watched: Site, acl: str, what: str) -> None:
    before = watched.snapshot()
    watched.slapd.set_acl(acl, READ_ALL)
    watched.slapd.delete(f"uid=u000001,{watched.people_dn}")
    run = watched.sync()
    assert (run.outcome, run.code, run.verdict) == ("failed", "canary_missing", "partial")
    assert what in str(run.message)
    assert run.server == watched.slapd.url
    assert watched.snapshot() == before
    watched.slapd.set_acl(READ_ALL)
    watched.synced()
    assert "u000001" not in watched.present()


def test_a_canary_that_goes_while_the_read_lasts(watched: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights that change between the first page and the last are seen by the second look."""
    pages = Reader.pages

    def hiding(self: Reader, search: Search, *, counted: bool = True) -> Iterator[Sequence[Entry]]:
        watched.slapd.set_acl("to attrs=title by * none", READ_ALL)
        return pages(self, search, counted=counted)

    monkeypatch.setattr(Reader, "pages", hiding)
    run = watched.sync()
    assert (run.outcome, run.code) == ("failed", "canary_missing")


@pytest.mark.parametrize("what", ["users", "roles"])
def test_a_base_that_may_not_be_read_fails_the_run(make_site: SiteFactory, what: str) -> None:
    site = make_site()
    dns = site.slapd.add_people(3, parent=site.people_dn)
    site.add_group("crew", *dns)
    site.synced()
    before = site.snapshot()
    base = site.people_dn if what == "users" else site.groups_dn
    # searching below it is allowed, so the server answers the read itself with success
    site.slapd.set_acl(f'to dn.base="{base}" by users search by * none', READ_ALL)
    run = site.sync()
    assert (run.outcome, run.code, run.verdict) == ("failed", "base_unreadable", "partial")
    assert base in str(run.message)
    assert site.snapshot() == before


class Forgetful:
    """A session whose pages never show some entries; what is asked for by id is answered."""

    def __init__(self, session: object, hidden: set[str]) -> None:
        self._session, self._hidden = session, hidden

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def read(self, search: Search) -> Reading:
        reading: Reading = self._session.read(search)  # type: ignore[attr-defined]
        return reading if "entryuuid=" in search.filter.lower() else Pages(reading, self._hidden)


class Pages:
    def __init__(self, reading: Reading, hidden: set[str]) -> None:
        self._reading, self._hidden = reading, hidden

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        for batch in self._reading:
            yield [entry for entry in batch if entry.dn not in self._hidden]

    @property
    def verdict(self) -> object:
        return self._reading.verdict


def test_whom_the_pages_did_not_show_is_asked_for_by_id(make_site: SiteFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site({"roles": {"map": {"crew": ["sailor"]}}})
    unit = site.slapd.add_ou("sales", parent=site.people_dn)
    dns = site.slapd.add_people(5, parent=unit)
    site.add_group("crew", *dns)
    site.synced()
    site.slapd.delete(dns[0])
    from syncd.directory.session import LdapDirectory

    connect = LdapDirectory.connect
    hidden = {dns[1], dns[2], unit, f"cn=crew,{site.groups_dn}"}
    monkeypatch.setattr(LdapDirectory, "connect", lambda self, **options: Forgetful(connect(self, **options), hidden))
    run = site.synced()
    assert site.present() == {"u000001", "u000002", "u000003", "u000004"}
    assert site.roles_of("u000001") == {"sailor"}
    assert run.counts is not None
    assert (run.counts["users_disabled"], run.counts["units_removed"], run.counts["role_identifiers_removed"]) == (1, 0, 0)
