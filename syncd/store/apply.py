"""Applying a plan: the order of the steps and the edges of the transactions.

What people refer to comes before them, what they no longer refer to goes after them: organizations, units, roles and role
identifiers; people; links; removals; issues. Between any two transactions the store is whole, only not yet true to the
directory everywhere, and the cleared `relations_digest` says so to the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select

from syncd.model.plan import Action, Plan
from syncd.store import schema as t
from syncd.store.apply_access import moves_announced
from syncd.store.apply_context import BATCH, Applying, batches
from syncd.store.apply_issues import close_issues, open_issues
from syncd.store.apply_links import GRANTS, MEMBERSHIPS, link_batches, write_links
from syncd.store.apply_organizations import remove_organizations, write_organizations
from syncd.store.apply_people import write_people
from syncd.store.apply_roles import (
    create_roles,
    load_role_identifiers,
    load_roles,
    remove_role_identifiers,
    write_role_identifiers,
)
from syncd.store.apply_units import remove_units, write_units
from syncd.store.apply_update import write_versions
from syncd.store.engine import read


def apply_plan(
    engine: Engine,
    plan: Plan,
    *,
    run_id: int,
    epoch: int,
    at: datetime,
    progress: Callable[[int], None],
    stopping: Callable[[], bool],
) -> None:
    """Do what the plan says: SyncStore.apply. Raises StoreError and StoppedError."""
    applying = Applying(
        engine=engine,
        directory=plan.directory,
        run_id=run_id,
        epoch=epoch,
        at=at,
        progress=progress,
        stopping=stopping,
        passing_on=plan.passing_on,
        linked_with=plan.linked_with,
        elsewhere=plan.elsewhere,
    )
    if plan.is_empty:
        _write_digest(applying, plan)
        return
    _write_structure(applying, plan)
    write_people(applying, plan)
    for versions in batches(list(plan.versions.items())):
        with applying.transaction() as connection:
            write_versions(connection, applying, versions)
    _write_links(applying, plan)
    _remove_structure(applying, plan)
    # closed first: an issue whose words changed stands in both
    for keys in batches(plan.issues_closed):
        with applying.transaction(len(keys)) as connection:
            close_issues(connection, applying, keys)
    for issues in batches(plan.issues_opened):
        with applying.transaction(len(issues)) as connection:
            open_issues(connection, applying, issues)
    with applying.transaction() as connection:
        applying.finish(connection, plan)


def _write_digest(applying: Applying, plan: Plan) -> None:
    """An empty plan writes nothing, unless what it rests on is new: the relations were looked at in another way, the
    configuration is another one and all was found to be the same, or the feed has moved on."""
    d = t.directories.c
    columns = (d.relations_digest, d.config_digest, d.groups_version, d.feed, d.cursor)
    with read(applying.engine) as connection:
        stored = connection.execute(select(*columns).where(d.name == plan.directory)).one_or_none()
    relations, config, groups, feed, position = stored if stored is not None else (None,) * 5
    same_cursor = plan.cursor is None or (plan.cursor.feed.value == feed and dict(plan.cursor.position) == position)
    known = plan.config_digest in (None, config) and plan.groups_version in (None, groups)
    if relations != plan.relations_digest or not (known and same_cursor):
        with applying.transaction() as connection:
            applying.finish(connection, plan)


# ---------------------------------------------------------------- what surrounds people
def _write_structure(applying: Applying, plan: Plan) -> None:
    present = [change for change in plan.role_identifiers if change.action is not Action.REMOVE]
    moving = any(change.action is Action.UPDATE for change in plan.organizations)
    moving = moving or any(change.action is Action.UPDATE for change in plan.units)
    organizations = sum(change.action is not Action.REMOVE for change in plan.organizations)
    units = sum(change.action is not Action.REMOVE for change in plan.units)
    with applying.transaction(organizations + units + len(plan.roles_created)) as connection:
        with moves_announced(connection, applying, moving=moving):
            write_organizations(connection, applying, plan.organizations)
            write_units(connection, applying, plan.units)
        create_roles(connection, applying, plan.roles_created)
        load_roles(connection, applying, {link.target for link in (*plan.grants_added, *plan.grants_removed)})
        load_role_identifiers(connection, applying)
    for batch in batches(present):
        with applying.transaction(len(batch)) as connection:
            write_role_identifiers(connection, applying, batch)


def _remove_structure(applying: Applying, plan: Plan) -> None:
    gone = [change for change in plan.role_identifiers if change.action is Action.REMOVE]
    for batch in batches(gone):
        with applying.transaction(len(batch)) as connection:
            remove_role_identifiers(connection, applying, batch)
    units = [change for change in plan.units if change.action is Action.REMOVE]
    organizations = [change for change in plan.organizations if change.action is Action.REMOVE]
    if units or organizations:
        with applying.transaction(len(units) + len(organizations)) as connection:
            remove_units(connection, applying, units)
            remove_organizations(connection, applying, organizations)


# ---------------------------------------------------------------- links
def _write_links(applying: Applying, plan: Plan) -> None:
    """The links of people who are not new."""
    new = {change.entry_id for change in plan.people if change.action is Action.CREATE}
    returned = {change.entry_id for change in plan.people if change.action is Action.RETURN}
    # a plan that saw all groups has all links of whoever returns; one that did not takes none away from them
    exact = plan.links_complete or plan.relations_digest is not None
    for kind, added, removed in (
        (MEMBERSHIPS, plan.memberships_added, plan.memberships_removed),
        (GRANTS, plan.grants_added, plan.grants_removed),
    ):
        known = (link for link in added if link.entry_id not in new)
        for batch in link_batches(known, removed, also=returned if exact else (), size=BATCH):
            with applying.transaction(batch.size) as connection:
                write_links(connection, applying, kind, batch, returned=returned, exact=exact)
