"""Making users by hand, over SQLite and over PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from syncd.errors import (
    AboveCallerError,
    ConflictError,
    LastRoleError,
    NameTakenError,
    NoSuchReferenceError,
    RoleOrganizationError,
    SyncdError,
    UnfitValueError,
    WeakPasswordError,
)
from syncd.model.caller import Caller
from syncd.model.useredit import Place, UserDetail
from tests.fakes.edge import START
from tests.fakes.users import BOSS, PASSWORD, House


@pytest.fixture
def house(engine: Engine) -> Iterator[House]:
    """Whatever the test does, no rule of the store may be broken at its end."""
    house = House(engine)
    yield house
    house.require_sound()


# ---------------------------------------------------------------- everything at once
def test_s1_s2_s8_s9_s11_s12_s13_s14_s16_s19_s21_a_user_is_made_with_all_that_is_theirs(house: House) -> None:
    new = house.new(
        prefix="Dr.", middle_name="Ágústa", suffix="jr.", display_name="Ada L.", title="Analyst", phone="+34 600 000 000",
        birthday=date(1985, 12, 10), emails=["a@x.example", "A@x.example", "b@Y.example"], tags=["vip", "VIP ", "press"],
        owner_unit_id=house.below, group_ids=frozenset({house.group}),
        places=frozenset({Place(house.organization, house.unit), Place(house.organization, house.below), Place(house.other)}),
        **{"custom.badge": 7, "custom.remote": False, "custom.skills": ["es", "en"], "custom.hired": "2020-02-29"},
    )  # fmt: skip
    user = house.users.create(new, password_hash="hash:x", caller=BOSS)
    person = user.person
    assert (person.username, person.first_name, person.middle_name, person.last_name) == ("ada", "Ada", "Ágústa", "Lovelace")
    assert (person.prefix, person.suffix, person.display_name, person.title) == ("Dr.", "jr.", "Ada L.", "Analyst")
    assert (person.phone, person.birthday) == ("+34 600 000 000", date(1985, 12, 10))
    assert (person.email, person.emails) == ("ada@example.com", ("a@x.example", "b@y.example"))
    assert person.tags == ("vip", "press")
    assert person.custom == {"badge": 7, "remote": False, "skills": ("es", "en"), "hired": date(2020, 2, 29)}
    assert (person.manual, person.enabled, person.auth_status, person.can_log_in) == (True, True, "active", True)
    assert [(role.name, role.sources) for role in user.roles] == [("employee", ("manual",))]
    assert [(each.organization, each.unit, each.source) for each in user.access] == [
        ("Acme", "Sales", "manual"), ("Acme", "Sales/Spain", "manual"), ("Globex", None, "manual"),
    ]  # fmt: skip
    assert [group.name for group in user.groups] == ["Press"]
    assert user.owner_unit is not None
    assert (user.owner_unit.name, user.password_set_at) == ("Sales/Spain", START)


def test_s1_one_event_tells_it_without_the_password(house: House) -> None:
    hashed = house.users.hashed(PASSWORD, {"username": "ada"})
    house.users.create(house.new(tags=["vip"]), password_hash=hashed, caller=BOSS)
    (event,) = [row for row in house.events() if row["action"] == "user.created"]
    assert (event["actor"], event["request_id"], event["directory"], event["run_id"]) == ("boss", "req-1", None, None)
    assert event["after"] == {
        "username": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "tags": ["vip"],
        "enabled": True, "roles": ["employee"], "access": ["Acme: Sales"],
    }  # fmt: skip
    written = json.dumps(house.table("audit_events"), default=str)
    assert hashed not in written
    assert PASSWORD not in written
    assert [row["hash"] for row in house.table("passwords")] == [hashed]


@pytest.mark.parametrize("enabled", [True, False])
def test_s3_enabled_is_what_was_said(house: House, enabled: bool) -> None:
    user = house.users.get(house.create(enabled=enabled)).person
    assert (user.enabled, user.can_log_in, user.reasons) == (enabled, enabled, () if enabled else ("disabled",))


# ---------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("field", "value"),
    [("username", "ADA"), ("username", " ada "), ("email", "ADA@Example.com"), ("username", "Ada@example.COM"),
     ("username", "ａｄａ")],
)  # fmt: skip
def test_s5_a_name_is_taken_whatever_its_spelling(house: House, field: str, value: str) -> None:
    house.create("ada")
    with pytest.raises(NameTakenError):
        house.create("other", **{field: value}) if field != "username" else house.create(value, email="z@example.com")
    assert len(house.table("users")) == 1


def test_s5_a_primary_email_may_not_be_anothers_username(house: House) -> None:
    house.create("grace@example.com", email="g@example.com")
    with pytest.raises(NameTakenError, match="username of user"):
        house.create("other", email="Grace@Example.com")
    # one's own may be the same
    assert house.create("me@example.com", email="me@example.com") > 0


def test_s5_a_released_name_is_free(house: House) -> None:
    house.rows.user("ada", manual=True, username_key=None, email_key=None)
    number = house.create("ada")
    assert house.users.get(number).person.username == "ada"


def test_s5_of_many_at_once_one_gets_the_name(house: House) -> None:
    def attempt(number: int) -> str:
        try:
            house.create("ada", email=f"ada{number}@example.com")
        except SyncdError as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(attempt, range(6)))
    assert outcomes == ["made"] + ["name_taken"] * 5


# ---------------------------------------------------------------- fields
@pytest.mark.parametrize("field", ["username", "first_name", "last_name", "email"])
def test_s1_what_is_required_cannot_be_blank(house: House, field: str) -> None:
    fields = dict(house.new().fields) | {field: "\u3000 "}
    with pytest.raises(UnfitValueError, match=field):
        house.users.create(house.new(**fields), password_hash="hash:x", caller=BOSS)


def test_s9_nobody_is_born_tomorrow(house: House) -> None:
    today = START.date()
    assert house.users.get(house.create("a", birthday=today)).person.birthday == today
    with pytest.raises(UnfitValueError, match="future"):
        house.create("b", birthday=today + timedelta(days=1))


def test_s12_the_primary_address_is_not_a_further_one(house: House) -> None:
    user = house.users.get(house.create(emails=["ADA@example.com", "x@example.com"]))
    assert user.person.emails == ("x@example.com",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("badge", "7"), ("badge", True), ("badge", 2**63), ("grade", 3), ("remote", "yes"), ("hired", "29.2.2020"),
     ("hired", "2021-02-29"), ("seen", "yesterday"), ("seen", "2026-01-31T08:00:00"),
     ("seen", "0001-01-01T00:00:00+01:00"), ("skills", "es"), ("skills", [1])],
)  # fmt: skip
def test_s16_a_custom_field_has_its_type(house: House, name: str, value: object) -> None:
    with pytest.raises(UnfitValueError, match=f"{name!r} is (a|true)"):
        house.create(**{f"custom.{name}": value})


def test_s16_a_time_is_kept_as_one_of_utc(house: House) -> None:
    user = house.users.get(house.create(**{"custom.seen": "2026-01-31T08:00:00+01:00"}))
    assert str(user.person.custom["seen"]) == "2026-01-31 07:00:00+00:00"


def test_s16_an_undeclared_field_is_refused_with_the_nearest_name(house: House) -> None:
    with pytest.raises(UnfitValueError, match="did you mean 'badge'"):
        house.create(**{"custom.bagde": 7})


def test_s16_a_time_keeps_its_zone(house: House) -> None:
    user = house.users.get(house.create(**{"custom.seen": "2026-01-02T03:04:05+01:00"}))
    assert user.person.custom["seen"] == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)


# ---------------------------------------------------------------- roles, access, groups
def test_s22_at_least_one_role(house: House) -> None:
    with pytest.raises(LastRoleError):
        house.create(role_ids=frozenset())


def test_s23_a_role_of_an_organization_needs_access_to_it(house: House) -> None:
    roles = frozenset({house.local})
    with pytest.raises(RoleOrganizationError, match="Globex manager"):
        house.create(role_ids=roles)
    places = house.everywhere | {Place(house.other)}
    assert [role.organization for role in house.users.get(house.create(role_ids=roles, places=places)).roles] == ["Globex"]


def test_s17_without_access_nobody_can_log_in(house: House) -> None:
    user = house.users.get(house.create(places=frozenset()))
    assert user.person.reasons == ("no_organization", "no_unit")
    alone = house.users.get(house.create("b", places=frozenset({Place(house.organization)})))
    assert alone.person.reasons == ("no_unit",)


@pytest.mark.parametrize("what", ["role", "group", "organization", "unit", "owner", "unit elsewhere"])
def test_what_does_not_exist_is_named_and_nothing_is_made(house: House, what: str) -> None:
    parts: dict[str, dict[str, Any]] = {
        "role": {"role_ids": frozenset({house.staff, 999})},
        "group": {"group_ids": frozenset({999})},
        "organization": {"places": frozenset({Place(999)})},
        "unit": {"places": frozenset({Place(house.organization, 999)})},
        "owner": {"owner_unit_id": 999},
        "unit elsewhere": {"places": frozenset({Place(house.other, house.unit)})},
    }
    with pytest.raises(NoSuchReferenceError):
        house.create(**parts[what])
    assert house.table("users") == []
    assert house.table("grants") == []
    assert house.table("audit_events") == []


def test_s24_nobody_gives_roles_above_their_own(house: House) -> None:
    house.ceiling.roles = {house.admin}
    clerk = Caller(name="clerk", user_id=77, permissions=frozenset({"users:write"}))
    with pytest.raises(AboveCallerError):
        house.create(role_ids=frozenset({house.admin}), caller=clerk)
    assert house.create(caller=clerk) > 0


# ---------------------------------------------------------------- password or invitation
def test_s6_a_weak_password_is_refused_with_what_is_missing(house: House) -> None:
    with pytest.raises(WeakPasswordError, match="8 characters"):
        house.users.hashed("short", {"username": "ada"})
    with pytest.raises(WeakPasswordError, match="not Lovelace"):
        house.users.hashed("xx-Lovelace-7", {"username": "ada", "last_name": "Lovelace"})


def test_s15_an_invitation_is_queued_with_a_link_that_ends(house: House) -> None:
    user: UserDetail = house.users.create(house.new(), password_hash=None, caller=BOSS)
    (link,) = house.table("links")
    (mail,) = house.table("outbox")
    assert (link["purpose"], link["digest"], link["expires_at"]) == ("invitation", None, START + timedelta(days=7))
    assert (mail["kind"], mail["user_id"], mail["recipient"]) == ("invitation", user.person.id, "ada@example.com")
    assert (mail["link_id"], mail["state"], mail["data"]["username"]) == (link["id"], "queued", "ada")
    assert (user.person.auth_status, user.person.reasons) == ("reset", ("password_reset",))
    assert house.table("passwords") == []
    assert [row["after"].get("invited") for row in house.events() if row["action"] == "user.created"] == [True]


def test_s15_without_mail_nobody_is_invited(house: House) -> None:
    house.mailer.on = False
    with pytest.raises(ConflictError, match="no mail is configured"):
        house.users.create(house.new(), password_hash=None, caller=BOSS)
    assert house.table("users") == []


# ---------------------------------------------------------------- the first administrator
FIRST = {"username": "root", "first_name": "Root", "last_name": "Admin", "email": "root@example.com"}


def first(house: House, **more: Any) -> UserDetail:
    wanted: dict[str, Any] = {"organization": None, "unit": None} | more
    return house.first_administrator.create(FIRST, PASSWORD, caller=BOSS, **wanted)


def test_s18_the_first_administrator_gets_a_role_an_organization_and_a_unit(engine: Engine) -> None:
    house = House(engine, furnished=False)
    user = first(house)
    assert (user.person.can_log_in, [role.name for role in user.roles]) == (True, ["administrator"])
    assert [(each.organization, each.unit) for each in user.access] == [("Main", "Main")]
    assert user.owner_unit is not None
    assert sorted(row["action"] for row in house.table("audit_events") if not row["action"].startswith("access")) == [
        "organization.created", "role.created", "unit.created", "user.created",
    ]  # fmt: skip


def test_s18_what_is_there_is_used(house: House) -> None:
    user = first(house, organization="acme", unit="SALES")
    assert [(each.organization, each.unit) for each in user.access] == [("Acme", "Sales")]
    assert user.roles[0].id == house.admin


def test_s1_a_second_first_administrator_is_refused_unless_wanted(house: House) -> None:
    first(house)
    with pytest.raises(ConflictError, match="one administrator already"):
        house.first_administrator.require_none(force=False)
    house.first_administrator.require_none(force=True)


def test_s1_an_administrator_who_cannot_log_in_does_not_count(house: House) -> None:
    house.create("gone", role_ids=frozenset({house.admin}), enabled=False)
    assert first(house).person.username == "root"
