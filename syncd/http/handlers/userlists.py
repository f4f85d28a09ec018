"""Lists of users, and exports: streamed at once, or as a job."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_lists import (
    ExportCreate,
    ExportOfUsersQuery,
    ExportPage,
    ExportPath,
    ExportResource,
    ExportsQuery,
    ListedUser,
    ListOfUsers,
    ListOfUsersQuery,
)
from syncd.http.streams import MEDIA_TYPES, stream
from syncd.model.export import ExportFormat, ExportJob, ExportRequest, ExportState
from syncd.model.views import Page, PersonView, UserOrder
from syncd.services.export import person_json
from syncd.services.exports import ExportService
from syncd.services.userlists import UserListService

USERS, EXPORTS = "/api/v1/users", "/api/v1/exports"


async def list_users(request: web.Request) -> web.Response:
    """A page of users."""
    query, lists = part_of(request, ListOfUsersQuery), _lists(request)

    def look() -> tuple[Page[PersonView], int | None]:
        wanted = lists.wanted(
            filter=query.filter or "", search=query.search, view=query.view, directory=query.directory, role=query.role,
            group=query.group, organization=query.organization, unit=query.unit,
        )  # fmt: skip
        page = lists.list(wanted, order=UserOrder.parse(query.sort), limit=query.limit, after=query.after)
        return page, lists.count(wanted) if query.count == "true" else None

    page, total = await request.app[STORE_CALLS](look, name="list users")
    following = None if page.next is None else next_page(USERS, query, after=page.next)
    answer = ListOfUsers(items=[_listed(person) for person in page.items], next=following, total=total)
    return json_response(answer, headers=link_to(following))


async def export_users(request: web.Request) -> web.StreamResponse:
    """Users, streamed."""
    query, lists = part_of(request, ExportOfUsersQuery), _lists(request)
    wanted = ExportRequest(
        format=ExportFormat(query.format), filter=query.filter or "", search=query.search, view=query.view.value,
        fields=tuple(query.fields.split(",")) if query.fields else (),
    )  # fmt: skip

    def piece(after: str | None) -> tuple[bytes, str | None]:
        return lists.piece(wanted, after=after)

    return await stream(request, piece, form=query.format, file="users")


async def request_export(request: web.Request) -> web.Response:
    """An export as a job."""
    body = part_of(request, ExportCreate)
    wanted = ExportRequest(
        format=ExportFormat(body.format), filter=body.filter or "", search=body.search, view=body.view.value,
        fields=tuple(body.fields),
    )  # fmt: skip
    ask = partial(_exports(request).request, wanted, caller=caller_of(request))
    job = await request.app[STORE_CALLS](ask, name="request export")
    return json_response(_resource(job), status=202, headers={"Location": f"{EXPORTS}/{job.id}"})


async def list_exports(request: web.Request) -> web.Response:
    """Exports, newest first."""
    query = part_of(request, ExportsQuery)
    look = partial(_exports(request).list, caller=caller_of(request), limit=query.limit + 1, before_id=query.before)
    found = await request.app[STORE_CALLS](look, name="list exports")
    items = [_resource(job) for job in found[: query.limit]]
    following = next_page(EXPORTS, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(ExportPage(items=items, next=following), headers=link_to(following))


async def get_export(request: web.Request) -> web.Response:
    """One export."""
    look = partial(_exports(request).get, part_of(request, ExportPath).id, caller=caller_of(request))
    return json_response(_resource(await request.app[STORE_CALLS](look, name="get export")))


async def export_content(request: web.Request) -> web.StreamResponse:
    """The file of an export."""
    look = partial(_exports(request).content, part_of(request, ExportPath).id, caller=caller_of(request))
    job, path = await request.app[STORE_CALLS](look, name="get export")
    headers = {
        "Content-Type": MEDIA_TYPES[job.request.format.value],
        "Content-Disposition": f'attachment; filename="{path.name}"',
    }
    return web.FileResponse(path, headers=headers)


def _listed(person: PersonView) -> ListedUser:
    more = {name: getattr(person, name) for name in ("last_login_at", "login_count", "failed_logins", "version")}
    return ListedUser.model_validate(person_json(person) | more)


def _resource(job: ExportJob) -> ExportResource:
    asked = job.request
    return ExportResource(
        id=job.id,
        state=job.state,
        format=asked.format.value,
        filter=asked.filter,
        search=asked.search,
        view=asked.view,
        fields=list(asked.fields),
        created_by=job.created_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        rows=job.rows,
        error=job.error,
        content=f"{EXPORTS}/{job.id}/content" if job.state is ExportState.FINISHED else None,
    )


def _lists(request: web.Request) -> UserListService:
    return request.app[HOST].management.lists


def _exports(request: web.Request) -> ExportService:
    return request.app[HOST].management.exports
