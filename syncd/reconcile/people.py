"""The difference between a person of the directory and the same person in the store.

Identity is the entry id (invariant 4), so a rename or a move is an update like any other, and a name that is used again
under a new id is a new person. Only fields that the mapping manages are compared: what is not in the record belongs to
someone else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from syncd.model.creation import Creation
from syncd.model.plan import Action, PersonChange
from syncd.model.records import DirectoryPresence, FieldValue, PersonRecord, StoredIdentity, StoredPerson


def diff_person(record: PersonRecord, stored: StoredPerson | None) -> PersonChange:
    """The change that makes the store say what the record says.

    A change without fields only refreshes the fingerprint: the entry changed in a way that no managed field shows.
    """
    if stored is None:
        return Creation.of(record)
    changed = dict(_changed_fields(record, stored))
    action = Action.UPDATE if stored.presence is DirectoryPresence.ACTIVE else Action.RETURN
    return PersonChange(action, record.entry_id, record, stored, changed)


def _changed_fields(record: PersonRecord, stored: StoredPerson) -> Iterator[tuple[str, tuple[FieldValue, FieldValue]]]:
    if record.dn != stored.dn:
        yield "dn", (stored.dn, record.dn)
    for name, new in record.fields.items():
        old = stored.fields.get(name)
        # an empty list and no list are the same to everyone but the database
        if old != new and (old or new or isinstance(old, bool | int) or isinstance(new, bool | int)):
            yield name, (old, new)


def disable_missing(leaving: Iterable[str], people: Mapping[str, StoredPerson]) -> list[PersonChange]:
    """The changes of people whom a complete read did not show. `people` has the stored state of each of them."""
    return [PersonChange(Action.DISABLE, entry_id, None, people[entry_id], {}) for entry_id in leaving]


def missing_ids(identities: Mapping[str, StoredIdentity], seen: Iterable[str]) -> list[str]:
    """Entry ids of people who were present and were not seen, in a stable order."""
    there = seen if isinstance(seen, set | frozenset) else set(seen)
    return sorted(entry_id for entry_id, known in identities.items() if known.present and entry_id not in there)
