"""Rules of the store that span tables, or that only Python can judge.

References that would make an import twice as slow are not declared as foreign keys (see syncd.store.schema_people), and names
are folded here and not in the database: so whether all of it still holds has to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, exists, func, not_, select

from syncd.errors import StoreError
from syncd.model.dn import InvalidDN, normalize
from syncd.model.hold import PlanState
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.changerows import unpack
from syncd.store.holds import OPEN, objection_of
from syncd.store.searchrows import SEARCHED, search_text

REPORT = "This is an error of syncd: please report it with this line. Such rows give nobody anything."
REFOLD = "A version of syncd or Python that folds names differently wrote them: please report it with this line."
# names shown of whatever is wrong
_SHOWN = 3
_SCAN = 2000


class Problems(NamedTuple):
    """What a rule found."""

    # one sentence
    text: str
    advice: str


Rule = Callable[[Connection], Problems | None]

# columns that name a row of another table by number, without a foreign key
_REFERENCES: tuple[tuple[Column[Any], Column[Any]], ...] = (
    (t.access.c.user_id, t.users.c.id),
    (t.grants.c.user_id, t.users.c.id),
    (t.memberships.c.user_id, t.users.c.id),
    (t.user_search.c.user_id, t.users.c.id),
    (t.access.c.organization_id, t.organizations.c.id),
    (t.access.c.unit_id, t.units.c.id),
    (t.access.c.directory_id, t.directories.c.id),
    (t.grants.c.role_id, t.roles.c.id),
    (t.grants.c.directory_id, t.directories.c.id),
    (t.memberships.c.role_identifier_id, t.role_identifiers.c.id),
    (t.identities.c.directory_id, t.directories.c.id),
)


def _references(connection: Connection) -> Problems | None:
    found = []
    for column, target in _REFERENCES:
        lost = column.is_not(None) & not_(exists().where(target == column))
        found.append(
            (f"rows of {column.table.name} name {target.table.name} that do not exist", _count(connection, column, lost))
        )
    return _summed(found)


def _directory_rows(connection: Connection) -> Problems | None:
    """What a directory gave belongs to people of that directory."""
    found = [
        (f"{table.name} from a directory that does not know the person", _count(connection, table.c.user_id, condition))
        for table, condition in (
            (t.access, t.access.c.directory_id.is_not(None) & not_(_known(t.access.c.user_id, t.access.c.directory_id))),
            (t.grants, t.grants.c.directory_id.is_not(None) & not_(_known(t.grants.c.user_id, t.grants.c.directory_id))),
        )
    ]
    origin = t.role_identifiers.c.directory_id
    stray = not_(_known(t.memberships.c.user_id, origin)) & (t.role_identifiers.c.id == t.memberships.c.role_identifier_id)
    found.append(
        ("memberships from a directory that does not know the person", _count(connection, t.memberships.c.user_id, stray))
    )
    return _summed(found)


def _known(user: Any, directory: Any) -> ColumnElement[bool]:
    return exists().where(t.identities.c.user_id == user, t.identities.c.directory_id == directory)


def _origins(connection: Connection) -> Problems | None:
    """Everybody was made by hand or comes from a directory."""
    stray = not_(t.users.c.manual) & not_(exists().where(t.identities.c.user_id == t.users.c.id))
    names = connection.execute(select(t.users.c.id).where(stray).order_by(t.users.c.id)).scalars().all()
    if not names:
        return None
    return Problems(f"{len(names)} people are of no directory and not made by hand: {_shown(map(str, names))}", REPORT)


def _units(connection: Connection) -> Problems | None:
    """Units are a tree inside one organization, and access to a unit is access to its organization."""
    units = {row.id: row for row in connection.execute(select(t.units.c.id, t.units.c.parent_id, t.units.c.organization_id))}
    circles = _in_circles({number: row.parent_id for number, row in units.items()})
    strangers = [
        number
        for number, row in units.items()
        if row.parent_id in units and units[row.parent_id].organization_id != row.organization_id
    ]
    elsewhere = and_(t.units.c.id == t.access.c.unit_id, t.units.c.organization_id != t.access.c.organization_id)
    return _summed(
        [
            (f"units lie in themselves ({_shown(map(str, circles))})", len(circles)),
            (f"units lie in a unit of another organization ({_shown(map(str, strangers))})", len(strangers)),
            ("rows of access name a unit of another organization", _count(connection, t.access.c.user_id, elsewhere)),
        ]
    )


def _in_circles(parents: Mapping[int, int | None]) -> list[int]:
    """The units from which no way leads to the top."""
    safe: set[int | None] = {None}
    lost: set[int | None] = set()
    for number in parents:
        way: list[int] = []
        current: int | None = number
        # a parent that does not exist is another rule's matter
        while current in parents and current not in safe and current not in lost and current not in way:
            way.append(current)  # type: ignore[arg-type]
            current = parents[current]  # type: ignore[index]
        (lost if current in way or current in lost else safe).update(way)
    return sorted(number for number in lost if number is not None)


def _single(connection: Connection) -> Problems | None:
    """A name belongs to one person, an entry to one identity; asked of the tables, not of their indexes."""
    found = []
    for text, columns in (
        ("usernames belong to several people", (t.users.c.username_key,)),
        ("emails belong to several people", (t.users.c.email_key,)),
        ("entries belong to several people", (t.identities.c.directory_id, t.identities.c.entry_id)),
    ):
        several = select(*columns).where(columns[-1].is_not(None)).group_by(*columns).having(func.count() > 1).subquery()
        found.append((text, int(connection.execute(select(func.count()).select_from(several)).scalar_one())))
    other = t.users.alias("other").c
    another = exists().where(other.email_key == t.users.c.username_key, other.id != t.users.c.id)
    found.append(("usernames are the primary email of somebody else", _count(connection, t.users.c.id, another)))
    return _summed(found)


def _folded(connection: Connection) -> Problems | None:
    """Whoever looks a name up folds it as this version does."""
    wrong: list[str] = []
    for text, key in (
        (t.users.c.username, t.users.c.username_key),
        (t.users.c.email, t.users.c.email_key),
        (t.roles.c.name, t.roles.c.name_key),
        (t.organizations.c.name, t.organizations.c.name_key),
    ):
        rows = _streamed(connection, select(text, key).where(key.is_not(None)))
        wrong += [str(written) for written, stored in rows if fold(written or "") != stored]
    rows = _streamed(connection, select(t.identities.c.dn, t.identities.c.dn_key))
    wrong += [written for written, stored in rows if _dn_key(written) != stored]
    wrong += _unsearched(connection)
    return Problems(f"{len(wrong)} names are not found by their keys: {_shown(wrong)}", REFOLD) if wrong else None


def _unsearched(connection: Connection) -> Iterator[str]:
    """People whom a search would not find by what they are called."""
    fields = [t.users.c[name] for name in SEARCHED]
    rows = select(t.users.c.id, t.user_search.c.text, *fields).outerjoin(t.user_search, t.user_search.c.user_id == t.users.c.id)
    for id_, text, *values in _streamed(connection, rows):
        if text != search_text(values):
            yield f"user {id_}"


def _plans(connection: Connection) -> Problems | None:
    """One question at a time, each in a state that there is, with all changes that it counts."""
    plans = t.held_plans.c
    several = select(plans.directory).where(plans.state.in_(OPEN)).group_by(plans.directory).having(func.count() > 1)
    found = [("directories have several open plans", int(connection.scalar(select(func.count()).select_from(several.subquery()))
                                                         or 0))]  # fmt: skip
    wrong = plans.state.not_in([state.value for state in PlanState])
    found.append(("held plans are in a state that there is not", _count(connection, plans.id, wrong)))
    undated = plans.state.not_in(OPEN) & plans.decided_at.is_(None)
    found.append(("held plans are closed without a time", _count(connection, plans.id, undated)))
    damaged = [
        number for number in connection.scalars(select(plans.id).order_by(plans.id)) if not _is_whole(connection, number)
    ]
    found.append((f"held plans have not the changes that they count ({_shown(damaged)})", len(damaged)))
    return _summed(found)


def _is_whole(connection: Connection, number: int) -> bool:
    """Whether a held plan can be read, to the last of its changes."""
    plans = t.held_plans.c
    row = connection.execute(select(plans.document, plans.changes, plans.objections).where(plans.id == number)).one()
    try:
        return sum(1 for _ in unpack(row.document)) == row.changes and all(objection_of(told) for told in row.objections)
    except (StoreError, TypeError, KeyError, ValueError):
        return False


def _leases(connection: Connection) -> Problems | None:
    """Epochs begin at one."""
    return _summed([("leases have an epoch below one", _count(connection, t.leases.c.epoch, t.leases.c.epoch < 1))])


def _dn_key(text: str) -> str | None:
    try:
        return normalize(text)
    except InvalidDN:
        return None


def _streamed(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    with connection.execute(query, execution_options={"yield_per": _SCAN}) as rows:
        yield from rows


def _count(connection: Connection, column: Any, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count(column)).where(condition)).scalar_one())


def _summed(found: list[tuple[str, int]]) -> Problems | None:
    wrong = [f"{count} {text}" for text, count in found if count]
    return Problems("; ".join(wrong), REPORT) if wrong else None


def _shown(names: Any) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(map(str, listed[:_SHOWN])) + more


# name, what a passed line says, the rule
RULES: tuple[tuple[str, str, Rule], ...] = (
    ("references", "every row names rows that exist", _references),
    ("sources", "what a directory gave belongs to people of that directory", _directory_rows),
    ("people", "everybody was made by hand or comes from a directory", _origins),
    ("units", "the units are trees inside their organizations", _units),
    ("names", "no name and no entry belongs to several people", _single),
    ("keys", "every name is found by its key", _folded),
    ("plans", "every held plan has all its changes, and no directory two open ones", _plans),
    ("leases", "every lease has an epoch", _leases),
)
