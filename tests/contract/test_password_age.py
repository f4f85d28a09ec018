"""Passwords that become too old, over SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from syncd.model.password import Aged
from syncd.store import password_age
from syncd.store import schema as t
from tests.fakes.passwords import ADMIN, NEW, OLD, Keyring


@pytest.fixture
def ring(engine: Engine) -> Keyring:
    return Keyring(engine, max_age="30d")


def days(ring: Keyring, number: float) -> Aged:
    """So many days after everybody got their password."""
    return ring.age.expire_and_warn(ring.clock.now() + timedelta(days=number))


def test_age_is_off_unless_asked_for(engine: Engine) -> None:
    ring = Keyring(engine)
    anna = ring.person()
    assert days(ring, 10_000) == Aged()
    assert ring.user(anna).auth_status == "active"


def test_s51_warned_at_seven_three_and_one_day_and_expired_at_thirty(ring: Keyring) -> None:
    anna = ring.person()
    outcomes = {day: days(ring, day) for day in range(33)}
    assert {day: aged for day, aged in outcomes.items() if aged != Aged()} == {
        23: Aged(warned=1),
        27: Aged(warned=1),
        29: Aged(warned=1),
        30: Aged(expired=1),
    }
    assert [(mail.kind, mail.user_id, mail.data["days"]) for mail in ring.all(t.outbox)] == [
        ("password_expiring", anna, 7),
        ("password_expiring", anna, 3),
        ("password_expiring", anna, 1),
    ]
    assert ring.all(t.outbox)[0].data["expires"] == "2026-03-31 12:00 UTC"
    assert ring.user(anna).auth_status == "expired"
    assert ring.told() == [("access.revoked", anna)]
    (event,) = ring.audit()
    assert (event.action, event.actor, event.subject_id) == ("user.password_expired", "syncd", anna)
    assert (event.before, event.after) == ({"auth_status": "active"}, {"auth_status": "expired"})


def test_s51_what_has_expired_is_found_without_waiting_for_the_daily_look(ring: Keyring) -> None:
    anna = ring.person()
    end = ring.clock.now() + timedelta(days=30)
    assert ring.age.expire(end - timedelta(microseconds=1)) == 0
    assert ring.user(anna).auth_status == "active"
    assert ring.age.expire(end) == 1
    assert (ring.user(anna).auth_status, ring.told()) == ("expired", [("access.revoked", anna)])
    assert ring.age.expire(end) == 0


def test_a_warning_changes_nothing_of_the_person(ring: Keyring) -> None:
    anna = ring.person()
    before = ring.user(anna).version
    days(ring, 23)
    assert (ring.user(anna).version, ring.user(anna).password_warned) == (before, 7)
    assert ring.audit() == []


def test_a_new_password_begins_anew(ring: Keyring) -> None:
    anna = ring.person()
    days(ring, 29)
    days(ring, 30)
    ring.clock.at += timedelta(days=31)
    ring.passwords.change_by_name("anna.smith", OLD, NEW, caller=ADMIN)
    assert (ring.user(anna).auth_status, ring.user(anna).password_warned) == ("active", None)
    assert days(ring, 22) == Aged()
    assert days(ring, 23) == Aged(warned=1)


def test_nobody_is_warned_twice_by_two_at_once(ring: Keyring) -> None:
    ring.person()
    now = ring.clock.now() + timedelta(days=23)
    store = ring.age.store
    (password,) = store.aging(now, directory_users=False)
    assert store.warned(password, 7, at=now, mail=None)
    assert not store.warned(password, 7, at=now, mail=None)


def test_nobody_expires_whose_password_is_new_meanwhile(ring: Keyring) -> None:
    anna = ring.person()
    now = ring.clock.now() + timedelta(days=31)
    ring.give(anna, NEW, at=now)
    assert ring.age.store.expire([anna], set_before=now - timedelta(days=30), at=now) == []
    assert ring.user(anna).auth_status == "active"
    (password,) = ring.age.store.aging(now, directory_users=False)
    assert password.set_at == now


@pytest.mark.parametrize("status", ["locked", "reset", "expired"])
def test_only_what_is_active_expires(ring: Keyring, status: str) -> None:
    anna = ring.person(auth_status=status)
    assert days(ring, 31) == Aged()
    assert ring.user(anna).auth_status == status


def test_the_disabled_expire_too_but_are_not_warned(ring: Keyring) -> None:
    anna = ring.person(enabled=False)
    assert days(ring, 29) == Aged()
    assert days(ring, 30) == Aged(expired=1)
    assert ring.user(anna).auth_status == "expired"
    assert ring.all(t.outbox) == []


def test_whoever_has_no_password_has_none_that_ages(ring: Keyring) -> None:
    anna = ring.person(password=None)
    assert days(ring, 400) == Aged()
    assert ring.user(anna).auth_status == "active"


def test_s86_passwords_of_directory_users_age_only_where_they_are_kept_here(engine: Engine) -> None:
    ring = Keyring(engine, max_age="30d")
    anna, bert = ring.person(), ring.person("bert", manual=False, break_glass=True)
    ring.from_directory(anna)
    assert days(ring, 31) == Aged(expired=1)
    assert (ring.user(anna).auth_status, ring.user(bert).auth_status) == ("active", "expired")
    kept_here = replace(ring.age, settings=ring.settings.model_copy(update={"directory_users": True}))
    assert kept_here.expire_and_warn(ring.clock.now() + timedelta(days=31)) == Aged(expired=1)
    assert ring.user(anna).auth_status == "expired"


def test_many_at_once(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_age, "BATCH", 3)
    people = [ring.person(f"user{number}") for number in range(10)]
    assert days(ring, 29) == Aged(warned=10)
    assert days(ring, 31) == Aged(expired=10)
    assert {ring.user(person).auth_status for person in people} == {"expired"}
    assert len(ring.audit()) == 10


def test_links_are_forgotten_long_after_they_stopped_working(ring: Keyring) -> None:
    ring.links.reset(ring.person(), caller=ADMIN, reason="a laptop was stolen")
    assert days(ring, 30.9).links == 0
    assert days(ring, 31.1).links == 1
    assert ring.all(t.links) == []
