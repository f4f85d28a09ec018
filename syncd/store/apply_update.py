"""People whom the store knows: changed, moved, gone, back.

Only what the plan names is written. A change without fields refreshes the fingerprint and nothing else: the person is the same,
so neither version nor audit trail move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, literal, select, update

from syncd.model.plan import Action, PersonChange
from syncd.model.records import ACCOUNT_FIELDS, FieldValue
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.announce import announce
from syncd.store.apply_context import Applying, require
from syncd.store.apply_create import IDENTITY_COLUMNS
from syncd.store.apply_names import NAMES, Name, claimed_by, final_name, given_up_by, key_of
from syncd.store.apply_values import (
    ACCESS_COLUMNS,
    ACCOUNT_COLUMNS,
    DN,
    PLACE,
    PLAIN,
    RECORD_COLUMNS,
    access_row,
    account_value,
    other_fields,
    plain_value,
    write_other_fields,
)
from syncd.store.audit import fields_text, write_changed
from syncd.store.bulk import Row, Value, bulk_delete, bulk_insert, bulk_update
from syncd.store.linked import present_in, unsettle
from syncd.store.searchrows import SEARCHED, refresh_search

# who may have lost a name meanwhile and takes it back
_REGAINING = (Action.RETURN, Action.LINK)
# what the login gate looks at
_ACCESS_FIELDS = frozenset({*PLACE, *ACCOUNT_FIELDS})
# a username may not be somebody else's primary address
OTHER = {"username": "email", "email": "username"}
IDENTITY_KEYS = ("user_id", "directory_id")


def write_changes(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    """Do updates, returns, links and disabling of one batch. Raises StoreError."""
    _disable(connection, applying, [change for change in changes if change.action is Action.DISABLE])
    known = [change for change in changes if change.action is not Action.DISABLE]
    _write_identities(connection, applying, [change for change in known if change.action is not Action.LINK])
    _add_identities(connection, applying, [change for change in known if change.action is Action.LINK])
    if applying.elsewhere is not None:
        _look_elsewhere(connection, applying, applying.elsewhere, changes)
    _write_users(connection, applying, changes)
    _write_places(connection, applying, known)
    others = [(user_id_of(change), name, change.fields[name][1]) for change in known for name in other_fields(change.fields)]
    write_other_fields(connection, others, replace=True)
    write_changed(connection, [_event(applying, change) for change in changes if _shows(change)])
    announce(connection, [user_id_of(c) for c in changes if _may_change_access(c)], journal=applying.journal(connection))


def _may_change_access(change: PersonChange) -> bool:
    return change.action is not Action.UPDATE or not _ACCESS_FIELDS.isdisjoint(change.fields)


def let_go_of_names(connection: Connection, changes: Sequence[PersonChange], released: dict[str, list[int]]) -> None:
    """First of the two steps: nobody holds the names that the changes give up, nor those that the absent release."""
    for field in NAMES:
        leaving = [user_id_of(change) for change in changes if any(name[0] == field for name in given_up_by(change))]
        users = among(connection, t.users.c.id, {*leaving, *released.get(field, ())})
        connection.execute(update(t.users).where(users).values({f"{field}_key": None}))


def user_id_of(change: PersonChange) -> int:
    """The number of a known person."""
    assert change.before is not None, "only a creation has no stored person"
    return change.before.user_id


def _shows(change: PersonChange) -> bool:
    """Whether anything of the person is different afterwards."""
    return bool(change.fields) or change.action is not Action.UPDATE


# ---------------------------------------------------------------- identities
def _disable(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    reason = missing_reason(applying)
    rows = [(applying.at_text, reason, user_id_of(change), applying.directory_id) for change in changes]
    bulk_update(connection, t.identities, columns=("missing_since", "missing_reason"), keys=IDENTITY_KEYS, rows=rows)
    passing = [user_id_of(change) for change in changes if change.entry_id in applying.passing_on]
    unsettle(connection, passing, but=applying.directory_id)


def missing_reason(applying: Applying) -> str:
    return f"not found in {applying.directory} by run {applying.run_id}"


def _write_identities(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    moved = [user_id_of(change) for change in changes if DN in change.fields]
    _remember_dns(connection, applying, moved)
    # the columns differ by these, and a statement has one set of columns
    groups: defaultdict[tuple[bool, bool, tuple[str, ...]], list[Row]] = defaultdict(list)
    for change in changes:
        assert change.after is not None
        record, is_moved = change.after, DN in change.fields
        accounts = tuple(name for name in ACCOUNT_FIELDS if name in change.fields)
        values: Row = (record.dn, record.dn_key, bytearray(record.fingerprint), record.member_key)
        values += (record.version, record.primary_group, record.link_key)
        values += tuple(account_value(change.fields[name][1]) for name in accounts)
        since = (applying.at_text,) if is_moved else ()
        row = (*values, *since, user_id_of(change), applying.directory_id)
        groups[is_moved, change.action is Action.RETURN, accounts].append(row)
    for (is_moved, returned, accounts), rows in groups.items():
        columns = ("dn", "dn_key", "fingerprint", "member_key", *RECORD_COLUMNS, *(ACCOUNT_COLUMNS[a] for a in accounts))
        columns += ("dn_since",) if is_moved else ()
        also = "missing_since = NULL, missing_reason = NULL" if returned else ""
        bulk_update(connection, t.identities, columns=columns, keys=IDENTITY_KEYS, rows=rows, also=also)


def _add_identities(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    """The entries of users whom another directory brought."""
    if not changes:
        return
    require(connection, t.users, {user_id_of(change) for change in changes})
    rows: list[Row] = []
    for change in changes:
        assert change.after is not None
        record, at = change.after, applying.at_text
        accounts = tuple(account_value(record.fields.get(name)) for name in ACCOUNT_FIELDS)
        own = (user_id_of(change), applying.directory_id, record.entry_id, record.dn, record.dn_key)
        further = (record.version, record.primary_group, record.link_key)
        rows.append((*own, bytearray(record.fingerprint), record.member_key, at, at, *further, *accounts))
    columns = (*IDENTITY_COLUMNS, *RECORD_COLUMNS, *(ACCOUNT_COLUMNS[name] for name in ACCOUNT_FIELDS))
    bulk_insert(connection, t.identities, columns, rows)


def _look_elsewhere(
    connection: Connection, applying: Applying, expected: Mapping[str, frozenset[str]], changes: Sequence[PersonChange]
) -> None:
    """Another directory's run may have brought, dropped or got back somebody since the plan was made, so that the plan did not
    know who decides their fields: all directories look at them again."""
    present = present_in(connection, map(user_id_of, changes))
    wrong = [
        user_id
        for change in changes
        if present.get(user_id := user_id_of(change), set()) - {applying.directory}
        != expected.get(change.entry_id, frozenset())
    ]
    unsettle(connection, wrong)


def write_versions(connection: Connection, applying: Applying, versions: Sequence[tuple[str, str]]) -> None:
    """Note the new versions of entries of which nothing else changed."""
    rows = [(version, applying.directory_id, entry_id) for entry_id, version in versions]
    bulk_update(connection, t.identities, columns=("version",), keys=("directory_id", "entry_id"), rows=rows)


def _remember_dns(connection: Connection, applying: Applying, user_ids: Sequence[int]) -> None:
    """Put the DNs that are about to be replaced into the history."""
    identities, history = t.identities.c, t.dn_history.c
    columns = [history.user_id, history.directory_id, history.dn, history.valid_from, history.valid_to]
    at = literal(applying.at, type_=history.valid_to.type)
    old = select(identities.user_id, identities.directory_id, identities.dn, identities.dn_since, at)
    here = (identities.directory_id == applying.directory_id, among(connection, identities.user_id, user_ids))
    connection.execute(insert(t.dn_history).from_select(columns, old.where(*here).order_by(identities.user_id)))


# ---------------------------------------------------------------- users
def _write_users(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    taken = _held_by_others(connection, [change for change in changes if change.action in _REGAINING])
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for change in changes:
        if _shows(change):
            values = _user_values(change, taken)
            groups[tuple(values)].append((applying.at_text, *values.values(), user_id_of(change)))
    for names, rows in groups.items():
        columns = ("updated_at", *names)
        bulk_update(connection, t.users, columns=columns, keys=("id",), rows=rows, also="version = version + 1")
    refresh_search(connection, [user_id_of(change) for change in changes if not change.fields.keys().isdisjoint(SEARCHED)])


def _user_values(change: PersonChange, taken: dict[Name, int]) -> dict[str, Value]:
    """Columns of `users` and their new values."""
    values: dict[str, Value] = {}
    for name in PLAIN:
        if name in change.fields:
            values[name] = plain_value(change.fields[name][1])
    for name in NAMES:
        if change.action in _REGAINING:
            key = key_of(final_name(change, name))
            free = key is None or taken.get((name, key), user_id_of(change)) == user_id_of(change)
            values[f"{name}_key"] = key if free else None
        elif name in change.fields:
            values[f"{name}_key"] = key_of(change.fields[name][1])
    return values


def _held_by_others(connection: Connection, changes: Sequence[PersonChange]) -> dict[Name, int]:
    """Who holds the names that returning people would take back, where someone does.

    What the directory decides was settled in the plan. What it does not is looked for among usernames and addresses alike.
    """
    wanted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for change in changes:
        for field, key in claimed_by(change):
            wanted[field, field].add(key)
            if "@" in key and change.after is not None and field not in change.after.fields:
                wanted[field, OTHER[field]].add(key)
    held: dict[Name, int] = {}
    for (field, as_what), keys in wanted.items():
        column = t.users.c[f"{as_what}_key"]
        for key, user_id in connection.execute(select(column, t.users.c.id).where(among(connection, column, keys))):
            # people may have their own address as their username
            if as_what == field or (field, key) not in held:
                held[field, key] = user_id
    return held


def _write_places(connection: Connection, applying: Applying, changes: Sequence[PersonChange]) -> None:
    moved = [change for change in changes if any(name in change.fields for name in PLACE)]
    own = [(user_id_of(change), applying.directory_id) for change in moved]
    bulk_delete(connection, t.access, keys=("user_id", "directory_id"), rows=own)
    places = [access_row(applying, user_id_of(c), _places(c)) for c in moved]
    bulk_insert(connection, t.access, ACCESS_COLUMNS, [row for row in places if row is not None])


def _places(change: PersonChange) -> dict[str, FieldValue]:
    """Organization and unit after the change, also where only one of them changed."""
    assert change.after is not None
    assert change.before is not None
    before, after = change.before.fields, change.after.fields
    return {name: after[name] if name in after else before.get(name) for name in PLACE}


# ---------------------------------------------------------------- audit
def _event(applying: Applying, change: PersonChange) -> Row:
    changed, user_id = applying.auditor.changed, user_id_of(change)
    if change.action is Action.DISABLE:
        reason = missing_reason(applying)
        missing = fields_text({"missing_since": applying.at})
        return changed("user.disabled", "user", user_id, before=None, after=missing, reason=reason)
    names = sorted(change.fields)
    before = fields_text({name: change.fields[name][0] for name in names})
    after = fields_text({name: change.fields[name][1] for name in names})
    if change.action is Action.UPDATE:
        return changed("user.updated", "user", user_id, before=before, after=after)
    if change.action is Action.LINK:
        key = change.after.link_key if change.after is not None else None
        reason = f"found in {applying.directory} too by run {applying.run_id}, with the link key {key!r}"
        return changed("user.linked", "user", user_id, before=before, after=after, reason=reason)
    reason = f"found in {applying.directory} again by run {applying.run_id}"
    return changed("user.returned", "user", user_id, before=before, after=after, reason=reason)
