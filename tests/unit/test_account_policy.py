"""Which entries hold a directory's password policies, what stands in them, and who is kept although the filter forgets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from syncd.accounts.sentences import reason_sentence
from syncd.mapping.account import SCHEMES, AccountRule, account_scheme
from syncd.mapping.account_policy import (
    ENDLESS,
    AccountPolicy,
    PasswordPolicy,
    account_policy,
    account_policy_searches,
    naming_context,
)
from syncd.model.account import AccountState
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.model.records import FOREVER
from syncd.services.outside import is_kept, outside_filter
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import AccountState as ProfileState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings(**changes: object) -> DirectorySettings:
    return DirectorySettings.model_validate({"urls": ["ldap://a"], "base_dn": "ou=x,dc=example,dc=com"} | changes)


def server(*contexts: str) -> ServerInfo:
    return ServerInfo(url="ldap://a", vendor="generic", naming_contexts=contexts)


def entry(dn: str, **values: str) -> Entry:
    return Entry(dn, {name.replace("_", "-").lower(): [value.encode()] for name, value in values.items()})


# ---------------------------------------------------------------- what is asked
def test_a_profile_names_only_schemes_there_are() -> None:
    assert set(get_args(ProfileState.model_fields["state"].annotation)) == set(SCHEMES)


@pytest.mark.parametrize(
    ("vendor", "scheme"),
    [("active_directory", "active_directory"), ("openldap", "ppolicy"), ("ds389", "ds389"), ("generic", "none")],
)
def test_each_vendor_has_its_scheme_unless_the_site_wants_none(vendor: str, scheme: str) -> None:
    assert account_scheme(settings(), vendor) == scheme
    assert account_scheme(settings(account={"state": "none"}), vendor) == "none"


def test_the_smallest_context_that_the_people_lie_in() -> None:
    contexts = ("", "cn=schema", "dc=com", "DC=Example, DC=com", "dc=other,dc=example,dc=com", "no name")
    assert naming_context(settings(), server(*contexts)) == "DC=Example, DC=com"
    people = settings(users={"base_dn": "ou=p,dc=other,dc=example,dc=com"})
    assert naming_context(people, server(*contexts)) == "dc=other,dc=example,dc=com"
    assert naming_context(settings(), server("dc=elsewhere")) is None


def test_what_each_scheme_asks() -> None:
    context = server("dc=example,dc=com")
    domain, objects = account_policy_searches("active_directory", settings(), context)
    assert (domain.base_dn, domain.scope) == ("dc=example,dc=com", Scope.BASE)
    assert objects.base_dn == "CN=Password Settings Container,CN=System,dc=example,dc=com"
    assert account_policy_searches("active_directory", settings(), server()) == ()
    assert [s.base_dn for s in account_policy_searches("ppolicy", settings(), context)] == ["dc=example,dc=com"]
    assert [s.base_dn for s in account_policy_searches("ppolicy", settings(), server())] == ["ou=x,dc=example,dc=com"]
    assert [s.base_dn for s in account_policy_searches("ds389", settings(), context)] == ["cn=config"]
    assert account_policy_searches("none", settings(), context) == ()


# ---------------------------------------------------------------- what the answers mean
@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("-18000000000", timedelta(minutes=30)),
        ("-9223372036854775808", ENDLESS),
        ("0", ENDLESS),
        ("18000000000", timedelta(minutes=30)),
        ("soon", None),
    ],
)
def test_intervals_of_active_directory(text: str, duration: timedelta | None) -> None:
    found = account_policy("active_directory", [[entry("dc=x", lockoutDuration=text)], []])
    assert found == AccountPolicy(default=PasswordPolicy(lockout_duration=duration))


@pytest.mark.parametrize(
    ("text", "duration"), [("300", timedelta(minutes=5)), ("0", ENDLESS), ("9223372036854775807", ENDLESS), ("soon", None)]
)
def test_seconds_of_ppolicy(text: str, duration: timedelta | None) -> None:
    found = account_policy("ppolicy", [[entry("cn=p,dc=x", pwdLockoutDuration=text)]])
    assert found.by_dn == {"cn=p,dc=x": PasswordPolicy(lockout_duration=duration, max_age=ENDLESS)}
    assert found.default == found.by_dn["cn=p,dc=x"]


def test_of_several_policies_the_default_is_the_one_of_that_name() -> None:
    entries = [entry("cn=a,dc=x", pwdMaxAge="10"), entry("cn=Default,dc=x", pwdMaxAge="20")]
    assert account_policy("ppolicy", [entries]).default.max_age == timedelta(seconds=20)
    assert account_policy("ppolicy", [[entries[0], entry("cn=b,dc=x")]]).default == PasswordPolicy()


@pytest.mark.parametrize("scheme", ["active_directory", "ppolicy", "ds389", "none"])
def test_nothing_shown_is_nothing_known(scheme: str) -> None:
    searches = account_policy_searches(scheme, settings(), server("dc=example,dc=com"))
    assert account_policy(scheme, [() for _ in searches]) == AccountPolicy()


def test_the_site_s_lockout_duration_is_for_where_the_policy_is_silent() -> None:
    rule = AccountRule.of(settings(account={"lockout_duration": "45m"}), "ppolicy")
    locked = entry("uid=a", pwdAccountLockedTime="20260301120000Z")
    assert rule.fields(locked)["account.locked_until"] == NOON + timedelta(minutes=45)


# ---------------------------------------------------------------- people the filter leaves out
RULE = AccountRule("ds389")
SEARCH = Search(purpose="users", base_dn="dc=x", filter="(!(nsAccountLock=true))", attributes=("uid",))


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({}, False),
        ({"nsAccountLock": "true"}, True),
        ({"nsAccountLock": "false"}, False),
        ({"accountUnlockTime": "20260301120001Z", "passwordRetryCount": "3"}, True),
        ({"accountUnlockTime": "20260301120000Z", "passwordRetryCount": "3"}, False),
        ({"shadowExpire": "1"}, True),
        ({"passwordExpirationTime": "19700101000000Z"}, False),
        ({"nsAccountLock": "broken"}, True),
    ],
)
def test_who_is_kept(values: dict[str, str], kept: bool) -> None:
    assert is_kept(entry("uid=a,dc=x", **values), RULE, now=NOON) is kept


def test_the_missing_are_asked_for_by_id_without_the_filter() -> None:
    asked: list[Search] = []

    def read(search: Search) -> Iterator[Sequence[Entry]]:
        asked.append(search)
        yield [entry("uid=a", nsAccountLock="true"), entry("uid=b")]
        yield [entry("uid=c")]

    ids = [f"id{number:03}" for number in range(201)]
    found = list(outside_filter(read, SEARCH, id_attribute="nsUniqueId", missing=ids, account=RULE, now=NOON))
    assert [[one.dn for one in batch] for batch in found] == [["uid=a"], ["uid=a"]]
    assert asked[1].filter == "(&(objectClass=*)(|(nsUniqueId=id200)))"
    assert {(search.base_dn, search.scope, search.attributes) for search in asked} == {("dc=x", Scope.SUB, ("uid",))}


def test_without_account_state_nobody_is_asked_for() -> None:
    def read(search: Search) -> Iterator[Sequence[Entry]]:
        raise AssertionError(search)

    none = AccountRule("none")
    assert list(outside_filter(read, SEARCH, id_attribute="nsUniqueId", missing=["a"], account=none, now=NOON)) == []


# ---------------------------------------------------------------- in words
@pytest.mark.parametrize(
    ("reason", "state", "sentence"),
    [
        ("disabled", {}, "disabled: an administrator has switched them off"),
        ("directory_missing:hq", {}, "directory_missing:hq: directory hq no longer has them"),
        ("directory_disabled:hq", {}, "directory_disabled:hq: directory hq has switched the account off"),
        ("directory_locked:hq", {"locked_until": FOREVER}, "directory hq has locked the account until somebody unlocks it"),
        ("directory_locked:hq", {"locked_until": NOON}, "has locked the account until 2026-03-01 12:00:00 UTC"),
        ("directory_not_yet_valid:hq", {"valid_from": NOON}, "lets the account begin on 2026-03-01 12:00:00 UTC"),
        ("directory_expired:hq", {"expires_at": NOON}, "let the account end on 2026-03-01 12:00:00 UTC"),
        ("directory_password_must_change:hq", {}, "directory hq wants a new password first"),
        ("directory_password_expired:hq", {"password_expires_at": NOON}, "let the password expire on 2026-03-01 12:00:00 UTC"),
        ("unheard_of:hq", {}, "unheard_of:hq"),
    ],
)
def test_reasons_in_words(reason: str, state: dict[str, datetime], sentence: str) -> None:
    assert reason_sentence(reason, {"hq": AccountState(**state)}).endswith(sentence)  # type: ignore[arg-type]
