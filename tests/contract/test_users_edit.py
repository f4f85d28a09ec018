"""Editing and deleting users by hand, their pictures and what they own, over SQLite and over PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from syncd.errors import (
    AboveCallerError,
    InUseError,
    LastAdministratorError,
    LastRoleError,
    ManagedFieldError,
    NameTakenError,
    NoSuchReferenceError,
    NotFoundError,
    OneselfError,
    PictureError,
    PictureTooLargeError,
    PreconditionFailedError,
    ReasonNeededError,
    RoleOrganizationError,
    StateError,
    UnfitValueError,
    UsageError,
)
from syncd.model.caller import Caller
from syncd.model.useredit import Place, UserDetail, UserEdit
from syncd.services.events import EventService, cursor_of
from syncd.store import schema as t
from syncd.store.events import SqlEvents
from tests.fakes.edge import START
from tests.fakes.users import BOSS, House

WHY = "moved to another team"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def house(engine: Engine) -> Iterator[House]:
    """The directory corp maps the usual fields, and a picture. No rule of the store may be broken at the end of a test."""
    fields = {"username", "email", "emails", "first_name", "last_name", "custom.badge", "avatar"}
    house = House(engine, managed={"corp": frozenset(fields), "lab": frozenset({"phone", "email"})})
    yield house
    house.require_sound()


def edit(house: House, number: int, *, caller: Caller = BOSS, **more: Any) -> UserDetail:
    parts = {name: more.pop(name) for name in tuple(more) if name in UserEdit.__dataclass_fields__}
    options = {name: more.pop(name) for name in ("reason", "if_match") if name in more}
    return house.users.edit(number, UserEdit(fields=more, **parts), caller=caller, **options)


def clerk(user_id: int) -> Caller:
    return Caller(name="clerk", user_id=user_id, permissions=frozenset({"users:write", "users:delete"}))


# ---------------------------------------------------------------- fields
def test_s35_only_what_differs_is_changed_and_told(house: House) -> None:
    number = house.create(tags=["vip"], **{"custom.badge": 7, "custom.grade": "A"})
    user = edit(
        house, number, username="ADA", first_name="Ada", phone="1", tags=["vip"], birthday=date(1990, 1, 2),
        emails=["x@y.example"], **{"custom.badge": None, "custom.remote": True},
    )  # fmt: skip
    assert user.person.version == 2
    assert (user.person.username, user.person.phone, user.person.emails) == ("ADA", "1", ("x@y.example",))
    assert user.person.custom == {"grade": "A", "remote": True}
    event = house.events()[-1]
    assert (event["action"], event["subject_id"]) == ("user.updated", number)
    assert event["before"] == {
        "username": "ada", "phone": None, "birthday": None, "emails": [], "custom.badge": 7, "custom.remote": None,
    }  # fmt: skip
    assert event["after"] == {
        "username": "ADA", "phone": "1", "birthday": "1990-01-02", "emails": ["x@y.example"], "custom.badge": None,
        "custom.remote": True,
    }  # fmt: skip


def test_s35_an_edit_that_changes_nothing_writes_nothing(house: House) -> None:
    number = house.create(group_ids=frozenset({house.group}))
    before = (house.table("users"), house.table("audit_events"))
    user = edit(
        house, number, username="ada", role_ids=frozenset({house.staff}), places=house.everywhere,
        group_ids=frozenset({house.group}), owner_unit_id=(None,),
    )  # fmt: skip
    assert user.person.version == 1
    assert (house.table("users"), house.table("audit_events")) == before


def test_s35_a_value_can_be_taken_away_but_for_those_that_are_needed(house: House) -> None:
    number = house.create(title="Boss", tags=["a"])
    user = edit(house, number, title=None, tags=None)
    assert (user.person.title, user.person.tags) == (None, ())
    with pytest.raises(UnfitValueError):
        edit(house, number, first_name=" ")


def test_s5_an_edit_cannot_take_anothers_name(house: House) -> None:
    house.create("ada")
    number = house.create("grace")
    for change in ({"username": "ADA"}, {"email": "ada@example.com"}, {"username": "ada@example.com"}):
        with pytest.raises(NameTakenError):
            edit(house, number, **change)
    assert edit(house, number, username="grace@example.com").person.username == "grace@example.com"


def test_s5_a_released_name_can_be_taken_back_while_it_is_free(house: House) -> None:
    number = house.rows.user("ada", manual=True, username_key=None)
    house.rows.grant(number, house.staff)
    assert house.users.get(number).username_released
    assert not edit(house, number, username="ada").username_released
    other = house.rows.user("ada", manual=True, username_key=None, email="z@example.com")
    with pytest.raises(NameTakenError):
        edit(house, other, username="ada")


def test_s12_an_edit_never_makes_the_primary_address_a_further_one(house: House) -> None:
    number = house.create(emails=["x@example.com"])
    assert edit(house, number, emails=["ADA@example.com", "x@example.com", "y@example.com"]).person.emails == (
        "x@example.com",
        "y@example.com",
    )
    user = edit(house, number, email="X@example.com")
    assert (user.person.email, user.person.emails) == ("X@example.com", ("y@example.com",))
    assert house.events()[-1]["after"] == {"email": "X@example.com", "emails": ["y@example.com"]}
    user = edit(house, number, email="y@example.com", emails=["X@example.com", "y@example.com"])
    assert (user.person.email, user.person.emails) == ("y@example.com", ("X@example.com",))


def test_s12_further_addresses_of_a_directory_stay_when_another_becomes_primary(engine: Engine) -> None:
    house = House(engine, managed={"corp": frozenset({"emails"})})
    number = house.create(emails=["x@example.com"])
    house.corp(number)
    user = edit(house, number, email="x@example.com")
    assert (user.person.email, user.person.emails) == ("x@example.com", ("x@example.com",))


def test_s11_links_mailed_to_the_former_address_end(house: House) -> None:
    number = house.users.create(house.new(), password_hash=None, caller=BOSS).person.id
    assert len(house.table("links")) == 1
    edit(house, number, title="x")
    assert len(house.table("links")) == 1
    edit(house, number, email="new@example.com")
    assert house.table("links") == []


# ---------------------------------------------------------------- versions
def test_an_edit_of_another_version_is_refused(house: House) -> None:
    number = house.create()
    assert edit(house, number, title="a", if_match=1).person.version == 2
    with pytest.raises(PreconditionFailedError):
        edit(house, number, title="b", if_match=1)
    with pytest.raises(NotFoundError):
        edit(house, 999, title="b")


def test_edits_at_the_same_time_are_all_done(house: House) -> None:
    number = house.create()
    fields = ("title", "phone", "prefix", "suffix")
    barrier = threading.Barrier(len(fields))

    def change(name: str) -> None:
        barrier.wait()
        edit(house, number, **{name: "x"})

    threads = [threading.Thread(target=change, args=(name,)) for name in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    person = house.users.get(number).person
    assert [getattr(person, name) for name in fields] == ["x"] * 4
    assert person.version == 5


# ---------------------------------------------------------------- what a directory decides
def test_s35_what_a_directory_maps_is_read_only(house: House) -> None:
    number = house.create(**{"custom.badge": 7})
    house.corp(number)
    for change in ({"first_name": "X"}, {"email": "x@y.example"}, {"emails": ["x@y.example"]}, {"custom.badge": 8}):
        with pytest.raises(ManagedFieldError, match="corp") as caught:
            edit(house, number, title="lost", **change)
        assert next(iter(change)).removeprefix("custom.") in caught.value.message
    assert house.users.get(number).managed["first_name"] == "corp"
    # the same value is no change; what is not mapped is the administrators'
    user = edit(house, number, first_name="Ada", title="Boss", **{"custom.badge": 7, "custom.grade": "B"})
    assert (user.person.title, user.person.custom["grade"]) == ("Boss", "B")


def test_s35_a_directory_that_lost_the_user_or_is_not_configured_decides_nothing(house: House) -> None:
    gone = house.create("gone")
    house.corp(gone, missing_since=START)
    assert edit(house, gone, first_name="X").person.first_name == "X"
    stray = house.create("stray")
    house.rows.identity(stray, house.rows.directory("former"), "uid=x,dc=example,dc=com")
    assert house.users.get(stray).managed == {}
    assert edit(house, stray, first_name="X").person.first_name == "X"


def test_s30_grants_and_access_of_a_directory_stay_beside_those_given_by_hand(house: House) -> None:
    number = house.create()
    corp = house.corp(number)
    house.rows.grant(number, house.staff, directory=corp)
    house.rows.access(number, house.other, directory=corp)
    user = edit(house, number, role_ids=frozenset(), places=frozenset(), reason=WHY)
    assert [(role.name, role.sources) for role in user.roles] == [("employee", ("corp",))]
    assert [(each.organization, each.source) for each in user.access] == [("Globex", "corp")]
    # a role of the organization that the directory gives access to
    user = edit(house, number, role_ids=frozenset({house.local, house.staff}))
    assert [(role.name, role.sources) for role in user.roles] == [
        ("employee", ("corp", "manual")), ("Globex manager", ("manual",)),
    ]  # fmt: skip


# ---------------------------------------------------------------- roles, access, groups, owner
def test_s22_the_last_role_cannot_be_taken_away(house: House) -> None:
    number = house.create()
    with pytest.raises(LastRoleError):
        edit(house, number, role_ids=frozenset(), reason=WHY)
    edit(house, number, role_ids=frozenset({house.admin}), reason=WHY)
    assert [role.name for role in house.users.get(number).roles] == ["administrator"]


def test_s24_roles_given_by_hand_are_told_as_those_by_a_run(house: House, engine: Engine) -> None:
    """An edit of fields and roles writes both events, each with the reason; one of roles alone only the second."""
    house.administrator()
    number, events = house.create("grace"), EventService(SqlEvents(engine))
    start = cursor_of(events.page(after="now").position)
    edit(house, number, title="Boss", role_ids=frozenset({house.admin}), reason=WHY)
    edit(house, number, role_ids=frozenset({house.admin, house.staff}))
    told = [(event.type, dict(event.changes), event.reason) for event in events.page(after=start).items]
    assert told == [
        ("user.updated", {"title": (None, "Boss")}, WHY),
        ("user.roles_changed", {"removed": (["employee"], None), "added": (None, ["administrator"])}, WHY),
        ("user.roles_changed", {"added": (None, ["employee"])}, None),
    ]
    assert house.users.get(number).person.version == 3
    edit(house, number, role_ids=frozenset({house.staff}), reason=WHY)
    last = events.page(after=start, types=["user.roles_changed"]).items[-1]
    assert dict(last.changes) == {"removed": (["administrator"], None)}


def test_s23_access_stays_as_long_as_a_role_needs_it(house: House) -> None:
    number = house.create(role_ids=frozenset({house.local}), places=house.everywhere | {Place(house.other)})
    with pytest.raises(RoleOrganizationError):
        edit(house, number, places=house.everywhere, reason=WHY)
    user = edit(house, number, places=house.everywhere, role_ids=frozenset({house.staff}), reason=WHY)
    assert {each.organization for each in user.access} == {"Acme"}


@pytest.mark.parametrize("what", ["role_ids", "places", "group_ids"])
def test_what_takes_something_away_needs_a_reason(house: House, what: str) -> None:
    number = house.create(role_ids=frozenset({house.staff, house.admin}), group_ids=frozenset({house.group}))
    house.administrator()
    change = {"role_ids": frozenset({house.staff}), "places": frozenset(), "group_ids": frozenset()}[what]
    with pytest.raises(ReasonNeededError):
        edit(house, number, **{what: change})
    assert house.users.get(number).person.version == 1
    edit(house, number, reason=f" {WHY} ", **{what: change})
    assert house.events()[-1]["reason"] == WHY


def test_s19_access_is_replaced_whole_and_told_by_names(house: House) -> None:
    number = house.create()
    user = edit(
        house, number, places=frozenset({Place(house.organization, house.below)}), owner_unit_id=(house.unit,), reason=WHY
    )
    assert [(each.organization_id, each.unit) for each in user.access] == [(house.organization, "Sales/Spain")]
    event = house.events()[-1]
    assert (event["before"], event["after"]) == (
        {"owner_unit": None, "access": ["Acme: Sales"]}, {"owner_unit": "Sales", "access": ["Acme: Sales/Spain"]},
    )  # fmt: skip
    assert edit(house, number, owner_unit_id=(None,)).owner_unit is None
    with pytest.raises(NoSuchReferenceError):
        edit(house, number, places=frozenset({Place(house.other, house.unit)}), reason=WHY)


def test_s17_whoever_loses_all_access_is_logged_out(house: House) -> None:
    number = house.create(places=house.everywhere | {Place(house.other)})
    later = START + timedelta(hours=1)
    house.rows.row(t.sessions, user_id=number, digest=b"x", created_at=START, last_seen_at=START, expires_at=later)
    assert edit(house, number, places=house.everywhere, reason=WHY).sessions == 1
    assert edit(house, number, places=frozenset(), reason=WHY).sessions == 0


# ---------------------------------------------------------------- who may
def test_s66_nobody_changes_their_own_roles_access_or_owner(house: House) -> None:
    number = house.create()
    me = clerk(number)
    for change in (
        {"role_ids": frozenset({house.staff, house.admin})}, {"places": house.everywhere | {Place(house.other)}},
        {"owner_unit_id": (house.unit,)},
    ):  # fmt: skip
        with pytest.raises(OneselfError):
            edit(house, number, caller=me, **change)
    same = {"role_ids": frozenset({house.staff}), "places": house.everywhere, "owner_unit_id": (None,)}
    assert edit(house, number, caller=me, title="Boss", **same).person.title == "Boss"


def test_nobody_gives_takes_or_touches_what_is_above_them(house: House) -> None:
    number, boss = house.create(role_ids=frozenset({house.staff, house.admin})), house.administrator()
    house.ceiling.roles, house.ceiling.above = {house.admin}, {boss}
    me = clerk(999)
    for change in (frozenset({house.staff}), frozenset({house.admin})):
        if change == {house.admin}:
            assert edit(house, number, role_ids=change, caller=me, reason=WHY).manual_roles == change
            continue
        with pytest.raises(AboveCallerError):
            edit(house, number, role_ids=change, caller=me, reason=WHY)
    with pytest.raises(AboveCallerError):
        edit(house, boss, email="mine@example.com", caller=me)
    with pytest.raises(AboveCallerError):
        house.users.delete(boss, caller=me, reason=WHY)


def test_the_last_administrator_keeps_the_role_and_access(house: House) -> None:
    number = house.administrator()
    for change in ({"role_ids": frozenset({house.staff})}, {"places": frozenset()}):
        with pytest.raises(LastAdministratorError):
            edit(house, number, reason=WHY, **change)
    assert house.users.get(number).person.version == 1
    # one who cannot log in is of no use, and may be given what they lack
    second = house.administrator("second", places=frozenset())
    with pytest.raises(LastAdministratorError):
        edit(house, number, role_ids=frozenset({house.staff}), reason=WHY)
    edit(house, second, role_ids=frozenset({house.admin, house.staff}))
    edit(house, second, places=house.everywhere)
    assert edit(house, number, role_ids=frozenset({house.staff}), reason=WHY).person.version == 2


# ---------------------------------------------------------------- deleting
def test_s58_a_deleted_user_leaves_only_what_was_told(house: House) -> None:
    number = house.create(tags=["a"], group_ids=frozenset({house.group}), **{"custom.badge": 1})
    house.avatars.put(number, PNG, caller=BOSS)
    house.users.delete(number, caller=BOSS, reason=WHY, if_match=2)
    for name in ("users", "access", "grants", "group_members", "user_tags", "user_custom_fields", "user_avatars", "passwords"):
        assert house.table(name) == [], name
    event = house.events()[-1]
    assert (event["action"], event["subject_id"], event["reason"], event["after"]) == ("user.deleted", number, WHY, None)
    assert event["before"]["username"] == "ada"
    with pytest.raises(NotFoundError):
        house.users.delete(number, caller=BOSS, reason=WHY)
    assert house.create("ada") > number


def test_s58_deleting_is_refused(house: House) -> None:
    """Oneself, without a reason, of another version, a directory's, an owner of records, the last administrator."""
    number = house.create()
    with pytest.raises(OneselfError):
        house.users.delete(number, caller=clerk(number), reason=WHY)
    with pytest.raises(UsageError):
        house.users.delete(number, caller=BOSS, reason=" no ")
    with pytest.raises(PreconditionFailedError):
        house.users.delete(number, caller=BOSS, reason=WHY, if_match=9)
    house.users.own(number, "crm", "lead-1", caller=BOSS)
    house.users.own(number, "crm", "lead-2", caller=BOSS)
    with pytest.raises(InUseError, match="2 in crm"):
        house.users.delete(number, caller=BOSS, reason=WHY)
    theirs = house.create("theirs")
    house.corp(theirs)
    with pytest.raises(ManagedFieldError, match="corp"):
        house.users.delete(theirs, caller=BOSS, reason=WHY)
    gone = house.create("gone")
    house.corp(gone, missing_since=START)
    with pytest.raises(ManagedFieldError, match="was one of directory corp"):
        house.users.delete(gone, caller=BOSS, reason=WHY)
    root = house.administrator()
    with pytest.raises(LastAdministratorError):
        house.users.delete(root, caller=BOSS, reason=WHY)
    assert len(house.table("users")) == 4
    house.users.disown(number, "crm", "lead-1", caller=BOSS)
    house.users.disown(number, "crm", "lead-2", caller=BOSS)
    house.users.delete(number, caller=BOSS, reason=WHY)


# ---------------------------------------------------------------- records of other systems
def test_s58_records_are_noted_once(house: House) -> None:
    number = house.create()
    assert house.users.own(number, "crm", "lead-1", caller=BOSS)
    assert not house.users.own(number, "crm", "lead-1", caller=BOSS)
    assert house.users.own(number, "erp", "lead-1", caller=BOSS)
    assert house.users.get(number).records == {"crm": 1, "erp": 1}
    assert house.users.disown(number, "crm", "lead-1", caller=BOSS)
    assert not house.users.disown(number, "crm", "lead-1", caller=BOSS)
    assert [row["action"] for row in house.events()][-3:] == ["user.record_added", "user.record_added", "user.record_removed"]
    with pytest.raises(NotFoundError):
        house.users.own(999, "crm", "x", caller=BOSS)


def test_s58_what_keeps_a_user_from_being_deleted_is_listed(house: House) -> None:
    number, other = house.create(), house.create("other")
    noted = [("crm", "lead 1"), ("crm", "lead-2"), ("crm", "Ünit:3"), ("crm-eu", "1"), ("erp", "a.b")]
    for system, reference in reversed(noted):
        assert house.users.own(number, system, reference, caller=BOSS)
    house.users.own(other, "crm", "lead-9", caller=BOSS)
    found, after = [], None
    while True:
        page = house.users.owned(number, limit=2, after=after)
        found += list(page.items)
        if page.next is None:
            break
        after = page.next
    assert found == noted
    with pytest.raises(NotFoundError):
        house.users.owned(999)
    with pytest.raises(UsageError):
        house.users.owned(number, limit=0)


@pytest.mark.parametrize(
    ("system", "reference"),
    [("CRM", "1"), ("", "1"), ("c" * 65, "1"), ("crm", ""), ("crm", "a/b"), ("crm", "a\n"), ("crm", "x" * 201)],
)
def test_s58_what_names_no_record_is_refused(house: House, system: str, reference: str) -> None:
    number = house.create()
    with pytest.raises(UsageError):
        house.users.own(number, system, reference, caller=BOSS)
    assert house.users.get(number).records == {}


def test_s4_somebody_disabled_becomes_no_owner(house: House) -> None:
    number = house.create()
    house.users.own(number, "crm", "old", caller=BOSS)
    with house.engine.begin() as connection:
        connection.execute(update(t.users).values(enabled=False))
    with pytest.raises(StateError):
        house.users.own(number, "crm", "new", caller=BOSS)
    # what they own already, they may be told to own, and give away
    assert not house.users.own(number, "crm", "old", caller=BOSS)
    assert house.users.disown(number, "crm", "old", caller=BOSS)
    off = house.create("off")
    house.corp(off, account_disabled=True)
    with pytest.raises(StateError, match="directory_disabled:corp"):
        house.users.own(off, "crm", "new", caller=BOSS)


# ---------------------------------------------------------------- pictures
@pytest.mark.parametrize(
    ("data", "kind"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0jpeg", "image/jpeg"), (b"GIF89a..", "image/gif"),
     (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp")],
)  # fmt: skip
def test_s10_a_picture_is_what_its_first_bytes_say(house: House, data: bytes, kind: str) -> None:
    number = house.create()
    house.avatars.put(number, data, caller=BOSS)
    found = house.avatars.get(number)
    assert (found.media_type, found.data) == (kind, data)
    assert house.users.get(number).avatar_digest == found.digest
    event = house.events()[-1]
    assert event["after"]["avatar"]["sha256"] == found.digest


def test_s10_what_is_no_picture_or_too_large_is_refused(house: House) -> None:
    number = house.create()
    for data in (b"", b"<svg onload=alert(1)>", b"BM bitmap", b"%PDF-1.7", b"RIFF....WAVE"):
        with pytest.raises(PictureError):
            house.avatars.put(number, data, caller=BOSS)
    with pytest.raises(PictureTooLargeError):
        house.avatars.put(number, PNG + bytes(2000), caller=BOSS)
    with pytest.raises(NotFoundError):
        house.avatars.get(number)
    with pytest.raises(NotFoundError):
        house.avatars.get(999)


def test_s10_the_picture_of_a_directory_is_read_only(house: House) -> None:
    number = house.create()
    house.avatars.put(number, PNG, caller=BOSS)
    assert house.avatars.delete(number, caller=BOSS)
    assert not house.avatars.delete(number, caller=BOSS)
    house.corp(number)
    with pytest.raises(ManagedFieldError, match="corp"):
        house.avatars.put(number, PNG, caller=BOSS)


# ---------------------------------------------------------------- looking
def test_s32_s34_both_states_with_reasons_times_counts_dns_and_roles_with_their_sources(house: House) -> None:
    number = house.create(enabled=False)
    corp = house.corp(number, account_disabled=True)
    house.rows.grant(number, house.staff, directory=corp)
    with house.engine.begin() as connection:
        values = {"auth_status": "locked", "failed_logins": 10, "locked_at": START, "login_count": 3, "last_login_at": START}
        connection.execute(update(t.users).where(t.users.c.id == number).values(**values))
    user = house.users.get(number)
    assert user.person.reasons == ("disabled", "locked", "directory_disabled:corp")
    assert (user.person.failed_logins, user.person.login_count, user.person.last_login_at) == (10, 3, START)
    assert (user.locked_at, user.roles[0].sources) == (START, ("corp", "manual"))
    assert [(entry.name, entry.dn) for entry in user.person.directories] == [("corp", f"uid=u{number},dc=example,dc=com")]
    assert [period.dn for period in user.dn_history] == [f"uid=u{number},dc=example,dc=com"]
    assert user.managed == dict.fromkeys(
        ("avatar", "custom.badge", "email", "emails", "first_name", "last_name", "username"), "corp"
    )


def test_s34_somebody_gone_whose_names_went_to_another(house: House) -> None:
    number = house.rows.user("ada", username_key=None, email_key=None)
    house.corp(number, missing_since=START, missing_reason="run 3 found it gone")
    user = house.users.get(number)
    assert (user.person.username, user.username_released, user.email_released) == ("ada", True, True)
    assert user.person.directories[0].missing_reason == "run 3 found it gone"
    assert "directory_missing:corp" in user.person.reasons
