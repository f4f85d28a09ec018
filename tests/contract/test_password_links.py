"""Reset, invitation and forgotten password, by links, over SQLite and PostgreSQL."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from syncd.accounts.tokens import digest, parse_token
from syncd.errors import (
    AboveCallerError,
    DirectoryPasswordError,
    LinkInvalidError,
    PreconditionFailedError,
    StateError,
    SyncdError,
    UsageError,
    WeakPasswordError,
)
from syncd.model.caller import Caller
from syncd.model.password import LinkGiven, LinkPurpose
from syncd.store import schema as t
from syncd.store.engine import write
from tests.fakes.passwords import ADMIN, NEW, NOBODY, OLD, Keyring

REASON = "a laptop was stolen"


@pytest.fixture
def ring(engine: Engine) -> Keyring:
    return Keyring(engine)


def reset(ring: Keyring, user_id: int) -> str:
    """Reset somebody, and give back the token that is mailed."""
    ring.links.reset(user_id, caller=ADMIN, reason=REASON)
    return ring.mailed_token()


def refused(ring: Keyring, token: str) -> None:
    with pytest.raises(LinkInvalidError) as raised:
        ring.links.redeem(token, NEW, caller=NOBODY)
    assert str(raised.value) == str(LinkInvalidError())
    with pytest.raises(LinkInvalidError):
        ring.links.look(token)


# ---------------------------------------------------------------- reset
def test_s50_reset_keeps_out_until_there_is_a_new_password(ring: Keyring) -> None:
    anna = ring.person()
    given = ring.links.reset(anna, caller=ADMIN, reason=REASON)
    expires = ring.clock.now() + timedelta(hours=24)
    assert given == LinkGiven(user_id=anna, expires_at=expires, mailed=True)
    assert ring.user(anna).auth_status == "reset"
    assert ring.sessions() == 0
    (event,) = ring.audit()
    assert (event.action, event.reason, event.actor) == ("user.password_reset", REASON, "admin")
    assert (event.before, event.after) == ({"auth_status": "active"}, {"auth_status": "reset"})
    (mail,) = ring.all(t.outbox)
    assert (mail.kind, mail.user_id, mail.data["by"]) == ("password_reset", anna, "administrator")
    assert mail.data["expires"] == "2026-03-02 12:00 UTC"
    (link,) = ring.all(t.links)
    assert (link.id, link.digest, link.expires_at) == (mail.link_id, None, expires)
    assert set(ring.store.login_reasons(anna, now=ring.clock.now())) == {"password_reset"}


def test_s51_active_again_after_the_change(ring: Keyring) -> None:
    anna = ring.person(failed_logins=4)
    ring.links.redeem(reset(ring, anna), NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    assert (ring.user(anna).auth_status, ring.user(anna).failed_logins) == ("active", 0)
    assert ring.store.login_reasons(anna, now=ring.clock.now()) == ()
    assert ring.told() == [("access.revoked", anna), ("access.granted", anna)]
    assert ring.mails() == ["password_reset", "password_changed"]
    assert [(event.action, event.actor) for event in ring.audit()] == [
        ("user.password_reset", "admin"),
        ("user.password_changed", "anna.smith"),
    ]


@pytest.mark.parametrize("status", ["active", "locked", "reset", "expired"])
def test_s50_in_any_status(ring: Keyring, status: str) -> None:
    anna = ring.person(auth_status=status)
    reset(ring, anna)
    assert ring.user(anna).auth_status == "reset"


def test_s50_disabled_users_are_skipped_and_it_is_said(ring: Keyring) -> None:
    anna = ring.person(enabled=False)
    with pytest.raises(StateError, match="disabled"):
        ring.links.reset(anna, caller=ADMIN, reason=REASON)
    assert ring.user(anna).auth_status == "active"
    assert ring.all(t.outbox) == ring.all(t.links) == ring.audit() == []


def test_s50_somebody_above_is_not_reset_and_a_reason_is_needed(ring: Keyring) -> None:
    anna = ring.person()
    with pytest.raises(UsageError, match="reason"):
        ring.links.reset(anna, caller=ADMIN, reason=" x ")
    with pytest.raises(PreconditionFailedError):
        ring.links.reset(anna, caller=ADMIN, reason=REASON, if_match=9)
    ring.ceiling.above.add(anna)
    with pytest.raises(AboveCallerError):
        ring.links.reset(anna, caller=ADMIN, reason=REASON)
    assert ring.user(anna).auth_status == "active"


def test_s70_administrator_who_resets_themselves_is_logged_out(ring: Keyring) -> None:
    anna = ring.person()
    ring.ceiling.above.add(anna)
    ring.links.reset(anna, caller=Caller(name="anna.smith", user_id=anna, everything=True), reason=REASON)
    assert ring.user(anna).auth_status == "reset"
    assert ring.sessions() == 0


def test_s50_holds_with_mail_down_and_says_that_none_goes_out(ring: Keyring) -> None:
    ring.mailer.on = False
    anna = ring.person()
    assert not ring.links.reset(anna, caller=ADMIN, reason=REASON).mailed
    assert ring.user(anna).auth_status == "reset"


def test_s50_the_command_line_may_see_the_link(ring: Keyring) -> None:
    anna = ring.person()
    given = ring.links.reset(anna, caller=ADMIN, reason=REASON, show=True)
    assert given.token is not None
    assert not given.mailed
    assert ring.all(t.outbox) == []
    ring.links.redeem(given.token, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


# ---------------------------------------------------------------- invitation
def test_s15_invitation_sets_the_first_password(ring: Keyring) -> None:
    anna = ring.person(password=None)
    given = ring.links.invite(anna, caller=ADMIN)
    assert given.expires_at == ring.clock.now() + timedelta(days=7)
    assert ring.mails() == ["invitation"]
    assert ring.user(anna).auth_status == "active"
    token = ring.mailed_token()
    assert ring.links.look(token).purpose is LinkPurpose.INVITATION
    ring.clock.at += timedelta(days=6, hours=23)
    ring.links.redeem(token, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    assert [event.action for event in ring.audit()] == ["user.invited", "user.password_changed"]


def test_s15_whoever_was_made_with_an_invitation_is_active_with_their_first_password(ring: Keyring) -> None:
    anna = ring.person(password=None, auth_status="reset")
    ring.links.invite(anna, caller=ADMIN)
    assert ring.user(anna).auth_status == "reset"
    ring.links.redeem(ring.mailed_token(), NEW, caller=NOBODY)
    assert ring.user(anna).auth_status == "active"


def test_s15_invited_again_the_earlier_link_ends(ring: Keyring) -> None:
    anna = ring.person(password=None)
    ring.links.invite(anna, caller=ADMIN)
    first = ring.mailed_token()
    ring.links.invite(anna, caller=ADMIN)
    refused(ring, first)
    ring.links.redeem(ring.mailed_token(), NEW, caller=NOBODY)


def test_s15_not_of_somebody_with_a_password_or_disabled(ring: Keyring) -> None:
    with pytest.raises(StateError, match="has a password"):
        ring.links.invite(ring.person(), caller=ADMIN)
    with pytest.raises(StateError, match="disabled"):
        ring.links.invite(ring.person("bert", password=None, enabled=False), caller=ADMIN)


# ---------------------------------------------------------------- forgotten
def test_s51_forgotten_password_stays_active_and_mails_a_link(ring: Keyring) -> None:
    anna = ring.person()
    ring.links.forgot("ANNA.smith@example.com", caller=NOBODY)
    assert ring.user(anna).auth_status == "active"
    assert ring.sessions() == 1
    assert ring.told() == []
    (mail,) = ring.all(t.outbox)
    assert (mail.kind, mail.data["by"]) == ("password_reset", "person")
    (event,) = ring.audit()
    assert (event.action, event.actor, event.subject_id) == ("user.password_forgotten", "anybody", anna)
    ring.links.redeem(ring.mailed_token(), NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    assert ring.sessions() == 0


@pytest.mark.parametrize("name", ["nobody", "", "\x00", "carl", "dora", "eve"])
def test_s51_forgotten_by_nobody_who_may_have_a_link_says_nothing(ring: Keyring, name: str) -> None:
    ring.person()
    ring.person("carl", enabled=False)
    ring.from_directory(ring.person("dora"))
    ring.person("eve", email=None, email_key=None)
    ring.links.forgot(name, caller=NOBODY)
    assert ring.all(t.outbox) == ring.all(t.links) == ring.audit() == []


def test_s51_nobody_can_fill_a_mailbox(ring: Keyring) -> None:
    ring.person()
    for _ in range(5):
        ring.links.forgot("anna.smith", caller=NOBODY)
    assert ring.mails() == ["password_reset"]
    ring.clock.at += timedelta(minutes=1)
    ring.links.forgot("anna.smith", caller=NOBODY)
    assert len(ring.mails()) == 2


def test_s51_forgotten_keeps_a_reset_and_a_lock(ring: Keyring) -> None:
    anna = ring.person(auth_status="locked", failed_logins=10)
    ring.links.forgot("anna.smith", caller=NOBODY)
    ring.links.redeem(ring.mailed_token(), NEW, caller=NOBODY)
    assert (ring.user(anna).auth_status, ring.user(anna).failed_logins) == ("locked", 10)


# ---------------------------------------------------------------- what a link is good for
def test_s51_a_link_works_once(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    ring.links.redeem(token, NEW, caller=NOBODY)
    refused(ring, token)
    assert ring.knows(anna, NEW)


def test_s51_looking_at_a_link_does_not_use_it_up(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    for _ in range(3):
        assert ring.links.look(token).username == "anna.smith"
    ring.links.redeem(token, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


def test_s51_single_use_under_twenty_at_once(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)

    def redeem(number: int) -> str:
        try:
            ring.links.redeem(token, f"New-Password{number}", caller=NOBODY)
        except SyncdError as error:
            return error.code
        return f"set {number}"

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(redeem, range(20)))
    assert Counter(outcome.split()[0] for outcome in outcomes) == {"set": 1, "link_invalid": 19}
    (winner,) = (outcome.removeprefix("set ") for outcome in outcomes if outcome.startswith("set"))
    assert ring.knows(anna, f"New-Password{winner}")
    assert len([event for event in ring.audit() if event.action == "user.password_changed"]) == 1


def test_s51_a_link_expires_at_the_moment(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    ring.clock.at += timedelta(hours=24)
    refused(ring, token)
    ring.clock.at -= timedelta(microseconds=1)
    ring.links.redeem(token, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


def test_s51_a_newer_link_ends_the_older(ring: Keyring) -> None:
    anna = ring.person()
    first, second = reset(ring, anna), reset(ring, anna)
    refused(ring, first)
    ring.links.redeem(second, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


def test_s51_a_forgotten_password_leaves_an_invitation_alone(ring: Keyring) -> None:
    anna = ring.person(password=None)
    ring.links.invite(anna, caller=ADMIN)
    invitation = ring.mailed_token()
    ring.links.forgot("anna.smith", caller=NOBODY)
    forgotten = ring.mailed_token()
    assert ring.links.look(invitation).purpose is LinkPurpose.INVITATION
    ring.links.redeem(forgotten, NEW, caller=NOBODY)
    refused(ring, invitation)


def test_s51_a_saved_password_ends_all_links(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    refused(ring, token)


def test_s51_refused_for_the_disabled_and_good_again_afterwards(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    ring.update(anna, enabled=False)
    refused(ring, token)
    ring.update(anna, enabled=True)
    ring.links.redeem(token, NEW, caller=NOBODY)


def test_s51_refused_for_somebody_disabled_while_it_was_hashed(ring: Keyring) -> None:
    anna = ring.person()
    parsed = parse_token(reset(ring, anna))
    assert parsed is not None
    link = ring.links.store.link(parsed.id)
    assert link is not None
    ring.update(anna, enabled=False)
    with pytest.raises(LinkInvalidError):
        ring.links.store.redeem(link, "hash", keep=1, caller=NOBODY, at=ring.clock.now(), mail=None)
    assert ring.all(t.links)[0].used_at is None


def test_s51_of_somebody_who_is_gone(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    with write(ring.engine) as connection:
        connection.execute(delete(t.users).where(t.users.c.id == anna))
    refused(ring, token)


def test_s51_a_weak_password_leaves_the_link_as_it_was(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    for weak in ("short", "Anna.Smith1", OLD):
        with pytest.raises(WeakPasswordError):
            ring.links.redeem(token, weak, caller=NOBODY)
    ring.links.redeem(token, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


@pytest.mark.parametrize("change", ["letter", "number", "session", "short", "empty", "unsent"])
def test_s51_no_other_token_will_do(ring: Keyring, change: str) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    parts = parse_token(token)
    assert parts is not None
    _, number, secret = parts
    other = {
        "letter": token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1],
        "number": f"syncd_l_{number + 1}_{secret}",
        "session": f"syncd_s_{number}_{secret}",
        "short": token[:-1],
        "empty": "",
        "unsent": token,
    }[change]
    if change == "unsent":
        ring.links.reset(anna, caller=ADMIN, reason=REASON)
    refused(ring, other)
    assert not ring.knows(anna, NEW)


def test_s50_a_password_that_was_reset_fits_no_more_whatever_becomes_of_the_status(ring: Keyring) -> None:
    anna = ring.person()
    assert ring.knows(anna, OLD)
    reset(ring, anna)
    assert not ring.knows(anna, OLD)


def test_s86_no_links_for_directory_users(ring: Keyring) -> None:
    anna = ring.person()
    token = reset(ring, anna)
    ring.from_directory(anna)
    refused(ring, token)
    with pytest.raises(DirectoryPasswordError):
        ring.links.reset(anna, caller=ADMIN, reason=REASON)
    with pytest.raises(DirectoryPasswordError):
        ring.links.invite(anna, caller=ADMIN)


def test_s86_links_for_directory_users_where_the_site_says_so(engine: Engine) -> None:
    ring = Keyring(engine, directory_users=True)
    anna = ring.person(manual=False, password=None)
    ring.from_directory(anna)
    ring.links.redeem(reset(ring, anna), NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


# ---------------------------------------------------------------- secrets
def test_s51_secrets_of_links_are_nowhere(
    ring: Keyring, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    # too long to be found in a hash or a digest by chance
    weak = "small-letters-alone"
    anna = ring.person()
    given = ring.links.reset(anna, caller=ADMIN, reason=REASON, show=True)
    assert given.token is not None
    parsed = parse_token(given.token)
    assert parsed is not None
    ring.links.look(given.token)
    with pytest.raises(WeakPasswordError):
        ring.links.redeem(given.token, weak, caller=NOBODY)
    ring.links.redeem(given.token, NEW, caller=NOBODY)
    refused(ring, given.token)
    told = "".join(capfd.readouterr()) + caplog.text
    kept = repr([ring.all(table) for table in (t.links, t.outbox, t.audit_events, t.passwords, t.users)])
    if ring.engine.name == "sqlite":
        file = Path(str(ring.engine.url.database))
        kept += "".join(part.read_bytes().decode("latin-1") for part in file.parent.glob(f"{file.name}*"))
    for secret in (parsed.secret, NEW, weak):
        assert secret not in told
        assert secret not in kept
    assert ring.all(t.links)[0].digest == digest(parsed.secret)
