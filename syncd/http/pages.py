"""The one page that people see: where a link from a mail leads. Plain HTML that any browser shows, without JavaScript.

Its content security policy lets nothing in but its own style sheet, known by its digest, and nothing be sent but its form, to
where it came from.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("syncd.http"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the content security policy of a page that has it inside."""
    sheet = _environment().get_template("password.css").render()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return sheet, (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page(name: str, *, status: int = 200, **data: object) -> web.Response:
    """A page made of one of the templates."""
    sheet, policy = _style()
    # the sheet is ours, and `'` or `<` escaped in it would change its digest
    text = _environment().get_template(name).render(style=Markup(sheet), **data)  # noqa: S704
    headers = {"Content-Security-Policy": policy}
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=headers)
