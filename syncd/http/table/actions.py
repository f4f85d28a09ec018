"""Routes of actions for one user and for many, and access."""

from __future__ import annotations

from syncd.http.handlers import access, actions, bulk
from syncd.http.routing import Route
from syncd.http.schemas_access import AccessQuery, AccessResource
from syncd.http.schemas_actions import (
    ActionResource,
    BulkResource,
    LinkRequest,
    LinkResource,
    UnlinkRequest,
)
from syncd.http.schemas_bulk import (
    LinksRequest,
    LinksResource,
    PasswordsRequest,
    PasswordsResource,
    SuggestionsRequest,
    SuggestionsResource,
    UnlinksRequest,
)
from syncd.http.schemas_users import UserPath
from syncd.model.actions import Action
from syncd.model.permission import Permission

USERS = "/api/v1/users"

# action -> (permission, what it does to one user, what is special about it)
_ACTIONS = {
    Action.ENABLE: (Permission.USERS_STATE, "Enable", "; the authentication status stays as it is"),
    Action.DISABLE: (Permission.USERS_STATE, "Disable", "; sessions end, keys are useless, the authentication status stays"),
    Action.ACTIVATE: (Permission.USERS_STATE, "Unlock", " after too many failed logins; nothing for those who are not locked"),
    Action.RESET_PASSWORD: (Permission.USERS_PASSWORD, "Ask for a new password of", ": a link is mailed, sessions end"),
    Action.DELETE: (Permission.USERS_DELETE, "Delete", ""),
}
_FOR_ONE = (Action.ENABLE, Action.DISABLE, Action.ACTIVATE, Action.RESET_PASSWORD)

# a hundred passwords of 128 characters, and a thousand DNs, in whatever way JSON writes them
_PASSWORDS_BODY = 256 * 1024
_LINKS_BODY = 1024 * 1024
_ROWS = "One result for each of them; a refused one stops no other."

_CONFLICT = {409: "Not on oneself, not on the last administrator, or the user's state does not allow it."}


def _for_one(action: Action) -> Route:
    permission, verb, more = _ACTIONS[action]
    return Route(
        method="POST",
        path=f"{USERS}/{{id}}/{action.value}",
        handler=actions.for_one(action),
        permission=permission,
        summary=f"{verb} a user{more}",
        tag="users",
        params=UserPath,
        body=actions.request_for(action, many=False),
        responses={200: ("What came of it.", ActionResource)},
        problems=_CONFLICT,
        versioned=True,
    )


def _for_many(action: Action) -> Route:
    permission, verb, more = _ACTIONS[action]
    return Route(
        method="POST",
        path=f"{USERS}/actions/{action.value}",
        handler=actions.for_many(action),
        permission=permission,
        summary=f"{verb} many users{more}",
        tag="users",
        body=actions.request_for(action, many=True),
        responses={200: (_ROWS, BulkResource)},
        problems={409: "The filter means another number of people."},
    )


_PASSWORDS = (
    Route(
        method="POST",
        path=f"{USERS}/actions/change-password",
        handler=bulk.change_user_passwords,
        permission=Permission.USERS_PASSWORD,
        summary="Give many enabled users a password, those with none a suggested one; sessions end, mails say that it changed",
        tag="users",
        body=PasswordsRequest,
        max_body=_PASSWORDS_BODY,
        responses={200: (_ROWS, PasswordsResource)},
        secret=True,
    ),
    Route(
        method="POST",
        path=f"{USERS}/actions/suggest-password",
        handler=bulk.suggest_user_passwords,
        permission=Permission.USERS_PASSWORD,
        summary="A random password for each of many users; none is set",
        tag="users",
        body=SuggestionsRequest,
        responses={200: ("One for each of them.", SuggestionsResource)},
        secret=True,
    ),
)

_LINKS = (
    Route(
        method="POST",
        path=f"{USERS}/actions/link",
        handler=bulk.link_users,
        permission=Permission.USERS_LINK,
        summary="Make entries of a directory, which are other users', those of these users",
        tag="users",
        body=LinksRequest,
        max_body=_LINKS_BODY,
        responses={200: (_ROWS, LinksResource)},
        problems={404: "There is no such directory."},
    ),
    Route(
        method="POST",
        path=f"{USERS}/actions/unlink",
        handler=bulk.unlink_users,
        permission=Permission.USERS_LINK,
        summary="Make the entries that many users have of one directory users of their own",
        tag="users",
        body=UnlinksRequest,
        responses={200: (_ROWS, LinksResource)},
        problems={404: "There is no such directory."},
    ),
)

ROUTES: tuple[Route, ...] = (
    # before those with an id in the same place
    *(_for_many(action) for action in Action),
    *_PASSWORDS,
    *_LINKS,
    *(_for_one(action) for action in _FOR_ONE),
    Route(
        method="POST",
        path=f"{USERS}/{{id}}/link",
        handler=actions.link_user,
        permission=Permission.USERS_LINK,
        summary="Make an entry of a directory, which is another user's, one of this user",
        tag="users",
        params=UserPath,
        body=LinkRequest,
        responses={200: ("What became of the entry.", LinkResource)},
        problems={409: "A run of that directory is at work, or the users cannot be joined."},
    ),
    Route(
        method="POST",
        path=f"{USERS}/{{id}}/unlink",
        handler=actions.unlink_user,
        permission=Permission.USERS_LINK,
        summary="Make a user's entry of one directory a user of its own",
        tag="users",
        params=UserPath,
        body=UnlinkRequest,
        responses={200: ("What became of the entry.", LinkResource)},
        problems={409: "A run of that directory is at work."},
    ),
    Route(
        method="GET",
        path=f"{USERS}/{{id}}/access",
        handler=access.get_user_access,
        permission=Permission.ACCESS_READ,
        summary="Whether a user can log in, where they belong, and what they may do",
        tag="access",
        params=UserPath,
        responses={200: ("Their access at this moment.", AccessResource)},
    ),
    Route(
        method="GET",
        path="/api/v1/access",
        handler=access.get_access,
        permission=Permission.ACCESS_READ,
        summary="The same, by username",
        tag="access",
        query=AccessQuery,
        responses={200: ("Their access at this moment.", AccessResource)},
        problems={404: "Nobody has this username."},
    ),
)
