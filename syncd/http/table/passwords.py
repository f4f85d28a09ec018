"""Routes of passwords and links."""

from __future__ import annotations

from syncd.http.handlers import password_page, passwords
from syncd.http.handlers.password_page import FORM, PAGE
from syncd.http.handlers.passwords import PASSWORDS
from syncd.http.routing import Route
from syncd.http.schemas_passwords import (
    ForgottenAnswer,
    ForgottenPassword,
    LinkRedemption,
    OwnPasswordChange,
    PasswordChange,
    PasswordCheck,
    PasswordEstimate,
    PasswordLinkResource,
    PasswordOwnerPath,
    PasswordPolicyResource,
    SuggestedPassword,
    SuggestionRequest,
    UserPasswordRequest,
)
from syncd.model.permission import Permission

_MANY = "Too many tries under this name, or from this address; Retry-After says when to come again."
_BUSY = "The database is not reachable, or too many passwords are being looked at."
_WEAK = "The new password does not satisfy the policy (`weak_password`), or fields are unknown or wrong."
_DIRECTORY = "The password is a directory's (`directory_password`), or the user is in no state for it (`wrong_state`)."
_HTML = "text/html"

ROUTES: tuple[Route, ...] = (
    # ------------------------------------------------------------ the policy
    Route(
        method="GET",
        path=f"{PASSWORDS}/policy",
        handler=passwords.get_password_policy,
        permission=Permission.PUBLIC,
        summary="What a local password must be",
        tag="passwords",
        responses={200: ("The policy.", PasswordPolicyResource)},
        problems={503: _BUSY},
    ),
    Route(
        method="GET",
        path=f"{PASSWORDS}/suggestion",
        handler=passwords.suggest_password,
        permission=Permission.PUBLIC,
        summary="A random password that satisfies the policy",
        tag="passwords",
        responses={200: ("Another one each time.", SuggestedPassword)},
        problems={503: _BUSY},
        secret=True,
    ),
    Route(
        method="POST",
        path=f"{PASSWORDS}/suggestion",
        handler=passwords.suggest_password_for,
        permission=Permission.PUBLIC,
        summary="A random password for somebody with these names",
        tag="passwords",
        body=SuggestionRequest,
        responses={200: ("Another one each time.", SuggestedPassword)},
        problems={503: _BUSY},
        secret=True,
    ),
    Route(
        method="POST",
        path=f"{PASSWORDS}/check",
        handler=passwords.check_password,
        permission=Permission.SELF,
        summary="What the policy says of a password, and how hard it is to guess",
        tag="passwords",
        body=PasswordCheck,
        responses={200: ("The estimate.", PasswordEstimate)},
    ),
    # ------------------------------------------------------------ changing
    Route(
        method="POST",
        path="/api/v1/users/{id}/password",
        handler=passwords.set_user_password,
        permission=Permission.USERS_PASSWORD,
        summary="Give an enabled user a password; their sessions end, and a mail says that it changed",
        tag="passwords",
        params=PasswordOwnerPath,
        body=UserPasswordRequest,
        responses={204: ("It is set.", None)},
        problems={409: _DIRECTORY, 422: _WEAK},
        versioned=True,
    ),
    Route(
        method="POST",
        path="/api/v1/me/password",
        handler=passwords.change_own_password,
        permission=Permission.SELF,
        summary="Change your own password; all your sessions end",
        tag="passwords",
        body=OwnPasswordChange,
        responses={204: ("It is changed.", None)},
        problems={
            403: "The present password is another one (`wrong_password`); that counts as a failed login.",
            409: _DIRECTORY,
            422: _WEAK,
            429: _MANY,
        },
    ),
    Route(
        method="POST",
        path=f"{PASSWORDS}/change",
        handler=passwords.change_password,
        permission=Permission.PUBLIC,
        summary="Change a password without a session, as when it has expired",
        tag="passwords",
        body=PasswordChange,
        responses={204: ("It is changed.", None)},
        problems={
            401: "The name or the password is wrong, or this account cannot log in; which of these is not said.",
            409: "It was changed by somebody else in the meantime.",
            422: _WEAK,
            429: _MANY,
            503: _BUSY,
        },
    ),
    # ------------------------------------------------------------ links
    Route(
        method="POST",
        path="/api/v1/users/{id}/invite",
        handler=passwords.invite_user,
        permission=Permission.USERS_PASSWORD,
        summary="Mail a user without a password the link with which they choose one",
        tag="passwords",
        params=PasswordOwnerPath,
        responses={200: ("The link is made; an earlier invitation no longer works.", PasswordLinkResource)},
        problems={409: _DIRECTORY},
    ),
    Route(
        method="POST",
        path=f"{PASSWORDS}/forgot",
        handler=passwords.forget_password,
        permission=Permission.PUBLIC,
        summary="Ask for a link to set a new password",
        tag="passwords",
        body=ForgottenPassword,
        responses={202: ("The same for everybody, known or not.", ForgottenAnswer)},
        problems={429: _MANY, 503: _BUSY},
    ),
    Route(
        method="POST",
        path=f"{PASSWORDS}/redeem",
        handler=passwords.redeem_link,
        permission=Permission.PUBLIC,
        summary="Set a password by a link from a mail; it works once",
        tag="passwords",
        body=LinkRedemption,
        responses={204: ("It is set.", None)},
        problems={
            410: "The link was used, has expired, or was never given (`link_invalid`).",
            422: _WEAK,
            429: _MANY,
            503: _BUSY,
        },
    ),
    Route(
        method="GET",
        path=PAGE,
        handler=password_page.show_password_page,
        permission=Permission.PUBLIC,
        summary="Where a link from a mail leads: a form for the password, for a browser",
        tag="passwords",
        query=None,
        media_type=_HTML,
        responses={200: ("The form.", None), 410: ("The link does not work.", None), 503: ("Try again later.", None)},
    ),
    Route(
        method="POST",
        path=PAGE,
        handler=password_page.send_password_page,
        permission=Permission.PUBLIC,
        summary="What was typed into the form",
        tag="passwords",
        query=None,
        raw_body=(FORM,),
        media_type=_HTML,
        responses={
            200: ("The password is set.", None),
            410: ("The link does not work.", None),
            422: ("The form again, with what is missing.", None),
            429: ("Too many tries.", None),
            503: ("Try again later.", None),
        },
    ),
)
