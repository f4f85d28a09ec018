"""What is refused to whoever manages people, or logs in."""

from __future__ import annotations

from syncd.errors.base import ForbiddenError, SyncdError, UsageError


class ConflictError(SyncdError):
    """This is not possible as things are."""

    code, http_status, exit_code = "conflict", 409, 1


class NameTakenError(ConflictError):
    """Somebody else has this name."""

    code = "name_taken"


class ManagedFieldError(ConflictError):
    """A directory decides this."""

    code = "managed_by_directory"
    advice = "Change it in the directory; the next sync brings it here."


class DirectoryPasswordError(ConflictError):
    """The password of this user is the directory's."""

    code = "directory_password"
    advice = "It is changed in the directory, unless `passwords.directory_users` is set."


class InUseError(ConflictError):
    """Something else still needs it."""

    code = "in_use"


class NoSuchReferenceError(ConflictError):
    """Something that the request names does not exist."""

    code = "no_such_reference"
    advice = "It may have been deleted in the meantime: look it up again."


class OneselfError(ConflictError):
    """Nobody can do this to themselves."""

    code = "oneself"
    advice = "Ask another administrator."


class LastAdministratorError(ConflictError):
    """Nobody would be left who can administer."""

    code = "last_administrator"
    advice = "Make somebody else an administrator first."


class AboveCallerError(ForbiddenError):
    """This would give or touch more than the caller may do."""

    code = "above_caller"
    advice = "Somebody who may do all of it has to do this."


class StateError(ConflictError):
    """The user is not in the state that this needs."""

    code = "wrong_state"


class CountMismatchError(ConflictError):
    """A filter means another number of people than expected."""

    code = "count_mismatch"
    advice = "Look at the list that the filter gives, and send the number that it has."


class WeakPasswordError(UsageError):
    """The password does not satisfy the policy."""

    code, http_status = "weak_password", 422


class PreconditionFailedError(SyncdError):
    """It has been changed by somebody else in the meantime."""

    code, http_status, exit_code = "precondition_failed", 412, 1
    advice = "Read it again, and repeat the change with the new ETag."


class LoginRefusedError(SyncdError):
    """The name or the password is wrong, or this account cannot log in."""

    code, http_status, exit_code = "login_refused", 401, 77


class PasswordExpiredError(ForbiddenError):
    """The password must be changed first."""

    code = "password_expired"
    advice = "Send the old and the new one to /api/v1/passwords/change, or change it in the directory if it is kept there."


class LoginUnavailableError(SyncdError):
    """The password cannot be checked right now."""

    code, http_status, exit_code, retryable = "login_unavailable", 503, 75, True
    advice = "Try again in a moment."


class TooManyRequestsError(SyncdError):
    """Too many tries in a short time."""

    code, http_status, exit_code, retryable = "too_many_requests", 429, 75, True

    def __init__(self, message: str = "", *, retry_after: int = 60) -> None:
        """`retry_after`: seconds until the next try can be heard."""
        self.retry_after = retry_after
        super().__init__(message, advice=f"Try again in {retry_after} seconds.")


class WrongPasswordError(ForbiddenError):
    """The current password is wrong."""

    code = "wrong_password"
    advice = "Each wrong one counts as a failed login."


class LinkInvalidError(UsageError):
    """The link was used already, has expired, or was never given."""

    code, http_status = "link_invalid", 410
    advice = "Ask for a new one with `POST /api/v1/passwords/forgot`, or have an administrator send one."


class CursorExpiredError(UsageError):
    """What followed this cursor is no longer kept."""

    code, http_status = "cursor_expired", 410
    advice = "Read everybody anew, then follow the events from the present cursor (`after=now`)."


class IdempotencyError(ConflictError):
    """This idempotency key belongs to another request."""

    code = "idempotency_conflict"
    advice = "Use a new key for each creation, and the same only to repeat exactly the same request."


class UnitTreeError(ConflictError):
    """Units are trees, each inside one organization."""

    code = "unit_tree"


class PermissionNameError(ConflictError):
    """This is not a permission that the role can hold."""

    code, exit_code = "permission_name", 2
    advice = "`GET /api/v1/permissions` and docs/roles.md list syncd's own, and say how others may be named."


class UnfitValueError(ConflictError):
    """A value that is well-formed is not possible here."""

    code = "unfit_value"


class LastRoleError(ConflictError):
    """A user needs at least one role."""

    code = "last_role"
    advice = "Give another role in the same step."


class RoleOrganizationError(ConflictError):
    """A role of one organization is only for people with access to it."""

    code = "role_organization"
    advice = "Give access to the organization in the same step, or leave the role out."


class ReasonNeededError(ConflictError):
    """What takes something away needs a reason."""

    code = "reason_needed"
    advice = "Say why in `reason`; it goes into the audit trail."


class PictureError(UsageError):
    """This is not a picture that browsers show."""

    code, http_status = "not_a_picture", 422
    advice = "Send a PNG, JPEG, GIF or WebP picture."


class PictureTooLargeError(PictureError):
    """The picture is too large."""

    code, http_status = "picture_too_large", 413
    advice = "Make it smaller; `max_avatar` is the limit."


class FilterError(UsageError):
    """The filter is not one that lists of people understand."""

    code = "filter_invalid"
    advice = 'A filter looks like this: userName sw "a" and active eq true. docs/lists.md has all attributes.'
