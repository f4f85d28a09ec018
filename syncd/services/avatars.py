"""Pictures of users (S10): what they really are counts, not what they are said to be, since browsers will show them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from syncd.accounts.managed import ManagedFields
from syncd.clock import Clock
from syncd.errors import NotFoundError, PictureError, PictureTooLargeError
from syncd.model.caller import Caller
from syncd.model.useredit import Avatar
from syncd.services.ports_people import Ceiling
from syncd.services.ports_users import AvatarStore

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarService:
    """The use cases."""

    avatars: AvatarStore
    ceiling: Ceiling
    managed: ManagedFields
    # bytes
    max_size: int
    clock: Clock

    def get(self, user_id: int) -> Avatar:
        """Raises NotFoundError for nobody, and for somebody without one."""
        avatar = self.avatars.get(user_id)
        if avatar is None:
            raise NotFoundError(f"user {user_id} has no picture")
        return avatar

    def put(self, user_id: int, data: bytes, *, caller: Caller, if_match: Collection[str] | None = None) -> Avatar:
        """Set it, in place of one of these digests where some are named. Raises NotFoundError, PreconditionFailedError,
        ManagedFieldError, AboveCallerError, PictureError, PictureTooLargeError."""
        if len(data) > self.max_size:
            raise PictureTooLargeError(f"the picture has {len(data)} bytes, more than {self.max_size}")
        kind = picture_type(data)
        if kind is None:
            raise PictureError("the file is not a PNG, JPEG, GIF or WebP picture")
        avatar = Avatar(media_type=kind, data=data, digest=hashlib.sha256(data).hexdigest())
        self._put(user_id, avatar, caller=caller, if_match=if_match)
        return avatar

    def delete(self, user_id: int, *, caller: Caller, if_match: Collection[str] | None = None) -> bool:
        """Remove it, as above; whether there was one. Raises NotFoundError, PreconditionFailedError, ManagedFieldError,
        AboveCallerError."""
        return self._put(user_id, None, caller=caller, if_match=if_match)

    def _put(self, user_id: int, avatar: Avatar | None, *, caller: Caller, if_match: Collection[str] | None) -> bool:
        if caller.user_id != user_id:
            self.ceiling.require_user(user_id, caller=caller)
        at = self.clock.now()
        return self.avatars.put(user_id, avatar, if_match=if_match, decides=self.managed.of, caller=caller, at=at)


def picture_type(data: bytes) -> str | None:
    """The media type by the first bytes, None for what is no picture that browsers show."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)
