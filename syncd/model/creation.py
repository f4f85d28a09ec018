"""New people in little room: a first import has as many of them in its plan as the directory has people."""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.model.plan import Action, PersonChange
from syncd.model.records import Fields, FieldValue, PersonRecord


class NewFields(Mapping[str, tuple[FieldValue, FieldValue]]):
    """field -> (None, value) of a new person: a view, since a first import has as many as the directory has people."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> tuple[FieldValue, FieldValue]:
        return None, self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._fields.items() if value is not None and value != ())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class Creation(PersonChange):
    """A new person in a third of the room: a first import keeps those of everybody until they are written.

    It is a PersonChange to everyone; each look at `after` or `fields` makes them anew, so take them once.
    """

    __slots__ = ()

    @classmethod
    def of(cls, record: PersonRecord) -> PersonChange:
        """The creation of this person."""
        names = tuple(record.fields)
        dn_key = None if record.dn_key == record.dn.lower() else record.dn_key
        values: tuple[Any, ...] = (record.dn, dn_key, record.fingerprint, *record[5:], *record.fields.values())
        try:
            packed = marshal.dumps(values)
        except ValueError:
            # dates
            packed = pickle.dumps(values)
        # equal names are one object
        return cls(Action.CREATE, record.entry_id, packed, None, _NAMES.setdefault(names, names))  # type: ignore[arg-type]

    @property
    def after(self) -> PersonRecord:
        packed: Any = self[2]
        # what `of` has made
        loads = pickle.loads if packed.startswith(pickle.PROTO) else marshal.loads
        dn, dn_key, fingerprint, *more = loads(packed)
        own = len(PersonRecord._fields) - 5
        fields = dict(zip(self[4], more[own:], strict=True))
        return PersonRecord(self[1], dn, dn.lower() if dn_key is None else dn_key, fingerprint, fields, *more[:own])

    @property
    def fields(self) -> Mapping[str, tuple[FieldValue, FieldValue]]:
        return NewFields(self.after.fields)

    def _replace(self, **values: Any) -> PersonChange:  # type: ignore[override]
        return PersonChange(self.action, self.entry_id, self.after, self.before, self.fields)._replace(**values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PersonChange) and _parts(self) == _parts(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PersonChange{_parts(self)!r}"


def _parts(change: PersonChange) -> tuple[Any, ...]:
    return change.action, change.entry_id, change.after, change.before, dict(change.fields)


# the sets of names in use: as many as there are mappings
_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}
