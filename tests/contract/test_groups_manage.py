"""S21: groups by hand, and who is in them, over SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from syncd.errors import NameTakenError, NoSuchReferenceError, NotFoundError, PreconditionFailedError, UsageError
from syncd.model.structure import MEMBERS_MAX, GroupFields, Window
from syncd.store.engine import write
from syncd.store.purge import delete_users
from tests.contract.structure import ROOT, WHY, Kit
from tests.contract.structure import kit as kit


def make(kit: Kit, name: str = "Board", **fields: str) -> int:
    return kit.management.groups.create(GroupFields(name=name, **fields), caller=ROOT).id


def test_s21_a_group_is_made_changed_and_deleted(kit: Kit) -> None:
    groups = kit.management.groups
    made = groups.create(GroupFields(name=" Board ", description="meets on Mondays"), caller=ROOT)
    assert (made.fields.name, made.members, made.version) == ("Board", 0, 1)
    with pytest.raises(NameTakenError):
        groups.create(GroupFields(name="BOARD"), caller=ROOT)
    changed = groups.edit(made.id, {"description": ""}, if_match=1, caller=ROOT)
    assert (changed.fields.description, changed.version) == ("", 2)
    assert groups.edit(made.id, {"name": "Board"}, caller=ROOT).version == 2
    with pytest.raises(PreconditionFailedError):
        groups.edit(made.id, {"name": "x"}, if_match=1, caller=ROOT)
    user = kit.user("anna")
    groups.add(made.id, [user], caller=ROOT)
    groups.delete(made.id, reason=WHY, caller=ROOT)
    with pytest.raises(NotFoundError):
        groups.get(made.id)
    assert kit.actions() == ["group.created", "group.updated", "group.member_added", "group.deleted"]
    assert kit.audit()[-1]["before"] == {"name": "Board", "description": "meets on Mondays", "members": 1} | {"description": ""}
    assert kit.audit()[-1]["reason"] == WHY


def test_s21_members_come_and_go_each_with_an_event(kit: Kit) -> None:
    groups, board = kit.management.groups, make(kit)
    anna, bert, carl = (kit.user(name) for name in ("anna", "bert", "carl"))
    assert groups.add(board, [anna, bert, anna], caller=ROOT) == 2
    assert groups.add(board, [bert, carl], caller=ROOT) == 1
    assert groups.get(board).members == 3
    version = groups.get(board).version
    assert groups.add(board, [carl], caller=ROOT) == 0
    assert groups.get(board).version == version
    assert groups.remove(board, [bert, 999], reason=WHY, caller=ROOT) == 1
    assert groups.remove(board, [bert], reason=WHY, caller=ROOT) == 0
    assert [member.username for member in groups.members(board).items] == ["anna", "carl"]
    events = [(event["action"], event.get("after") or event.get("before")) for event in kit.audit()[1:]]
    assert events == [
        ("group.member_added", {"user_id": anna, "username": "anna"}),
        ("group.member_added", {"user_id": bert, "username": "bert"}),
        ("group.member_added", {"user_id": carl, "username": "carl"}),
        ("group.member_removed", {"user_id": bert, "username": "bert"}),
    ]


def test_s21_who_does_not_exist_adds_nobody(kit: Kit) -> None:
    groups, board, anna = kit.management.groups, make(kit), kit.user("anna")
    with pytest.raises(NoSuchReferenceError, match="no user 999"):
        groups.add(board, [anna, 999], caller=ROOT)
    assert groups.members(board).items == ()
    for refused in ([], list(range(1, MEMBERS_MAX + 2))):
        with pytest.raises(UsageError):
            groups.add(board, refused, caller=ROOT)
    with pytest.raises(NotFoundError, match="no group 77"):
        groups.add(77, [anna], caller=ROOT)
    with pytest.raises(NotFoundError, match="no group 77"):
        groups.members(77)


def test_s21_members_come_in_pages_and_are_searched(kit: Kit) -> None:
    groups, board = kit.management.groups, make(kit)
    users = [kit.user(f"user{number}", display_name=f"Élan {number % 3}") for number in range(10)]
    groups.add(board, users, caller=ROOT)
    seen: list[int] = []
    after = 0
    while True:
        page = groups.members(board, limit=4, after=after)
        seen += [member.id for member in page.items]
        if page.next is None:
            break
        after = int(page.next)
    assert seen == users
    found = groups.members(board, text="élan 2 user", limit=2)
    assert [member.username for member in found.items] == ["user2", "user5"]
    assert [member.username for member in groups.members(board, text="élan 2", after=int(found.next or 0)).items] == ["user8"]


def test_s21_a_user_who_is_deleted_is_in_no_group(kit: Kit) -> None:
    groups, board, anna = kit.management.groups, make(kit), kit.user("anna")
    groups.add(board, [anna], caller=ROOT)
    with write(kit.engine) as connection:
        delete_users(connection, [anna])
    assert groups.get(board).members == 0


def test_groups_come_by_name(kit: Kit) -> None:
    for name in ("b", "A", "c"):
        make(kit, name, description="all" if name != "c" else "")
    page = kit.management.groups.list(Window(text="ALL", limit=1))
    assert ([group.fields.name for group in page.items], page.next) == (["A"], "a")
    assert [group.fields.name for group in kit.management.groups.list(Window(after="a")).items] == ["b", "c"]
