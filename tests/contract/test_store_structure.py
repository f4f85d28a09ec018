"""Organizations and units in the store; each test on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select

from syncd.errors import StoreError
from syncd.model.plan import Action, Plan, StructureChange
from syncd.store import schema as t
from syncd.store.engine import read
from tests.contract.company import Company, organization, person, rows, unit
from tests.fakes.people_rows import Rows


def count(engine: Engine, table: object) -> int:
    with read(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def tree(engine: Engine) -> dict[str, tuple[str, str | None]]:
    """Unit -> its organization and the unit it lies in, by name."""
    organizations = {row.id: row.name for row in rows(engine, t.organizations)}
    names = {row.id: row.name for row in rows(engine, t.units)}
    return {row.name: (organizations[row.organization_id], names.get(row.parent_id)) for row in rows(engine, t.units)}


@pytest.fixture
def offices(company: Company) -> Company:
    company.units = [unit("paris", parent="france"), unit("france"), unit("berlin", parent="germany"), unit("germany")]
    company.add(person("a", organization="acme", unit="paris"), person("b", organization="acme", unit="berlin"))
    company.sync()
    return company


def test_a_tree_of_units_is_made_parents_first(offices: Company, engine: Engine) -> None:
    assert tree(engine) == {
        "France": ("Acme", None),
        "Paris": ("Acme", "France"),
        "Germany": ("Acme", None),
        "Berlin": ("Acme", "Germany"),
    }
    assert offices.plan().is_empty


def test_a_renamed_unit_is_the_same_unit(offices: Company, engine: Engine) -> None:
    before = {row.external_key: row.id for row in rows(engine, t.units)}
    offices.units[0] = replace(offices.units[0], name="Lutetia")
    assert offices.sync().counts["units_updated"] == 1
    assert {row.external_key: row.id for row in rows(engine, t.units)} == before
    assert tree(engine)["Lutetia"] == ("Acme", "France")
    assert offices.plan().is_empty


def test_a_moved_unit_takes_its_people_along(offices: Company, engine: Engine) -> None:
    offices.organizations.append(organization("other"))
    offices.units = [
        replace(offices.units[0], organization="other", parent="germany"),
        offices.units[1],
        *(replace(u, organization="other") for u in offices.units[2:]),
    ]
    offices.sync()
    assert tree(engine)["Paris"] == ("Other", "Germany")
    stored = offices.store.people("corp", ["a"])["a"]
    assert (stored.fields["organization"], stored.fields["unit"]) == ("other", "paris")


def test_two_units_that_change_places(offices: Company, engine: Engine) -> None:
    offices.units = [unit("paris"), unit("france", parent="paris"), *offices.units[2:]]
    offices.sync()
    assert tree(engine)["France"] == ("Acme", "Paris")
    assert tree(engine)["Paris"] == ("Acme", None)
    assert offices.plan().is_empty


def test_a_branch_is_removed_children_first(offices: Company, engine: Engine) -> None:
    offices.units = offices.units[2:]
    offices.add(person("a", organization="acme", unit="germany"))
    assert offices.sync().counts["units_removed"] == 2
    assert set(tree(engine)) == {"Germany", "Berlin"}
    assert offices.plan().is_empty


def test_a_missing_person_keeps_the_organization_when_their_unit_goes(offices: Company, engine: Engine) -> None:
    del offices.people["a"]
    offices.units = offices.units[2:]
    offices.sync()
    assert set(tree(engine)) == {"Germany", "Berlin"}
    fields = offices.store.people("corp", ["a"])["a"].fields
    assert (fields["organization"], fields["unit"]) == ("acme", None)
    assert offices.plan().is_empty


def test_a_unit_with_people_put_in_by_hand_stays_as_one_made_by_hand(offices: Company, engine: Engine) -> None:
    by_hand = Rows(engine)
    units = {row.name: row for row in rows(engine, t.units)}
    by_hand.access(by_hand.user("hand", manual=True), units["Paris"].organization_id, units["Paris"].id)
    offices.units = offices.units[2:]
    offices.add(person("a", organization="acme", unit="germany"))
    offices.sync()
    kept = {row.name: (row.directory_id, row.external_key) for row in rows(engine, t.units)}
    assert (kept["Paris"], kept["France"]) == ((None, None), (None, None))
    assert set(offices.store.structure("corp").units) == {"germany", "berlin"}
    assert offices.plan().is_empty


def test_a_unit_that_owns_a_user_or_lies_above_one_made_by_hand_stays(offices: Company, engine: Engine) -> None:
    by_hand = Rows(engine)
    units = {row.name: row for row in rows(engine, t.units)}
    by_hand.user("hand", manual=True, owner_unit_id=units["Berlin"].id)
    by_hand.unit(units["France"].organization_id, "By hand", parent=units["France"].id)
    offices.people.clear()
    offices.units = []
    offices.sync()
    assert set(tree(engine)) == {"Germany", "Berlin", "France", "By hand"}
    assert offices.plan().is_empty


def test_a_plan_that_names_an_unknown_unit_is_refused(company: Company) -> None:
    change = StructureChange(Action.CREATE, "x", None, unit("x", parent="nowhere"))
    with pytest.raises(StoreError, match="'nowhere'"):
        company.sync(replace(company.plan(), units=(change,)))
    assert company.store.structure("corp").organizations == {}


# ---------------------------------------------------------------- organizations
def test_an_organization_of_that_name_is_used_and_not_made_twice(company: Company, engine: Engine) -> None:
    by_hand = Rows(engine).organization("ACME")
    company.sync()
    (row,) = rows(engine, t.organizations)
    assert (row.id, row.name, row.directory_id) == (by_hand, "ACME", None)
    assert company.store.structure("corp").organizations == {"acme": organization("acme")}
    assert company.plan().is_empty


def test_two_directories_share_an_organization(company: Company, engine: Engine) -> None:
    company.add(person("a", organization="acme"))
    company.sync()
    branch = Company(company.store, name="branch", organizations=[organization("x", "aCMe")])
    branch.add(person("b", organization="x"))
    branch.sync()
    assert count(engine, t.organizations) == 1
    assert branch.store.people("branch", ["b"])["b"].fields["organization"] == "x"
    assert company.plan().is_empty
    assert branch.plan().is_empty


def test_the_maker_renames_a_shared_organization_and_the_other_moves_out(company: Company, engine: Engine) -> None:
    company.sync()
    branch = Company(company.store, name="branch", organizations=[organization("x", "Acme")])
    branch.units = [unit("u", organization="x")]
    branch.add(person("b", organization="x", unit="u"))
    branch.sync()
    branch.organizations = [organization("x", "Branch")]
    branch.sync()
    assert {row.name for row in rows(engine, t.organizations)} == {"Acme", "Branch"}
    assert tree(engine)["U"] == ("Branch", None)
    assert branch.store.people("branch", ["b"])["b"].fields["organization"] == "x"
    company.organizations = [organization("acme", "Acme Corp")]
    company.sync()
    assert {row.name for row in rows(engine, t.organizations)} == {"Acme Corp", "Branch"}
    assert company.plan().is_empty
    assert branch.plan().is_empty


def test_organizations_swap_names_in_one_run(company: Company, engine: Engine) -> None:
    company.organizations = [organization("a"), organization("b"), organization("c")]
    company.sync()
    before = {row.name: row.id for row in rows(engine, t.organizations)}
    company.organizations = [organization("a", "B"), organization("b", "C"), organization("c", "A")]
    company.sync()
    assert {row.name: row.id for row in rows(engine, t.organizations)} == {
        "B": before["A"], "C": before["B"], "A": before["C"],
    }  # fmt: skip
    assert company.plan().is_empty


def test_a_rename_to_the_name_of_someone_elses_organization_joins_it(company: Company, engine: Engine) -> None:
    by_hand = Rows(engine).organization("Target")
    company.add(person("a", organization="acme"))
    company.sync()
    company.organizations = [organization("acme", "target")]
    company.sync()
    (row,) = rows(engine, t.organizations)
    assert row.id == by_hand
    assert [access.organization_id for access in rows(engine, t.access)] == [by_hand]
    assert company.plan().is_empty


def test_two_keys_whose_names_fold_to_the_same_stay_two(company: Company, engine: Engine) -> None:
    company.organizations = [organization("k1", "Straße"), organization("k2", "STRASSE")]
    company.sync()
    assert sorted(row.name for row in rows(engine, t.organizations)) == ["STRASSE (2)", "Straße"]
    assert company.plan().is_empty


def test_an_organization_without_people_is_removed(company: Company, engine: Engine) -> None:
    company.organizations.append(organization("empty"))
    company.sync()
    company.organizations.pop()
    assert company.sync().counts["organizations_removed"] == 1
    assert {row.name for row in rows(engine, t.organizations)} == {"Acme"}
    assert company.plan().is_empty


def test_an_organization_in_use_stays_without_the_directory(company: Company, engine: Engine) -> None:
    by_hand = Rows(engine)
    company.organizations.append(organization("used"))
    company.sync()
    (used,) = rows(engine, t.organizations, name="Used")
    by_hand.access(by_hand.user("hand", manual=True), used.id)
    company.organizations.pop()
    company.sync()
    (used,) = rows(engine, t.organizations, name="Used")
    assert used.directory_id is None
    assert company.plan().is_empty


def test_a_shared_organization_goes_to_the_directory_that_still_has_it(company: Company, engine: Engine) -> None:
    company.sync()
    branch = Company(company.store, name="branch", organizations=[organization("x", "Acme")])
    branch.sync()
    company.organizations = []
    company.sync()
    (row,) = rows(engine, t.organizations)
    (heir,) = rows(engine, t.directories, name="branch")
    assert row.directory_id == heir.id
    branch.organizations = []
    branch.sync()
    assert rows(engine, t.organizations) == []


def test_an_organization_with_a_missing_person_stays_until_they_are_purged(company: Company, engine: Engine) -> None:
    company.add(person("a", organization="acme"))
    company.sync()
    company.people.clear()
    company.organizations = []
    company.sync()
    assert [row.name for row in rows(engine, t.organizations)] == ["Acme"]
    assert company.plan().is_empty


def test_structure_changes_leave_audit_events(offices: Company, engine: Engine) -> None:
    offices.units[0] = replace(offices.units[0], name="Lutetia")
    del offices.units[2:]
    offices.add(person("b", organization="acme", unit="france"))
    offices.sync(plan=offices.plan())
    events = [(row.action, row.subject_type) for row in rows(engine, t.audit_events, run_id=offices.runs)]
    assert events.count(("unit.updated", "unit")) == 1
    assert events.count(("unit.deleted", "unit")) == 2
    (event,) = rows(engine, t.audit_events, action="unit.updated")
    assert (event.before["name"], event.after["name"]) == ("Paris", "Lutetia")


# (subject, action, before, after) of one directory's structure
Told = list[tuple[int, str, object, object]]


def told(engine: Engine, directory: str, subject: str) -> Told:
    events = rows(engine, t.audit_events, directory=directory, subject_type=subject)
    return [(row.subject_id, row.action, row.before, row.after) for row in sorted(events, key=lambda row: row.id)]


def test_each_organization_is_made_and_deleted_once_for_others(company: Company, engine: Engine) -> None:
    """Whoever follows the events has the organizations that there are."""
    by_hand = Rows(engine).organization("LAB")
    company.organizations.append(organization("lab"))
    company.sync()
    (acme,) = rows(engine, t.organizations, name="Acme")
    branch = Company(company.store, name="branch", organizations=[organization("x", "Acme")])
    branch.sync()
    branch.organizations = [organization("x", "Branch")]
    branch.sync()
    (made,) = rows(engine, t.organizations, name="Branch")
    branch.organizations = [organization("x", "Lab")]
    branch.sync()
    company.organizations = []
    company.sync()
    assert told(engine, "corp", "organization") == [
        (acme.id, "organization.created", None, {"key": "acme", "name": "Acme"}),
        (by_hand, "organization.updated", None, {"key": "lab"}),
        (acme.id, "organization.deleted", {"key": "acme", "name": "Acme"}, None),
        (by_hand, "organization.updated", {"key": "lab"}, None),
    ]
    assert told(engine, "branch", "organization") == [
        (acme.id, "organization.updated", None, {"key": "x"}),
        (made.id, "organization.created", None, {"key": "x", "name": "Branch"}),
        (acme.id, "organization.updated", {"key": "x"}, None),
        (by_hand, "organization.updated", None, {"key": "x"}),
        (made.id, "organization.deleted", {"key": "x", "name": "Branch"}, None),
    ]
    assert [row.id for row in rows(engine, t.organizations)] == [by_hand]


def test_each_unit_is_made_and_deleted_once_for_others(company: Company, engine: Engine) -> None:
    company.sync()
    (acme,) = rows(engine, t.organizations)
    make = Rows(engine)
    by_hand = make.unit(acme.id, "SALES")
    make.user("hand", manual=True, owner_unit_id=by_hand)
    company.units = [unit("sales"), unit("lab")]
    company.sync()
    (lab,) = rows(engine, t.units, name="Lab")
    company.units = []
    company.sync()
    whole = {"key": "lab", "name": "Lab", "organization": "acme", "parent": None}
    assert sorted(told(engine, "corp", "unit"), key=lambda each: (each[0], each[1] != "unit.created")) == [
        (by_hand, "unit.updated", {"name": "SALES"}, {"key": "sales", "name": "Sales"}),
        (by_hand, "unit.updated", {"key": "sales"}, None),
        (lab.id, "unit.created", None, whole),
        (lab.id, "unit.deleted", whole, None),
    ]
    assert [(row.id, row.name) for row in rows(engine, t.units)] == [(by_hand, "Sales")]


def test_an_empty_structure_of_a_new_directory(company: Company) -> None:
    assert company.store.structure("corp").units == {}
    assert Plan(directory="corp").is_empty
