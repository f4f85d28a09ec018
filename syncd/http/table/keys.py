"""Routes of API keys."""

from __future__ import annotations

from syncd.http.handlers import keys
from syncd.http.handlers.keys import USERS
from syncd.http.routing import Route
from syncd.http.schemas_actions import TakingRequest
from syncd.http.schemas_keys import KeyList, KeyPath, KeyRequest, NewKeyResource
from syncd.http.schemas_users import UserPath
from syncd.model.permission import Permission

NO_KEY = {
    409: "The user has no access to that organization, or it is not enabled; or the answer of a repetition, which would hold "
    "the secret, is gone.",
}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=f"{USERS}/{{id}}/keys",
        handler=keys.list_keys,
        permission=Permission.KEYS_READ,
        summary="The API keys of a user, without their secrets",
        tag="keys",
        params=UserPath,
        responses={200: ("Their keys.", KeyList)},
    ),
    Route(
        method="POST",
        path=f"{USERS}/{{id}}/keys",
        handler=keys.create_key,
        permission=Permission.KEYS_WRITE,
        summary="Make an API key for a user and an organization, in place of the one there is",
        tag="keys",
        params=UserPath,
        body=KeyRequest,
        responses={201: ("The key, with its token, which is shown this once.", NewKeyResource)},
        problems=NO_KEY,
        idempotent=True,
        secret=True,
    ),
    Route(
        method="DELETE",
        path=f"{USERS}/{{id}}/keys/{{key_id}}",
        handler=keys.revoke_key,
        permission=Permission.KEYS_WRITE,
        summary="End an API key at once",
        tag="keys",
        params=KeyPath,
        body=TakingRequest,
        responses={204: ("It is useless now.", None)},
    ),
)
