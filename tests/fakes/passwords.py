"""The use cases of passwords on a real store, with a mailer, a counter and a ceiling that a test looks into."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, update

from syncd.accounts.tokens import TokenKind, digest, new_secret, token_text
from syncd.errors import AboveCallerError
from syncd.model.caller import Caller
from syncd.model.login import WRONG_PASSWORD, Origin
from syncd.services.hashing import Argon2Hasher
from syncd.services.password_age import PasswordAgeService
from syncd.services.password_links import PasswordLinkService
from syncd.services.password_rules import LocalPasswordRules
from syncd.services.passwords import PasswordService
from syncd.settings.accounts import PasswordSettings
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.links import SqlLinkStore
from syncd.store.password_age import SqlPasswordAgeStore
from syncd.store.passwords import SqlPasswordStore, put_password
from tests.fakes.edge import FakeClock
from tests.fakes.management import FakeMailer
from tests.fakes.people_rows import NOON, Rows

OLD, NEW = "Old-Password1", "New-Password2"
ADMIN = Caller(name="admin", everything=True, user_id=None, request_id="r1")
NOBODY = Caller(name="", request_id="r2")
CHEAP = {"argon2_time_cost": 1, "argon2_memory": 8, "argon2_parallelism": 1}


@dataclass
class FakeCounter:
    """Notes tries and what they came to; those in `locked` may not try."""

    locked: set[int] = field(default_factory=set)
    begun: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    succeeded: list[int] = field(default_factory=list)
    # what is told of those that failed, and why they did
    told: list[tuple[str, Origin]] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)
    unknown_names: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, user_id: int, *, name: str, origin: Origin, caller: Caller) -> int | None:
        self.begun.append(user_id)
        return None if user_id in self.locked else len(self.begun)

    def fail(
        self, user_id: int, *, slot: int | None, why: str = WRONG_PASSWORD, name: str, origin: Origin, caller: Caller
    ) -> None:
        # those who fail at the same time keep their places in all three
        with self._lock:
            self.failed.append(user_id)
            self.told.append((name, origin))
            self.whys.append(why)

    def unknown(self, name: str, *, origin: Origin) -> None:
        self.unknown_names.append(name)

    def succeed(self, user_id: int) -> None:
        self.succeeded.append(user_id)


@dataclass
class FakeCeiling:
    """Lets everything pass but acting on those in `above`."""

    above: set[int] = field(default_factory=set)

    def require_roles(self, role_ids: Any, *, caller: Caller) -> None: ...

    def require_user(self, user_id: int, *, caller: Caller) -> None:
        if user_id in self.above:
            raise AboveCallerError


class Keyring:
    """Everything about passwords on one store, with one person: Anna Smith, who can log in."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.engine = engine
        self.rows = Rows(engine)
        self.settings = PasswordSettings(**(CHEAP | settings))
        self.clock = FakeClock(NOON)
        self.mailer, self.counter, self.ceiling = FakeMailer(), FakeCounter(), FakeCeiling()
        self.hasher = Argon2Hasher(self.settings)
        self.rules = LocalPasswordRules(self.settings)
        self.store = SqlPasswordStore(engine)
        self.passwords = PasswordService(
            store=self.store,
            rules=self.rules,
            hasher=self.hasher,
            mailer=self.mailer,
            counter=self.counter,
            ceiling=self.ceiling,
            settings=self.settings,
            clock=self.clock,
        )
        self.links = PasswordLinkService(
            store=SqlLinkStore(engine), passwords=self.passwords, settings=self.settings, clock=self.clock
        )
        self.age = PasswordAgeService(store=SqlPasswordAgeStore(engine), mailer=self.mailer, settings=self.settings)
        self.organization = self.rows.organization("acme")
        self.unit = self.rows.unit(self.organization, "sales")

    def person(self, username: str = "anna.smith", *, password: str | None = OLD, **values: Any) -> int:
        """A manual user with access, and a session."""
        names = {"first_name": "Anna", "last_name": "Smith", "manual": True}
        number = self.rows.user(username, **(names | values))
        self.rows.access(number, self.organization, self.unit)
        if password is not None:
            self.give(number, password)
        self.log_in(number)
        # as it was told when they were made
        self.update(number, has_access=not self.store.login_reasons(number, now=self.clock.now()))
        return number

    def give(self, user_id: int, password: str, *, at: datetime | None = None) -> None:
        with write(self.engine) as connection:
            put_password(connection, user_id, self.hasher.hash(password), at=at or self.clock.now(), keep=100)

    def log_in(self, user_id: int) -> None:
        now = self.clock.now()
        self.rows.row(t.sessions, user_id=user_id, digest=b"x" * 32, created_at=now, last_seen_at=now, expires_at=now)

    def from_directory(self, user_id: int, name: str = "corp", **values: Any) -> None:
        self.rows.identity(user_id, self.rows.directory(name), f"uid=u{user_id},dc=example,dc=com", **values)

    # ------------------------------------------------------------ what is there now
    def user(self, user_id: int) -> Any:
        with read(self.engine) as connection:
            return connection.execute(select(t.users).where(t.users.c.id == user_id)).one()

    def all(self, table: Any) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(select(table).order_by(*table.c[:1])).all())

    def knows(self, user_id: int, password: str) -> bool:
        return self.hasher.verify(self.store.owner(user_id).hash, password)

    def sessions(self) -> int:
        return len(self.all(t.sessions))

    def mails(self) -> list[str]:
        return [row.kind for row in self.all(t.outbox)]

    def audit(self) -> list[Any]:
        """What was done."""
        return [event for event in self.all(t.audit_events) if not event.action.startswith("access.")]

    def told(self) -> list[tuple[str, int]]:
        """What others were told of people's access."""
        events = self.all(t.audit_events)
        return [(event.action, event.subject_id) for event in events if event.action.startswith("access.")]

    def update(self, user_id: int, **values: Any) -> None:
        with write(self.engine) as connection:
            connection.execute(update(t.users).where(t.users.c.id == user_id).values(**values))

    def mailed_token(self) -> str:
        """What the sender makes of the newest link that is mailed: its token; the store gets the digest."""
        mail = self.all(t.outbox)[-1]
        assert mail.link_id is not None
        secret = new_secret()
        with write(self.engine) as connection:
            connection.execute(update(t.links).where(t.links.c.id == mail.link_id).values(digest=digest(secret)))
        return token_text(TokenKind.LINK, mail.link_id, secret)
