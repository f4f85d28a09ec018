"""The people of a plan: who goes first, who goes together, who goes in batches."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from syncd.model.plan import Action, PersonChange, Plan
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import BATCH, Applying, batches
from syncd.store.apply_create import Relations, new_people
from syncd.store.apply_names import NAMES, Name, split
from syncd.store.apply_update import let_go_of_names, write_changes
from syncd.store.bulk import reserve_ids
from syncd.store.engine import read
from syncd.store.linked import require_new


def write_people(applying: Applying, plan: Plan) -> None:
    """Do all changes of people, new ones with their roles. Raises StoreError and StoppedError."""
    new = {change.entry_id for change in plan.people if change.action is Action.CREATE}
    relations = Relations.of(new, memberships=plan.memberships_added, grants=plan.grants_added)
    together, others = split(plan.people, _released_names(applying, plan))
    if together or plan.releases:
        _write_together(applying, together, _released_users(plan), relations)
    # in the order of their names, which the unique indexes then only append to
    _write_new(applying, sorted((c for c in others if c.action is Action.CREATE), key=_username), relations)
    for batch in batches([change for change in others if change.action is not Action.CREATE]):
        with applying.transaction(len(batch)) as connection:
            write_changes(connection, applying, batch)


def _write_new(applying: Applying, changes: Sequence[PersonChange], relations: Relations) -> None:
    if not changes:
        return
    with applying.transaction() as connection:
        ids = reserve_ids(connection, t.users, len(changes))
        applying.look_at_organizations(connection)
    numbered = zip(batches(changes), batches(ids), strict=True)
    postgresql = applying.engine.name == "postgresql"
    for count, (batch, numbers) in enumerate(numbered):
        people = new_people(applying, batch, numbers, relations)
        if not postgresql:
            # nobody else can write meanwhile
            people = people.made()
        with applying.transaction(people.changes) as connection:
            require_new(connection, _link_keys(batch), others=applying.linked_with)
            if applying.look_at_organizations(connection):
                # somebody switched one meanwhile, and so decided who can log in
                people = new_people(applying, batch, numbers, relations)
            people.write(connection)
            if postgresql and count == 0 and len(changes) > BATCH:
                # so that queries after a large import are planned well from the start, not when autovacuum comes by; from
                # one batch, since the planner multiplies by the size of the tables and more rows would take longer
                connection.exec_driver_sql("ANALYZE users, identities, access, memberships, grants")


def _write_together(
    applying: Applying, changes: Sequence[PersonChange], released: dict[str, list[int]], relations: Relations
) -> None:
    """Who passes on names: one transaction, however many they are, of which only a batch is in memory at a time."""
    created = [change for change in changes if change.action is Action.CREATE]
    known = [change for change in changes if change.action is not Action.CREATE]
    with applying.transaction(len(changes)) as connection:
        applying.look_at_organizations(connection)
        let_go_of_names(connection, known, released)
        for batch in batches(known):
            write_changes(connection, applying, batch)
        for batch in batches(created):
            ids = reserve_ids(connection, t.users, len(batch))
            require_new(connection, _link_keys(batch), others=applying.linked_with)
            new_people(applying, batch, ids, relations).write(connection)


def _link_keys(changes: Sequence[PersonChange]) -> set[str]:
    return {c.after.link_key for c in changes if c.after is not None and c.after.link_key is not None}


def _username(change: PersonChange) -> str:
    record = change.after
    username = record.fields.get("username") if record is not None else None
    return username if isinstance(username, str) else ""


# ---------------------------------------------------------------- releases
def _released_users(plan: Plan) -> dict[str, list[int]]:
    return {name: [release.user_id for release in plan.releases if release.field == name] for name in NAMES}


def _released_names(applying: Applying, plan: Plan) -> list[Name]:
    """The folded names that the plan's releases free."""
    if not plan.releases:
        return []
    with read(applying.engine) as connection:
        return [(field, key) for field, ids in _released_users(plan).items() for key in _keys(connection, field, ids) if key]


def _keys(connection: Connection, field: str, user_ids: Sequence[int]) -> Sequence[str | None]:
    return connection.scalars(select(t.users.c[f"{field}_key"]).where(among(connection, t.users.c.id, user_ids))).all()
