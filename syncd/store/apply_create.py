"""New people, and the roles they come with.

The first import is made of nothing else, so this is the path that is measured. The rows are made before the transaction
begins, which therefore is short, and in the order of user names, which the unique indexes then only append to. Who is new
gets memberships and grants in the same transaction: nobody is ever seen without their roles, and one audit event says it all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter

from sqlalchemy import Connection

from syncd.accounts.gate import account_reasons
from syncd.errors import StoreError
from syncd.model.account import AccountState
from syncd.model.plan import Link, PersonChange
from syncd.model.records import ACCOUNT_FIELDS, FieldValue, PersonRecord
from syncd.store import schema as t
from syncd.store.apply_context import Applying, require
from syncd.store.apply_names import key_of
from syncd.store.apply_values import (
    ACCESS_COLUMNS,
    ACCOUNT_COLUMNS,
    PLAIN,
    RECORD_COLUMNS,
    access_row,
    account_value,
    other_fields,
    plain_value,
    write_other_fields,
)
from syncd.store.audit import CREATED
from syncd.store.bulk import Block, Row, bulk_insert_all
from syncd.store.searchrows import COLUMNS as SEARCH_COLUMNS
from syncd.store.searchrows import SEARCHED, search_text

# entry id -> what is given to a new person: keys of role identifiers, or names of roles
Targets = Mapping[str, Sequence[str]]
Person = tuple[int, PersonRecord]

IDENTITY_COLUMNS = (
    "user_id", "directory_id", "entry_id", "dn", "dn_key", "fingerprint", "member_key", "first_seen_at", "dn_since",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What the plan gives to people who are new."""

    memberships: Targets
    grants: Targets

    @classmethod
    def of(cls, new: Collection[str], *, memberships: Sequence[Link], grants: Sequence[Link]) -> Relations:
        """The links of these entry ids."""
        return cls(memberships=_targets(new, memberships), grants=_targets(new, grants))


def _targets(new: Collection[str], links: Sequence[Link]) -> Targets:
    """Equal targets are one object: most people share theirs with many others, and a first import has everybody's."""
    targets: dict[str, tuple[str, ...]] = {}
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    for entry_id, target in links:
        if entry_id in new:
            mine = (*targets.get(entry_id, ()), target)
            targets[entry_id] = shared.setdefault(mine, mine)
    return targets


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPeople:
    """The rows of one batch."""

    # the rows of each table with the columns that have values, parents first; made when they are asked for
    blocks: Iterable[Block]
    others: list[tuple[int, str, FieldValue]]
    roles: set[int]
    # changes of the plan: people, memberships and grants
    changes: int

    def made(self) -> NewPeople:
        """The same with all rows made, so that a transaction need not wait for that."""
        return replace(self, blocks=list(self.blocks))

    def write(self, connection: Connection) -> None:
        """Once. Raises StoreError."""
        require(connection, t.roles, self.roles)
        bulk_insert_all(connection, self.blocks)
        write_other_fields(connection, self.others, replace=False)


def new_people(applying: Applying, changes: Sequence[PersonChange], ids: Sequence[int], relations: Relations) -> NewPeople:
    """The rows of these creations; `ids` are the numbers reserved for them. Raises StoreError."""
    people = [(id_, record) for id_, change in zip(ids, changes, strict=True) if (record := change.after) is not None]
    names = set().union(*(record.fields for _, record in people))
    granted = _link_rows(people, relations.grants, applying.roles, "role")
    linked = _link_rows(people, relations.memberships, applying.role_identifiers, "role identifier")
    extra = other_fields(names)
    let_in = {id_ for id_, record in people if _can_log_in(applying, record)}
    return NewPeople(
        blocks=chain(
            _blocks(applying, people, names, relations, let_in),
            [
                (t.memberships, ("user_id", "role_identifier_id"), linked),
                (t.grants, ("user_id", "role_id", "directory_id"), [(*row, applying.directory_id) for row in granted]),
            ],
        ),
        others=[(id_, name, r.fields[name]) for id_, r in people for name in extra if name in r.fields] if extra else [],
        roles={row[1] for row in granted},
        changes=len(people) + len(linked) + len(granted),
    )


def _can_log_in(applying: Applying, record: PersonRecord) -> bool:
    """The login gate, for somebody of whom there is only what the directory says."""
    organization, unit = record.fields.get("organization"), record.fields.get("unit")
    if not isinstance(organization, str) or not isinstance(unit, str):
        return False
    if applying.disabled and applying.organizations.get(organization) in applying.disabled:
        return False
    return not account_reasons(AccountState.of(record.fields), now=applying.at)


def _blocks(
    applying: Applying, people: Sequence[Person], names: Collection[str], relations: Relations, let_in: Collection[int]
) -> Iterator[Block]:
    """In this order PostgreSQL is busiest while there is most to be made."""
    yield t.users, *_user_rows(applying, people, names, let_in)
    yield t.identities, *_identity_rows(applying, people, names)
    yield t.user_search, SEARCH_COLUMNS, _search_rows(people)
    yield t.audit_events, CREATED, _events(applying, people, relations, let_in)
    access = (access_row(applying, id_, record.fields) for id_, record in people)
    yield t.access, ACCESS_COLUMNS, [row for row in access if row is not None]


def _user_rows(
    applying: Applying, people: Sequence[Person], names: Collection[str], let_in: Collection[int]
) -> tuple[Sequence[str], list[Row]]:
    texts = [name for name in PLAIN if name in names and name != "birthday"]
    at = applying.at_text
    rows: list[Row] = []
    for id_, record in people:
        get = record.fields.get
        keys = (key_of(get("username")), key_of(get("email")))
        # 1 and 0, which SQLite binds faster and both take for a truth value
        rows.append((id_, at, at, 1 if id_ in let_in else 0, *keys, *[get(name) or None for name in texts]))
    columns = ("id", "created_at", "updated_at", "has_access", "username_key", "email_key", *texts)
    if "birthday" not in names:
        return columns, rows
    birthdays = [plain_value(record.fields.get("birthday")) for _, record in people]
    return (*columns, "birthday"), [(*row, day) for row, day in zip(rows, birthdays, strict=True)]


def _search_rows(people: Sequence[Person]) -> list[Row]:
    rows = []
    for id_, record in people:
        get = record.fields.get
        rows.append((id_, search_text([value if isinstance(value := get(name), str) else None for name in SEARCHED])))
    return rows


def _identity_rows(applying: Applying, people: Sequence[Person], names: Collection[str]) -> tuple[Sequence[str], list[Row]]:
    """What few have - account fields, a link - has columns only where somebody has it."""
    directory_id, at = applying.directory_id, applying.at_text
    records = [name for name in RECORD_COLUMNS if any(getattr(record, name) is not None for _, record in people)]
    accounts = [name for name in ACCOUNT_FIELDS if name in names]
    rows: list[Row] = [
        (id_, directory_id, r.entry_id, r.dn, r.dn_key, bytearray(r.fingerprint), r.member_key, at, at) for id_, r in people
    ]
    if records:
        values = attrgetter(*records) if len(records) > 1 else _single(records[0])
        rows = [(*row, *values(record)) for row, (_, record) in zip(rows, people, strict=True)]
    if accounts:
        rows = [
            (*row, *[account_value(record.fields.get(name)) for name in accounts])
            for row, (_, record) in zip(rows, people, strict=True)
        ]
    return (*IDENTITY_COLUMNS, *records, *(ACCOUNT_COLUMNS[name] for name in accounts)), rows


def _single(name: str) -> Callable[[PersonRecord], tuple[object]]:
    get = attrgetter(name)
    return lambda record: (get(record),)


def _link_rows(people: Sequence[Person], targets: Targets, numbers: Mapping[str, int], what: str) -> list[Row]:
    try:
        rows = [(id_, numbers[target]) for id_, record in people for target in targets.get(record.entry_id, ())]
    except KeyError as error:
        raise StoreError(f"the plan names a {what} that does not exist: {error.args[0]!r}") from None
    # two spellings of a role's name are one role
    return list(dict.fromkeys(rows))


def _events(applying: Applying, people: Sequence[Person], relations: Relations, let_in: Collection[int]) -> list[Row]:
    memberships, grants, identifiers = relations.memberships, relations.grants, applying.identifiers
    created = applying.auditor.created("user.created", "user")
    rows = []
    for id_, record in people:
        after = record.fields
        if None in after.values():
            after = {name: value for name, value in after.items() if value is not None}
        roles: dict[str, FieldValue] = {}
        if keys := memberships.get(record.entry_id):
            roles["role_identifiers"] = tuple([identifiers[key] for key in keys])
        if names := grants.get(record.entry_id):
            roles["roles"] = tuple(names)
        if id_ in let_in:
            # in place of an access.granted of its own
            roles["can_log_in"] = True
        rows.append(created(id_, {**after, **roles}))
    return rows
