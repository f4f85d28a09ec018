"""People who can log in, written straight into the store, and the use cases of logging in on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from pydantic import SecretStr
from sqlalchemy import Engine, delete, select, update

from syncd.bootstrap import Runtime, open_runtime
from syncd.clock import Clock
from syncd.model.login import Answer, BindResult, Origin
from syncd.settings.root import RootSettings
from syncd.store import schema as t
from syncd.store.engine import read, write
from tests.fakes.people_rows import NOON, Rows

GOOD, WRONG = "Good-Secret-1", "Wrong-Secret-1"
ORIGIN = Origin(address="192.0.2.7", user_agent="tests", request_id="request-1")
CHEAP = {"argon2_time_cost": 1, "argon2_memory": 8, "argon2_parallelism": 1}
HASHED = PasswordHasher.from_parameters(CHEAPEST).hash(GOOD)


class People:
    """An organization with a unit, in which everybody can log in unless the test says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rows = Rows(engine)
        self.organization = self.rows.organization("Acme")
        self.unit = self.rows.unit(self.organization, "Main")
        self._directories: dict[str, int] = {}

    def manual(self, username: str, *, hashed: str | None = HASHED, access: bool = True, **values: Any) -> int:
        """A manual user with the password GOOD; the number."""
        number = self.rows.user(username, **{"manual": True, **values})
        if hashed is not None:
            self.rows.row(t.passwords, user_id=number, hash=hashed, set_at=NOON)
        if access:
            self.rows.access(number, self.organization, self.unit)
        return number

    def of_directory(
        self,
        username: str,
        dn: str,
        *,
        directory: str = "corp",
        entry_id: str | None = None,
        account: Any = None,
        **values: Any,
    ) -> int:
        """A user of a directory; the number. `account`: columns of the identity."""
        if directory not in self._directories:
            self._directories[directory] = self.rows.directory(directory)
        found = self._directories[directory]
        number = self.rows.user(username, **values)
        self.rows.identity(number, found, dn, entry_id=entry_id, **(account or {}))
        self.rows.access(number, self.organization, self.unit, directory=found)
        return number

    def set(self, user: int, **values: Any) -> None:
        with write(self.engine) as connection:
            connection.execute(update(t.users).where(t.users.c.id == user).values(**values))

    def row(self, user: int) -> Any:
        with read(self.engine) as connection:
            return connection.execute(select(t.users).where(t.users.c.id == user)).one()

    def grant(self, user: int, role: str, *permissions: str, organization: int | None = None) -> int:
        number = self.rows.role(role, organization=organization)
        for permission in permissions:
            self.rows.row(t.role_permissions, role_id=number, permission=permission)
        self.rows.grant(user, number)
        return number

    def outcomes(self) -> list[str]:
        """Of all login attempts, in their order."""
        with read(self.engine) as connection:
            return list(connection.execute(select(t.login_attempts.c.outcome).order_by(t.login_attempts.c.id)).scalars())

    def sessions(self, user: int) -> int:
        with read(self.engine) as connection:
            return len(connection.execute(select(t.sessions.c.id).where(t.sessions.c.user_id == user)).all())

    def audited(self, user: int) -> list[str]:
        events = t.audit_events.c
        with read(self.engine) as connection:
            query = select(events.action).where(events.subject_type == "user", events.subject_id == user).order_by(events.id)
            return list(connection.execute(query).scalars())

    def forget_access(self, user: int) -> None:
        with write(self.engine) as connection:
            connection.execute(delete(t.access).where(t.access.c.user_id == user))


class FakeDirectory:
    """An `Authenticator` that answers what a test says, and counts."""

    def __init__(self, answer: BindResult | None = None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def check(self, dn: str, *, entry_id: str, password: SecretStr) -> BindResult:
        self.asked.append((dn, entry_id))
        if self.answer is not None:
            return self.answer
        return BindResult(answer=Answer.ACCEPTED if password.get_secret_value() == GOOD else Answer.WRONG)


def runtime(
    store_url: str,
    *,
    clock: Clock | None = None,
    login: Mapping[str, Any] | None = None,
    passwords: Mapping[str, Any] | None = None,
    directories: Mapping[str, Any] | None = None,
    **more: Any,
) -> Runtime:
    """Everything on one store, with cheap hashes and refusals that wait for nothing to speak of."""
    settings = {
        "store": {"url": store_url},
        "login": dict(login or {}),
        "passwords": {**CHEAP, **(passwords or {})},
        "directories": dict(directories or {}),
        **more,
    }
    return open_runtime(RootSettings.model_validate(settings), clock=clock, check_schema=False)
