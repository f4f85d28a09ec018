"""Hashing and the policy as the use cases ask for them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import extract_parameters

from syncd.errors import WeakPasswordError
from syncd.services.hashing import Argon2Hasher
from syncd.services.password_rules import LocalPasswordRules
from syncd.settings.accounts import PasswordSettings
from tests.fakes.passwords import CHEAP, NEW, OLD


def settings(**values: Any) -> PasswordSettings:
    return PasswordSettings(**(CHEAP | values))


# ---------------------------------------------------------------- hashing
def test_s56_hashes_have_the_parameters_of_the_configuration() -> None:
    parameters = extract_parameters(Argon2Hasher(PasswordSettings(argon2_memory=16_384)).hash(NEW))
    assert (parameters.type.name, parameters.time_cost, parameters.memory_cost, parameters.parallelism) == ("ID", 3, 16_384, 4)


def test_parameters_that_argon2_would_refuse_are_raised_to_the_least_it_takes() -> None:
    hasher = Argon2Hasher(settings(argon2_memory=8, argon2_parallelism=4))
    assert hasher.verify(hasher.hash(NEW), NEW)


class Counted:
    """argon2 as it is, with what is asked of it."""

    def __init__(self, argon2: Any) -> None:
        self.argon2, self.verified = argon2, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.argon2, name)

    def verify(self, stored: str, password: bytes) -> bool:
        self.verified.append(stored)
        return bool(self.argon2.verify(stored, password))


@pytest.mark.parametrize("stored", [None, "", "no hash", "$2b$12$abcdefghijklmnopqrstuv"])
def test_somebody_without_a_password_costs_one_verification_of_the_same_kind(stored: str | None) -> None:
    hasher = Argon2Hasher(settings())
    counted = Counted(hasher._argon2)
    hasher._argon2 = counted  # type: ignore[assignment]
    assert not hasher.verify(stored, NEW)
    assert not hasher.verify(hasher.hash(OLD), NEW)
    nobodys, somebodys = map(extract_parameters, counted.verified)
    assert nobodys == somebodys


def test_a_broken_hash_is_nobodys_password() -> None:
    hasher = Argon2Hasher(settings())
    assert not hasher.verify("$argon2id$v=19$broken", NEW)
    assert hasher.outdated("$argon2id$v=19$broken")


@pytest.mark.parametrize("password", ["", "\x00", "a\x00b", "\ud800", "x" * 10_000, "e\u0301" * 300])
def test_anything_can_be_compared(password: str) -> None:
    hasher = Argon2Hasher(settings())
    assert not hasher.verify(hasher.hash(NEW), password)
    assert not hasher.verify(None, password)


def test_at_most_two_are_at_work() -> None:
    hasher = Argon2Hasher(settings())
    together = threading.Barrier(2, timeout=30)
    lock, at_work, most = threading.Lock(), 0, 0

    class Slow:
        def hash(self, password: bytes) -> str:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            together.wait()
            with lock:
                at_work -= 1
            return password.decode()

    hasher._argon2 = Slow()  # type: ignore[assignment]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(hasher.hash, "abcdefgh")) == list("abcdefgh")
    assert most == 2


# ---------------------------------------------------------------- rules
def test_s6_a_password_that_is_easy_to_guess_is_refused_where_the_site_says_so() -> None:
    easy, site = LocalPasswordRules(settings()), LocalPasswordRules(settings(min_strength=3))
    easy.require("Password1")
    with pytest.raises(WeakPasswordError, match="too easy to guess"):
        site.require("Password1")
    assert site.judge("Password1").missing == ("It is too easy to guess.",)
    site.require("correct-Horse-4-battery")
    assert site.judge("correct-Horse-4-battery").missing == ()


def test_s47_suggestions_are_strong_enough_for_any_site() -> None:
    rules = LocalPasswordRules(settings(min_strength=4, special=True, min_length=20))
    for _ in range(10):
        rules.require(rules.suggest(about=["anna.smith"]), about=["anna.smith"])


def test_s6_the_hint_is_the_sites() -> None:
    assert LocalPasswordRules(settings(min_length=12, digit=False)).hint.startswith(
        "12 to 128 characters, with a lower-case letter and an upper-case letter."
    )


def test_names_of_one_person_are_not_looked_for_in_the_password_of_another() -> None:
    rules = LocalPasswordRules(settings())
    alone = {name: rules.strength(f"{name}77", about=[name]).guesses_log10 for name in ("Karamazova", "Dostojewska")}
    unknown = {name: rules.strength(f"{name}77").guesses_log10 for name in alone}
    assert all(alone[name] < unknown[name] for name in alone)

    def judged(number: int) -> bool:
        name, other = ("Karamazova", "Dostojewska")[:: 1 if number % 2 else -1]
        return rules.strength(f"{name}77", about=[other]).guesses_log10 == unknown[name]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(judged, range(40)))
