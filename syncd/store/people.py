"""Stored people with all their fields, in the words of the mapping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select

from syncd.model.records import CUSTOM_PREFIX, DirectoryPresence, FieldValue, StoredPerson
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.apply_context import batches
from syncd.store.apply_values import ACCOUNT_COLUMNS, PLACE, PLAIN
from syncd.store.types import from_json

# people per query: PostgreSQL may well read a whole table for some hundreds of keys, so better rarely
PEOPLE = 2000

Values = tuple[int, str, FieldValue]


def load_people(connection: Connection, directory: str, entry_ids: Collection[str]) -> dict[str, StoredPerson]:
    """SyncStore.people."""
    number = connection.scalar(select(t.directories.c.id).where(t.directories.c.name == directory))
    found: dict[str, StoredPerson] = {}
    for chunk in batches(sorted(entry_ids), PEOPLE):
        rows = connection.execute(_identities(connection, number or 0, chunk)).all()
        fields = _other_fields(connection, [row.user_id for row in rows])
        found.update((row.entry_id, _person(row, fields[row.user_id])) for row in rows)
    return found


def _identities(connection: Connection, number: int, entry_ids: Sequence[str]) -> Any:
    i, access, units, sources = t.identities.c, t.access.c, t.units.c, t.organization_sources.c
    here = and_(access.user_id == i.user_id, access.directory_id == i.directory_id)
    named = and_(sources.organization_id == access.organization_id, sources.directory_id == i.directory_id)
    return (
        select(
            i.user_id, i.entry_id, i.dn, i.dn_key, i.fingerprint, i.missing_since, i.member_key, i.primary_group, i.link_key,
            *(t.identities.c[name] for name in ACCOUNT_COLUMNS.values()),
            *(t.users.c[name] for name in PLAIN),
            sources.external_key.label("organization"), units.external_key.label("unit"),
        )
        .join(t.users, t.users.c.id == i.user_id)
        .outerjoin(t.access, here)
        .outerjoin(t.organization_sources, named)
        .outerjoin(t.units, units.id == access.unit_id)
        .where(i.directory_id == number, among(connection, i.entry_id, entry_ids))
    )  # fmt: skip


def _person(row: Sequence[Any], others: dict[str, FieldValue]) -> StoredPerson:
    """`row` as `_identities` selects it."""
    user_id, entry_id, dn, dn_key, fingerprint, missing_since, member_key, primary_group, link_key, *values = row
    presence = DirectoryPresence.ACTIVE if missing_since is None else DirectoryPresence.MISSING
    fields = dict(zip((*ACCOUNT_COLUMNS, *PLAIN, *PLACE), values, strict=True)) | others
    return StoredPerson(user_id, entry_id, dn, dn_key, fingerprint, presence, fields, member_key, primary_group, link_key)


def _other_fields(connection: Connection, user_ids: Sequence[int]) -> dict[int, dict[str, FieldValue]]:
    """What lives in tables of its own, of these people."""
    found: dict[int, dict[str, FieldValue]] = {user_id: {"emails": (), "tags": ()} for user_id in user_ids}
    for user_id, name, value in (*_lists(connection, user_ids), *_single_values(connection, user_ids)):
        found[user_id][name] = value
    return found


def _lists(connection: Connection, user_ids: Sequence[int]) -> Iterator[Values]:
    for name, table, column in (("emails", t.user_emails, "email"), ("tags", t.user_tags, "tag")):
        query = select(table.c.user_id, table.c[column]).where(among(connection, table.c.user_id, user_ids))
        texts: defaultdict[int, list[str]] = defaultdict(list)
        for user_id, text in connection.execute(query.order_by(table.c.user_id, table.c.position)):
            texts[user_id].append(text)
        yield from ((user_id, name, tuple(found)) for user_id, found in texts.items())


def _single_values(connection: Connection, user_ids: Sequence[int]) -> Iterator[Values]:
    custom, avatars = t.user_custom_fields.c, t.user_avatars.c
    for user_id, name, text in connection.execute(
        select(custom.user_id, custom.name, custom.value).where(among(connection, custom.user_id, user_ids))
    ):
        yield user_id, CUSTOM_PREFIX + name, from_json(text)
    for user_id, data in connection.execute(
        select(avatars.user_id, avatars.data).where(among(connection, avatars.user_id, user_ids))
    ):
        yield user_id, "avatar", bytes(data)
