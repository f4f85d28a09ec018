"""Held plans: looking at what a run would have taken away, and deciding about it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from itertools import islice

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST, Plans
from syncd.http.directories import require_directory
from syncd.http.handlers.runs import RUNS
from syncd.http.problems import InvalidRequestError
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_plans import (
    ChangeItem,
    ChangePage,
    ChangesQuery,
    DecisionRequest,
    NumberedChange,
    PlanDetail,
    PlanPage,
    PlanPath,
    PlanResource,
    PlansQuery,
)
from syncd.http.streams import stream
from syncd.model.hold import ChangeRow, HeldPlan
from syncd.services.changes import change_json, write_changes_csv

PLANS = "/api/v1/plans"
SAMPLES = 20
# how many are looked at or sent in one go
STEP = 500


async def list_plans(request: web.Request) -> web.Response:
    """Plans, newest first."""
    query = part_of(request, PlansQuery)
    found = await request.app[STORE_CALLS](partial(_find, request.app[HOST].plans, query), name="list plans")
    if not found:
        await require_directory(request, query.directory)
    items = [PlanResource.model_validate(plan) for plan in found[: query.limit]]
    following = next_page(PLANS, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(PlanPage(items=items, next=following), headers=link_to(following))


async def get_plan(request: web.Request) -> web.Response:
    """One plan."""
    plan_id, plans = part_of(request, PlanPath).id, request.app[HOST].plans

    def look() -> tuple[HeldPlan, list[ChangeRow]]:
        return plans.get(plan_id), list(plans.samples(plan_id, SAMPLES))

    plan, samples = await request.app[STORE_CALLS](look, name="get plan")
    items = [ChangeItem.model_validate(change_json(row)) for row in samples]
    known = PlanResource.model_validate(plan).model_dump()
    return json_response(PlanDetail.model_validate(known | {"samples": items}))


async def list_changes(request: web.Request) -> web.StreamResponse:
    """Every change of a plan: in pages of JSON, or as one CSV."""
    plan_id, query = part_of(request, PlanPath).id, part_of(request, ChangesQuery)
    if query.format == "csv":
        return await _changes_csv(request, plan_id, query)
    plans = request.app[HOST].plans

    def look() -> list[ChangeRow]:
        # one more than asked for tells whether there is a next page
        return list(islice(plans.changes(plan_id), query.after, query.after + query.limit + 1))

    rows = await request.app[STORE_CALLS](look, name="list changes")
    items = [
        NumberedChange.model_validate(change_json(row) | {"row": number})
        for number, row in enumerate(rows[: query.limit], start=query.after + 1)
    ]
    path = f"{PLANS}/{plan_id}/changes"
    following = next_page(path, query, after=items[-1].row) if len(rows) > query.limit else None
    return json_response(ChangePage(items=items, next=following), headers=link_to(following))


async def approve_plan(request: web.Request) -> web.Response:
    """Agree to exactly this plan; the run that applies it is queued."""
    plan_id, reason = part_of(request, PlanPath).id, part_of(request, DecisionRequest).reason
    plan, run = await request.app[HOST].approve_plan(plan_id, actor=caller_of(request).name, reason=reason)
    return json_response(PlanResource.model_validate(plan), status=202, headers={"Location": f"{RUNS}/{run.id}"})


async def reject_plan(request: web.Request) -> web.Response:
    """Say no to this plan."""
    plan_id, reason = part_of(request, PlanPath).id, part_of(request, DecisionRequest).reason
    reject = partial(request.app[HOST].plans.reject, plan_id, actor=caller_of(request).name, reason=reason)
    plan = await request.app[STORE_CALLS](reject, name="reject plan")
    return json_response(PlanResource.model_validate(plan))


def _find(plans: Plans, query: PlansQuery) -> list[HeldPlan]:
    """Blocking: the plans of a page, and one more if there is one."""
    found: list[HeldPlan] = []
    before = query.before
    while len(found) <= query.limit:
        page = plans.list(directory=query.directory, limit=STEP, before_id=before)
        found += [plan for plan in page if query.state in (None, plan.state)]
        if len(page) < STEP:
            break
        before = page[-1].id
    return found[: query.limit + 1]


# ---------------------------------------------------------------- CSV
async def _changes_csv(request: web.Request, plan_id: int, query: ChangesQuery) -> web.StreamResponse:
    """Streamed, so that a plan of any size costs a piece of memory at a time, and no place among the store calls while the
    client is slow."""
    paging = query.model_fields_set & {"after", "limit"}
    if paging:
        raise InvalidRequestError([{"pointer": f"/{name}", "message": "Not with format=csv"} for name in sorted(paging)])
    plans = request.app[HOST].plans

    def piece(rows: Iterator[ChangeRow] | None) -> tuple[bytes, Iterator[ChangeRow] | None]:
        return _piece(rows, header=False) if rows is not None else _piece(plans.changes(plan_id), header=True)

    return await stream(request, piece, form="csv", file=f"plan-{plan_id}")


def _piece(rows: Iterator[ChangeRow], *, header: bool) -> tuple[bytes, Iterator[ChangeRow] | None]:
    """Blocking: the next rows, and the iterator if there may be more."""
    batch = list(islice(rows, STEP))
    text = io.StringIO(newline="")
    write_changes_csv(batch, text, header=header)
    return text.getvalue().encode(), rows if len(batch) == STEP else None
