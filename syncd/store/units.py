"""Business units as people manage them: the tree, and changes by hand with their audit events.

Units that a directory brought are the directory's. Units made by hand may lie below them, and go along when the directory moves
them (syncd.store.apply_units).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from syncd.errors import ManagedFieldError, NameTakenError, NoSuchReferenceError, NotFoundError, OneselfError, UnitTreeError
from syncd.model.caller import Caller
from syncd.model.structure import DEPTH_MAX, Unit, UnitFields, UnitFilter, Window
from syncd.model.text import fold
from syncd.model.views import Page, unit_path
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.named import differences, locked, occur, page_size, require_unused

_u, _a = t.units.c, t.access.c
# what keeps it from being deleted
_USES = (
    (_u.parent_id, _u.id, "units lie in it"),
    (_a.unit_id, _a.user_id, "people are in it"),
    (t.users.c.owner_unit_id, t.users.c.id, "users are owned by it"),
)


class SqlUnits:
    """`UnitStore` of services.ports_structure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ looking
    def list(self, window: Window, wanted: UnitFilter) -> Page[Unit]:
        """The whole tree is read, slim: what comes after what is known only from the names above."""
        words, size = fold(window.text).split(), page_size(window.limit)
        with read(self._engine) as connection:
            tree = _Tree.load(connection)
            places = sorted(tree.place(number) for number in tree.chosen(wanted))
            start = bisect_right(places, _place_of(window.after)) if window.after else 0
            found = [place for place in places[start:] if not words or occur(words, tree.path(place.id))]
            page = found[:size]
            items = tuple(_units(connection, tree, [place.id for place in page]))
        following = _mark(page[-1]) if len(found) > size else None
        return Page(items=items, next=following)

    def get(self, unit_id: int) -> Unit:
        with read(self._engine) as connection:
            return _unit(connection, unit_id)

    def by_path(self, organization_id: int, path: str) -> int | None:
        with read(self._engine) as connection:
            tree = _Tree.load(connection)
            ours = (number for number, node in tree.nodes.items() if node.organization_id == organization_id)
            found = [number for number in ours if fold(tree.path(number)) == fold(path)]
            return found[0] if len(found) == 1 else None

    # ------------------------------------------------------------ changing
    def create(self, fields: UnitFields, *, caller: Caller, at: datetime) -> Unit:
        with write(self._engine) as connection:
            _require_place(_Tree.load(connection), fields)
            made = insert(t.units).values(**asdict(fields)).returning(_u.id)
            number = int(connection.execute(made).scalar_one())
            Journal(connection, caller=caller, at=at).note("unit.created", "unit", number, after=asdict(fields))
            return _unit(connection, number)

    def edit(
        self, unit_id: int, change: Callable[[UnitFields], UnitFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Unit:
        with write(self._engine) as connection:
            row = locked(connection, t.units, unit_id, "unit", if_match=if_match)
            before = UnitFields(name=row.name, organization_id=row.organization_id, parent_id=row.parent_id)
            fields = change(before)
            if fields != before:
                _require_ours(connection, row)
                tree = _Tree.load(connection)
                _require_place(tree, fields, own=unit_id)
                if fields.parent_id is not None and fields.parent_id != before.parent_id:
                    _require_no_raise(connection, tree, unit_id, fields.parent_id, caller=caller)
                values = {"name": fields.name, "parent_id": fields.parent_id, "version": row.version + 1}
                connection.execute(update(t.units).where(_u.id == unit_id).values(values))
                was, now = differences(before, fields, ("name", "parent_id"))
                Journal(connection, caller=caller, at=at).note("unit.updated", "unit", unit_id, before=was, after=now)
            return _unit(connection, unit_id)

    def delete(self, unit_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        with write(self._engine) as connection:
            row = locked(connection, t.units, unit_id, "unit", if_match=if_match)
            _require_ours(connection, row)
            require_unused(connection, row, "unit", _USES)
            connection.execute(delete(t.units).where(_u.id == unit_id))
            before = {"name": row.name, "organization_id": row.organization_id, "parent_id": row.parent_id}
            journal = Journal(connection, caller=caller, at=at)
            journal.note("unit.deleted", "unit", unit_id, before=before, reason=reason)


# ---------------------------------------------------------------- the tree
class _Node(NamedTuple):
    parent: int | None
    name: str
    organization_id: int


class _Place(NamedTuple):
    """Where a unit stands in the list: organization by organization, each unit before those in it, brothers by name."""

    organization: str
    # folded, from the top
    names: list[str]
    id: int


@dataclass(frozen=True, slots=True)
class _Tree:
    nodes: Mapping[int, _Node]
    # number -> name
    organizations: Mapping[int, str]

    @classmethod
    def load(cls, connection: Connection) -> _Tree:
        rows = connection.execute(select(_u.id, _u.parent_id, _u.name, _u.organization_id))
        organizations = connection.execute(select(t.organizations.c.id, t.organizations.c.name)).all()
        return cls({number: _Node(*rest) for number, *rest in rows}, dict(organizations))

    def chosen(self, wanted: UnitFilter) -> Iterator[int]:
        """Numbers of those that meet all conditions. Raises NotFoundError for a unit that does not exist."""
        for number in (wanted.parent_id, wanted.division_id):
            if number is not None and number not in self.nodes:
                raise NotFoundError(f"there is no unit {number}")
        for number, node in self.nodes.items():
            if wanted.organization_id not in (None, node.organization_id) or wanted.parent_id not in (None, node.parent):
                continue
            if wanted.division_id is None or wanted.division_id in self.upward(number):
                yield number

    def upward(self, number: int) -> list[int]:
        """The unit and those above it. A circle, which should not be, ends it."""
        found: list[int] = []
        current: int | None = number
        while current is not None and current not in found:
            found.append(current)
            current = self.nodes[current].parent
        return found

    def names(self, number: int) -> list[str]:
        return [self.nodes[above].name for above in reversed(self.upward(number))]

    def path(self, number: int) -> str:
        return unit_path(tuple(self.names(number)))

    def place(self, number: int) -> _Place:
        organization = self.organizations[self.nodes[number].organization_id]
        return _Place(fold(organization), [fold(name) for name in self.names(number)], number)

    def height(self, number: int) -> int:
        """How many levels lie below it."""
        ways = map(self.upward, self.nodes)
        return max((way.index(number) for way in ways if number in way), default=0)


def _mark(place: _Place) -> str:
    """A place as text: it stays one when the unit is gone."""
    return json.dumps(place, ensure_ascii=False, separators=(",", ":"))


def _place_of(mark: str) -> _Place:
    """The place; any other text is taken for the name of an organization."""
    try:
        organization, names, number = json.loads(mark)
        return _Place(str(organization), [str(name) for name in names], int(number))
    except (ValueError, TypeError, RecursionError, OverflowError):
        return _Place(fold(mark), [], 0)


# ---------------------------------------------------------------- rows
def _unit(connection: Connection, unit_id: int) -> Unit:
    tree = _Tree.load(connection)
    if unit_id not in tree.nodes:
        raise NotFoundError(f"there is no unit {unit_id}")
    return next(_units(connection, tree, [unit_id]))


def _units(connection: Connection, tree: _Tree, numbers: Sequence[int]) -> Iterator[Unit]:
    query = (
        select(_u.id, _u.version, t.directories.c.name.label("directory"))
        .outerjoin(t.directories, t.directories.c.id == _u.directory_id)
        .where(among(connection, _u.id, numbers))
    )
    rows = {row.id: row for row in connection.execute(query)}
    counted = select(_a.unit_id, func.count(_a.user_id.distinct())).where(among(connection, _a.unit_id, numbers))
    users: dict[int, int] = dict(connection.execute(counted.group_by(_a.unit_id)).all())
    children = Counter(node.parent for node in tree.nodes.values())
    for number in numbers:
        node, names = tree.nodes[number], tree.names(number)
        yield Unit(
            id=number,
            fields=UnitFields(name=node.name, organization_id=node.organization_id, parent_id=node.parent),
            organization=tree.organizations[node.organization_id],
            path=unit_path(tuple(names)),
            depth=len(names) - 1,
            directory=rows[number].directory,
            users=users.get(number, 0),
            children=children[number],
            version=rows[number].version,
        )


# ---------------------------------------------------------------- guards
def _require_ours(connection: Connection, row: Row[Any]) -> None:
    """Raises ManagedFieldError."""
    if row.directory_id is not None:
        name = connection.scalar(select(t.directories.c.name).where(t.directories.c.id == row.directory_id))
        raise ManagedFieldError(f"the unit {row.name} comes from directory {name}")


def _require_no_raise(connection: Connection, tree: _Tree, unit_id: int, parent: int, *, caller: Caller) -> None:
    """That no unit the caller has access to, which goes for all below it, comes to lie above the unit. Raises OneselfError."""
    if caller.everything or caller.user_id is None:
        return
    theirs = connection.execute(select(_a.unit_id).where(_a.user_id == caller.user_id, _a.unit_id.is_not(None))).scalars()
    new = set(tree.upward(parent)).difference(tree.upward(unit_id))
    above = sorted(new.intersection(theirs))
    if above:
        raise OneselfError(f"nobody moves a unit below one of their own access: you have access to unit {above[0]}")


def _require_place(tree: _Tree, fields: UnitFields, *, own: int | None = None) -> None:
    """That the unit can be called so and be there. Raises NoSuchReferenceError, UnitTreeError, NameTakenError."""
    if fields.organization_id not in tree.organizations:
        raise NoSuchReferenceError(f"there is no organization {fields.organization_id}")
    if fields.parent_id is not None:
        _require_parent(tree, fields, fields.parent_id, own=own)
    for number, node in tree.nodes.items():
        brother = (node.organization_id, node.parent) == (fields.organization_id, fields.parent_id)
        if brother and number != own and fold(node.name) == fold(fields.name):
            raise NameTakenError(f"unit {number}, in the same place, is called so already")


def _require_parent(tree: _Tree, fields: UnitFields, parent: int, *, own: int | None) -> None:
    if parent not in tree.nodes:
        raise NoSuchReferenceError(f"there is no unit {parent}")
    if tree.nodes[parent].organization_id != fields.organization_id:
        raise UnitTreeError(f"unit {parent} is in another organization")
    above = tree.upward(parent)
    if own in above:
        raise UnitTreeError(f"unit {parent} is unit {own} itself, or lies below it")
    if len(above) + 1 + (tree.height(own) if own is not None else 0) > DEPTH_MAX:
        raise UnitTreeError(f"units lie {DEPTH_MAX} deep at most")
