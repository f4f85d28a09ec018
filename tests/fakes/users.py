"""The use cases of users over a real store, with simple stand-ins for passwords, mail and permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select, update

from syncd.accounts.managed import ManagedFields
from syncd.errors import WeakPasswordError
from syncd.model.caller import Caller
from syncd.model.checks import CheckStatus
from syncd.model.useredit import NewUser, Place
from syncd.services.avatars import AvatarService
from syncd.services.first_admin import FirstAdministrator
from syncd.services.ports_people import PasswordVerdict
from syncd.services.users import UserService
from syncd.store import schema as t
from syncd.store.avatars import SqlAvatars
from syncd.store.integrity import integrity
from syncd.store.owned_records import SqlRecords
from syncd.store.users_write import SqlUsers
from tests.fakes.edge import FakeClock
from tests.fakes.management import FakeCeiling, FakeMailer
from tests.fakes.people_rows import Rows

BOSS = Caller(name="boss", everything=True, request_id="req-1")
PASSWORD = "Correct-Horse-7"
CUSTOM = {
    "badge": "integer", "grade": "text", "remote": "boolean", "hired": "date", "seen": "datetime", "skills": "list",
}  # fmt: skip


class FakeRules:
    """Eight characters, and no name in them."""

    def judge(self, password: str, *, about: Sequence[str] = ()) -> PasswordVerdict:
        missing = [] if len(password) >= 8 else ["8 characters or more"]
        missing += [f"not {name}" for name in about if name.lower() in password.lower()]
        return PasswordVerdict(missing=tuple(missing), strength=3)

    def require(self, password: str, *, about: Sequence[str] = ()) -> None:
        missing = self.judge(password, about=about).missing
        if missing:
            raise WeakPasswordError(f"the password needs: {', '.join(missing)}")

    def suggest(self) -> str:
        return PASSWORD


class FakeHasher:
    """Reversible, so that a test sees what was hashed."""

    def hash(self, password: str) -> str:
        return f"hash:{password[::-1]}"

    def verify(self, stored: str | None, password: str) -> bool:
        return stored == self.hash(password)

    def outdated(self, stored: str) -> bool:
        return False


class House:
    """A store with an organization of two units, two roles and a group, and the use cases over it."""

    def __init__(self, engine: Engine, *, managed: Mapping[str, frozenset[str]] | None = None, furnished: bool = True) -> None:
        """`managed`: directory -> the fields that it maps. `furnished`: False for a store in which there is nothing."""
        self.engine = engine
        self.rows = Rows(engine)
        self.clock = FakeClock()
        self.mailer, self.ceiling = FakeMailer(), FakeCeiling()
        if furnished:
            self._furnish()
        directories = managed or {}
        self.users = UserService(
            users=SqlUsers(engine),
            records=SqlRecords(engine),
            rules=FakeRules(),
            hasher=FakeHasher(),
            mailer=self.mailer,
            ceiling=self.ceiling,
            managed=ManagedFields(tuple(directories), directories),
            custom_fields=CUSTOM,
            administrator_roles=("administrator",),
            invitation_lifetime="7d",
            clock=self.clock,
        )
        self.avatars = AvatarService(
            avatars=SqlAvatars(engine), ceiling=self.ceiling, managed=self.users.managed, max_size=2000, clock=self.clock
        )
        self.first_administrator = FirstAdministrator(users=self.users, defaults=("Main", "Main"))

    def _furnish(self) -> None:
        self.organization = self.rows.organization("Acme")
        self.other = self.rows.organization("Globex")
        self.unit = self.rows.unit(self.organization, "Sales")
        self.below = self.rows.unit(self.organization, "Spain", parent=self.unit)
        self.staff = self.rows.role("employee")
        self.admin = self.rows.role("administrator")
        self.local = self.rows.role("Globex manager", organization=self.other)
        self.group = self.rows.group("Press")

    def corp(self, number: int, **identity: Any) -> int:
        """Makes a user one of the directory corp; its number."""
        with self.engine.connect() as connection:
            known = connection.execute(select(t.directories.c.id).where(t.directories.c.name == "corp")).scalar()
        directory = known or self.rows.directory("corp")
        with self.engine.begin() as connection:
            connection.execute(update(t.users).where(t.users.c.id == number).values(manual=False))
        self.rows.identity(number, directory, f"uid=u{number},dc=example,dc=com", **identity)
        return int(directory)

    def require_sound(self) -> None:
        """That no rule of the store is broken."""
        assert [line for line in integrity(self.engine) if line.status is CheckStatus.FAIL] == []

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(t.metadata.tables[name])).mappings()]

    def events(self) -> list[dict[str, Any]]:
        """What was told of users, but for their access, in its order."""
        found = [row for row in self.table("audit_events") if row["subject_type"] == "user"]
        return sorted((row for row in found if row["action"].startswith("user.")), key=lambda row: row["id"])

    @property
    def everywhere(self) -> frozenset[Place]:
        return frozenset({Place(self.organization, self.unit)})

    def new(self, username: str = "ada", **more: Any) -> NewUser:
        """A user who can log in; `more` are fields, or parts of NewUser."""
        parts = {name: more.pop(name) for name in tuple(more) if name in NewUser.__dataclass_fields__ and name != "fields"}
        fields = {"username": username, "first_name": "Ada", "last_name": "Lovelace", "email": f"{username}@example.com"}
        defaults: dict[str, Any] = {"enabled": True, "role_ids": frozenset({self.staff}), "places": self.everywhere}
        return NewUser(fields=fields | more, **(defaults | parts))

    def create(self, username: str = "ada", *, caller: Caller = BOSS, **more: Any) -> int:
        made = self.users.create(self.new(username, **more), password_hash="hash:x", caller=caller)
        return made.person.id

    def administrator(self, username: str = "root", **more: Any) -> int:
        return self.create(username, role_ids=frozenset({self.admin}), **more)
