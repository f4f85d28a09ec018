"""Passwords: the policy, suggestions and estimates; changing, forgetting, and setting them by a link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web
from pydantic import SecretStr

from syncd.accounts.lockout import put_off
from syncd.accounts.passwords import MAX_LENGTH
from syncd.accounts.strength import Strength
from syncd.errors import LoginUnavailableError
from syncd.http.blocking import PASSWORD_CALLS, STORE_CALLS, StoreCalls
from syncd.http.clientaddress import client_address
from syncd.http.context import HOST
from syncd.http.login_edge import LOGIN_EDGE
from syncd.http.responses import json_response
from syncd.http.routing import REQUEST_ID, caller_of, if_match, part_of
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
from syncd.model.login import Origin
from syncd.services.management import Management
from syncd.services.ports_people import PasswordVerdict
from syncd.settings.duration import parse_duration

PASSWORDS = "/api/v1/passwords"
FORGOTTEN = "If this is somebody who may set a password here, a mail with a link is on its way to them."


# ---------------------------------------------------------------- the policy
async def get_password_policy(request: web.Request) -> web.Response:
    """What a password must be."""
    rules = _management(request).passwords.rules
    policy = rules.policy
    resource = PasswordPolicyResource(
        min_length=policy.min_length,
        max_length=MAX_LENGTH,
        lower=policy.lower,
        upper=policy.upper,
        digit=policy.digit,
        special=policy.special,
        min_strength=policy.min_strength,
        history=policy.history,
        hint=rules.hint,
    )
    return json_response(resource)


async def suggest_password(request: web.Request) -> web.Response:
    """A random password."""
    return await _suggestion(request, [])


async def suggest_password_for(request: web.Request) -> web.Response:
    """A random password for somebody with these names."""
    return await _suggestion(request, part_of(request, SuggestionRequest).about)


async def _suggestion(request: web.Request, about: list[str]) -> web.Response:
    suggest = partial(_management(request).passwords.rules.suggest, about=about)
    return json_response(SuggestedPassword(password=await request.app[ESTIMATES](suggest, name="suggest password")))


async def check_password(request: web.Request) -> web.Response:
    """Judge a password."""
    wanted, caller = part_of(request, PasswordCheck), caller_of(request)
    passwords = _management(request).passwords

    def look() -> tuple[PasswordVerdict, Strength]:
        own = () if wanted.about or caller.user_id is None else passwords.store.owner(caller.user_id).names
        return passwords.rules.look(wanted.password.get_secret_value(), about=wanted.about or own)

    verdict, estimate = await request.app[ESTIMATES](look, name="check password")
    resource = PasswordEstimate(
        acceptable=not verdict.missing,
        missing=list(verdict.missing),
        score=estimate.score,
        guesses_log10=estimate.guesses_log10,
        warning=estimate.warning,
        suggestions=list(estimate.suggestions),
    )
    return json_response(resource)


# ---------------------------------------------------------------- changing
async def set_user_password(request: web.Request) -> web.Response:
    """An administrator gives somebody a password."""
    wanted, user_id = part_of(request, UserPasswordRequest), part_of(request, PasswordOwnerPath).id
    change = partial(
        _management(request).passwords.set_password,
        user_id,
        wanted.password.get_secret_value(),
        caller=caller_of(request),
        reason=wanted.reason,
        if_match=if_match(request),
    )
    await slowly(request, change)
    return web.Response(status=204)


async def change_own_password(request: web.Request) -> web.Response:
    """Somebody changes their own."""
    wanted, caller = part_of(request, OwnPasswordChange), caller_of(request)
    admit(request, f"own password of {caller.user_id}")
    origin = origin_of(request)
    change = partial(_management(request).passwords.change_own, *_both(wanted), caller=caller, origin=origin)
    await slowly(request, change)
    return web.Response(status=204)


async def change_password(request: web.Request) -> web.Response:
    """Somebody without a session changes theirs; refused as a login is, in the same words and time."""
    wanted = part_of(request, PasswordChange)
    admit(request, wanted.username)
    management, began = _management(request), asyncio.get_running_loop().time()
    caller, origin = caller_of(request), origin_of(request)
    change = partial(management.passwords.change_by_name, wanted.username, *_both(wanted), caller=caller, origin=origin)
    await request.app[LOGIN_EDGE].run(change, management.login.settings, began=began)
    return web.Response(status=204)


def _both(wanted: PasswordChange | OwnPasswordChange) -> tuple[str, str]:
    return wanted.current_password.get_secret_value(), wanted.new_password.get_secret_value()


# ---------------------------------------------------------------- links
async def invite_user(request: web.Request) -> web.Response:
    """Mail somebody the link for their first password."""
    user_id = part_of(request, PasswordOwnerPath).id
    invite = partial(_management(request).password_links.invite, user_id, caller=caller_of(request))
    given = await request.app[STORE_CALLS](invite, name="invite user")
    return json_response(PasswordLinkResource.model_validate(given))


async def forget_password(request: web.Request) -> web.Response:
    """The same answer after the same time, whoever asks for whomever."""
    began = asyncio.get_running_loop().time()
    name = part_of(request, ForgottenPassword).username
    admit(request, name)
    forgot = partial(_management(request).password_links.forgot, name, caller=caller_of(request))
    try:
        await request.app[STORE_CALLS](forgot, name="forgotten password")
    finally:
        step = parse_duration(_management(request).login.settings.refusal_time).total_seconds()
        await asyncio.sleep(put_off(asyncio.get_running_loop().time() - began, step))
    return json_response(ForgottenAnswer(message=FORGOTTEN), status=202)


async def redeem_link(request: web.Request) -> web.Response:
    """Set a password by a link."""
    wanted = part_of(request, LinkRedemption)
    admit(request, wanted.token.get_secret_value())
    await redeem(request, wanted.token, wanted.new_password)
    return web.Response(status=204)


async def redeem(request: web.Request, token: SecretStr, password: SecretStr) -> None:
    """Use up a link, for the API and the page, which have admitted the request. Raises LinkInvalidError, WeakPasswordError."""
    secrets = token.get_secret_value(), password.get_secret_value()
    await slowly(request, partial(_management(request).password_links.redeem, *secrets, caller=caller_of(request)))


# ---------------------------------------------------------------- parts
def admit(request: web.Request, name: str) -> None:
    """Count a try under this name and from this address, like one to log in. Raises TooManyRequestsError."""
    management = _management(request)
    address = client_address(request, trusted_proxies=management.trusted_proxies)
    request.app[LOGIN_EDGE].admit(name, address, management.login.settings)


def origin_of(request: web.Request) -> Origin:
    """Where a request came from, as login attempts keep it."""
    address = client_address(request, trusted_proxies=_management(request).trusted_proxies)
    return Origin(address=address, request_id=request[REQUEST_ID])


async def slowly(request: web.Request, function: Callable[[], None]) -> None:
    """What hashes, in places of its own."""
    await request.app[PASSWORD_CALLS](function, name="password")


class Estimates(StoreCalls):
    """Places for estimates: few, since one at a time is at work, and none of those that logins have."""

    def __init__(self) -> None:
        super().__init__(at_once=2)

    def late(self, seconds: float) -> LoginUnavailableError:
        return LoginUnavailableError(f"so many passwords are being looked at that this one had no turn within {seconds:g} s")


def _management(request: web.Request) -> Management:
    return request.app[HOST].management


ESTIMATES: web.AppKey[Estimates] = web.AppKey("estimates", Estimates)
