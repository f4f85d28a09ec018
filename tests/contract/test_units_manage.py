"""S19, S20: business units by hand, trees inside their organizations, over SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from syncd.errors import (
    InUseError,
    ManagedFieldError,
    NameTakenError,
    NoSuchReferenceError,
    NotFoundError,
    OneselfError,
    PreconditionFailedError,
    UnitTreeError,
    UsageError,
)
from syncd.model.structure import DEPTH_MAX, Unit, UnitFields, UnitFilter, Window
from tests.contract.structure import ROOT, WHY, Kit
from tests.contract.structure import kit as kit


def make(kit: Kit, organization: int, name: str, parent: int | None = None) -> Unit:
    fields = UnitFields(name=name, organization_id=organization, parent_id=parent)
    return kit.management.units.create(fields, caller=ROOT)


def paths(kit: Kit, **wanted: Any) -> list[str]:
    return [unit.path for unit in kit.management.units.list(Window(), UnitFilter(**wanted)).items]


@pytest.fixture
def acme(kit: Kit) -> int:
    return kit.rows.organization("Acme")


# ---------------------------------------------------------------- the tree
def test_s20_a_division_is_a_unit_with_all_below_it(kit: Kit, acme: int) -> None:
    europe = make(kit, acme, "Europe")
    spain = make(kit, acme, "Spain", europe.id)
    madrid = make(kit, acme, "Madrid/Centro", spain.id)
    asia = make(kit, acme, "asia")
    assert (madrid.path, madrid.depth, madrid.organization, madrid.directory) == (
        "Europe/Spain/Madrid\\/Centro",
        2,
        "Acme",
        None,
    )
    assert kit.management.units.get(europe.id).children == 1
    assert paths(kit) == ["asia", "Europe", "Europe/Spain", "Europe/Spain/Madrid\\/Centro"]
    assert paths(kit, division_id=spain.id) == ["Europe/Spain", "Europe/Spain/Madrid\\/Centro"]
    assert paths(kit, parent_id=europe.id) == ["Europe/Spain"]
    moved = kit.management.units.edit(spain.id, {"parent_id": asia.id}, if_match=1, caller=ROOT)
    assert (moved.path, moved.version) == ("asia/Spain", 2)
    assert paths(kit) == ["asia", "asia/Spain", "asia/Spain/Madrid\\/Centro", "Europe"]
    assert kit.management.units.edit(spain.id, {"parent_id": None}, caller=ROOT).path == "Spain"
    events = [(event["action"], event.get("before"), event["after"]) for event in kit.audit()][-2:]
    assert events == [
        ("unit.updated", {"parent_id": europe.id}, {"parent_id": asia.id}),
        ("unit.updated", {"parent_id": asia.id}, {"parent_id": None}),
    ]


def test_s20_no_unit_lies_in_itself(kit: Kit, acme: int) -> None:
    top = make(kit, acme, "Top")
    middle = make(kit, acme, "Middle", top.id)
    bottom = make(kit, acme, "Bottom", middle.id)
    for parent in (top.id, middle.id, bottom.id):
        with pytest.raises(UnitTreeError, match="itself, or lies below it"):
            kit.management.units.edit(top.id, {"parent_id": parent}, caller=ROOT)
    assert paths(kit) == ["Top", "Top/Middle", "Top/Middle/Bottom"]


def test_s20_two_who_move_units_into_each_other_at_once_make_no_circle(kit: Kit, acme: int) -> None:
    one, two = make(kit, acme, "one").id, make(kit, acme, "two").id
    came_to: list[str] = []
    barrier = threading.Barrier(2)

    def move(unit: int, into: int) -> None:
        barrier.wait()
        try:
            kit.management.units.edit(unit, {"parent_id": into}, caller=ROOT)
            came_to.append("moved")
        except UnitTreeError:
            came_to.append("refused")

    threads = [threading.Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came_to) == ["moved", "refused"]
    assert len(paths(kit)) == 2


def test_s20_a_unit_lies_inside_its_organization(kit: Kit, acme: int) -> None:
    other = kit.rows.organization("Other")
    there, here = make(kit, other, "There"), make(kit, acme, "Here")
    with pytest.raises(UnitTreeError, match="another organization"):
        kit.management.units.edit(here.id, {"parent_id": there.id}, caller=ROOT)
    with pytest.raises(UnitTreeError, match="another organization"):
        make(kit, acme, "New", there.id)
    with pytest.raises(NoSuchReferenceError, match="no unit 999"):
        make(kit, acme, "New", 999)
    with pytest.raises(NoSuchReferenceError, match="no organization 999"):
        make(kit, 999, "New")


def test_s20_units_are_not_endlessly_deep(kit: Kit, acme: int) -> None:
    parent: int | None = None
    for number in range(DEPTH_MAX):
        parent = make(kit, acme, f"u{number}", parent).id
    with pytest.raises(UnitTreeError, match=f"{DEPTH_MAX} deep"):
        make(kit, acme, "more", parent)
    root, child = make(kit, acme, "root"), None
    child = make(kit, acme, "child", root.id)
    above = kit.management.units.by_path(acme, "/".join(f"u{n}" for n in range(DEPTH_MAX - 1)))
    with pytest.raises(UnitTreeError, match="deep"):
        kit.management.units.edit(root.id, {"parent_id": above}, caller=ROOT)
    assert kit.management.units.edit(child.id, {"parent_id": above}, caller=ROOT).depth == DEPTH_MAX - 1


def test_brothers_have_different_names(kit: Kit, acme: int) -> None:
    one, other = make(kit, acme, "Sales"), kit.rows.organization("Other")
    with pytest.raises(NameTakenError, match=f"unit {one.id}"):
        make(kit, acme, "SALES")
    make(kit, other, "Sales")
    make(kit, acme, "Sales", one.id)
    two = make(kit, acme, "Support")
    with pytest.raises(NameTakenError):
        kit.management.units.edit(two.id, {"name": "sales"}, caller=ROOT)
    assert kit.management.units.edit(one.id, {"name": "SALES"}, caller=ROOT).path == "SALES"
    assert kit.management.units.by_path(acme, "sales/SALES") is not None
    assert kit.management.units.by_path(acme, "nowhere") is None


# ---------------------------------------------------------------- what stands in the way
def test_s19_a_unit_that_something_is_in_is_not_deleted(kit: Kit, acme: int) -> None:
    unit = make(kit, acme, "Sales")
    make(kit, acme, "Below", unit.id)
    user = kit.user("anna", owner_unit_id=unit.id)
    kit.rows.access(user, acme, unit.id)
    with pytest.raises(InUseError) as refused:
        kit.management.units.delete(unit.id, reason=WHY, caller=ROOT)
    assert refused.value.message == "the unit Sales is in use: 1 units lie in it, 1 people are in it, 1 users are owned by it"
    assert kit.management.units.get(unit.id).users == 1


def test_an_empty_unit_goes_with_a_reason(kit: Kit, acme: int) -> None:
    unit = make(kit, acme, "Sales")
    with pytest.raises(UsageError):
        kit.management.units.delete(unit.id, reason="", caller=ROOT)
    with pytest.raises(PreconditionFailedError):
        kit.management.units.delete(unit.id, if_match=7, reason=WHY, caller=ROOT)
    kit.management.units.delete(unit.id, reason=WHY, caller=ROOT)
    with pytest.raises(NotFoundError):
        kit.management.units.get(unit.id)
    assert (kit.audit()[-1]["action"], kit.audit()[-1]["reason"]) == ("unit.deleted", WHY)


def test_a_directorys_unit_is_read_only_and_others_may_lie_in_it(kit: Kit, acme: int) -> None:
    corp = kit.rows.directory()
    theirs = kit.rows.unit(acme, "Theirs", directory=corp)
    units = kit.management.units
    for changes in ({"name": "Ours"}, {"parent_id": make(kit, acme, "Top").id}):
        with pytest.raises(ManagedFieldError, match="directory corp"):
            units.edit(theirs, changes, caller=ROOT)
    with pytest.raises(ManagedFieldError, match="directory corp"):
        units.delete(theirs, reason=WHY, caller=ROOT)
    assert units.edit(theirs, {"name": "Theirs"}, caller=ROOT).version == 1
    below = make(kit, acme, "Ours", theirs)
    assert (below.path, units.get(theirs).directory) == ("Theirs/Ours", "corp")


# ---------------------------------------------------------------- looking
def test_units_come_in_pages_as_a_tree(kit: Kit, acme: int) -> None:
    other = kit.rows.organization("alpha")
    for organization in (acme, other):
        for name in ("b", "A", "c"):
            unit = make(kit, organization, name)
            make(kit, organization, "inner", unit.id)
    seen: list[tuple[str, str]] = []
    after: str | None = None
    while True:
        page = kit.management.units.list(Window(limit=5, after=after))
        seen += [(unit.organization, unit.path) for unit in page.items]
        after = page.next
        if after is None:
            break
    tree = ["A", "A/inner", "b", "b/inner", "c", "c/inner"]
    assert seen == [("Acme", path) for path in tree] + [("alpha", path) for path in tree]
    assert paths(kit, organization_id=other) == tree
    assert [u.path for u in kit.management.units.list(Window(text="INNER b")).items] == ["b/inner", "b/inner"]
    assert [u.organization for u in kit.management.units.list(Window(after="acme and more")).items] == ["alpha"] * 6
    with pytest.raises(NotFoundError):
        paths(kit, division_id=999)


def test_a_page_goes_on_where_it_ended_though_the_unit_is_gone(kit: Kit, acme: int) -> None:
    for name in ("a", "b", "c"):
        make(kit, acme, name)
    page = kit.management.units.list(Window(limit=2))
    kit.management.units.delete(page.items[-1].id, reason=WHY, caller=ROOT)
    assert [unit.path for unit in kit.management.units.list(Window(after=page.next)).items] == ["c"]


# ---------------------------------------------------------------- nobody raises themselves
def test_s20_nobody_moves_units_below_one_they_have_access_to(kit: Kit, acme: int) -> None:
    """Whoever has access to a unit has it to all below: so they would widen their own."""
    own, other, below = make(kit, acme, "Own"), make(kit, acme, "Other"), make(kit, acme, "Below")
    inner, deep = make(kit, acme, "Inner", own.id), make(kit, acme, "Deep", other.id)
    anna, bert = kit.user("anna"), kit.user("bert")
    kit.rows.access(anna, acme, own.id)
    kit.rows.access(bert, acme, other.id)
    units, caller = kit.management.units, kit.caller("structure:write", user=anna)
    for unit, parent in ((other, own), (below, own), (below, inner), (deep, inner)):
        with pytest.raises(OneselfError, match="you have access to unit"):
            units.edit(unit.id, {"parent_id": parent.id}, caller=caller)
    assert paths(kit) == ["Below", "Other", "Other/Deep", "Own", "Own/Inner"]
    assert units.edit(below.id, {"parent_id": other.id}, caller=caller).path == "Other/Below"
    assert units.edit(below.id, {"parent_id": inner.id}, caller=ROOT).path == "Own/Inner/Below"
    # what is theirs already is not more than they have
    assert units.edit(below.id, {"parent_id": own.id}, caller=caller).path == "Own/Below"
    assert units.edit(below.id, {"name": "Under"}, caller=caller).path == "Own/Under"
    assert units.edit(inner.id, {"parent_id": other.id}, caller=caller).path == "Other/Inner"
    with pytest.raises(OneselfError):
        units.edit(inner.id, {"parent_id": own.id}, caller=caller)
    assert units.edit(inner.id, {"parent_id": below.id}, caller=kit.caller("structure:write")).path == "Own/Under/Inner"


def test_s20_a_unit_of_ones_own_is_moved_away_but_not_below_another_of_them(kit: Kit, acme: int) -> None:
    """Else it would stay theirs when their access to it is taken away."""
    one, two, three = make(kit, acme, "One"), make(kit, acme, "Two"), make(kit, acme, "Three")
    anna = kit.user("anna")
    for unit in (one, two):
        kit.rows.access(anna, acme, unit.id)
    kit.rows.access(anna, acme)
    units, caller = kit.management.units, kit.caller("structure:write", user=anna)
    assert units.edit(one.id, {"parent_id": three.id}, caller=caller).path == "Three/One"
    assert units.edit(one.id, {"parent_id": None}, caller=caller).path == "One"
    with pytest.raises(OneselfError, match=f"access to unit {one.id}"):
        units.edit(two.id, {"parent_id": one.id}, caller=caller)
