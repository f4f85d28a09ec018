"""Pictures of users, given by hand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from syncd.errors import ManagedFieldError, NotFoundError, PreconditionFailedError
from syncd.model.caller import Caller
from syncd.model.useredit import Avatar, Decides
from syncd.store import schema as t
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal
from syncd.store.user_edit import present_directories
from syncd.store.userrows import locked_user, touch_user


class SqlAvatars:
    """`AvatarStore` of services.ports_users."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, user_id: int) -> Avatar | None:
        with read(self._engine) as connection:
            if connection.scalar(select(t.users.c.id).where(t.users.c.id == user_id)) is None:
                raise NotFoundError(f"there is no user {user_id}")
            return _avatar(connection, user_id)

    def put(
        self,
        user_id: int,
        avatar: Avatar | None,
        *,
        if_match: Collection[str] | None,
        decides: Decides,
        caller: Caller,
        at: datetime,
    ) -> bool:
        with write(self._engine) as connection:
            locked_user(connection, user_id)
            old = _avatar(connection, user_id)
            if if_match is not None and (old is None or old.digest not in if_match):
                raise PreconditionFailedError(f"user {user_id} has {'another' if old else 'no'} picture now")
            if (old and old.digest) == (avatar and avatar.digest):
                return False
            managed = decides(present_directories(connection, user_id))
            if "avatar" in managed:
                raise ManagedFieldError(f"avatar of user {user_id} is decided by directory {managed['avatar']}")
            connection.execute(delete(t.user_avatars).where(t.user_avatars.c.user_id == user_id))
            if avatar is not None:
                values = {"media_type": avatar.media_type, "data": avatar.data, "digest": avatar.digest}
                connection.execute(insert(t.user_avatars).values(user_id=user_id, **values))
            touch_user(connection, user_id, at=at)
            before, after = ({"avatar": each and each.data} for each in (old, avatar))
            Journal(connection, caller=caller, at=at).note("user.updated", "user", user_id, before=before, after=after)
        return True


def _avatar(connection: Connection, user_id: int) -> Avatar | None:
    avatars = t.user_avatars.c
    query = select(avatars.media_type, avatars.data, avatars.digest).where(avatars.user_id == user_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Avatar(media_type=row.media_type, data=bytes(row.data), digest=row.digest)
