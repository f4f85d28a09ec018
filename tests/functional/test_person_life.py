"""Whole lives of people against FEATURES' table of states: every event in every state, with full runs in between.

`Life` is that table written down once more, as short as it goes and without a look at syncd.accounts.states; the other side is
the real store behind the real use cases. The directory is a value (tests.contract.company) whose people leave, return and
change their account; what it says counts from the next run on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from syncd.model.actions import Action
from tests.fakes.edge import FakeClock
from tests.functional.person_deeds import Deeds, site

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
LIMIT = 3
IDLE, LIFETIME, LINK = timedelta(hours=1), timedelta(hours=12), timedelta(hours=24)
# how long one forgotten password is answered by one link
AGAIN = timedelta(minutes=1)
MAX_AGE, KEPT = timedelta(days=30), timedelta(days=45)
# how long one that no longer works is kept
LINKS_KEPT = timedelta(days=30)
MANUAL, DIRECTORY = ("mia", "max"), ("dan", "dora")
_numbers = itertools.count()
_who = st.sampled_from((*MANUAL, *DIRECTORY))


# ---------------------------------------------------------------- the table of FEATURES
@dataclass
class Life:
    """One person: the switch, the status, the counter, and what the directory says."""

    manual: bool
    # when the password was set, and the newest link made
    set_at: datetime
    link_at: datetime | None = None
    asked_at: datetime = START - LINK
    enabled: bool = True
    status: str = "active"
    failures: int = 0
    logins: int = 0
    sessions: int = 0
    # of the newest session: made and last used
    session: list[datetime] = field(default_factory=list)
    # whether a reset took the password away, so that it fits no more
    void: bool = False
    # since when the store knows that the entry is gone; what the directory said last, as far as the store knows
    gone_since: datetime | None = None
    said: dict[str, Any] = field(default_factory=dict)
    # what others were told last: whether they can log in
    told: bool = True
    events: Counter[str] = field(default_factory=Counter)

    def reasons(self, now: datetime) -> set[str]:
        """Why they cannot log in, without the directory's name."""
        words = {"locked": "locked", "reset": "password_reset", "expired": "password_expired"}
        found = {"disabled" if not self.enabled else "", words.get(self.status, "")}
        if self.gone_since is not None:
            found |= {"directory_missing"}
        else:
            found |= {"directory_disabled" if self.said.get("disabled") else ""}
            found |= {"directory_locked" if self.said.get("locked_until", now) > now else ""}
            found |= {"directory_expired" if self.said.get("expires_at", now + LINK) <= now else ""}
        return found - {""}

    def kept_out_there(self, now: datetime) -> bool:
        """Whether a directory keeps them out, which no switch here changes."""
        return any(reason.startswith("directory_") for reason in self.reasons(now))

    def become(self, event: str, status: str) -> None:
        self.events[event] += self.status != status
        self.status = status

    def end_sessions(self) -> None:
        self.sessions, self.session, self.link_at = 0, [], None

    def failed_login(self) -> None:
        self.failures += 1
        if self.failures >= LIMIT:
            if self.status != "locked":
                self.end_sessions()
            self.become("user.locked", "locked")

    def login(self, now: datetime) -> None:
        self.failures, self.logins, self.sessions, self.session = 0, self.logins + 1, self.sessions + 1, [now, now]

    def saved(self, now: datetime) -> None:
        if self.status in ("reset", "expired"):
            self.status, self.failures = "active", 0
        self.events["user.password_changed"] += 1
        self.set_at, self.void = now, False
        self.end_sessions()

    def too_old(self, now: datetime) -> bool:
        return self.manual and now - self.set_at >= MAX_AGE


# ---------------------------------------------------------------- every event, whenever it likes to happen
class Lives(RuleBasedStateMachine):
    """Two manual users and two of a directory."""

    store_url: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(START)
        self.runtime = site(self.store_url, self.clock, limit=LIMIT, max_age="30d")
        self.deeds = Deeds(self.runtime, self.clock, number=next(_numbers))
        # what the directory has by now, whatever the store knows: None without an entry
        self.there: dict[str, dict[str, Any] | None] = {who: {} for who in DIRECTORY}

    @initialize()
    def begin(self) -> None:
        for who in MANUAL:
            self.deeds.manual(who)
        self.deeds.of_directory(*DIRECTORY)
        self.lives = {who: Life(manual=who in MANUAL, set_at=START) for who in (*MANUAL, *DIRECTORY)}

    def teardown(self) -> None:
        try:
            for who, life in getattr(self, "lives", {}).items():
                events = self.deeds.events(who)
                changes = [event for event in events if event.startswith("access.")]
                assert all(one != other for one, other in itertools.pairwise(changes)), f"{who}: told twice: {changes}"
                told = Counter(events)
                assert {name: told[name] for name in life.events} == dict(life.events), f"{who}: each change is audited once"
        finally:
            self.runtime.close()

    def life(self, who: str) -> Life:
        if who not in self.lives:
            assume(False)
        return self.lives[who]

    # ------------------------------------------------------------ logging in
    @rule(who=_who, right=st.booleans())
    def log_in(self, who: str, right: bool) -> None:
        life, now = self.life(who), self.clock.now()
        reasons = life.reasons(now)
        told = self.deeds.login(who, right=right)
        right = right and not life.void
        if right and reasons <= {"password_expired"} and (reasons or life.too_old(now)):
            assert told == "password_expired"
        elif right and not reasons:
            assert told == "ok"
            life.login(now)
        else:
            assert told == "login_refused"
            life.failed_login()

    @rule(who=_who, right=st.booleans())
    def change_own_password(self, who: str, right: bool) -> None:
        life, now = self.life(who), self.clock.now()
        if life.reasons(now):
            return
        told = self.deeds.change_own(who, right=right)
        right = right and not life.void
        if not life.manual:
            assert told == "directory_password"
        elif right:
            assert told == "ok"
            life.failures = 0
            life.saved(now)
        else:
            assert told == "wrong_password"
            life.failed_login()

    # ------------------------------------------------------------ administrators
    @rule(who=_who)
    def activate(self, who: str) -> None:
        life = self.life(who)
        otherwise = "managed_by_directory" if life.kept_out_there(self.clock.now()) else "not_locked"
        assert self.deeds.act(Action.ACTIVATE, who) == ("ok" if life.status == "locked" else otherwise)
        if life.status == "locked":
            life.become("user.activated", "active")
            life.failures = 0
            assert self.deeds.told(who) == (not life.reasons(self.clock.now())), "told at once"

    @rule(who=_who, on=st.booleans())
    def switch(self, who: str, on: bool) -> None:
        life, word = self.life(who), "enabled" if on else "disabled"
        told = self.deeds.act(Action.ENABLE if on else Action.DISABLE, who)
        there = on and life.kept_out_there(self.clock.now())
        otherwise = "managed_by_directory" if there else f"already_{word}"
        assert told == (otherwise if life.enabled == on else "ok")
        life.events[f"user.{word}"] += life.enabled != on
        if life.enabled and not on:
            life.end_sessions()
        if life.enabled != on:
            life.enabled = on
            assert self.deeds.told(who) == (not life.reasons(self.clock.now())), "told at once"

    @rule(who=_who)
    def reset(self, who: str) -> None:
        life = self.life(who)
        told = self.deeds.act(Action.RESET_PASSWORD, who)
        assert told == ("directory_password" if not life.manual else "ok" if life.enabled else "wrong_state")
        if told == "ok":
            life.end_sessions()
            life.status, life.void = "reset", True
            life.link_at = life.asked_at = self.clock.now()
            life.events["user.password_reset"] += 1
            assert not self.deeds.told(who)

    @rule(who=_who)
    def set_password(self, who: str) -> None:
        life = self.life(who)
        told = self.deeds.set_password(who)
        assert told == ("directory_password" if not life.manual else "ok" if life.enabled else "wrong_state")
        if told == "ok":
            life.saved(self.clock.now())

    # ------------------------------------------------------------ links
    @rule(who=_who)
    def forget_password(self, who: str) -> None:
        life, now = self.life(who), self.clock.now()
        before = self.deeds.links(who)
        assert self.deeds.forgot(who) == "ok", "nobody is told anything"
        made = self.deeds.links(who) - before
        assert bool(made) <= (life.manual and life.enabled)
        if made:
            life.link_at = life.asked_at = now
        elif life.manual and life.enabled:
            assert now - life.asked_at < AGAIN, "only a link of a moment ago spares another"

    @rule(who=_who)
    def redeem(self, who: str) -> None:
        life, now = self.life(who), self.clock.now()
        works = life.enabled and life.link_at is not None and now < life.link_at + LINK
        assert self.deeds.redeem(who) == ("ok" if works else "link_invalid")
        if works:
            life.saved(now)

    # ------------------------------------------------------------ time
    @rule(step=st.sampled_from([timedelta(minutes=10), timedelta(minutes=50), timedelta(hours=13), timedelta(days=16)]))
    def wait(self, step: timedelta) -> None:
        self.clock.advance(seconds=step.total_seconds())

    @rule()
    def look_at_ages(self) -> None:
        self.deeds.age()
        for life in self.lives.values():
            if life.link_at is not None and life.link_at + LINK < self.clock.now() - LINKS_KEPT:
                life.link_at = None
            if life.status == "active" and life.too_old(self.clock.now()):
                life.become("user.password_expired", "expired")

    # ------------------------------------------------------------ the directory
    @rule(who=st.sampled_from(DIRECTORY), what=st.sampled_from(["disabled", "locked_until", "expires_at"]), on=st.booleans())
    def the_directory_says(self, who: str, what: str, on: bool) -> None:
        said = self.there[who]
        if said is None:
            return
        value = True if what == "disabled" else self.clock.now() + timedelta(minutes=30)
        self.there[who] = {**said, what: value} if on else {name: said[name] for name in said if name != what}
        self.deeds.entry(who, self.there[who] or {})

    @rule(who=st.sampled_from(DIRECTORY))
    def the_entry_goes(self, who: str) -> None:
        self.there[who] = None
        self.deeds.drop(who)

    @rule(who=st.sampled_from(DIRECTORY))
    def the_entry_returns(self, who: str) -> None:
        if self.there[who] is None:
            self.there[who] = {}
            self.deeds.entry(who, {})

    @rule()
    def run(self) -> None:
        self.deeds.sync()
        for who in DIRECTORY:
            said = self.there[who]
            if said is not None and who not in self.lives:
                # purged meanwhile, so this is somebody new
                self.deeds.arrived(who)
                self.lives[who] = Life(manual=False, set_at=self.clock.now())
            if who in self.lives:
                life = self.lives[who]
                life.gone_since = (life.gone_since or self.clock.now()) if said is None else None
                life.said = life.said if said is None else said

    @rule()
    def purge(self) -> None:
        """Who has been gone for longer than is kept is deleted, whatever else they are."""
        limit = self.clock.now() - KEPT
        due = [who for who in DIRECTORY if who in self.lives and (self.lives[who].gone_since or limit) < limit]
        assert self.deeds.purge(after=KEPT) == len(due)
        for who in due:
            del self.lives[who]
            self.deeds.purged(who)

    # ------------------------------------------------------------ what must be so after every step
    @invariant()
    def all_are_as_the_table_says(self) -> None:
        for who in getattr(self, "lives", ()):
            self.is_as_the_table_says(who)

    def is_as_the_table_says(self, who: str) -> None:
        life, now, person = self.lives[who], self.clock.now(), self.deeds.view(who)
        self._others_were_told_what_is_so(who, life, now)
        stored = (person.enabled, person.auth_status, person.failed_logins, person.login_count)
        assert stored == (life.enabled, life.status, life.failures, life.logins), who
        assert {reason.partition(":")[0] for reason in person.reasons} == life.reasons(now), who
        assert self.deeds.session_rows(who) == life.sessions, who
        assert bool(self.deeds.links(who, unused=True)) == (life.link_at is not None), who
        self._tokens_are_worth_what_their_owner_is(who, life, now)

    def _others_were_told_what_is_so(self, who: str, life: Life, now: datetime) -> None:
        """Whoever loses access loses their sessions with it; what time alone changes is told by the daemon's own look."""
        told = self.deeds.told(who)
        if told != life.told:
            assert told == (not life.reasons(now)), who
            life.told = told
            if not told:
                life.sessions, life.session = 0, []

    def _tokens_are_worth_what_their_owner_is(self, who: str, life: Life, now: datetime) -> None:
        able = not life.reasons(now)
        assert self.deeds.carries(self.deeds.keys, who) == able, who
        alive = bool(life.session) and now < life.session[0] + LIFETIME and now < life.session[1] + IDLE
        assert self.deeds.carries(self.deeds.sessions, who) == (able and alive), who
        if able and alive and now - life.session[1] >= timedelta(minutes=1):
            life.session[1] = now


# ---------------------------------------------------------------- on both databases
def live(store_url: str, *, examples: int, steps: int) -> None:
    Lives.store_url = store_url
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_s36_s37_s41_s42_s50_s51_s68_lives_on_sqlite(sqlite_url: str) -> None:
    live(sqlite_url, examples=15, steps=40)


def test_s36_s37_s41_s42_s50_s51_s68_lives_on_postgresql(postgres_url: str) -> None:
    live(postgres_url, examples=3, steps=25)


# ---------------------------------------------------------------- none left out
STATES = list(itertools.product(("active", "locked", "reset", "expired"), (True, False), (0, LIMIT - 1)))
EVENTS: tuple[Callable[[Lives, str], None], ...] = (
    lambda lives, who: lives.log_in(who=who, right=True),
    lambda lives, who: lives.log_in(who=who, right=False),
    lambda lives, who: lives.change_own_password(who=who, right=True),
    lambda lives, who: lives.change_own_password(who=who, right=False),
    lambda lives, who: lives.activate(who=who),
    lambda lives, who: lives.switch(who=who, on=True),
    lambda lives, who: lives.switch(who=who, on=False),
    lambda lives, who: lives.reset(who=who),
    lambda lives, who: lives.set_password(who=who),
    lambda lives, who: lives.forget_password(who=who),
    lambda lives, who: lives.redeem(who=who),
    lambda lives, _: lives.look_at_ages(),
)


def test_s36_s37_s41_s42_s50_s51_every_event_in_every_state(store_url: str) -> None:
    """Of a manual user; on SQLite, which is quicker, also of one in their directory, and of one whom it no longer has."""
    whos = ("mia", "dan", "dora") if store_url.startswith("sqlite") else ("mia",)
    Lives.store_url = store_url
    lives = Lives()
    try:
        lives.begin()
        lives.the_entry_goes(who="dora")
        lives.run()
        for who, state, event in itertools.product(whos, STATES, EVENTS):
            put_into(lives, who, *state)
            event(lives, who)
            lives.is_as_the_table_says(who)
    finally:
        lives.runtime.close()


def put_into(lives: Lives, who: str, status: str, enabled: bool, failures: int) -> None:
    """Into that state, logged in and with a link in the mail: what ends these must end them."""
    life = lives.lives[who]
    lives.deeds.put(who, status="active", enabled=True, failures=0)
    life.status, life.enabled, life.failures = "active", True, 0
    life.told = not life.reasons(lives.clock.now())
    lives.deeds.tell(who, life.told)
    lives.clock.advance(minutes=2)
    lives.log_in(who=who, right=True)
    lives.forget_password(who=who)
    life.status, life.enabled, life.failures = status, enabled, LIMIT if status == "locked" else failures
    lives.deeds.put(who, status=status, enabled=enabled, failures=life.failures)
