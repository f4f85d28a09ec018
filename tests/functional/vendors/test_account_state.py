"""Accounts that their servers have disabled, locked or let expire, from each server to the reasons of the login gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import ldap
import pytest

from syncd.bootstrap import open_explain, open_runtime
from syncd.model.explanation import Explanation
from syncd.model.run import Mode
from tests.fakes.edge import FakeClock
from tests.functional.vendors.conftest import open_site
from tests.functional.vendors.site import VendorSite
from tests.servers.samba import SambaAd

GOOD, WRONG = "Good-Secret-1", "Wrong-Secret-1"
PER_SECOND = 10_000_000
NEVER = 0x7FFFFFFFFFFFFFFF


def reasons(site: VendorSite, name: str = "anna", *, at: datetime | None = None) -> tuple[str, ...]:
    """Why the person cannot log in, now or at another time; no run is needed for the answer."""
    runtime = open_runtime(site.configuration(), clock=FakeClock(at) if at else None)
    try:
        return runtime.queries.user(f"username:{name}").reasons
    finally:
        runtime.close()


def explained(site: VendorSite, name: str = "anna") -> Explanation:
    with site.runtime() as runtime:
        return open_explain(runtime).explain(name)


def state(site: VendorSite, name: str = "anna") -> dict[str, object]:
    """What the directory says, as far as it does."""
    runtime = open_runtime(site.configuration())
    try:
        (identity,) = runtime.queries.user(f"username:{name}").directories
    finally:
        runtime.close()
    return {key: value for key, value in identity.account._asdict().items() if value is not None}


def bind(site: VendorSite, dn: str, password: str) -> type[Exception] | None:
    """The error of a bind, None when it succeeds."""
    connection = ldap.initialize(site.server.url)
    try:
        connection.simple_bind_s(dn, password)
    except ldap.LDAPError as error:
        return type(error)
    finally:
        connection.unbind_s()
    return None


def filetime(moment: datetime) -> str:
    return str(int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * PER_SECOND)


def generalized(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%SZ}"


def about(moment: object, expected: datetime) -> bool:
    return isinstance(moment, datetime) and abs(moment - expected) < timedelta(minutes=5)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# ---------------------------------------------------------------- Active Directory
@pytest.mark.parametrize("control", [514, 66050])
def test_ad_disabled_and_enabled_again(samba_site: VendorSite, control: int) -> None:
    dn = samba_site.add_person("anna", userAccountControl=str(control))
    samba_site.synced()
    assert reasons(samba_site) == ("directory_disabled:corp",)
    samba_site.server.modify(dn, {"userAccountControl": str(control & ~2 | 32)})
    samba_site.synced()
    assert reasons(samba_site) == ()


@pytest.mark.parametrize("value", ["0", str(NEVER), filetime(datetime(9999, 12, 31, tzinfo=UTC))])
def test_ad_an_account_that_never_expires(samba_site: VendorSite, value: str) -> None:
    samba_site.add_person("anna", accountExpires=value)
    samba_site.synced()
    assert "expires_at" not in state(samba_site)
    assert reasons(samba_site, at=datetime(9000, 1, 1, tzinfo=UTC)) == ()


def test_ad_an_account_expires_with_the_clock(samba_site: VendorSite) -> None:
    end = now() + timedelta(days=1)
    samba_site.add_person("anna", accountExpires=filetime(end))
    samba_site.add_person("bert", accountExpires=filetime(end - timedelta(days=2)))
    samba_site.synced()
    assert reasons(samba_site) == ()
    assert reasons(samba_site, at=end) == ("directory_expired:corp",)
    assert reasons(samba_site, "bert") == ("directory_expired:corp",)


def test_ad_must_change_the_password(samba_site: VendorSite) -> None:
    samba_site.add_person("anna", pwdLastSet="0")
    samba_site.add_person("bert", pwdLastSet="0", userAccountControl=str(512 | 32 | 0x10000))
    samba_site.synced()
    assert reasons(samba_site) == ("directory_password_must_change:corp",)
    assert reasons(samba_site, "bert") == ()


@pytest.fixture
def domain(samba_server: SambaAd) -> Iterator[SambaAd]:
    """With a lockout after three failed logins, and passwords that last for 42 days."""
    age = str(-42 * 86_400 * PER_SECOND)
    samba_server.modify(samba_server.domain_dn, {"lockoutThreshold": "3", "maxPwdAge": age})
    yield samba_server
    samba_server.modify(samba_server.domain_dn, {"lockoutThreshold": "0", "maxPwdAge": str(-(2**63))})


def test_ad_a_lockout_by_failed_logins_ends_with_the_clock_and_by_hand(samba_site: VendorSite, domain: SambaAd) -> None:
    dn = samba_site.add_person("anna", userAccountControl="514")
    domain.set_password(dn, GOOD)
    domain.modify(dn, {"userAccountControl": "512"})
    assert [bind(samba_site, dn, password) for password in (WRONG, WRONG, WRONG, GOOD)] == [ldap.INVALID_CREDENTIALS] * 4
    samba_site.synced()
    assert reasons(samba_site) == ("directory_locked:corp",)
    end = state(samba_site)["locked_until"]
    assert about(end, now() + timedelta(minutes=30))
    assert reasons(samba_site, at=now() + timedelta(minutes=35)) == ()
    assert about(state(samba_site)["password_expires_at"], now() + timedelta(days=42))
    assert reasons(samba_site, at=now() + timedelta(days=43)) == ("directory_password_expired:corp",)

    domain.modify(dn, {"lockoutTime": "0"})
    samba_site.synced()
    assert reasons(samba_site) == ()


# ---------------------------------------------------------------- 389 Directory Server
def test_ds389_account_lock(ds389_site: VendorSite) -> None:
    dn = ds389_site.add_person("anna", nsAccountLock="TRUE")
    ds389_site.synced()
    assert reasons(ds389_site) == ("directory_disabled:corp",)
    ds389_site.server.modify(dn, {"nsAccountLock": None})
    ds389_site.synced()
    assert reasons(ds389_site) == ()


@pytest.mark.parametrize("ends", [True, False])
def test_ds389_a_lockout_by_failed_logins(make_ds389: Callable[..., object], sqlite_url: str, ends: bool) -> None:
    site = open_site(make_ds389(), sqlite_url, {})  # type: ignore[arg-type]
    site.server.modify(
        "cn=config",
        {
            "passwordLockout": "on",
            "passwordMaxFailure": "3",
            "passwordUnlock": "on" if ends else "off",
            "passwordLockoutDuration": "1800",
        },
    )
    dn = site.add_person("anna", userPassword=GOOD)
    assert [bind(site, dn, WRONG) for _ in range(3)] == [ldap.INVALID_CREDENTIALS] * 3
    assert bind(site, dn, GOOD) is ldap.CONSTRAINT_VIOLATION
    site.synced()
    assert reasons(site) == ("directory_locked:corp",)
    later = now() + timedelta(minutes=35)
    assert reasons(site, at=later) == (() if ends else ("directory_locked:corp",))

    # which leaves accountUnlockTime as it is
    site.server.modify(dn, {"userPassword": "Other-Secret-1"})
    site.synced()
    assert reasons(site) == ()
    assert bind(site, dn, WRONG) is ldap.INVALID_CREDENTIALS
    site.synced()
    assert reasons(site) == ()
    assert bind(site, dn, "Other-Secret-1") is None


# ---------------------------------------------------------------- OpenLDAP
@pytest.fixture
def ppolicy_site(make_slapd: Callable[..., object], sqlite_url: str) -> VendorSite:
    """With a default policy: a lockout for half an hour after three failed logins, passwords that last for 42 days."""
    site = open_site(make_slapd(overlays=("ppolicy", "syncprov")), sqlite_url, {})  # type: ignore[arg-type]
    policy = {
        "objectClass": ["organizationalRole", "pwdPolicy"],
        "cn": "default",
        "pwdAttribute": "userPassword",
        "pwdLockout": "TRUE",
        "pwdMaxFailure": "3",
        "pwdLockoutDuration": "1800",
        "pwdMaxAge": str(42 * 86_400),
    }
    site.server.add(f"cn=default,{site.server.base_dn}", policy)
    return site


def test_ppolicy_a_lockout_by_failed_logins_ends_with_the_clock(ppolicy_site: VendorSite) -> None:
    dn = ppolicy_site.add_person("anna", userPassword=GOOD)
    ppolicy_site.synced()
    assert reasons(ppolicy_site) == ()
    assert [bind(ppolicy_site, dn, password) for password in (WRONG, WRONG, WRONG, GOOD)] == [ldap.INVALID_CREDENTIALS] * 4
    ppolicy_site.synced()
    assert reasons(ppolicy_site) == ("directory_locked:corp",)
    assert about(state(ppolicy_site)["locked_until"], now() + timedelta(minutes=30))
    store, directory = explained(ppolicy_site).store, explained(ppolicy_site).directories[0]
    assert store is not None
    assert store.reasons[0].startswith("directory_locked:corp: directory corp has locked the account until 2")
    (entry,) = [one.entry for one in directory.sightings if one.entry is not None]
    (field,) = [one for one in entry.fields if one.field == "account.locked_until"]
    assert field.value == state(ppolicy_site)["locked_until"]
    assert field.read["pwdAccountLockedTime"]
    assert reasons(ppolicy_site, at=now() + timedelta(minutes=35)) == ()
    assert reasons(ppolicy_site, at=now() + timedelta(days=43)) == ("directory_password_expired:corp",)


def test_ppolicy_locked_by_an_administrator_for_good(ppolicy_site: VendorSite) -> None:
    dn = ppolicy_site.add_person("anna", userPassword=GOOD)
    ppolicy_site.server.modify(dn, {"pwdAccountLockedTime": "000001010000Z"})
    ppolicy_site.synced()
    assert reasons(ppolicy_site, at=now() + timedelta(days=30)) == ("directory_locked:corp",)
    ppolicy_site.server.modify(dn, {"pwdAccountLockedTime": None})
    ppolicy_site.synced()
    assert reasons(ppolicy_site) == ()


def test_ppolicy_a_policy_that_nobody_may_read_is_the_site_s_to_say(ppolicy_site: VendorSite) -> None:
    server, dn = ppolicy_site.slapd, ppolicy_site.add_person("anna", userPassword=GOOD)
    assert [bind(ppolicy_site, dn, WRONG) for _ in range(3)] == [ldap.INVALID_CREDENTIALS] * 3
    server.set_acl(
        f'to dn.base="cn=default,{server.base_dn}" by * none',
        "to attrs=userPassword by anonymous auth by * none",
        "to * by users read by * none",
    )
    ppolicy_site.synced()
    assert reasons(ppolicy_site, at=now() + timedelta(days=300)) == ("directory_locked:corp",)
    ppolicy_site.settings["account"] = {"lockout_duration": "1h"}
    ppolicy_site.synced()
    assert about(state(ppolicy_site)["locked_until"], now() + timedelta(hours=1))


def test_ppolicy_begin_end_and_reset(ppolicy_site: VendorSite) -> None:
    noon = now() + timedelta(hours=1)
    times = {"pwdStartTime": generalized(noon), "pwdEndTime": generalized(noon + timedelta(hours=1))}
    dn = ppolicy_site.add_person("anna", userPassword=GOOD)
    ppolicy_site.server.modify(dn, {**times, "pwdReset": "TRUE"})
    ppolicy_site.synced()
    must = "directory_password_must_change:corp"
    assert reasons(ppolicy_site) == ("directory_not_yet_valid:corp", must)
    assert reasons(ppolicy_site, at=noon) == (must,)
    assert reasons(ppolicy_site, at=noon + timedelta(hours=1)) == ("directory_expired:corp", must)


# ---------------------------------------------------------------- all of them
def test_a_site_that_wants_none_of_it(ppolicy_site: VendorSite) -> None:
    dn = ppolicy_site.add_person("anna", userPassword=GOOD)
    ppolicy_site.server.modify(dn, {"pwdAccountLockedTime": "000001010000Z"})
    ppolicy_site.synced()
    assert reasons(ppolicy_site) == ("directory_locked:corp",)
    ppolicy_site.settings["account"] = {"state": "none"}
    ppolicy_site.synced()
    assert (reasons(ppolicy_site), state(ppolicy_site)) == ((), {})


BITS = "1.2.840.113556.1.4.803"
# what switches an account off, the part of a filter that leaves such people out, and the reason
OFF = {
    "samba_site": ({"userAccountControl": "514"}, f"(!(userAccountControl:{BITS}:=2))", "directory_disabled:corp"),
    "ds389_site": ({"nsAccountLock": "true"}, "(!(nsAccountLock=true))", "directory_disabled:corp"),
    "ppolicy_site": ({"pwdAccountLockedTime": "000001010000Z"}, "(!(pwdAccountLockedTime=*))", "directory_locked:corp"),
}


@pytest.mark.parametrize("server", OFF)
def test_whom_the_filter_leaves_out_because_they_are_disabled(request: pytest.FixtureRequest, server: str) -> None:
    site: VendorSite = request.getfixturevalue(server)
    changes, part, reason = OFF[server]
    site.settings["users"]["filter"] = f"(&(mail=*)(!(sn=Elsewhere)){part})"
    dn, bert, _ = [site.add_person(name) for name in ("anna", "bert", "carl")]
    site.add_group("team", dn, bert)
    site.synced()
    (before,) = site.persons_named("anna")

    site.server.modify(dn, changes)
    site.synced()
    (person,) = site.persons_named("anna")
    assert (person["id"], person["missing_since"]) == (before["id"], None)
    assert reasons(site) == (reason,)
    assert site.identifiers_of("anna") == {"team"}
    unchanged = site.snapshot()
    site.synced()
    assert site.snapshot() == unchanged
    outlook = explained(site).directories[0].sightings[0].outlook
    assert outlook is not None
    assert (outlook.summary, outlook.changes) == ("nothing", ())
    assert outlook.notes == ("the filter leaves them out, and they are kept: the directory has switched the account off",)

    # who leaves the filter for another reason is gone, and so is whoever is deleted
    site.server.modify(bert, {"sn": "Elsewhere"})
    site.server.delete(dn)
    site.synced()
    assert reasons(site) == reasons(site, "bert") == ("directory_missing:corp",)


@pytest.mark.parametrize(
    ("server", "feed"),
    [("ds389_site", "syncrepl"), ("ppolicy_site", "syncrepl"), ("samba_site", "usn"), ("samba_site", "dirsync")],
)
def test_whom_the_filter_leaves_out_is_kept_by_changes_and_sweeps(
    request: pytest.FixtureRequest, server: str, feed: str
) -> None:
    site: VendorSite = request.getfixturevalue(server)
    changes, part, reason = OFF[server]
    site.settings |= {"feed": feed, "users": {**site.settings["users"], "filter": f"(&(mail=*){part})"}}
    dn, *_ = [site.add_person(name) for name in ("anna", "bert")]
    site.synced()
    site.server.modify(dn, changes)
    for mode in (Mode.CHANGES, Mode.SWEEP, Mode.CHANGES, Mode.FULL):
        run = site.synced(mode)
        assert run.feed == (feed if mode is Mode.CHANGES else mode.value), run.feed_reason
        assert site.present() == {"anna", "bert"}
        assert reasons(site) == (reason,)
    site.server.delete(dn)
    site.synced(Mode.SWEEP)
    assert reasons(site) == ("directory_missing:corp",)
