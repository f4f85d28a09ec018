"""Routes of the outbox."""

from __future__ import annotations

from syncd.http.handlers import mails
from syncd.http.routing import Route
from syncd.http.schemas_mails import MailPage, MailPath, MailResource, MailsQuery
from syncd.model.permission import Permission

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=mails.MAILS,
        handler=mails.list_mails,
        permission=Permission.MAIL_READ,
        summary="Mails that wait, were sent or were given up, newest first; never what stands in them",
        tag="mail",
        query=MailsQuery,
        responses={200: ("A page of mails.", MailPage)},
    ),
    Route(
        method="POST",
        path=f"{mails.MAILS}/{{id}}/retry",
        handler=mails.retry_mail,
        permission=Permission.MAIL_WRITE,
        summary="Have a mail that waits or was given up sent again, at once",
        tag="mail",
        params=MailPath,
        responses={200: ("The mail, which waits to be sent.", MailResource)},
    ),
)
