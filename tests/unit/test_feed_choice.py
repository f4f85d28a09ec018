"""Which feed follows which server, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model.checks import CheckStatus
from syncd.model.feed import FeedKind
from syncd.model.reading import ServerInfo
from syncd.services.feeds import choose_feed, feed_line
from syncd.settings.directory import DirectorySettings

SYNC = "1.3.6.1.4.1.4203.1.9.1.1"
DIRSYNC = "1.2.840.113556.1.4.841"
NOTIFICATION = "1.2.840.113556.1.4.528"


def settings(**more: Any) -> DirectorySettings:
    return DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "dc=x", **more})


def server(vendor: str, *controls: str) -> ServerInfo:
    return ServerInfo(url="ldap://a", vendor=vendor, controls=frozenset(controls))


@pytest.mark.parametrize(
    ("vendor", "controls", "kind", "live"),
    [
        ("openldap", [SYNC], "syncrepl", True),
        ("openldap", [], "timestamp", False),
        ("ds389", [SYNC], "syncrepl", True),
        ("ds389", [], "timestamp", False),
        ("generic", [SYNC], "syncrepl", True),
        ("generic", [], "timestamp", False),
        ("active_directory", [DIRSYNC, NOTIFICATION], "usn", True),
        ("active_directory", [DIRSYNC], "usn", False),
        # a domain controller has no such feed, whatever it lists
        ("active_directory", [SYNC], "usn", False),
    ],
)
def test_the_best_that_the_server_offers(vendor: str, controls: list[str], kind: str, live: bool) -> None:
    choice = choose_feed(settings(), server(vendor, *controls))
    assert (choice.kind, choice.live) == (FeedKind(kind), live)
    assert choice.reason
    assert not choice.reason.endswith(".")
    assert not choose_feed(settings(live=False), server(vendor, *controls)).live


def test_the_site_decides() -> None:
    choice = choose_feed(settings(feed="dirsync"), server("active_directory", DIRSYNC, NOTIFICATION))
    assert (choice.kind, choice.reason, choice.live) == (FeedKind.DIRSYNC, "chosen by `feed`", True)
    choice = choose_feed(settings(feed="full"), server("openldap", SYNC))
    assert (choice.kind, choice.live) == (FeedKind.FULL, False)
    # also where the members stand on the people
    by_member_of = settings(feed="usn", roles={"member_attribute": "memberOf"})
    assert choose_feed(by_member_of, server("active_directory")).kind is FeedKind.USN


def test_no_feed_shows_memberof() -> None:
    for vendor in ("openldap", "ds389", "active_directory", "generic"):
        choice = choose_feed(settings(roles={"member_attribute": "memberOf"}), server(vendor, SYNC))
        assert (choice.kind, choice.live) == (FeedKind.FULL, False)
        assert choice.reason == "memberOf changes are shown by no feed"
    without = settings(roles={"member_attribute": "memberOf", "enabled": False})
    assert choose_feed(without, server("openldap", SYNC)).kind is FeedKind.SYNCREPL


def test_an_id_of_the_sites_own() -> None:
    own = settings(entry_id_attribute="employeeNumber")
    choice = choose_feed(own, server("openldap", SYNC))
    assert choice.kind is FeedKind.TIMESTAMP
    assert choice.reason == (
        "each entry has the time of its last change (modifyTimestamp), "
        "and syncrepl does not name removed entries by employeeNumber"
    )
    assert choose_feed(own, server("active_directory", DIRSYNC)).kind is FeedKind.USN
    # by its other name it is the vendor's
    assert choose_feed(settings(entry_id_attribute="1.3.6.1.1.16.4"), server("openldap", SYNC)).kind is FeedKind.SYNCREPL
    assert choose_feed(settings(entry_id_attribute="entryUUID"), server("ds389", SYNC)).kind is FeedKind.TIMESTAMP


def test_what_a_check_says_when_all_is_well() -> None:
    line = feed_line(settings(), server("openldap", SYNC))
    assert (line.name, line.status, line.advice) == ("feed", CheckStatus.PASS, "")
    assert line.text == "syncrepl, live: the server offers content synchronization (RFC 4533)"
    # there is nothing better to be had from a server that nobody knows
    assert feed_line(settings(), server("generic")).status is CheckStatus.PASS
    assert feed_line(settings(), server("active_directory")).status is CheckStatus.PASS


@pytest.mark.parametrize(("vendor", "what"), [("openldap", "syncprov"), ("ds389", "Content Sync")])
def test_what_a_check_advises_where_something_is_not_loaded(vendor: str, what: str) -> None:
    line = feed_line(settings(), server(vendor))
    assert line.status is CheckStatus.WARN
    assert line.text.startswith("timestamp: ")
    assert "the server does not offer syncrepl" in line.text
    assert what in line.advice
    # syncrepl would not help this site
    assert feed_line(settings(entry_id_attribute="uid"), server(vendor, SYNC)).advice == ""


def test_what_a_check_advises_about_a_full_read() -> None:
    line = feed_line(settings(roles={"member_attribute": "memberOf"}), server("openldap", SYNC))
    assert (line.status, "roles.member_attribute" in line.advice) == (CheckStatus.WARN, True)
    line = feed_line(settings(feed="full"), server("openldap", SYNC))
    assert (line.status, "syncrepl" in line.advice) == (CheckStatus.WARN, True)


def test_what_a_check_says_of_a_chosen_feed_that_is_not_there() -> None:
    line = feed_line(settings(feed="syncrepl"), server("openldap"))
    assert (line.status, "syncprov" in line.advice) == (CheckStatus.WARN, True)
    assert feed_line(settings(feed="dirsync"), server("openldap", SYNC)).status is CheckStatus.WARN
    assert feed_line(settings(feed="syncrepl"), server("openldap", SYNC)).status is CheckStatus.PASS
