"""Roles, identifiers, organizations and units with their counts, over SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from syncd.mapping.roles import RoleMap
from syncd.model.views import OrganizationView, RoleIdentifierView, RoleView
from syncd.services.people import mapped_identifiers
from syncd.store.queries import Queries
from tests.fakes.people_rows import NOON, Rows


@pytest.fixture
def rows(engine: Engine) -> Rows:
    return Rows(engine)


@pytest.fixture
def queries(engine: Engine) -> Queries:
    return Queries(engine)


def test_an_empty_store_has_nothing(queries: Queries) -> None:
    found = (queries.roles(), queries.role_identifiers(), queries.organizations(), queries.units(), queries.directories())
    assert found == ((), (), (), (), ())


def test_roles_count_each_person_once_whatever_the_sources(rows: Rows, queries: Queries) -> None:
    corp, main = rows.directory(), rows.organization("Main")
    admin, empty, local = rows.role("Zadmin"), rows.role("empty", description="none"), rows.role("Ärzte", organization=main)
    for number in range(3):
        user = rows.user(f"u{number}")
        rows.grant(user, admin)
        rows.grant(user, admin, directory=corp)
    rows.grant(user, local)
    assert queries.roles() == (
        RoleView(id=empty, name="empty", description="none", organization=None, users=0),
        RoleView(id=admin, name="Zadmin", description="", organization=None, users=3),
        RoleView(id=local, name="Ärzte", description="", organization="Main", users=1),
    )


def test_role_identifiers_count_the_people_who_are_there(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    staff, lonely = rows.role_identifier(corp, "staff", dn="cn=staff"), rows.role_identifier(corp, "Lonely")
    same_name = rows.role_identifier(branch, "staff")
    here, gone, both = rows.user("here"), rows.user("gone"), rows.user("both")
    rows.identity(here, corp, "uid=here")
    rows.identity(gone, corp, "uid=gone", missing_since=NOON)
    rows.identity(both, corp, "uid=both")
    rows.identity(both, branch, "uid=both", missing_since=NOON)
    for user in (here, gone, both):
        rows.membership(user, staff)
    rows.membership(gone, lonely)
    rows.membership(both, same_name)
    corp_views = (
        RoleIdentifierView(directory="corp", identifier="Lonely", dn=None, members=0),
        RoleIdentifierView(directory="corp", identifier="staff", dn="cn=staff", members=2),
    )
    assert queries.role_identifiers("corp") == corp_views
    other = RoleIdentifierView(directory="branch", identifier="staff", dn=None, members=0)
    assert queries.role_identifiers() == (other, *corp_views)
    assert queries.role_identifiers("nowhere") == ()
    assert queries.directories() == ("branch", "corp")


def test_role_identifiers_meet_the_mapping_of_their_directory() -> None:
    def view(directory: str, identifier: str) -> RoleIdentifierView:
        return RoleIdentifierView(directory=directory, identifier=identifier, dn=None, members=1)

    views = [view("corp", "CRM-Admins"), view("corp", "unknown"), view("branch", "crm-admins"), view("old", "crm-admins")]
    maps = {
        "corp": RoleMap({"crm-admins": ["administrator"], "/crm-.*/": ["user"]}, ["everyone"]), "branch": RoleMap({}),
    }  # fmt: skip
    found = mapped_identifiers(views, maps)
    assert [entry.identifier for entry in found] == views
    assert [entry.roles for entry in found] == [("administrator", "user"), (), (), ()]
    assert [entry.configured for entry in found] == [True, True, True, False]


def test_organizations_know_their_directories_and_people(rows: Rows, queries: Queries) -> None:
    corp, branch = rows.directory("corp"), rows.directory("branch")
    main, closed = rows.organization("Main", directory=corp), rows.organization("closed", enabled=False)
    rows.organization_source(main, corp, "Main")
    rows.organization_source(main, branch, "MAIN")
    unit = rows.unit(main, "Unit")
    twice = rows.user("twice")
    rows.access(twice, main, unit, directory=corp)
    rows.access(twice, main)
    rows.access(rows.user("once"), main)
    assert queries.organizations() == (
        OrganizationView(id=closed, name="closed", enabled=False, directories=(), users=0),
        OrganizationView(id=main, name="Main", enabled=True, directories=("branch", "corp"), users=2),
    )


def test_units_come_as_a_tree(rows: Rows, queries: Queries) -> None:
    corp = rows.directory()
    main, other = rows.organization("Main"), rows.organization("alpha")
    europe = rows.unit(main, "Europe", directory=corp)
    asia = rows.unit(main, "Asia", directory=corp)
    spain = rows.unit(main, "spain", parent=europe, directory=corp)
    france = rows.unit(main, "France", parent=europe)
    paris = rows.unit(main, "Paris/Nord", parent=france)
    extra = rows.unit(main, "Europe Extra")
    top = rows.unit(other, "Top")
    for number in range(2):
        rows.access(rows.user(f"u{number}"), main, spain, directory=corp)
    found = queries.units()
    assert [(unit.id, unit.path, unit.depth, unit.users) for unit in found] == [
        (top, "Top", 0, 0),
        (asia, "Asia", 0, 0),
        (europe, "Europe", 0, 0),
        (france, "Europe/France", 1, 0),
        (paris, "Europe/France/Paris\\/Nord", 2, 0),
        (spain, "Europe/spain", 1, 2),
        (extra, "Europe Extra", 0, 0),
    ]
    by_id = {unit.id: unit for unit in found}
    assert (by_id[spain].organization, by_id[spain].parent_id, by_id[spain].directory) == ("Main", europe, "corp")
    assert (by_id[paris].parent_id, by_id[paris].directory, by_id[paris].name) == (france, None, "Paris/Nord")
