"""Checking passwords in real directories: what each says of a right and of a wrong one, and of what else keeps somebody out."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from syncd.directory import LdapAuthenticator
from syncd.directory.ber import OCTET_STRING, SEQUENCE, encode
from syncd.model.login import Answer, BindResult
from tests.contract.directories import Server, settings
from tests.servers.ds389 import Ds389
from tests.servers.ldap_stub import BIND, CLOSE, EXTENDED, STALL, LdapStub, done, entry, result
from tests.servers.samba import NO_PASSWORD_NEEDED, NORMAL_ACCOUNT, SambaAd
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority

GOOD, WRONG = "Good-Secret-1", "Wrong-Secret-1"
WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"


def authenticator(
    server: Server | LdapStub, *, timeout: float = 10, at_once: int = 4, plain: bool = True, **changes: Any
) -> LdapAuthenticator:
    tls = {"plain_logins": plain, **changes.pop("tls", {})}
    found = settings(server, tls=tls, **changes)
    return LdapAuthenticator("corp", found, timeout=timeout, at_once=at_once)


def check(server: Server | LdapStub, dn: str, password: str = GOOD, *, entry_id: str = "", **changes: Any) -> BindResult:
    """Ask once, as the entry that has this DN now unless the test says otherwise."""
    found = entry_id or (entry_id_of(server, dn) if not isinstance(server, LdapStub) else "some-id")
    return authenticator(server, **changes).check(dn, entry_id=found, password=SecretStr(password))


def entry_id_of(server: Server, dn: str) -> str:
    name = {Ds389: "nsUniqueId", SambaAd: "objectGUID"}.get(type(server), "entryUUID")
    ((_, attributes),) = server.search(base=dn, attributes=(name,), scope=0)
    value = next(values[0] for key, values in attributes.items() if key.lower() == name.lower())
    if name != "objectGUID":
        return value.decode()
    return str(uuid.UUID(bytes_le=value))


def binds(server: Slapd, dn: str) -> int:
    return len(server.log_lines(f'BIND dn="{dn}" method=128'))


# ---------------------------------------------------------------- OpenLDAP
@pytest.fixture(scope="module")
def ppolicy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Slapd]:
    """With policies for a lockout after three, for passwords that last a day and warn at once, and for such with grace."""
    with Slapd(tmp_path_factory.mktemp("ppolicy"), tls=authority, overlays=("ppolicy",)) as server:
        policies = {
            "default": {"pwdLockout": "TRUE", "pwdMaxFailure": "3", "pwdLockoutDuration": "1800", "pwdMustChange": "TRUE"},
            "short": {"pwdMaxAge": "86400", "pwdExpireWarning": "90000"},
            "grace": {"pwdMaxAge": "86400", "pwdGraceAuthNLimit": "5"},
        }
        for name, values in policies.items():
            kinds = ["organizationalRole", "pwdPolicy"]
            server.add(
                f"cn={name},{server.base_dn}", {"objectClass": kinds, "cn": name, "pwdAttribute": "userPassword", **values}
            )
        server.add_ou("people")
        yield server


def add(server: Slapd, uid: str, *, policy: str | None = None, **attributes: str) -> str:
    """A person with the password GOOD; the DN."""
    dn = f"uid={uid},ou=people,{server.base_dn}"
    server.add(dn, {**server.person(uid), "userPassword": GOOD, **attributes})
    if policy:
        server.modify(dn, {"pwdPolicySubentry": f"cn={policy},{server.base_dn}"})
        server.modify(dn, {"userPassword": GOOD})
    return dn


def grown_old(server: Slapd, uid: str, *, policy: str) -> str:
    """A person whose password was set years ago."""
    dn = f"uid={uid},ou=people,{server.base_dn}"
    lines = (f"{name}: {value!s}" for name, value in server.person(uid).items() if isinstance(value, str))
    operational = f"pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn={policy},{server.base_dn}"
    server.load(f"dn: {dn}\n" + "\n".join(lines) + f"\nuserPassword: {GOOD}\n{operational}\n")
    return dn


def test_a_right_and_a_wrong_password(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "anna")
    assert check(ppolicy, dn).answer is Answer.ACCEPTED
    before = binds(ppolicy, dn)
    found = check(ppolicy, dn, WRONG)
    assert (found.answer, found.reason, found.password_right) == (Answer.WRONG, "", False)
    assert binds(ppolicy, dn) == before + 1
    assert WRONG not in repr(found)


def test_over_tls(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "tina")
    authority = {"ca_file": ppolicy.ca_file}
    assert check(ppolicy, dn, plain=False, urls=[ppolicy.ldaps_url], tls=authority).answer is Answer.ACCEPTED
    assert check(ppolicy, dn, plain=False, tls={**authority, "starttls": True}).answer is Answer.ACCEPTED
    assert check(ppolicy, dn, urls=[ppolicy.ldaps_url], plain=False).answer is Answer.UNAVAILABLE


def test_without_tls_no_password_is_sent_unless_the_setting_says_so(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "paul")
    before = binds(ppolicy, dn)
    with capture_logs() as logs:
        assert check(ppolicy, dn, plain=False).answer is Answer.UNAVAILABLE
    assert "tls_required" in [line.get("code") for line in logs]
    assert binds(ppolicy, dn) == before


@pytest.mark.parametrize("password", ["", "   ", "\0", "Good\0Secret"])
def test_an_empty_password_is_never_sent(ppolicy: Slapd, password: str) -> None:
    dn = f"uid=nobody,{ppolicy.base_dn}"
    before = len(ppolicy.log_lines("method="))
    assert check(ppolicy, dn, password, entry_id="x").answer is Answer.WRONG
    assert check(ppolicy, "", GOOD, entry_id="x").answer is Answer.WRONG
    # no BIND; the UNBIND of somebody before may come in late
    assert len(ppolicy.log_lines("method=")) == before


def test_ppolicy_locked_whatever_the_password(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "lola")
    assert [check(ppolicy, dn, WRONG).answer for _ in range(3)] == [Answer.WRONG] * 3
    assert check(ppolicy, dn).answer is Answer.WRONG
    overlay = "olcOverlay={0}ppolicy,olcDatabase={1}mdb,cn=config"
    ppolicy.configure(overlay, {"olcPPolicyUseLockout": "TRUE"})
    for password in (GOOD, WRONG):
        found = check(ppolicy, dn, password)
        assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "directory_locked", False)


def test_ppolicy_expiring_is_said(ppolicy: Slapd) -> None:
    found = check(ppolicy, add(ppolicy, "emil", policy="short"))
    assert (found.answer, found.grace_logins) == (Answer.ACCEPTED, None)
    assert found.expires_in is not None
    assert 86_000 < found.expires_in <= 86_400


def test_ppolicy_expired_is_told_only_to_whoever_knows_the_password(ppolicy: Slapd) -> None:
    dn = grown_old(ppolicy, "olga", policy="short")
    found = check(ppolicy, dn)
    assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "password_expired", True)
    assert check(ppolicy, dn, WRONG).answer is Answer.WRONG


def test_ppolicy_grace_logins_are_counted_down(ppolicy: Slapd) -> None:
    dn = grown_old(ppolicy, "gina", policy="grace")
    assert [check(ppolicy, dn).grace_logins for _ in range(3)] == [4, 3, 2]
    assert check(ppolicy, dn, WRONG).grace_logins is None


def test_ppolicy_must_change_is_told_only_to_whoever_knows_the_password(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "mona")
    ppolicy.modify(dn, {"pwdReset": "TRUE"})
    found = check(ppolicy, dn)
    assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "password_must_change", True)
    assert check(ppolicy, dn, WRONG).answer is Answer.WRONG


# ---------------------------------------------------------------- entries that moved
def test_an_entry_that_has_moved_is_found_by_its_id_and_asked_once(ppolicy: Slapd) -> None:
    old = add(ppolicy, "mark")
    number = entry_id_of(ppolicy, old)
    ppolicy.rename(old, "uid=marcus")
    new = old.replace("uid=mark,", "uid=marcus,")
    assert check(ppolicy, old, entry_id=number).answer is Answer.ACCEPTED
    assert binds(ppolicy, new) == 1
    assert check(ppolicy, old, WRONG, entry_id=number).answer is Answer.WRONG
    assert (binds(ppolicy, old), binds(ppolicy, new)) == (2, 2)


def test_whoever_has_the_name_now_is_not_let_in_as_whoever_had_it(ppolicy: Slapd) -> None:
    old = add(ppolicy, "nina")
    number = entry_id_of(ppolicy, old)
    ppolicy.rename(old, "uid=nina2")
    add(ppolicy, "nina", userPassword="Other-Secret-1")
    assert check(ppolicy, old, "Other-Secret-1", entry_id=number).answer is Answer.WRONG
    assert check(ppolicy, old, GOOD, entry_id=number).answer is Answer.ACCEPTED
    ppolicy.delete(old.replace("uid=nina,", "uid=nina2,"))
    found = check(ppolicy, old, "Other-Secret-1", entry_id=number)
    assert (found.answer, found.reason) == (Answer.REFUSED, "directory_missing")


def test_who_may_not_read_their_own_entry_is_known_by_the_bind_account(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(
        acl=[
            "to attrs=userPassword by anonymous auth by * none",
            'to * by dn.exact="cn=reader,dc=example,dc=com" read by * none',
        ]
    )
    server.add_ou("people")
    dn = add(server, "anna")
    assert check(server, dn).answer is Answer.ACCEPTED
    assert check(server, dn, entry_id="00000000-0000-0000-0000-000000000000").answer is Answer.REFUSED
    assert check(server, dn, bind_password="no longer right").answer is Answer.UNAVAILABLE
    assert check(server, dn, WRONG, bind_password="no longer right").answer is Answer.WRONG


def test_a_bind_account_that_is_refused_is_not_tried_at_each_login(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "rosa")
    number = entry_id_of(ppolicy, dn)
    asked = authenticator(ppolicy, bind_password="no longer right")
    before = binds(ppolicy, ppolicy.reader_dn)
    for _ in range(3):
        assert asked.check(dn, entry_id=number, password=SecretStr(WRONG)).answer is Answer.WRONG
        # what is kept of the refusal leads to no frame with a password
        assert asked._refused is not None
        assert (asked._refused.__traceback__, asked._refused.__context__) == (None, None)
    assert binds(ppolicy, ppolicy.reader_dn) == before + 1


def test_who_has_left_the_directory_s_people_is_refused(ppolicy: Slapd) -> None:
    old = add(ppolicy, "left")
    number = entry_id_of(ppolicy, old)
    ppolicy.rename(old, "uid=left", new_superior=ppolicy.add_ou("gone"))
    people = {"base_dn": f"ou=people,{ppolicy.base_dn}"}
    assert check(ppolicy, old, entry_id=number, users=people).answer is Answer.WRONG


# ---------------------------------------------------------------- 389 Directory Server
def test_ds389_says_why(ds389_ou: Ds389) -> None:
    dn = ds389_ou.person_dn("anna", ds389_ou.base_dn)
    ds389_ou.add(dn, {**ds389_ou.person("anna"), "userPassword": GOOD})
    assert check(ds389_ou, dn).answer is Answer.ACCEPTED
    assert check(ds389_ou, dn, WRONG).answer is Answer.WRONG
    number = entry_id_of(ds389_ou, dn)
    ds389_ou.rename(dn, "uid=anne")
    new = dn.replace("uid=anna,", "uid=anne,")
    assert check(ds389_ou, dn, entry_id=number).answer is Answer.ACCEPTED
    ds389_ou.modify(new, {"nsAccountLock": "true"})
    found = check(ds389_ou, new)
    assert (found.answer, found.reason) == (Answer.REFUSED, "directory_disabled")


def test_ds389_password_policy(make_ds389: Callable[..., Ds389]) -> None:
    server = make_ds389()
    rules = {
        "passwordLockout": "on",
        "passwordMaxFailure": "3",
        "passwordLockoutDuration": "1800",
        "passwordExp": "on",
        "passwordMaxAge": "86400",
        "passwordWarning": "86400",
    }
    server.modify("cn=config", rules)
    dns = {name: server.person_dn(name, server.base_dn) for name in ("anna", "olga", "mona", "emil")}
    for name, dn in dns.items():
        server.add(dn, {**server.person(name), "userPassword": GOOD})
    # at the first login the server begins to warn, and counts from there
    found = check(server, dns["emil"])
    assert (found.answer, found.reason) == (Answer.ACCEPTED, "")
    assert found.expires_in is not None
    assert 86_000 < found.expires_in <= 86_400
    server.modify("cn=config", {"passwordMustChange": "on"})
    server.modify(dns["olga"], {"passwordExpirationTime": "20200101000000Z"})
    server.modify(dns["mona"], {"userPassword": GOOD})

    found = check(server, dns["mona"])
    assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "password_must_change", True)
    found = check(server, dns["olga"])
    assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "password_expired", True)
    assert check(server, dns["olga"], WRONG).answer is Answer.WRONG
    for _ in range(3):
        check(server, dns["anna"], WRONG)
    for password in (GOOD, WRONG):
        found = check(server, dns["anna"], password)
        assert (found.answer, found.reason, found.password_right) == (Answer.REFUSED, "directory_locked", False)


# ---------------------------------------------------------------- Active Directory
def test_samba_says_why_in_sub_codes(samba_ou: SambaAd) -> None:
    dn = samba_ou.person_dn("anna", samba_ou.base_dn)
    samba_ou.add(dn, samba_ou.person("anna"))
    samba_ou.set_password(dn, GOOD)
    samba_ou.modify(dn, {"userAccountControl": str(NORMAL_ACCOUNT)})
    found = check(samba_ou, dn)
    assert (found.answer, found.detail) == (Answer.ACCEPTED, "")
    assert check(samba_ou, dn, WRONG).answer is Answer.WRONG
    states = {
        "directory_disabled": {"userAccountControl": str(NORMAL_ACCOUNT | 2)},
        "directory_expired": {"userAccountControl": str(NORMAL_ACCOUNT), "accountExpires": "116444736000000000"},
        "password_must_change": {"accountExpires": "0", "pwdLastSet": "0"},
    }
    for reason, changes in states.items():
        samba_ou.modify(dn, changes)
        found = check(samba_ou, dn)
        assert (found.answer, found.reason) == (Answer.REFUSED, reason), found.detail
        assert found.password_right is (reason == "password_must_change")
        assert check(samba_ou, dn, WRONG).answer is Answer.WRONG
    number = entry_id_of(samba_ou, dn)
    samba_ou.modify(dn, {"pwdLastSet": "-1", "userAccountControl": str(NORMAL_ACCOUNT | NO_PASSWORD_NEEDED)})
    samba_ou.rename(dn, "CN=anne")
    assert check(samba_ou, dn, entry_id=number).answer is Answer.ACCEPTED


# ---------------------------------------------------------------- a directory that is away
def test_a_directory_that_is_down_is_unavailable(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    server.stop()
    assert check(server, "uid=anna,dc=example,dc=com", entry_id="x").answer is Answer.UNAVAILABLE


def test_a_server_that_is_down_is_passed_over_and_then_comes_last(ppolicy: Slapd) -> None:
    dn = add(ppolicy, "otto")
    down = "ldap://127.0.0.1:1"
    asked = authenticator(ppolicy, urls=[down, ppolicy.url])
    number = entry_id_of(ppolicy, dn)
    with capture_logs() as logs:
        for _ in range(3):
            assert asked.check(dn, entry_id=number, password=SecretStr(GOOD)).answer is Answer.ACCEPTED
    assert [line["event"] for line in logs].count("directory server not usable") == 1


@pytest.mark.parametrize("code", [51, 52, 1, 8, 10, 80])
def test_a_server_that_cannot_say_is_unavailable(code: int) -> None:
    with LdapStub(bind=lambda i: [result(i, 0x61, code=code)]) as stub:
        assert check(stub, "uid=anna,dc=example,dc=com").answer is Answer.UNAVAILABLE
        assert stub.requests.count(BIND) == 1


@pytest.mark.parametrize("answer", [[CLOSE], [STALL], [b"\x30\x03\x02\x01\x01"], [b"GET / HTTP/1.0\r\n\r\n"]])
def test_a_bind_without_an_answer_is_unavailable_and_never_tried_again(answer: list[Any]) -> None:
    def ask() -> None:
        with LdapStub(bind=lambda i: answer) as stub, LdapStub() as second:
            found = check(stub, "uid=anna,dc=example,dc=com", timeout=1, urls=[stub.url, second.url])
            assert found.answer is Answer.UNAVAILABLE
            assert stub.requests.count(BIND) == 1
            assert second.requests == []

    assert seconds_of(ask, below=5) < 5


def seconds_of(ask: Callable[[], None], *, below: float) -> float:
    """How long it takes; asked again, up to three times, while that is not below, since the machine may have been busy."""
    for _ in range(3):
        began = time.monotonic()
        ask()
        took = time.monotonic() - began
        if took < below:
            break
    return took


def test_a_frozen_server_is_given_up_at_the_deadline(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    asked = authenticator(server, timeout=1)
    server.pause()
    try:

        def ask() -> None:
            assert asked.check("uid=a,dc=example,dc=com", entry_id="x", password=SecretStr(GOOD)).answer is Answer.UNAVAILABLE

        assert 0.9 < seconds_of(ask, below=3) < 3
    finally:
        server.resume()


def test_no_more_binds_at_once_than_the_setting_says() -> None:
    at_once, most, lock = [0], [0], threading.Lock()
    many = threading.Event()

    def slow(message_id: int) -> list[bytes]:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            if most[0] == 2:
                many.set()
        many.wait(30)
        with lock:
            at_once[0] -= 1
        return [result(message_id, 0x61, code=49)]

    with LdapStub(bind=slow) as stub, ThreadPoolExecutor(12) as pool:
        asked = authenticator(stub, at_once=2, timeout=30)
        found = list(pool.map(lambda _: asked.check("uid=a,dc=b", entry_id="x", password=SecretStr(GOOD)).answer, range(12)))
    assert most[0] == 2
    # twice as many are admitted; the others are told at once to come again
    assert set(found) <= {Answer.WRONG, Answer.UNAVAILABLE}
    assert found.count(Answer.WRONG) >= 2


# ---------------------------------------------------------------- servers that take a bind for another
def who_am_i(value: bytes | None, *, code: int = 0) -> Callable[[int], list[bytes]]:
    more = b"" if value is None else encode(0x8B, value)
    return lambda message_id: [result(message_id, 0x78, code=code, more=more)]


ROOT_DSE = {
    "supportedExtension": [WHO_AM_I],
    "namingContexts": [b"dc=b"],
    "vendorName": [b"389 Project"],
    "vendorVersion": [b"389-Directory/2.3"],
}
DN = "uid=a,dc=b"
NUMBER = "11111111-22222222-33333333-44444444"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (who_am_i(b""), Answer.UNAVAILABLE),
        (who_am_i(None), Answer.UNAVAILABLE),
        (who_am_i(b"dn:"), Answer.UNAVAILABLE),
        (who_am_i(b"dn:uid=a,dc=b"), Answer.ACCEPTED),
        (who_am_i(None, code=2), Answer.ACCEPTED),
    ],
)
def test_nobody_gets_in_by_an_anonymous_bind(answer: Callable[[int], list[bytes]], expected: Answer) -> None:
    def own(message_id: int) -> list[bytes]:
        return [entry(message_id, DN, {"nsUniqueId": [NUMBER.encode()]}), done(message_id)]

    with LdapStub([own], extended=answer, root_dse=ROOT_DSE, bind=lambda i: [result(i, 0x61)]) as stub:
        assert check(stub, DN, entry_id=NUMBER, vendor="ds389").answer is expected
        assert stub.requests.count(EXTENDED) == 1


# ---------------------------------------------------------------- controls
def test_broken_controls_are_no_answer() -> None:
    broken = encode(
        SEQUENCE, encode(OCTET_STRING, b"1.3.6.1.4.1.42.2.27.8.5.1"), encode(OCTET_STRING, b"\x30\x05\xa0\x03\x80\x09\x01")
    )
    with LdapStub(bind=lambda i: [result(i, 0x61, controls=broken)]) as stub:
        assert check(stub, DN).answer is Answer.UNAVAILABLE


# ---------------------------------------------------------------- secrets
def test_no_password_in_any_log_line_or_traceback(ppolicy: Slapd, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Never-Shown-1"
    dn = add(ppolicy, "sara", userPassword=secret)
    number = entry_id_of(ppolicy, dn)
    echoing = result(1, 0x61, code=49, text=f"wrong password {secret}")
    with caplog.at_level(logging.DEBUG), capture_logs() as logs, LdapStub(bind=lambda i: [echoing]) as stub:
        details = [
            check(ppolicy, dn, secret, entry_id=number).detail,
            check(ppolicy, dn, secret + "x", entry_id=number).detail,
            check(stub, dn, secret).detail,
            check(stub, dn, secret, urls=["ldap://127.0.0.1:1"]).detail,
        ]
    assert secret not in repr(logs) + caplog.text + "".join(details)
