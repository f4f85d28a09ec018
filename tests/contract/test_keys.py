"""API keys over a real store, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.accounts.tokens import digest, parse_token
from syncd.errors import AboveCallerError, ForbiddenError, NotFoundError, StateError, UnfitValueError, UsageError
from syncd.model.caller import Caller
from syncd.services.keys import KeyService
from syncd.store import schema as t
from syncd.store.keys import SqlKeys
from tests.contract.company import rows
from tests.fakes.edge import FakeClock
from tests.fakes.management import ADMIN, FakeCeiling
from tests.fakes.people_rows import Rows, later

SUPPORT = Caller(name="sam", user_id=1_000_001, permissions=frozenset({"keys:write"}))


class Desk:
    """Ben with access to two organizations of three, and the service."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rows = Rows(engine)
        self.clock = FakeClock(later(60))
        self.ceiling = FakeCeiling()
        self.keys = KeyService(store=SqlKeys(engine), ceiling=self.ceiling, clock=self.clock)
        self.acme, self.beta, self.gone = (self.rows.organization(name) for name in ("Acme", "Beta", "Gone"))
        self.ben, self.cleo = (self.rows.user(name, manual=True) for name in ("ben", "cleo"))
        self.rows.access(self.ben, self.acme, self.rows.unit(self.acme, "Sales"))
        self.rows.access(self.ben, self.acme, self.rows.unit(self.acme, "Support"))
        self.rows.access(self.ben, self.beta)
        self.own = Caller(name="ben", user_id=self.ben, session_id=5)

    def stored(self) -> list[Any]:
        return rows(self.engine, t.api_keys)

    def events(self, user_id: int) -> list[Any]:
        return rows(self.engine, t.audit_events, subject_type="user", subject_id=user_id)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def test_s43_the_secret_is_shown_once_and_only_its_digest_is_kept(desk: Desk) -> None:
    end = later(600)
    made = desk.keys.create(desk.ben, organization_id=desk.acme, name=" report ", expires_at=end, caller=desk.own)
    token = parse_token(made.token)
    assert token is not None
    assert (token.kind.value, token.id) == ("k", made.key.id)
    (row,) = desk.stored()
    assert row.digest == digest(token.secret)
    assert (row.user_id, row.organization_id, row.name, row.created_by) == (desk.ben, desk.acme, "report", "ben")
    assert (row.created_at, row.expires_at, row.last_used_at) == (desk.clock.now(), end, None)
    assert desk.keys.list(desk.ben) == [made.key]
    assert token.secret not in repr((made, desk.keys.list(desk.ben), desk.events(desk.ben)))
    (event,) = desk.events(desk.ben)
    assert (event.action, event.actor, event.before) == ("api_key.created", "ben", None)
    assert event.after == {"key": row.id, "organization": "Acme", "name": "report", "expires_at": end.isoformat()}


def test_s44_one_for_each_organization_and_a_new_one_takes_the_place_of_the_old(desk: Desk) -> None:
    first = desk.keys.create(desk.ben, organization_id=desk.acme, name="first", caller=desk.own)
    other = desk.keys.create(desk.ben, organization_id=desk.beta, caller=desk.own)
    assert first.replaced is None
    second = desk.keys.create(desk.ben, organization_id=desk.acme, name="second", caller=ADMIN)
    assert second.replaced == first.key
    assert second.key.id > other.key.id
    assert second.token != first.token
    assert desk.keys.list(desk.ben) == [second.key, other.key]
    actions = [(event.action, event.actor, event.reason) for event in desk.events(desk.ben)]
    assert actions[2:] == [("api_key.revoked", "anna", "replaced by a new key"), ("api_key.created", "anna", None)]


def test_s43_two_who_make_a_key_at_once_leave_one(desk: Desk) -> None:
    together = threading.Barrier(4)
    made: list[int] = []

    def make() -> None:
        together.wait()
        made.append(desk.keys.create(desk.ben, organization_id=desk.acme, caller=desk.own).key.id)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.id for row in desk.stored()] == [max(made)]
    assert len(set(made)) == 4


def test_s43_no_key_for_an_organization_without_access_or_out_of_use(desk: Desk) -> None:
    off = desk.rows.organization("Off", enabled=False)
    desk.rows.access(desk.ben, off)
    for organization in (desk.gone, 4711, off):
        with pytest.raises(StateError):
            desk.keys.create(desk.ben, organization_id=organization, caller=ADMIN)
    with pytest.raises(StateError):
        desk.keys.create(desk.cleo, organization_id=desk.acme, caller=ADMIN)
    with pytest.raises(NotFoundError):
        desk.keys.create(4711, organization_id=desk.acme, caller=ADMIN)
    assert desk.stored() == desk.events(desk.ben) == desk.events(desk.cleo) == []


def test_s45_their_owner_ends_keys_without_a_reason_and_others_with_one(desk: Desk) -> None:
    key = desk.keys.create(desk.ben, organization_id=desk.acme, caller=desk.own).key
    for wrong in (key.id + 1, 4711):
        with pytest.raises(NotFoundError):
            desk.keys.revoke(desk.ben, wrong, caller=desk.own)
    with pytest.raises(NotFoundError):
        desk.keys.revoke(desk.cleo, key.id, caller=ADMIN, reason="not hers")
    with pytest.raises(UsageError, match="reason"):
        desk.keys.revoke(desk.ben, key.id, caller=ADMIN)
    assert desk.keys.revoke(desk.ben, key.id, caller=ADMIN, reason="leaked in a log") == key
    again = desk.keys.create(desk.ben, organization_id=desk.acme, caller=desk.own).key
    desk.keys.revoke(desk.ben, again.id, caller=desk.own)
    assert desk.stored() == []
    assert [(event.action, event.reason) for event in desk.events(desk.ben)] == [
        ("api_key.created", None), ("api_key.revoked", "leaked in a log"), ("api_key.created", None), ("api_key.revoked", None),
    ]  # fmt: skip


def test_nobody_has_the_keys_of_somebody_who_may_do_more(desk: Desk) -> None:
    key = desk.keys.create(desk.ben, organization_id=desk.acme, caller=desk.own).key
    desk.ceiling.above.add(desk.ben)
    with pytest.raises(AboveCallerError):
        desk.keys.create(desk.ben, organization_id=desk.beta, caller=SUPPORT)
    with pytest.raises(AboveCallerError):
        desk.keys.revoke(desk.ben, key.id, caller=SUPPORT, reason="no reason at all")
    # one's own are one's own
    assert desk.keys.create(desk.ben, organization_id=desk.beta, caller=desk.own).replaced is None
    assert len(desk.stored()) == 2


def test_a_key_makes_no_keys(desk: Desk) -> None:
    by_key = replace(desk.own, session_id=None, key_id=3, organization_id=desk.acme)
    with pytest.raises(ForbiddenError):
        desk.keys.create(desk.ben, organization_id=desk.acme, caller=by_key)
    assert desk.stored() == []


@pytest.mark.parametrize("name", ["x" * 101, "two\nlines", "\x00"])
def test_a_name_is_one_line(desk: Desk, name: str) -> None:
    with pytest.raises(UsageError):
        desk.keys.create(desk.ben, organization_id=desk.acme, name=name, caller=desk.own)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [(None, later(60 + 1440)), (later(60 + 1440), later(60 + 1440)), (later(61), later(61)), (later(61 + 1440), None),
     (later(60), None), (later(59), None), (datetime(2027, 1, 1), None)],  # noqa: DTZ001 - without a zone on purpose
)  # fmt: skip
def test_the_longest_life_of_a_key_is_the_sites(desk: Desk, wanted: datetime | None, given: datetime | None) -> None:
    keys = replace(desk.keys, max_lifetime=timedelta(days=1))
    if given is None:
        with pytest.raises(UnfitValueError):
            keys.create(desk.ben, organization_id=desk.acme, expires_at=wanted, caller=desk.own)
    else:
        assert keys.create(desk.ben, organization_id=desk.acme, expires_at=wanted, caller=desk.own).key.expires_at == given


def test_keys_of_nobody_are_not_found_and_of_somebody_without_any_none(desk: Desk) -> None:
    assert desk.keys.list(desk.cleo) == []
    with pytest.raises(NotFoundError):
        desk.keys.list(4711)
