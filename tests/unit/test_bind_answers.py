"""What each server's answer to a bind means, by its code, its text and its controls."""

from __future__ import annotations

import pytest

from syncd.directory.ber import SEQUENCE, encode, encode_integer
from syncd.directory.bind_answers import PASSWORD_POLICY, judge, may_have_moved
from syncd.directory.messages import Result
from syncd.model.login import Answer

EXPIRED, EXPIRING = "2.16.840.1.113730.3.4.4", "2.16.840.1.113730.3.4.5"
AD = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {}, v1db1"


def policy(*, error: int | None = None, expires_in: int | None = None, grace: int | None = None) -> dict[str, bytes | None]:
    """The response control of draft-behera-ldap-password-policy."""
    warnings = [(0x80, expires_in), (0x81, grace)]
    parts = [encode(0xA0, encode_integer(value, tag)) for tag, value in warnings if value is not None]
    if error is not None:
        parts.append(encode_integer(error, 0x81))
    return {PASSWORD_POLICY: encode(SEQUENCE, *parts)}


def said(code: int, text: str = "", controls: dict[str, bytes | None] | None = None) -> tuple[Answer, str, bool]:
    found = judge(Result(code=code, text=text, controls=controls or {}), url="ldap://x", secret="a secret")
    return found.answer, found.reason, found.password_right


@pytest.mark.parametrize(
    ("sub_code", "expected"),
    [
        ("525", (Answer.WRONG, "", False)),
        ("52e", (Answer.WRONG, "", False)),
        ("52E", (Answer.WRONG, "", False)),
        ("530", (Answer.REFUSED, "directory_logon_hours", False)),
        ("531", (Answer.REFUSED, "directory_workstation", False)),
        ("532", (Answer.REFUSED, "password_expired", True)),
        ("533", (Answer.REFUSED, "directory_disabled", False)),
        ("701", (Answer.REFUSED, "directory_expired", False)),
        ("773", (Answer.REFUSED, "password_must_change", True)),
        ("775", (Answer.REFUSED, "directory_locked", False)),
        ("7777", (Answer.WRONG, "", False)),
    ],
)
def test_sub_codes_of_active_directory(sub_code: str, expected: tuple[Answer, str, bool]) -> None:
    assert said(49, AD.format(sub_code)) == expected


@pytest.mark.parametrize(
    ("code", "controls", "expected"),
    [
        (0, policy(error=2), (Answer.REFUSED, "password_must_change", True)),
        (0, {EXPIRED: b"0"}, (Answer.REFUSED, "password_must_change", True)),
        (0, {EXPIRED: b"0", **policy(grace=3)}, (Answer.ACCEPTED, "", False)),
        (0, {PASSWORD_POLICY: None}, (Answer.ACCEPTED, "", False)),
        (49, policy(error=0), (Answer.REFUSED, "password_expired", True)),
        (49, policy(error=1), (Answer.REFUSED, "directory_locked", False)),
        (49, {EXPIRED: b"0"}, (Answer.REFUSED, "password_expired", True)),
        (49, policy(), (Answer.WRONG, "", False)),
    ],
)
def test_controls(code: int, controls: dict[str, bytes | None], expected: tuple[Answer, str, bool]) -> None:
    assert said(code, controls=controls) == expected


def test_warnings() -> None:
    assert judge(Result(code=0, controls=policy(expires_in=777)), url="", secret="").expires_in == 777
    assert judge(Result(code=0, controls=policy(grace=0)), url="", secret="").grace_logins == 0
    assert judge(Result(code=0, controls={EXPIRING: b"86400"}), url="", secret="").expires_in == 86_400
    assert judge(Result(code=0, controls={EXPIRING: b"soon"}), url="", secret="").expires_in is None


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (19, "Exceed password retry limit. Please try later.", (Answer.REFUSED, "directory_locked", False)),
        (53, "Account inactivated. Contact system administrator.", (Answer.REFUSED, "directory_disabled", False)),
        (49, "password expired!", (Answer.REFUSED, "password_expired", True)),
        (53, "unauthenticated bind (DN with no password) disallowed", (Answer.REFUSED, "directory_refused", False)),
        (50, "", (Answer.REFUSED, "directory_refused", False)),
        (48, "", (Answer.WRONG, "", False)),
        (32, "", (Answer.WRONG, "", False)),
        (34, "", (Answer.WRONG, "", False)),
        (8, "", (Answer.UNAVAILABLE, "", False)),
        (13, "", (Answer.UNAVAILABLE, "", False)),
        (51, "", (Answer.UNAVAILABLE, "", False)),
        (52, "", (Answer.UNAVAILABLE, "", False)),
        (1234, "", (Answer.UNAVAILABLE, "", False)),
    ],
)
def test_codes_and_texts(code: int, text: str, expected: tuple[Answer, str, bool]) -> None:
    assert said(code, text) == expected


def test_only_a_plain_wrong_may_be_an_entry_that_has_moved() -> None:
    doubtful = {
        (code, text)
        for code, text in ((49, ""), (32, ""), (34, ""), (48, ""), (49, AD.format("775")), (0, ""))
        for result in [Result(code=code, text=text, controls={})]
        if may_have_moved(result, judge(result, url="", secret=""))
    }
    assert doubtful == {(49, ""), (32, ""), (34, "")}


def test_a_password_that_the_server_repeats_is_struck_out() -> None:
    found = judge(Result(code=49, text="not a secret", controls={}), url="ldap://x", secret="a secret")
    assert "a secret" not in found.detail
