"""The page to which the link of a mail leads: it asks for a password and sets it.

Programs that look through mail open every link, so only sending the form uses a link up.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from pydantic import SecretStr

from syncd.errors import LinkInvalidError, SyncdError, TooManyRequestsError, WeakPasswordError
from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.handlers.passwords import admit, redeem
from syncd.http.pages import page
from syncd.model.password import LinkPurpose
from syncd.services.password_links import LinkView
from syncd.services.passwords import time_text

log = structlog.get_logger("syncd.http")

PAGE = "/password"
FORM = "application/x-www-form-urlencoded"
# fields of a form that are looked at
_FIELDS = 20

_TITLES = {LinkPurpose.INVITATION: "Choose your password", LinkPurpose.RESET: "Choose a new password"}
_ENDED = (
    "It was used already, is too old, or a newer one was sent. Ask for a new one where you log in, or ask your administrator."
)


async def show_password_page(request: web.Request) -> web.Response:
    """The form, or why there is none."""
    token = request.query.get("token", "")
    try:
        return _form(request, token, await _look(request, token))
    except SyncdError as error:
        return _problem(error)


async def send_password_page(request: web.Request) -> web.Response:
    """What was typed into the form."""
    fields = await _fields(request)
    token, password = fields.get("token", ""), fields.get("new_password", "")
    try:
        admit(request, token)
        view = await _look(request, token)
        if password != fields.get("repeated", ""):
            return _form(request, token, view, error="The two passwords are not the same.")
        try:
            await redeem(request, SecretStr(token), SecretStr(password))
        except WeakPasswordError as error:
            return _form(request, token, view, error=error.message)
    except SyncdError as error:
        return _problem(error)
    return _told("Your password is set", ["Log in with it from now on. This page can be closed."], state="done")


async def _fields(request: web.Request) -> dict[str, str]:
    text = (await request.read()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:
        return {}


async def _look(request: web.Request, token: str) -> LinkView:
    look = partial(request.app[HOST].management.password_links.look, token)
    return await request.app[STORE_CALLS](look, name="look at link")


def _form(request: web.Request, token: str, view: LinkView, *, error: str | None = None) -> web.Response:
    return page(
        "password.html",
        status=200 if error is None else 422,
        state="form",
        title=_TITLES[view.purpose],
        token=token,
        username=view.username,
        hint=request.app[HOST].management.passwords.rules.hint,
        expires=time_text(view.expires_at),
        errors=[] if error is None else [error],
    )


def _problem(error: SyncdError) -> web.Response:
    """The same errors as everywhere, as a person who came from a mail can read them."""
    if isinstance(error, LinkInvalidError):
        return _told("This link does not work", [_ENDED], state="failed", status=error.http_status)
    if error.http_status >= 500:
        log.warning("page of a link failed", code=error.code, message=error.message)
    later = (
        "Please try again in a few minutes. If the link does not work any more then, your new password is set: log in with it."
    )
    response = _told("This does not work just now", [later], state="failed", status=error.http_status)
    if isinstance(error, TooManyRequestsError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _told(title: str, lines: list[str], *, state: str, status: int = 200) -> web.Response:
    return page("password.html", status=status, state=state, title=title, lines=lines, errors=[])
