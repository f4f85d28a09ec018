"""The password policies that each server shows to whom, and which it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from syncd.errors import IncompleteReadError
from syncd.mapping.account import account_scheme
from syncd.mapping.account_policy import ENDLESS, AccountPolicy, PasswordPolicy
from syncd.services.account_policy import account_rule, read_policy
from tests.contract.directories import Server, directory, settings
from tests.servers.ds389 import Ds389
from tests.servers.ldap_stub import CLOSE, LdapStub, done
from tests.servers.samba import SambaAd
from tests.servers.slapd import Slapd

HALF_HOUR = timedelta(minutes=30)


def policy(server: Server | LdapStub, **changes: Any) -> AccountPolicy:
    session = directory(server, **changes).connect()
    try:
        return read_policy(session, settings(server, **changes), account_scheme(settings(server), session.server.vendor))
    finally:
        session.close()


def administrator(server: Server) -> dict[str, str]:
    return {"bind_dn": server.root_dn, "bind_password": server.root_password}


# ---------------------------------------------------------------- Active Directory
def test_the_domain_s_policy_is_read_from_wherever_people_lie(samba_ou: SambaAd) -> None:
    found = policy(samba_ou)
    assert found == AccountPolicy(default=PasswordPolicy(lockout_duration=HALF_HOUR, max_age=ENDLESS))


def test_password_settings_objects_are_seen_by_whoever_may(samba_ou: SambaAd) -> None:
    dn = f"CN=strict,CN=Password Settings Container,CN=System,{samba_ou.domain_dn}"
    values = {
        "objectClass": "msDS-PasswordSettings",
        "msDS-PasswordSettingsPrecedence": "1",
        "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": "0",
        "msDS-PasswordComplexityEnabled": "FALSE",
        "msDS-MinimumPasswordLength": "0",
        "msDS-MinimumPasswordAge": "0",
        "msDS-MaximumPasswordAge": str(-42 * 86_400 * 10_000_000),
        "msDS-LockoutThreshold": "3",
        "msDS-LockoutObservationWindow": str(-60 * 10_000_000),
        "msDS-LockoutDuration": str(-(2**63)),
    }
    samba_ou.add(dn, values)
    try:
        assert policy(samba_ou).by_dn == {}
        strict = PasswordPolicy(lockout_duration=ENDLESS, max_age=timedelta(days=42))
        assert policy(samba_ou, **administrator(samba_ou)).by_dn == {dn.lower(): strict}
    finally:
        samba_ou.delete(dn)


# ---------------------------------------------------------------- OpenLDAP
@pytest.fixture
def slapd_policies(make_slapd: Callable[..., Slapd]) -> Slapd:
    server = make_slapd(overlays=("ppolicy",))
    for name, values in {"default": {"pwdLockoutDuration": "1800"}, "strict": {"pwdMaxAge": "86400"}}.items():
        kinds = ["organizationalRole", "pwdPolicy"]
        server.add(f"cn={name},{server.base_dn}", {"objectClass": kinds, "cn": name, "pwdAttribute": "userPassword", **values})
    return server


def test_policies_are_read_above_the_people_as_well(slapd_policies: Slapd) -> None:
    people = slapd_policies.add_ou("people")
    found = policy(slapd_policies, users={"base_dn": people})
    default = PasswordPolicy(lockout_duration=HALF_HOUR, max_age=ENDLESS)
    strict = PasswordPolicy(lockout_duration=ENDLESS, max_age=timedelta(days=1))
    base = slapd_policies.base_dn
    assert found == AccountPolicy(default=default, by_dn={f"cn=default,{base}": default, f"cn=strict,{base}": strict})


def test_a_server_without_policies_is_one_of_which_nothing_is_known(slapd: Slapd) -> None:
    assert policy(slapd) == AccountPolicy()


# ---------------------------------------------------------------- 389 Directory Server
def test_the_configuration_of_389_is_seen_by_its_manager_alone(ds389_server: Ds389) -> None:
    assert policy(ds389_server) == AccountPolicy()
    assert policy(ds389_server, **administrator(ds389_server)).default.max_failures == 3


# ---------------------------------------------------------------- what goes wrong
@pytest.mark.parametrize("code", [50, 4, 11, 53])
def test_a_refusal_is_no_error_and_says_nothing(code: int) -> None:
    with LdapStub([lambda i: [done(i, code=code, text="no")]]) as stub:
        session = directory(stub).connect()
        try:
            assert read_policy(session, settings(stub), "ppolicy") == AccountPolicy()
        finally:
            session.close()


def test_a_connection_that_breaks_is_an_error() -> None:
    with LdapStub([lambda i: [CLOSE]]) as stub:
        session = directory(stub).connect()
        try:
            with pytest.raises(IncompleteReadError) as caught:
                read_policy(session, settings(stub), "ppolicy")
        finally:
            session.close()
    assert caught.value.cause_code == "connection_lost"


def test_the_rule_of_a_site_that_wants_none_asks_nothing(slapd: Slapd) -> None:
    session = directory(slapd).connect()
    before = len(slapd.log_lines("SRCH base="))
    try:
        assert account_rule(session, settings(slapd, account={"state": "none"})).attributes == ()
    finally:
        session.close()
    assert len(slapd.log_lines("SRCH base=")) == before
