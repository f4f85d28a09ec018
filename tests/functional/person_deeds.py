"""Everything that happens to people, done by the real use cases on a real store, with a directory that is a value.

What each deed gives back is what its caller gets to know: "ok", or the stable code of why nothing was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, update

from syncd.accounts.tokens import TokenKind, digest, new_secret, parse_token, token_text
from syncd.bootstrap import Runtime
from syncd.errors import SyncdError
from syncd.model.actions import Action
from syncd.model.caller import Caller
from syncd.model.records import ACCOUNT_FIELDS, FieldValue, PersonRecord
from syncd.model.views import PersonView
from syncd.store import schema as t
from syncd.store.audit import RUN
from syncd.store.engine import read, write
from tests.contract.company import Company, organization, person, rows, unit
from tests.fakes.edge import FakeClock
from tests.fakes.logins import GOOD, ORIGIN, WRONG, FakeDirectory, runtime
from tests.fakes.people_rows import Rows

ADMIN = Caller(name="admin", everything=True, request_id="r1")
WHY = "the table of FEATURES"
NOTHING: dict[str, FieldValue] = dict.fromkeys(ACCOUNT_FIELDS)


def site(store_url: str, clock: FakeClock, *, limit: int, max_age: str) -> Runtime:
    """Everything wired on one store. Mail is configured, so it is queued."""
    return runtime(
        store_url,
        clock=clock,
        login={"max_failures": limit, "session_idle": "1h", "session_lifetime": "12h"},
        passwords={"max_age": max_age, "reset_lifetime": "24h"},
        mail={"host": "mail.example.com"},
    )


@dataclass
class Directory(Company):
    """A directory whose runs take place when the clock says."""

    clock: FakeClock = field(default_factory=FakeClock)

    def at(self) -> datetime:
        return self.clock.now()


class Deeds:
    """Two manual users and two of a directory, in an organization of their own."""

    def __init__(self, runtime: Runtime, clock: FakeClock, *, number: int) -> None:
        self.clock, self.runtime, self.management = clock, runtime, runtime.management
        self.tag = f"l{number}"
        name = f"corp-{self.tag}"
        self.directory = Directory(
            runtime.store,
            name=name,
            organizations=[organization("acme", f"Acme {self.tag}")],
            units=[unit("sales")],
            relations=False,
            clock=clock,
        )
        self.binds = FakeDirectory()
        self.login_service = replace(self.management.login, authenticators={name: self.binds}, precedence={name: 100})
        self.ids: dict[str, int] = {}
        self.passwords: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self._fresh = 0

    # ------------------------------------------------------------ who there is
    def manual(self, who: str) -> None:
        """A manual user with a password, and a key."""
        made = Rows(self.runtime.engine)
        now = self.clock.now()
        place = made.organization(f"Home of {who} {self.tag}")
        self.ids[who] = made.user(f"{who}-{self.tag}", manual=True, has_access=True, created_at=now, updated_at=now)
        made.access(self.ids[who], place, made.unit(place, "Desk"))
        self.passwords[who] = GOOD
        hashed = self.management.login.hasher.hash(GOOD)
        made.row(t.passwords, user_id=self.ids[who], hash=hashed, set_at=now)
        self._key(who, place)

    def of_directory(self, *whos: str) -> None:
        """Users of the directory, with a key each."""
        for who in whos:
            self.entry(who, {})
        self.sync()
        for who in whos:
            self.arrived(who)

    def arrived(self, who: str) -> None:
        """Somebody whom the last run brought."""
        self.ids[who] = self.runtime.store.identities(self.directory.name)[who].user_id
        self.passwords[who] = GOOD
        (access,) = rows(self.runtime.engine, t.access, user_id=self.ids[who])
        self._key(who, access.organization_id)

    def purged(self, who: str) -> None:
        """Somebody who is no more: whatever they had is good for nothing."""
        assert rows(self.runtime.engine, t.users, id=self.ids.pop(who)) == []
        for tokens in (self.sessions, self.keys):
            assert not self.carries(tokens, who)
            tokens.pop(who, None)

    def _key(self, who: str, place: int) -> None:
        made = self.management.keys.create(self.ids[who], organization_id=place, caller=ADMIN)
        self.keys[who] = made.token

    # ------------------------------------------------------------ the directory
    def entry(self, who: str, said: dict[str, FieldValue]) -> None:
        """The directory has this entry, and says this of the account."""
        account = NOTHING | {f"account.{name}": value for name, value in said.items()}
        name = f"{who}-{self.tag}"
        record: PersonRecord = person(who, name, f"uid={name},dc=example,dc=com", organization="acme", unit="sales", **account)
        self.directory.add(record)

    def drop(self, who: str) -> None:
        self.directory.people.pop(who, None)

    def sync(self) -> None:
        """A full run; a second one finds nothing."""
        self.directory.sync()
        assert self.directory.plan().is_empty

    def purge(self, *, after: timedelta) -> int:
        now = self.clock.now()
        return self.runtime.store.purge(self.directory.name, missing_before=now - after, run_id=None, at=now)

    # ------------------------------------------------------------ logging in
    def login(self, who: str, *, right: bool) -> str:
        password = self.passwords[who] if right else WRONG

        def do() -> None:
            done = self.login_service.login(f"{who}-{self.tag}", SecretStr(password), origin=ORIGIN)
            self.sessions[who] = done.token

        return outcome(do)

    def carries(self, tokens: dict[str, str], who: str) -> bool:
        """Whether what they carry is good for anything."""
        token = parse_token(tokens[who]) if who in tokens else None
        return token is not None and self.management.callers.resolve(token, request_id=None) is not None

    # ------------------------------------------------------------ administrators
    def act(self, action: Action, who: str) -> str:
        return outcome(lambda: self.management.actions.act(action, self.ids[who], caller=ADMIN, reason=WHY).code)

    def set_password(self, who: str) -> str:
        fresh = self.fresh()
        done = outcome(lambda: self.management.passwords.set_password(self.ids[who], fresh, caller=ADMIN))
        if done == "ok":
            self.passwords[who] = fresh
        return done

    # ------------------------------------------------------------ people themselves
    def forgot(self, who: str) -> str:
        return outcome(lambda: self.management.password_links.forgot(f"{who}-{self.tag}", caller=Caller(name="")))

    def redeem(self, who: str) -> str:
        """By the newest link that was mailed, as far as there is one."""
        fresh, token = self.fresh(), self._mailed(who)
        done = outcome(lambda: self.management.password_links.redeem(token, fresh, caller=Caller(name="")))
        if done == "ok":
            self.passwords[who] = fresh
        return done

    def change_own(self, who: str, *, right: bool) -> str:
        fresh, own = self.fresh(), Caller(name=who, user_id=self.ids[who])
        current = self.passwords[who] if right else WRONG
        done = outcome(lambda: self.management.passwords.change_own(current, fresh, caller=own))
        if done == "ok":
            self.passwords[who] = fresh
        return done

    def age(self) -> None:
        self.management.password_age.expire_and_warn(self.clock.now())

    def _mailed(self, who: str) -> str:
        """What stands in the mail: whoever sends it makes the secret."""
        secret, newest = new_secret(), max(self.links(who), default=None)
        if newest is not None:
            with write(self.runtime.engine) as connection:
                connection.execute(update(t.links).where(t.links.c.id == newest).values(digest=digest(secret)))
        return token_text(TokenKind.LINK, newest or 1, secret)

    def fresh(self) -> str:
        """A password that nobody had."""
        self._fresh += 1
        return f"Fresh-Secret-{self._fresh}"

    # ------------------------------------------------------------ what is so
    def put(self, who: str, *, status: str, enabled: bool, failures: int) -> None:
        """Put somebody into a state, past all use cases."""
        values = {"auth_status": status, "enabled": enabled, "failed_logins": failures}
        with write(self.runtime.engine) as connection:
            connection.execute(update(t.users).where(t.users.c.id == self.ids[who]).values(values))

    def tell(self, who: str, able: bool) -> None:
        """Have others been told that they can log in, or cannot."""
        with write(self.runtime.engine) as connection:
            connection.execute(update(t.users).where(t.users.c.id == self.ids[who]).values(has_access=able))

    def told(self, who: str) -> bool:
        """What others were told last."""
        (row,) = rows(self.runtime.engine, t.users, id=self.ids[who])
        return bool(row.has_access)

    def view(self, who: str) -> PersonView:
        return self.runtime.queries.user_by_id(self.ids[who])

    def links(self, who: str, *, unused: bool = False) -> set[int]:
        found = rows(self.runtime.engine, t.links, user_id=self.ids[who])
        return {row.id for row in found if not (unused and row.used_at)}

    def session_rows(self, who: str) -> int:
        return len(rows(self.runtime.engine, t.sessions, user_id=self.ids[who]))

    def events(self, who: str) -> list[str]:
        """Actions of the audit trail on the user, in order, but for those of runs."""
        events = t.audit_events.c
        about = events.subject_type == "user", events.subject_id == self.ids[who], events.actor != RUN
        with read(self.runtime.engine) as connection:
            return list(connection.execute(select(events.action).where(*about).order_by(events.id)).scalars())


def outcome(do: Callable[[], Any]) -> str:
    """What the caller is told."""
    try:
        code = do()
    except SyncdError as error:
        return error.code
    return code if isinstance(code, str) else "ok"
