"""Changing local passwords, over SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from syncd.errors import (
    AboveCallerError,
    DirectoryPasswordError,
    LoginRefusedError,
    NotFoundError,
    OneselfError,
    PreconditionFailedError,
    StateError,
    UnauthorizedError,
    WeakPasswordError,
    WrongPasswordError,
)
from syncd.model.caller import Caller
from syncd.services.hashing import Argon2Hasher
from syncd.store import schema as t
from tests.fakes.passwords import ADMIN, NEW, NOBODY, OLD, Keyring


@pytest.fixture
def ring(engine: Engine) -> Keyring:
    return Keyring(engine)


def own(user_id: int) -> Caller:
    return Caller(name="anna.smith", user_id=user_id, session_id=1)


# ---------------------------------------------------------------- by an administrator
def test_s46_administrator_changes_a_password(ring: Keyring) -> None:
    anna = ring.person()
    version = ring.user(anna).version
    ring.passwords.set_password(anna, NEW, caller=ADMIN, reason="she forgot it")
    assert ring.knows(anna, NEW)
    assert not ring.knows(anna, OLD)
    assert ring.sessions() == 0
    assert ring.user(anna).version == version + 1
    (event,) = ring.audit()
    assert (event.action, event.actor, event.subject_id, event.reason) == (
        "user.password_changed",
        "admin",
        anna,
        "she forgot it",
    )
    assert (event.before, event.after, event.request_id) == (None, None, "r1")


def test_s49_the_mail_says_that_it_changed_and_not_what_it_is(ring: Keyring) -> None:
    anna = ring.person()
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    (mail,) = ring.all(t.outbox)
    assert (mail.kind, mail.user_id, mail.recipient, mail.link_id) == ("password_changed", anna, "anna.smith@example.com", None)
    assert mail.data == {"name": "Anna Smith", "username": "anna.smith", "at": "2026-03-01 12:00 UTC", "by": "administrator"}
    assert NEW not in repr(ring.all(t.outbox) + ring.audit() + ring.all(t.passwords))


@pytest.mark.parametrize(
    ("status", "failures", "expected"),
    [("active", 3, ("active", 3)), ("reset", 3, ("active", 0)), ("expired", 0, ("active", 0)), ("locked", 10, ("locked", 10))],
)
def test_s51_what_a_new_password_makes_of_the_status(
    ring: Keyring, status: str, failures: int, expected: tuple[str, int]
) -> None:
    anna = ring.person(auth_status=status, failed_logins=failures)
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    assert (ring.user(anna).auth_status, ring.user(anna).failed_logins) == expected
    assert ring.told() == ([("access.granted", anna)] if status in ("reset", "expired") else [])
    (event,) = ring.audit()
    changed = status in ("reset", "expired")
    assert (event.before or {}).get("auth_status") == (status if changed else None)
    assert (event.after or {}).get("auth_status") == ("active" if changed else None)


def test_s46_not_of_a_disabled_user(ring: Keyring) -> None:
    anna = ring.person(enabled=False)
    with pytest.raises(StateError, match="disabled"):
        ring.passwords.set_password(anna, NEW, caller=ADMIN)
    assert ring.knows(anna, OLD)
    assert ring.audit() == ring.all(t.outbox) == []


def test_s46_not_of_a_user_who_is_disabled_meanwhile(ring: Keyring) -> None:
    anna = ring.person(enabled=False)
    with pytest.raises(StateError):
        ring.store.save(anna, "hash", keep=1, caller=ADMIN, at=ring.clock.now(), mail=None)
    assert ring.knows(anna, OLD)


def test_s46_neither_ones_own_nor_that_of_somebody_above(ring: Keyring) -> None:
    anna = ring.person()
    with pytest.raises(OneselfError):
        ring.passwords.set_password(anna, NEW, caller=Caller(name="anna.smith", user_id=anna, everything=True))
    ring.ceiling.above.add(anna)
    with pytest.raises(AboveCallerError):
        ring.passwords.set_password(anna, NEW, caller=ADMIN)
    with pytest.raises(NotFoundError):
        ring.passwords.set_password(anna + 1, NEW, caller=ADMIN)
    assert ring.knows(anna, OLD)


def test_s46_if_match_is_honoured(ring: Keyring) -> None:
    anna = ring.person()
    with pytest.raises(PreconditionFailedError):
        ring.passwords.set_password(anna, NEW, caller=ADMIN, if_match=ring.user(anna).version + 1)
    ring.passwords.set_password(anna, NEW, caller=ADMIN, if_match=ring.user(anna).version)
    assert ring.knows(anna, NEW)


@pytest.mark.parametrize("password", ["short1A", "lowercase1", "Anna.Smith1", "Smith2026!", "Anna.Smith@example.com1"])
def test_s6_policy_is_asked_with_the_names_of_the_person(ring: Keyring, password: str) -> None:
    anna = ring.person()
    with pytest.raises(WeakPasswordError) as raised:
        ring.passwords.set_password(anna, password, caller=ADMIN)
    assert password not in str(raised.value)
    assert ring.knows(anna, OLD)


def test_s46_works_without_mail_and_without_an_address(ring: Keyring) -> None:
    ring.mailer.on = False
    anna = ring.person()
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    ring.mailer.on = True
    ring.update(anna, email=None, email_key=None)
    ring.passwords.set_password(anna, OLD, caller=ADMIN)
    assert ring.all(t.outbox) == []
    assert ring.knows(anna, OLD)


# ---------------------------------------------------------------- directory users
@pytest.mark.parametrize("manual", [True, False])
def test_s86_not_for_directory_users(ring: Keyring, manual: bool) -> None:
    anna = ring.person(manual=manual)
    ring.from_directory(anna)
    with pytest.raises(DirectoryPasswordError, match="corp"):
        ring.passwords.set_password(anna, NEW, caller=ADMIN)
    with pytest.raises(DirectoryPasswordError):
        ring.passwords.change_own(OLD, NEW, caller=own(anna))
    with pytest.raises(LoginRefusedError):
        ring.passwords.change_by_name("anna.smith", OLD, NEW, caller=NOBODY)
    assert ring.knows(anna, OLD)
    assert ring.counter.begun == []


def test_s86_nor_for_those_who_have_gone_from_their_directory(ring: Keyring) -> None:
    anna = ring.person(manual=False)
    ring.from_directory(anna, missing_since=ring.clock.now())
    with pytest.raises(DirectoryPasswordError):
        ring.passwords.set_password(anna, NEW, caller=ADMIN)


def test_s86_unless_the_site_says_so(engine: Engine) -> None:
    ring = Keyring(engine, directory_users=True)
    anna = ring.person(manual=False, password=None)
    ring.from_directory(anna)
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    assert ring.knows(anna, NEW)


def test_s86_a_break_glass_account_has_a_local_password(ring: Keyring) -> None:
    anna = ring.person(manual=False, break_glass=True)
    ring.from_directory(anna)
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    assert ring.knows(anna, NEW)


# ---------------------------------------------------------------- one's own
def test_s68_own_password_with_the_present_one(ring: Keyring) -> None:
    anna = ring.person()
    ring.passwords.change_own(OLD, NEW, caller=own(anna))
    assert ring.knows(anna, NEW)
    assert ring.sessions() == 0
    assert (ring.counter.begun, ring.counter.failed, ring.counter.succeeded) == ([anna], [], [anna])
    (mail,) = ring.all(t.outbox)
    assert (mail.kind, mail.data["by"]) == ("password_changed", "person")


def test_s68_a_wrong_present_one_counts_and_changes_nothing(ring: Keyring) -> None:
    anna = ring.person()
    with pytest.raises(WrongPasswordError):
        ring.passwords.change_own("Not-It-At-All1", NEW, caller=own(anna))
    assert (ring.counter.begun, ring.counter.failed, ring.counter.succeeded) == ([anna], [anna], [])
    assert ring.knows(anna, OLD)
    assert ring.sessions() == 1


def test_s68_at_the_limit_the_right_one_is_not_looked_at(ring: Keyring) -> None:
    anna = ring.person()
    ring.counter.locked.add(anna)
    with pytest.raises(WrongPasswordError):
        ring.passwords.change_own(OLD, NEW, caller=own(anna))
    assert ring.knows(anna, OLD)
    assert ring.counter.succeeded == []


def test_s68_the_new_one_is_another_one(ring: Keyring) -> None:
    anna = ring.person()
    with pytest.raises(WeakPasswordError, match="used before"):
        ring.passwords.change_own(OLD, OLD, caller=own(anna))


def test_s68_needs_a_person(ring: Keyring) -> None:
    with pytest.raises(UnauthorizedError):
        ring.passwords.change_own(OLD, NEW, caller=ADMIN)


def test_s68_of_two_changes_at_once_the_second_is_refused(ring: Keyring) -> None:
    anna = ring.person()
    before = ring.store.owner(anna).hash
    ring.passwords.change_own(OLD, NEW, caller=own(anna))
    with pytest.raises(StateError, match="meantime"):
        ring.store.save(anna, "hash", keep=1, caller=own(anna), at=ring.clock.now(), mail=None, replaces=before)
    assert ring.knows(anna, NEW)


# ---------------------------------------------------------------- without a session
@pytest.mark.parametrize("name", ["anna.smith", "ANNA.Smith", "anna.smith@example.com"])
@pytest.mark.parametrize("status", ["active", "expired"])
def test_s51_an_expired_password_is_changed_without_a_session(ring: Keyring, name: str, status: str) -> None:
    anna = ring.person(auth_status=status)
    ring.passwords.change_by_name(name, OLD, NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)
    assert ring.user(anna).auth_status == "active"
    (event,) = ring.audit()
    assert (event.actor, event.action) == ("anna.smith", "user.password_changed")


@pytest.mark.parametrize(
    ("name", "present", "values"),
    [
        ("nobody", OLD, {}),
        ("", OLD, {}),
        ("anna.smith\x00", OLD, {}),
        ("anna.smith", "Not-It-At-All1", {}),
        ("anna.smith", "", {}),
        ("anna.smith", OLD, {"enabled": False}),
        ("anna.smith", OLD, {"auth_status": "locked"}),
        ("anna.smith", OLD, {"auth_status": "reset"}),
    ],
)
def test_s68_every_refusal_is_the_same(ring: Keyring, name: str, present: str, values: dict[str, object]) -> None:
    anna = ring.person(**values)
    with pytest.raises(LoginRefusedError) as raised:
        ring.passwords.change_by_name(name, present, NEW, caller=NOBODY)
    assert str(raised.value) == str(LoginRefusedError())
    assert ring.knows(anna, OLD)
    assert ring.audit() == []
    assert len(ring.counter.failed) + len(ring.counter.unknown_names) == 1
    assert ring.counter.succeeded == []


def test_s68_who_has_no_organization_is_refused(ring: Keyring) -> None:
    number = ring.rows.user("bert", manual=True)
    ring.give(number, OLD)
    with pytest.raises(LoginRefusedError):
        ring.passwords.change_by_name("bert", OLD, NEW, caller=NOBODY)
    assert (ring.counter.begun, ring.counter.whys, ring.counter.succeeded) == ([], ["no_organization"], [])


def test_s68_somebody_without_a_password_is_refused(ring: Keyring) -> None:
    ring.person(password=None)
    with pytest.raises(LoginRefusedError):
        ring.passwords.change_by_name("anna.smith", "", NEW, caller=NOBODY)


def test_s68_policy_is_only_told_to_whoever_knows_the_password(ring: Keyring) -> None:
    ring.person()
    with pytest.raises(LoginRefusedError):
        ring.passwords.change_by_name("anna.smith", "wrong", "x", caller=NOBODY)
    with pytest.raises(WeakPasswordError):
        ring.passwords.change_by_name("anna.smith", OLD, "x", caller=NOBODY)


# ---------------------------------------------------------------- history
def test_history_is_off_unless_asked_for(ring: Keyring) -> None:
    anna = ring.person()
    ring.passwords.set_password(anna, NEW, caller=ADMIN)
    ring.passwords.set_password(anna, OLD, caller=ADMIN)
    assert ring.knows(anna, OLD)
    assert len(ring.all(t.passwords)) == 1


def test_history_refuses_so_many_of_the_newest(engine: Engine) -> None:
    ring = Keyring(engine, history=3)
    anna = ring.person(password=None)
    made = [f"Password-{number}a" for number in range(5)]
    for password in made:
        ring.passwords.set_password(anna, password, caller=ADMIN)
    assert len(ring.all(t.passwords)) == 3
    for used in made[2:]:
        with pytest.raises(WeakPasswordError, match="used before"):
            ring.passwords.set_password(anna, used, caller=ADMIN)
    ring.passwords.set_password(anna, made[1], caller=ADMIN)
    assert ring.knows(anna, made[1])


@pytest.mark.parametrize("status", ["reset", "expired"])
def test_s51_the_password_that_was_reset_or_expired_is_not_the_new_one(ring: Keyring, status: str) -> None:
    anna = ring.person(auth_status=status)
    with pytest.raises(WeakPasswordError, match="used before"):
        ring.passwords.set_password(anna, OLD, caller=ADMIN)


def test_one_text_in_two_spellings_is_one_password(ring: Keyring) -> None:
    anna = ring.person()
    ring.passwords.set_password(anna, "Pa\u0308sswort-1", caller=ADMIN)
    assert ring.knows(anna, "P\u00e4sswort-1")
    ring.passwords.change_by_name("anna.smith", "P\u00e4sswort-1", NEW, caller=NOBODY)
    assert ring.knows(anna, NEW)


# ---------------------------------------------------------------- hashes
def test_s56_passwords_are_hashed_with_a_salt_of_their_own(ring: Keyring) -> None:
    ring.person()
    ring.person("bert")
    first, second = (row.hash for row in ring.all(t.passwords))
    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert first != second


def test_s56_a_hash_of_other_parameters_is_outdated_and_renewed(ring: Keyring) -> None:
    anna = ring.person()
    old = ring.store.owner(anna).hash
    assert old is not None
    hasher = Argon2Hasher(ring.settings.model_copy(update={"argon2_time_cost": 2}))
    assert not ring.hasher.outdated(old)
    assert hasher.outdated(old)
    assert hasher.verify(old, OLD)
    assert ring.store.rehash(anna, hasher.hash(OLD), replaces=old)
    assert not ring.store.rehash(anna, "another", replaces=old)
    new = ring.store.owner(anna).hash
    assert new is not None
    assert not hasher.outdated(new)
    assert hasher.verify(new, OLD)


def test_names_are_those_of_the_person_and_the_username_goes_first(ring: Keyring) -> None:
    anna = ring.person(display_name="Anna S.", emails=["a@home.example"])
    bert = ring.person("bert", email="anna.smith")
    found = ring.store.owner_by_name("anna.smith")
    assert found is not None
    assert (found.id, found.name) == (anna, "Anna S.")
    assert set(found.names) == {"anna.smith", "anna.smith@example.com", "a@home.example", "Anna", "Smith", "Anna S."}
    assert ring.store.owner(bert).username == "bert"


def test_changes_of_one_person_leave_others_alone(ring: Keyring) -> None:
    anna, bert = ring.person(), ring.person("bert")
    ring.clock.at += timedelta(hours=1)
    ring.passwords.set_password(anna, NEW, caller=replace(ADMIN, name="other"))
    assert ring.knows(bert, OLD)
    assert [row.user_id for row in ring.all(t.sessions)] == [bert]
