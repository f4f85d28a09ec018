"""Giving a directory's entry to another user, because somebody says so: two users become one, or one becomes two.

An entry goes with all that its directory brought: memberships, grants, access, the history of its DNs. What is the user's own
(manual roles, passwords, keys) never goes along. Both users are mapped anew by their directories' next runs, which then decide
the fields as the precedence says.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, insert, or_, select, update

from syncd.errors import NotFoundError, StateError, UsageError
from syncd.model.caller import Caller
from syncd.model.dn import InvalidDN, normalize
from syncd.services.ports_store import Relinked
from syncd.store import schema as t
from syncd.store.announce import announce, announce_deletion
from syncd.store.engine import write
from syncd.store.journal import Journal
from syncd.store.lease import fence
from syncd.store.linked import unsettle
from syncd.store.passwords import left_to_directory
from syncd.store.purge import delete_users
from syncd.store.role_events import role_names, tell_roles
from syncd.store.searchrows import refresh_search
from syncd.store.userrows import locked_user, touch_user

# what a user has that no directory gave: nobody may lose it by a link
_OWN_TABLES = (t.group_members, t.passwords, t.api_keys, t.owned_records)


class SqlLinkStore:
    """`LinkStore` of services.ports_store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def link(
        self, user_id: int, *, directory: str, entry: str, is_dn: bool, caller: Caller, reason: str, at: datetime, epoch: int
    ) -> Relinked:
        with write(self._engine) as connection:
            fence(connection, directory, epoch)
            journal = Journal(connection, caller=caller, at=at, directory=directory)
            target, found = locked_user(connection, user_id), _entry(connection, directory, entry, is_dn=is_dn)
            source = locked_user(connection, found.user_id)
            _require_linkable(connection, target, source, found, directory=directory)
            had = role_names(connection, [target.id, source.id])
            _move(connection, found, target.id)
            values: dict[str, Any] = {"manual": False} if target.manual else {}
            if target.manual and not target.break_glass:
                values |= left_to_directory(target)
            touch_user(connection, target.id, at=at, **values)
            what = _leave(connection, source, journal=journal)
            unsettle(connection, [target.id, source.id])
            after = {"entry_id": found.entry_id, "dn": found.dn, "from_user": source.id, **values}
            before: dict[str, object] = {"entry_id": found.entry_id, "dn": found.dn}
            if what != "stays":
                before |= {"user": source.id, "username": source.username}
            journal.note("user.linked", "user", target.id, after=after, reason=reason)
            journal.note(_EVENTS[what], "user", source.id, before=before, after=_outcome(what), reason=reason)
            left = [target.id] if what == "deleted" else [target.id, source.id]
            tell_roles({user: had[user] for user in left}, journal=journal, reason=reason)
            announce(connection, left, journal=journal)
        return Relinked(user_id=target.id, other_id=source.id, dn=found.dn, other=what)

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str, at: datetime, epoch: int) -> Relinked:
        with write(self._engine) as connection:
            fence(connection, directory, epoch)
            user = locked_user(connection, user_id)
            found = _identity_of(connection, user_id, directory)
            if found is None:
                raise StateError(f"user {user_id} has no entry of {directory}")
            if not user.manual and not _has_other(connection, user_id, found.directory_id):
                raise StateError(f"user {user_id} has no other entry than {found.dn}: it is a user of its own already")
            made = insert(t.users).values(enabled=user.enabled, created_at=at, updated_at=at).returning(t.users.c.id)
            new_id = int(connection.execute(made).scalar_one())
            refresh_search(connection, [new_id])
            had = role_names(connection, [user_id, new_id])
            _move(connection, found, new_id)
            touch_user(connection, user_id, at=at)
            unsettle(connection, [user_id, new_id])
            what = {"entry_id": found.entry_id, "dn": found.dn}
            journal = Journal(connection, caller=caller, at=at, directory=directory)
            journal.note("user.unlinked", "user", user_id, before=what, reason=reason)
            journal.note("user.created", "user", new_id, after=what, reason=reason)
            tell_roles(had, journal=journal, reason=reason)
            announce(connection, [user_id, new_id], journal=journal)
        return Relinked(user_id=user_id, other_id=new_id, dn=found.dn, other="created")


_EVENTS = {"stays": "user.unlinked", "deleted": "user.merged", "kept": "user.merged"}


def _outcome(what: str) -> dict[str, bool] | None:
    """What an event says of a user whose last entry went."""
    return None if what == "stays" else {"deleted": what == "deleted"}


# ---------------------------------------------------------------- who and what
def entry_named(connection: Connection, directory: str, entry: str, *, is_dn: bool) -> Row[Any] | None:
    """The identity that a directory's entry has here; of two with one DN the one that is present. Raises UsageError."""
    i = t.identities.c
    try:
        named = i.dn_key == normalize(entry) if is_dn else i.entry_id == entry
    except InvalidDN as error:
        raise UsageError(f"{entry!r} is not a DN: {error}") from None
    query = _of(directory).where(named).order_by(i.missing_since.is_not(None), i.dn_since.desc())
    return connection.execute(query.limit(1)).one_or_none()


def _entry(connection: Connection, directory: str, entry: str, *, is_dn: bool) -> Row[Any]:
    row = entry_named(connection, directory, entry, is_dn=is_dn)
    if row is None:
        raise NotFoundError(f"the store has no entry {entry!r} of {directory}: what no run has taken cannot be linked")
    return row


def _identity_of(connection: Connection, user_id: int, directory: str) -> Row[Any] | None:
    return connection.execute(_of(directory).where(t.identities.c.user_id == user_id)).one_or_none()


def _of(directory: str) -> Any:
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    return select(t.identities).where(t.identities.c.directory_id == number)


def _has_other(connection: Connection, user_id: int, directory_id: int) -> bool:
    i = t.identities.c
    query = select(i.user_id).where(i.user_id == user_id, i.directory_id != directory_id)
    return connection.execute(query.limit(1)).first() is not None


def _require_linkable(connection: Connection, target: Row[Any], source: Row[Any], entry: Row[Any], *, directory: str) -> None:
    """Raises UsageError."""
    if source.id == target.id:
        raise UsageError(f"{entry.dn} is an entry of user {target.id} already")
    if (own := _identity_of(connection, target.id, directory)) is not None:
        raise UsageError(
            f"user {target.id} has an entry of {directory} already, {own.dn}, and can have one only",
            advice=f"If that is somebody else's: `syncd users unlink id:{target.id} --directory {directory}` first.",
        )
    if source.manual or source.break_glass:
        kind = "was made by hand" if source.manual else "is a break-glass account"
        raise UsageError(f"user {source.id}, whose entry it is, {kind}: nothing is taken from such a user")


# ---------------------------------------------------------------- moving
def _move(connection: Connection, entry: Row[Any], user_id: int) -> None:
    """Give an entry, and what its directory brought with it, to another user, who has none of that directory."""
    old, directory_id, i, h = entry.user_id, entry.directory_id, t.identities.c, t.dn_history.c
    past = connection.execute(select(t.dn_history).where(h.user_id == old, h.directory_id == directory_id)).all()
    # the history goes with its identity
    connection.execute(delete(t.identities).where(i.user_id == old, i.directory_id == directory_id))
    connection.execute(insert(t.identities).values({**entry._mapping, "user_id": user_id}))
    if past:
        rows = [{**row._mapping, "user_id": user_id} for row in past]
        connection.execute(insert(t.dn_history), rows)
    identifiers = select(t.role_identifiers.c.id).where(t.role_identifiers.c.directory_id == directory_id)
    theirs = (t.memberships.c.user_id == old, t.memberships.c.role_identifier_id.in_(identifiers))
    connection.execute(update(t.memberships).where(*theirs).values(user_id=user_id))
    for table in (t.grants, t.access):
        here = (table.c.user_id == old, table.c.directory_id == directory_id)
        connection.execute(update(table).where(*here).values(user_id=user_id))


def _leave(connection: Connection, source: Row[Any], *, journal: Journal) -> str:
    """What becomes of the user whose entry went: "stays" with others, "deleted", or "kept" for what is their own."""
    remaining = select(t.identities.c.user_id).where(t.identities.c.user_id == source.id)
    if connection.execute(remaining.limit(1)).first() is not None:
        touch_user(connection, source.id, at=journal.at)
        return "stays"
    if source.last_login_at is None and not _has_own(connection, source.id):
        announce_deletion(connection, [source.id], journal=journal)
        delete_users(connection, [source.id])
        return "deleted"
    connection.execute(delete(t.sessions).where(t.sessions.c.user_id == source.id))
    # of no directory any more, so made by hand; their names are the other user's now
    touch_user(connection, source.id, at=journal.at, manual=True, enabled=False, username_key=None, email_key=None)
    return "kept"


def _has_own(connection: Connection, user_id: int) -> bool:
    """Whether a user has what no directory gave."""
    conditions = [exists().where(table.c.user_id == user_id) for table in _OWN_TABLES]
    conditions += [exists().where(table.c.user_id == user_id, table.c.directory_id.is_(None)) for table in (t.grants, t.access)]
    return connection.execute(select(t.users.c.id).where(t.users.c.id == user_id, or_(*conditions))).first() is not None
