"""Logging in, on the real store: who gets in, what is counted, and what nobody gets to know."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, delete, insert

from syncd.accounts.tokens import TokenKind, parse_token
from syncd.bootstrap import Runtime
from syncd.errors import LoginRefusedError, LoginUnavailableError, PasswordExpiredError, SyncdError, WrongPasswordError
from syncd.model.caller import ITSELF, Caller
from syncd.model.login import Answer, BindResult, LoggedIn
from syncd.model.trail import AttemptFilter
from syncd.services.login import LoginService
from syncd.store import schema as t
from syncd.store.engine import write
from tests.contract.company import rows
from tests.fakes.edge import FakeClock
from tests.fakes.logins import GOOD, ORIGIN, WRONG, FakeDirectory, People, runtime

ANNA = "uid=anna,ou=people,dc=example,dc=com"
LIMIT = 10
# of many at once each waits for its turn, on a machine that may be busy
PATIENT = {"bind_timeout": "60s"}
ADMINISTRATOR = Caller(name="administrator", everything=True)


@pytest.fixture
def people(engine: Engine) -> People:
    return People(engine)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(store_url: str, clock: FakeClock) -> Iterator[Runtime]:
    opened = runtime(store_url, clock=clock, login={"bind_timeout": "1s"}, mail={"host": "mail.example.com"})
    yield opened
    opened.close()


def service(site: Runtime, directory: FakeDirectory | None = None, **changes: Any) -> LoginService:
    """The use case, asking this directory for `corp`."""
    return replace(site.management.login, authenticators={"corp": directory or FakeDirectory()}, **changes)


def log_in(site: Runtime, name: str, password: str = GOOD, directory: FakeDirectory | None = None) -> LoggedIn:
    return service(site, directory).login(name, SecretStr(password), origin=ORIGIN)


def refused(site: Runtime, name: str, password: str = GOOD, directory: FakeDirectory | None = None) -> None:
    with pytest.raises(LoginRefusedError) as caught:
        log_in(site, name, password, directory)
    assert str(caught.value) == (LoginRefusedError.__doc__ or "").strip()


# ---------------------------------------------------------------- who gets in
def test_s30_a_manual_user_logs_in_by_username_or_primary_address(people: People, site: Runtime, clock: FakeClock) -> None:
    anna = people.manual("Anna.Schmidt", failed_logins=3)
    for name in ("anna.schmidt", " ANNA.SCHMIDT ", "Anna.Schmidt@Example.com"):
        done = log_in(site, name)
        token = parse_token(done.token)
        assert token is not None
        assert (token.kind, token.id, done.session.user_id) == (TokenKind.SESSION, done.session.id, anna)
        assert done.session.expires_at == clock.now() + timedelta(hours=12)
        assert token.secret not in repr(done)
    row = people.row(anna)
    assert (row.failed_logins, row.last_login_at, row.login_count) == (0, clock.now(), 3)
    (session, *_) = rows(people.engine, t.sessions, user_id=anna)
    assert (session.address, session.user_agent) == (ORIGIN.address, ORIGIN.user_agent)
    assert people.outcomes() == ["accepted"] * 3


def test_s5_a_name_is_its_usernames_even_if_it_became_anothers_address(people: People, site: Runtime) -> None:
    """No edit and no run lets that happen; if a store has it all the same, one name is one person, and both can log in."""
    anna = people.manual("anna", email="both@example.com")
    bert = people.manual("both@example.com", email="bert@example.com")
    for name, user in (("both@example.com", bert), ("bert@example.com", bert), ("anna", anna)):
        assert log_in(site, name).session.user_id == user
    refused(site, "both@example.com", WRONG)
    assert (people.row(anna).failed_logins, people.row(bert).failed_logins) == (0, 1)


def test_s29_a_directory_user_is_checked_as_their_stored_entry(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA, entry_id="entry-7")
    directory = FakeDirectory()
    assert log_in(site, "anna", directory=directory).session.user_id == anna
    assert directory.asked == [(ANNA, "entry-7")]
    (attempt,) = rows(people.engine, t.login_attempts)
    assert (attempt.outcome, attempt.directory, attempt.user_id) == ("accepted", "corp", anna)
    assert (attempt.name, attempt.address, attempt.request_id) == ("anna", ORIGIN.address, ORIGIN.request_id)


def test_s29_of_two_directories_the_one_that_comes_first_decides(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)
    people.rows.identity(anna, people.rows.directory("apps"), "uid=a,dc=apps")
    corp, apps = FakeDirectory(), FakeDirectory()
    both = replace(service(site), authenticators={"corp": corp, "apps": apps}, precedence={"corp": 10, "apps": 100})
    with pytest.raises(LoginRefusedError):
        both.login("anna", SecretStr(WRONG), origin=ORIGIN)
    assert (len(corp.asked), apps.asked) == (1, [])


def test_s86_a_local_password_of_a_directory_user_counts_only_if_the_site_says_so(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)
    local = "Local-Secret-1"
    hashed = site.management.login.hasher.hash(local)
    people.rows.row(t.passwords, user_id=anna, hash=hashed, set_at=site.clock.now())
    refused(site, "anna", local)
    allowed = replace(service(site), passwords=site.settings.passwords.model_copy(update={"directory_users": True}))
    assert allowed.login("anna", SecretStr(local), origin=ORIGIN).session.user_id == anna


def test_a_break_glass_account_logs_in_with_its_local_password_while_the_directory_is_away(
    people: People, site: Runtime
) -> None:
    anna = people.of_directory("anna", ANNA, break_glass=True)
    local = "Local-Secret-1"
    people.rows.row(t.passwords, user_id=anna, hash=site.management.login.hasher.hash(local), set_at=site.clock.now())
    away = FakeDirectory(BindResult(answer=Answer.UNAVAILABLE))
    assert log_in(site, "anna", local, away).session.user_id == anna
    refused(site, "anna", WRONG, away)
    refused(site, "anna", local, FakeDirectory())
    assert people.outcomes() == ["accepted", "wrong_password", "wrong_password"]


# ---------------------------------------------------------------- who does not
@pytest.mark.parametrize("password", ["", " ", "\t \n", "\0", "Good\0Secret", "\N{NO-BREAK SPACE}"])
def test_an_empty_password_is_refused_before_any_bind(people: People, site: Runtime, password: str) -> None:
    people.of_directory("anna", ANNA)
    directory = FakeDirectory(BindResult(answer=Answer.ACCEPTED))
    refused(site, "anna", password, directory)
    assert directory.asked == []
    assert people.outcomes() == ["empty_password"]


def test_every_refusal_is_the_same_and_has_its_code(people: People, site: Runtime) -> None:
    now = site.clock.now()
    people.manual("wrong")
    people.manual("disabled", enabled=False)
    people.manual("locked", auth_status="locked")
    people.manual("reset", auth_status="reset")
    people.manual("homeless", access=False)
    people.manual("bare", hashed=None)
    people.of_directory("gone", "uid=gone,dc=x", account={"missing_since": now})
    people.of_directory("off", "uid=off,dc=x", account={"account_disabled": True})
    people.of_directory("shut", "uid=shut,dc=x", account={"account_locked_until": now + timedelta(hours=1)})
    people.of_directory("over", "uid=over,dc=x", account={"account_expires_at": now})
    directory = FakeDirectory()
    for name in ("wrong", "disabled", "locked", "reset", "homeless", "bare", "gone", "off", "shut", "over", "nobody"):
        refused(site, name, WRONG if name == "wrong" else GOOD, directory)
    assert directory.asked == []
    assert people.outcomes() == [
        "wrong_password", "disabled", "locked", "password_reset", "no_organization", "no_password", "directory_missing",
        "directory_disabled", "directory_locked", "directory_expired", "unknown_name",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "reason", ["directory_locked", "directory_disabled", "directory_expired", "directory_logon_hours", "directory_refused"]
)
def test_what_the_directory_refuses_is_kept_and_not_told(people: People, site: Runtime, reason: str) -> None:
    anna = people.of_directory("anna", ANNA)
    refused(site, "anna", GOOD, FakeDirectory(BindResult(answer=Answer.REFUSED, reason=reason)))
    assert people.outcomes() == [reason]
    assert people.row(anna).failed_logins == 1


def test_names_that_no_database_takes_are_unknown(people: People, site: Runtime) -> None:
    people.manual("anna")
    for name in ("an\0na", "anna\ud800", "*", "anna' OR 1=1 --", "a" * 5000, "   "):
        refused(site, name)
    assert people.outcomes() == ["unknown_name"] * 6


# ---------------------------------------------------------------- passwords that must be changed
@pytest.mark.parametrize("reason", ["password_expired", "password_must_change"])
def test_only_a_right_password_is_told_that_it_has_expired(people: People, site: Runtime, reason: str) -> None:
    anna = people.of_directory("anna", ANNA)
    right = FakeDirectory(BindResult(answer=Answer.REFUSED, reason=reason, password_right=True))
    with pytest.raises(PasswordExpiredError) as caught:
        log_in(site, "anna", directory=right)
    assert "/api/v1/passwords/change" in caught.value.hint
    assert (people.row(anna).failed_logins, people.outcomes(), people.sessions(anna)) == (0, [reason], 0)


def test_a_local_password_that_has_expired_is_looked_at_first(people: People, site: Runtime, store_url: str) -> None:
    anna = people.manual("anna", auth_status="expired")
    refused(site, "anna", WRONG)
    with pytest.raises(PasswordExpiredError):
        log_in(site, "anna")
    assert (people.row(anna).failed_logins, people.outcomes()) == (1, ["wrong_password", "password_expired"])


def test_a_local_password_that_is_too_old_does_not_wait_for_the_housekeeping(
    people: People, store_url: str, clock: FakeClock
) -> None:
    people.manual("anna")
    site = runtime(store_url, clock=clock, passwords={"max_age": "30d"})
    begun = rows(people.engine, t.passwords)[0].set_at
    clock.at = begun + timedelta(days=24)
    assert log_in(site, "anna").password_expires_in_days == 6
    clock.at = begun + timedelta(days=10)
    assert log_in(site, "anna").password_expires_in_days is None
    clock.at = begun + timedelta(days=30)
    with pytest.raises(PasswordExpiredError):
        log_in(site, "anna")
    site.close()


def test_what_the_directory_warns_of_is_passed_on(people: People, site: Runtime) -> None:
    people.of_directory("anna", ANNA)
    warned = FakeDirectory(BindResult(answer=Answer.ACCEPTED, expires_in=2 * 86_400 + 1, grace_logins=None))
    assert log_in(site, "anna", directory=warned).password_expires_in_days == 3
    assert log_in(site, "anna", directory=FakeDirectory(BindResult(answer=Answer.ACCEPTED, grace_logins=2))).grace_logins == 2


def test_a_hash_of_former_parameters_is_renewed(people: People, store_url: str, site: Runtime) -> None:
    anna = people.manual("anna")
    dearer = runtime(store_url, passwords={"argon2_time_cost": 2})
    log_in(dearer, "anna")
    (password,) = rows(people.engine, t.passwords, user_id=anna)
    assert "t=2" in password.hash
    assert log_in(dearer, "anna").session.user_id == anna
    dearer.close()


# ---------------------------------------------------------------- a directory that is down
def test_a_directory_that_is_down_is_try_again_and_counts_nothing(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)
    for _ in range(LIMIT + 5):
        with pytest.raises(LoginUnavailableError):
            log_in(site, "anna", WRONG, FakeDirectory(BindResult(answer=Answer.UNAVAILABLE)))
    assert (people.row(anna).failed_logins, people.row(anna).auth_status) == (0, "active")
    assert set(people.outcomes()) == {"unavailable"}
    assert log_in(site, "anna").session.user_id == anna


def test_a_fault_of_our_own_counts_nothing(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)

    class Broken(FakeDirectory):
        def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        log_in(site, "anna", directory=Broken())
    assert people.row(anna).failed_logins == 0


def test_a_directory_that_is_no_longer_configured_is_never_a_wrong_password(people: People, site: Runtime) -> None:
    people.of_directory("anna", ANNA, directory="former")
    with pytest.raises(LoginUnavailableError):
        log_in(site, "anna")


# ---------------------------------------------------------------- S41: the lock
def test_s41_locks_after_ten_failures_mails_and_ends_sessions(people: People, site: Runtime, clock: FakeClock) -> None:
    anna = people.manual("anna", display_name="Anna Schmidt")
    log_in(site, "anna")
    for count in range(1, LIMIT):
        refused(site, "anna", WRONG)
        assert (people.row(anna).failed_logins, people.row(anna).auth_status) == (count, "active")
    assert (people.audited(anna), people.sessions(anna)) == ([], 1)
    version = people.row(anna).version
    refused(site, "anna", WRONG)
    row = people.row(anna)
    assert (row.failed_logins, row.auth_status, row.locked_at, row.version) == (LIMIT, "locked", clock.now(), version + 1)
    assert (people.audited(anna)[0], people.sessions(anna)) == ("user.locked", 0)
    (event, *_) = rows(people.engine, t.audit_events, subject_id=anna)
    assert (event.actor, event.request_id, event.reason) == ("syncd", ORIGIN.request_id, "10 failed logins")
    (mail,) = rows(people.engine, t.outbox)
    assert (mail.kind, mail.recipient, mail.user_id) == ("locked", "anna@example.com", anna)
    refused(site, "anna")
    assert people.outcomes()[-2:] == ["wrong_password", "locked"]
    # counted as every failed login is; locked once
    assert (people.row(anna).failed_logins, people.audited(anna).count("user.locked")) == (LIMIT + 1, 1)
    assert len(rows(people.engine, t.outbox)) == 1


def test_s41_guesses_that_nobody_looks_at_count_as_well(people: People, site: Runtime) -> None:
    anna = people.manual("anna", enabled=False)
    for _ in range(LIMIT):
        refused(site, "anna")
    row = people.row(anna)
    assert (row.failed_logins, row.auth_status, row.enabled) == (LIMIT, "locked", False)
    assert people.outcomes() == ["disabled"] * LIMIT


def test_s41_a_good_login_forgets_the_failed_ones(people: People, site: Runtime) -> None:
    anna = people.manual("anna")
    for _ in range(3):
        for _ in range(LIMIT - 1):
            refused(site, "anna", WRONG)
        log_in(site, "anna")
    assert (people.row(anna).failed_logins, people.row(anna).auth_status, people.row(anna).login_count) == (0, "active", 3)


def test_s41_a_lock_ends_with_its_time_where_the_site_says_so(people: People, store_url: str, clock: FakeClock) -> None:
    anna = people.manual("anna")
    site = runtime(store_url, clock=clock, login={"max_failures": 2, "lock_duration": "30m"})
    for _ in range(2):
        refused(site, "anna", WRONG)
    clock.advance(minutes=29)
    refused(site, "anna")
    clock.advance(minutes=1)
    assert log_in(site, "anna").session.user_id == anna
    assert [action for action in people.audited(anna) if action.startswith("user.")] == ["user.locked", "user.activated"]
    site.close()


def test_s41_a_lower_limit_locks_whoever_is_above_it_at_the_next_guess(
    people: People, store_url: str, clock: FakeClock
) -> None:
    anna = people.manual("anna", failed_logins=7)
    site = runtime(store_url, clock=clock, login={"max_failures": 5, "bind_timeout": "1s"})
    failures = replace(site.management.login_failures, pause=lambda seconds: clock.advance(seconds=seconds))
    patient = replace(site.management.login, failures=failures)
    with pytest.raises(LoginRefusedError):
        patient.login("anna", SecretStr(GOOD), origin=ORIGIN)
    assert people.row(anna).auth_status == "locked"
    site.close()


class CountingHasher:
    """Counts what is verified, and of which hash."""

    def __init__(self, hasher: Any) -> None:
        self._hasher = hasher
        self._lock = Lock()
        self.verified: list[bool] = []

    def verify(self, stored: str | None, password: str) -> bool:
        right: bool = self._hasher.verify(stored, password)
        if stored is not None:
            with self._lock:
                self.verified.append(right)
        return right

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hasher, name)


def guess(counting: LoginService, password: str) -> str:
    try:
        counting.login("anna", SecretStr(password), origin=ORIGIN)
    except SyncdError as error:
        return error.code
    return "accepted"


def test_s41_two_hundred_parallel_guesses_lock_at_exactly_the_limit(people: People, store_url: str) -> None:
    anna = people.manual("anna")
    site = runtime(store_url, login={"max_failures": LIMIT, **PATIENT})
    hasher = CountingHasher(site.management.login.hasher)
    counting = service(site, hasher=hasher)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda number: guess(counting, f"{WRONG}{number}"), range(200)))
    assert set(answers) == {"login_refused"}
    assert hasher.verified == [False] * LIMIT
    row = people.row(anna)
    assert (row.auth_status, row.failed_logins) == ("locked", 200)
    assert people.audited(anna).count("user.locked") == 1
    outcomes = people.outcomes()
    assert (outcomes.count("wrong_password"), outcomes.count("locked"), len(outcomes)) == (LIMIT, 190, 200)
    site.close()


def test_s41_the_right_password_after_the_limit_never_gets_in(people: People, store_url: str) -> None:
    anna = people.manual("anna", failed_logins=LIMIT - 3)
    site = runtime(store_url, login={"max_failures": LIMIT, **PATIENT})
    hasher = CountingHasher(site.management.login.hasher)
    counting = service(site, hasher=hasher)
    for _ in range(3):
        assert guess(counting, WRONG) == "login_refused"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: guess(counting, GOOD), range(60)))
    assert set(answers) == {"login_refused"}
    assert hasher.verified == [False] * 3
    assert (people.row(anna).auth_status, people.sessions(anna)) == ("locked", 0)
    site.close()


def test_s41_many_right_passwords_at_once_lock_nobody_out(people: People, store_url: str) -> None:
    anna = people.manual("anna")
    site = runtime(store_url, login={"max_failures": 2, **PATIENT})
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: guess(service(site), GOOD), range(48)))
    assert set(answers) == {"accepted"}
    assert (people.row(anna).failed_logins, people.row(anna).login_count, people.sessions(anna)) == (0, 48, 48)
    site.close()


def test_s41_a_lock_that_comes_while_the_password_is_looked_at_holds(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)

    class Slow(FakeDirectory):
        def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
            people.set(anna, auth_status="locked", failed_logins=LIMIT)
            return BindResult(answer=Answer.ACCEPTED)

    refused(site, "anna", directory=Slow())
    assert (people.sessions(anna), people.outcomes()) == (0, ["locked"])
    assert people.row(anna).failed_logins == LIMIT


def test_s41_the_last_guess_locks_also_when_the_account_is_disabled_meanwhile(people: People, site: Runtime) -> None:
    """Else the counter would be full and the account open: the next right password would be what locks it."""
    anna = people.of_directory("anna", ANNA, failed_logins=LIMIT - 1)

    class Slow(FakeDirectory):
        def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
            people.set(anna, enabled=False)
            return BindResult(answer=Answer.ACCEPTED)

    refused(site, "anna", directory=Slow())
    assert (people.row(anna).auth_status, people.row(anna).failed_logins) == ("locked", LIMIT)
    assert people.outcomes() == ["disabled"]


def test_s46_a_password_that_is_changed_while_the_former_one_is_looked_at_holds(people: People, site: Runtime) -> None:
    anna = people.manual("anna")
    hasher = site.management.login.hasher

    class Slow:
        """Looks at the former password for so long that there is a new one."""

        def verify(self, hashed: str | None, password: str) -> bool:
            site.management.passwords.set_password(anna, "Other-Secret-1", caller=ADMINISTRATOR)
            return hasher.verify(hashed, password)

        def outdated(self, hashed: str) -> bool:
            return hasher.outdated(hashed)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    with pytest.raises(LoginRefusedError):
        service(site, hasher=Slow()).login("anna", SecretStr(GOOD), origin=ORIGIN)
    assert (people.sessions(anna), people.outcomes(), people.row(anna).failed_logins) == (0, ["wrong_password"], 1)
    assert log_in(site, "anna", "Other-Secret-1").session.user_id == anna


@pytest.mark.parametrize("answer", [Answer.ACCEPTED, Answer.WRONG, Answer.UNAVAILABLE])
def test_whoever_is_deleted_while_the_password_is_looked_at_is_refused(people: People, site: Runtime, answer: Answer) -> None:
    anna = people.of_directory("anna", ANNA, failed_logins=LIMIT - 1)

    class Slow(FakeDirectory):
        def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
            people.forget_access(anna)
            with write(people.engine) as connection:
                connection.execute(delete(t.users).where(t.users.c.id == anna))
            return BindResult(answer=answer)

    with pytest.raises(LoginUnavailableError if answer is Answer.UNAVAILABLE else LoginRefusedError):
        log_in(site, "anna", directory=Slow())


def test_s41_the_last_administrator_is_locked_like_anybody(people: People, site: Runtime) -> None:
    anna = people.manual("anna", failed_logins=LIMIT - 1)
    people.grant(anna, "administrator")
    refused(site, "anna", WRONG)
    assert people.row(anna).auth_status == "locked"


# ---------------------------------------------------------------- the counter for whoever else asks for a password
def test_s41_a_password_asked_for_elsewhere_is_counted_alike(people: People, site: Runtime) -> None:
    anna = people.manual("anna")
    failures = site.management.login_failures
    for count in range(1, LIMIT + 1):
        assert failures.begin(anna, name="anna", origin=ORIGIN, caller=ITSELF) == count
        failures.fail(anna, slot=count, name="anna", origin=ORIGIN, caller=ITSELF)
        assert people.row(anna).failed_logins == count
    assert people.row(anna).auth_status == "locked"
    assert failures.begin(anna, name="anna", origin=ORIGIN, caller=ITSELF) is None
    assert failures.begin(anna + 1, name="anna", origin=ORIGIN, caller=ITSELF) is None


def test_s41_a_wrong_password_elsewhere_does_not_lock_while_the_last_try_is_undecided(people: People, site: Runtime) -> None:
    anna = people.manual("anna", failed_logins=LIMIT - 2)
    failures = site.management.login_failures
    first, last = (failures.begin(anna, name="anna", origin=ORIGIN, caller=ITSELF) for _ in range(2))
    assert (first, last) == (LIMIT - 1, LIMIT)
    assert first is not None
    failures.fail(anna, slot=first, name="anna", origin=ORIGIN, caller=ITSELF)
    assert people.row(anna).auth_status == "active"
    failures.succeed(anna)
    assert (people.row(anna).failed_logins, people.row(anna).auth_status) == (0, "active")


def test_s41_a_right_password_elsewhere_forgets_the_failed_ones(people: People, site: Runtime) -> None:
    anna = people.manual("anna", failed_logins=LIMIT - 1)
    assert site.management.login_failures.begin(anna, name="anna", origin=ORIGIN, caller=ITSELF)
    site.management.login_failures.succeed(anna)
    assert (people.row(anna).failed_logins, people.row(anna).auth_status) == (0, "active")


# ---------------------------------------------------------------- what is left of old sessions
def test_sessions_that_are_over_are_deleted(people: People, site: Runtime, clock: FakeClock) -> None:
    anna = people.manual("anna")
    with write(people.engine) as connection:
        for seen, expires in ((0, 60), (-61, 60), (0, -1)):
            connection.execute(
                insert(t.sessions).values(
                    user_id=anna,
                    digest=b"x" * 32,
                    created_at=clock.now() - timedelta(hours=2),
                    last_seen_at=clock.now() + timedelta(minutes=seen),
                    expires_at=clock.now() + timedelta(minutes=expires),
                )
            )
    assert len(site.management.sessions.list(anna)) == 1
    assert site.management.sessions.prune() == 2
    assert people.sessions(anna) == 1


# ---------------------------------------------------------------- present passwords of whoever changes theirs
def test_s41_a_wrong_present_password_is_kept_until_the_lock_and_after(people: People, site: Runtime) -> None:
    anna = people.manual("anna", failed_logins=LIMIT - 3)
    passwords, own = site.management.passwords, replace(ITSELF, name="anna", user_id=anna, request_id="own-1")
    with pytest.raises(WrongPasswordError):
        passwords.change_own(WRONG, "Another-Secret-1", caller=own)
    for _ in range(2):
        with pytest.raises(LoginRefusedError):
            passwords.change_by_name("ANNA\0", WRONG, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
        with pytest.raises(LoginRefusedError):
            passwords.change_by_name("Anna@Example.com", WRONG, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    with pytest.raises(WrongPasswordError):
        passwords.change_own(GOOD, "Another-Secret-1", caller=own)
    kept = [(row.name, row.outcome, row.user_id, row.address, row.request_id) for row in rows(people.engine, t.login_attempts)]
    mail = ("Anna@Example.com", anna, ORIGIN.address, ORIGIN.request_id)
    nobody = ("ANNA\N{REPLACEMENT CHARACTER}", "change_unknown_name", None, ORIGIN.address, ORIGIN.request_id)
    assert kept == [
        ("anna", "change_wrong_password", anna, None, "own-1"),
        nobody,
        (mail[0], "change_wrong_password", *mail[1:]),
        nobody,
        (mail[0], "change_wrong_password", *mail[1:]),
        ("anna", "change_locked", anna, None, "own-1"),
    ]
    row = people.row(anna)
    assert (row.auth_status, row.failed_logins) == ("locked", LIMIT + 1)
    refused_ones = site.management.trail.attempts(AttemptFilter(outcome="refused"))
    assert len(refused_ones) == len(kept)


def test_s41_what_counts_and_what_is_kept_are_one_transaction(people: People, site: Runtime, monkeypatch: Any) -> None:
    """The last guess before the limit: when its attempt cannot be kept, the account is not locked either."""
    anna = people.manual("anna", failed_logins=LIMIT - 1)
    monkeypatch.setattr("syncd.store.logins.end_access", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        site.management.passwords.change_by_name("anna", WRONG, "Another-Secret-1", caller=ITSELF)
    assert (people.row(anna).auth_status, people.outcomes()) == ("active", [])


def test_s68_a_right_present_password_leaves_no_attempt(people: People, site: Runtime) -> None:
    people.manual("anna")
    site.management.passwords.change_by_name("anna", GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    assert people.outcomes() == []


@pytest.mark.parametrize(
    ("kept_out", "outcomes"),
    [
        ({"enabled": False}, ["change_disabled"]),
        ({"auth_status": "reset"}, ["change_password_reset"]),
        ({"auth_status": "locked"}, ["change_locked"]),
        ({"enabled": False, "auth_status": "locked"}, ["change_disabled"]),
        ({"access": False}, ["change_no_organization"]),
    ],
)
@pytest.mark.parametrize("password", [GOOD, WRONG])
def test_s41_s68_whoever_is_kept_out_changes_nothing_and_it_counts_whatever_the_password(
    people: People, site: Runtime, password: str, kept_out: dict[str, Any], outcomes: list[str]
) -> None:
    anna = people.manual("anna", failed_logins=3, **kept_out)
    with pytest.raises(LoginRefusedError):
        site.management.passwords.change_by_name("ANNA", password, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    (attempt,) = rows(people.engine, t.login_attempts)
    assert [attempt.outcome] == outcomes
    assert (attempt.name, attempt.user_id, attempt.address) == ("ANNA", anna, ORIGIN.address)
    assert people.row(anna).failed_logins == 4


def test_s41_s68_tries_of_whoever_is_kept_out_lock_at_the_limit(people: People, site: Runtime) -> None:
    anna = people.manual("anna", enabled=False, failed_logins=LIMIT - 1)
    for _ in range(2):
        with pytest.raises(LoginRefusedError):
            site.management.passwords.change_by_name("anna", GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    assert (people.row(anna).auth_status, people.outcomes()) == ("locked", ["change_disabled"] * 2)


def test_s41_s68_a_name_that_nobody_has_leaves_an_attempt_to_change_its_password(people: People, site: Runtime) -> None:
    for name in ("nobody", "no\0body"):
        with pytest.raises(LoginRefusedError):
            site.management.passwords.change_by_name(name, GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    kept = [(row.name, row.outcome, row.user_id, row.request_id) for row in rows(people.engine, t.login_attempts)]
    told = ("change_unknown_name", None, ORIGIN.request_id)
    assert kept == [("nobody", *told), ("no\N{REPLACEMENT CHARACTER}body", *told)]


def test_s41_s68_a_password_that_a_directory_keeps_is_not_changed_here_and_it_counts(people: People, site: Runtime) -> None:
    anna = people.of_directory("anna", ANNA)
    gone = people.of_directory("gone", "uid=gone,dc=example,dc=com", enabled=False)
    for name in ("anna", "gone"):
        with pytest.raises(LoginRefusedError):
            site.management.passwords.change_by_name(name, GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    assert people.outcomes() == ["change_directory_password", "change_disabled"]
    assert [people.row(user).failed_logins for user in (anna, gone)] == [1, 1]


def test_s41_s68_a_directorys_word_stands_in_the_attempt_with_its_name(people: People, site: Runtime) -> None:
    people.of_directory("anna", ANNA, account={"account_disabled": True}, break_glass=True)
    with pytest.raises(LoginRefusedError):
        site.management.passwords.change_by_name("anna", GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    (attempt,) = rows(people.engine, t.login_attempts)
    assert (attempt.outcome, attempt.directory) == ("change_directory_disabled", "corp")


@pytest.mark.parametrize("status", ["active", "locked"])
def test_s41_s68_a_lock_that_is_over_keeps_nobody_from_a_new_password(
    people: People, store_url: str, clock: FakeClock, status: str
) -> None:
    anna = people.manual("anna", auth_status=status, locked_at=clock.now() - timedelta(hours=1), failed_logins=2)
    site = runtime(store_url, clock=clock, login={"lock_duration": "30m"})
    site.management.passwords.change_by_name("anna", GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    site.close()
    assert (people.row(anna).auth_status, people.row(anna).failed_logins, people.outcomes()) == ("active", 0, [])


def test_s41_s68_a_gate_that_closes_while_the_present_password_is_looked_at_holds(people: People, site: Runtime) -> None:
    anna = people.manual("anna", failed_logins=3)
    hasher = site.management.passwords.hasher

    class Slow:
        """Somebody takes the access away meanwhile."""

        def verify(self, stored: str | None, password: str) -> bool:
            people.forget_access(anna)
            return hasher.verify(stored, password)

    passwords = replace(site.management.passwords, hasher=Slow())
    with pytest.raises(LoginRefusedError):
        passwords.change_by_name("anna", GOOD, "Another-Secret-1", caller=ITSELF, origin=ORIGIN)
    assert (people.row(anna).failed_logins, people.outcomes()) == (4, ["change_no_organization"])
