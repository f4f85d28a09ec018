"""Runs: asking for one, and looking at them."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.directories import require_directory
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas import DirectoryPath, RunPage, RunPath, RunResource, RunsQuery, SyncRequest
from syncd.model.run import Mode

RUNS = "/api/v1/runs"


async def request_sync(request: web.Request) -> web.Response:
    """Queue a run, whatever the last one was; one that is queued already is given back."""
    directory = part_of(request, DirectoryPath).directory
    mode = Mode(part_of(request, SyncRequest).mode)
    run, _ = await request.app[HOST].request_run(directory, mode=mode, actor=caller_of(request).name)
    return json_response(RunResource.model_validate(run), status=202, headers={"Location": f"{RUNS}/{run.id}"})


async def get_run(request: web.Request) -> web.Response:
    """One run."""
    run_id = part_of(request, RunPath).id
    runs = request.app[HOST].runs
    run = await request.app[STORE_CALLS](partial(runs.get, run_id), name="get run")
    return json_response(RunResource.model_validate(run))


async def list_runs(request: web.Request) -> web.Response:
    """Runs, newest first."""
    query = part_of(request, RunsQuery)
    runs = request.app[HOST].runs
    # one more than asked for tells whether there is a next page
    fetch = partial(runs.list, directory=query.directory, limit=query.limit + 1, before_id=query.before)
    found = list(await request.app[STORE_CALLS](fetch, name="list runs"))
    if not found:
        await require_directory(request, query.directory)
    items = [RunResource.model_validate(run) for run in found[: query.limit]]
    following = next_page(RUNS, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(RunPage(items=items, next=following), headers=link_to(following))
