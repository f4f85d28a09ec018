"""An entry that is new to its directory as one more entry of a user whom another directory brought."""

from __future__ import annotations

from syncd.model.plan import Action, PersonChange
from syncd.model.records import ACCOUNT_FIELDS, DirectoryPresence, StoredPerson
from syncd.reconcile.people import diff_person

# what a directory says for itself, beside the user's fields
_OWN = ("organization", "unit", *ACCOUNT_FIELDS)


def key_of(change: PersonChange) -> str | None:
    """The link key the person has after the change."""
    return change.after.link_key if change.after is not None else None


def link_with(change: PersonChange, user: StoredPerson) -> PersonChange:
    """The creation as a link. `user`: what the store has of the user, as the other directory sees them."""
    record = change.after
    assert record is not None, "only who is there can be linked"
    before = user._replace(
        entry_id=record.entry_id,
        dn="",
        dn_key="",
        fingerprint=b"",
        presence=DirectoryPresence.ACTIVE,
        fields={**user.fields, **dict.fromkeys(_OWN)},
        member_key=None,
        primary_group=None,
        link_key=None,
    )
    return as_link(diff_person(record, before))


def as_link(change: PersonChange) -> PersonChange:
    """The difference between an entry and its user, as a link: the DN is new."""
    assert change.after is not None, "only who is there can be linked"
    fields = {name: values for name, values in change.fields.items() if name != "dn"}
    return change._replace(action=Action.LINK, fields={"dn": (None, change.after.dn), **fields})
