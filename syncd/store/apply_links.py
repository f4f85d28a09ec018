"""Memberships and grants that change for people whom the store knows already; new people bring theirs along.

Only rows of the directory that is synced are touched, so a manual grant of the same role stays. A person who returns may hold
rows from before they went missing, which no plan saw: theirs are set to exactly what the plan gives them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from syncd.errors import StoreError
from syncd.model.plan import Link
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import Applying, number_of, require
from syncd.store.audit import fields_text, write_changed
from syncd.store.bulk import Row, bulk_delete, bulk_insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What sets memberships and grants apart."""

    # of the audit event about somebody's
    action: str
    table: Table
    # the column that names the target, and the table it names
    column: str
    targets: Table
    label_column: str
    # whether the rows carry the directory; memberships belong to it by their role identifier
    sourced: bool
    what: str

    def number(self, applying: Applying, target: str) -> int:
        numbers = applying.roles if self.sourced else applying.role_identifiers
        return number_of(numbers, target, self.what)

    def label(self, applying: Applying, target: str) -> str:
        return target if self.sourced else applying.identifiers[target]

    def columns(self) -> tuple[str, ...]:
        return ("user_id", self.column, "directory_id") if self.sourced else ("user_id", self.column)

    def rows(self, applying: Applying, links: Iterable[tuple[int, int]]) -> list[Row]:
        tail = (applying.directory_id,) if self.sourced else ()
        return [(*link, *tail) for link in links]


MEMBERSHIPS = Kind(
    action="memberships.changed", table=t.memberships, column="role_identifier_id", targets=t.role_identifiers,
    label_column="identifier", sourced=False,
    what="role identifier",
)  # fmt: skip
GRANTS = Kind(
    action="user.roles_changed", table=t.grants, column="role_id", targets=t.roles, label_column="name", sourced=True,
    what="role",
)  # fmt: skip


# (number of the person, number of the target) -> what the target is called
Links = dict[tuple[int, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBatch:
    """What some people get and lose: entry id -> targets."""

    people: Sequence[str]
    added: Mapping[str, set[str]]
    removed: Mapping[str, set[str]]
    # number of links
    size: int


def link_batches(added: Iterable[Link], removed: Iterable[Link], *, also: Iterable[str], size: int) -> Iterator[LinkBatch]:
    """The links grouped by person, about `size` links together, so that each person has one audit event of a kind.

    `also`: people to be looked at without any.
    """
    gains, losses = _by_person(added), _by_person(removed)
    people: list[str] = []
    count = 0
    for entry_id in dict.fromkeys((*gains, *losses, *also)):
        people.append(entry_id)
        count += len(gains.get(entry_id, ())) + len(losses.get(entry_id, ()))
        if count >= size:
            yield LinkBatch(people=people, added=gains, removed=losses, size=count)
            people, count = [], 0
    if people:
        yield LinkBatch(people=people, added=gains, removed=losses, size=count)


def _by_person(links: Iterable[Link]) -> dict[str, set[str]]:
    grouped: defaultdict[str, set[str]] = defaultdict(set)
    for entry_id, target in links:
        grouped[entry_id].add(target)
    return dict(grouped)


def write_links(
    connection: Connection, applying: Applying, kind: Kind, batch: LinkBatch, *, returned: Collection[str], exact: bool
) -> None:
    """Remove and add the links of one batch. Raises StoreError.

    `returned`: entry ids of all who returned in this plan. `exact`: whether the plan has everything that they should have.
    """
    users = _user_ids(connection, applying, batch.people)
    gains = _numbered(applying, kind, batch.people, batch.added, users)
    losses = _numbered(applying, kind, batch.people, batch.removed, users)
    held = _held(connection, applying, kind, [users[entry_id] for entry_id in batch.people if entry_id in returned])
    losses = {link: label for link, label in (losses | held if exact else losses).items() if link not in gains}
    gains = {link: label for link, label in gains.items() if link not in held}
    require(connection, kind.targets, {target for _, target in gains})
    bulk_delete(connection, kind.table, keys=kind.columns(), rows=kind.rows(applying, sorted(losses)))
    bulk_insert(connection, kind.table, kind.columns(), kind.rows(applying, sorted(gains)))
    write_changed(connection, _events(applying, kind, gains, losses))


def _numbered(
    applying: Applying, kind: Kind, people: Iterable[str], wanted: Mapping[str, set[str]], users: Mapping[str, int]
) -> Links:
    return {
        (users[entry_id], kind.number(applying, target)): kind.label(applying, target)
        for entry_id in people
        for target in wanted.get(entry_id, ())
    }


def _user_ids(connection: Connection, applying: Applying, people: Sequence[str]) -> dict[str, int]:
    table = t.identities
    here = (table.c.directory_id == applying.directory_id, among(connection, table.c.entry_id, people))
    found = dict(connection.execute(select(table.c.entry_id, table.c.user_id).where(*here)).all())
    if missing := [entry_id for entry_id in people if entry_id not in found]:
        raise StoreError(f"the plan gives roles to {len(missing)} people who are not in the store, {missing[0]!r} for one")
    return found


def _held(connection: Connection, applying: Applying, kind: Kind, user_ids: Sequence[int]) -> Links:
    """What these people have of this kind from this directory."""
    if not user_ids:
        return {}
    target = kind.table.c[kind.column]
    owner = kind.table if kind.sourced else kind.targets
    query = select(kind.table.c.user_id, target, kind.targets.c[kind.label_column]).join(
        kind.targets, kind.targets.c.id == target
    )
    own = (among(connection, kind.table.c.user_id, user_ids), owner.c.directory_id == applying.directory_id)
    return {(user_id, number): label for user_id, number, label in connection.execute(query.where(*own))}


def _events(applying: Applying, kind: Kind, gains: Links, losses: Links) -> list[Row]:
    labels: defaultdict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for which, links in ((0, losses), (1, gains)):
        for (user_id, _), label in sorted(links.items()):
            labels[user_id][which].append(label)
    return [
        applying.auditor.changed(
            kind.action,
            "user",
            user_id,
            before=fields_text({"removed": tuple(sorted(removed))}) if removed else None,
            after=fields_text({"added": tuple(sorted(added))}) if added else None,
        )
        for user_id, (removed, added) in sorted(labels.items())
    ]
