"""Checks of directories: what `syncd check --connect` does, over HTTP.

A check binds, and binds with a wrong password add up at the server; it also reads. So each directory has one check at a time,
and all of them a few. It has a thread of its own and an end: what was found by then is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog
from aiohttp import web

from syncd.errors import ConflictError, NotFoundError, TooManyRequestsError
from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas import DirectoryPath
from syncd.http.schemas_checks import CheckItem, CheckResource
from syncd.model.checks import CheckStatus
from syncd.model.permission import Permission
from syncd.services.check import SAMPLE_CHECK, Checked
from syncd.threads import in_thread

log = structlog.get_logger("syncd.http")

AT_ONCE = 4
# seconds
DEADLINE = 60.0


class Checks:
    """The checks under way."""

    def __init__(self, *, at_once: int = AT_ONCE, deadline: float = DEADLINE) -> None:
        self._at_once = at_once
        self._deadline = deadline
        self._busy: set[str] = set()

    @property
    def busy(self) -> frozenset[str]:
        """Directories whose check is under way."""
        return frozenset(self._busy)

    async def run(self, directory: str, lines: Callable[[], Iterator[Checked]]) -> tuple[list[Checked], bool]:
        """What was found, and whether that is all. Raises ConflictError, TooManyRequestsError, and what `lines` raises."""
        if directory in self._busy:
            raise ConflictError(f"A check of {directory!r} is under way.", advice="Wait for its end.")
        if len(self._busy) >= self._at_once:
            raise TooManyRequestsError("Other directories are being checked at this moment.", retry_after=10)
        self._busy.add(directory)
        found: list[Checked] = []

        def collect() -> None:
            for line in lines():
                found.append(line)  # noqa: PERF402 - what is there counts, should the rest not come

        task = asyncio.get_running_loop().create_task(in_thread(collect, name=f"check {directory}"))
        # busy until the thread ends, not only until somebody stops waiting for it
        task.add_done_callback(lambda ended: self._ended(directory, ended))
        done, _ = await asyncio.wait({task}, timeout=self._deadline)
        if done:
            task.result()
        return list(found), bool(done)

    def _ended(self, directory: str, task: asyncio.Task[None]) -> None:
        self._busy.discard(directory)
        if not task.cancelled():
            task.exception()


CHECKS: web.AppKey[Checks] = web.AppKey("checks", Checks)


async def check_directory(request: web.Request) -> web.Response:
    """Probe each server of a directory and read a sample."""
    name = part_of(request, DirectoryPath).directory
    service = request.app[HOST].management.checks
    if name not in service.settings:
        raise NotFoundError(f"no directory is called {name!r}")
    found, finished = await request.app[CHECKS].run(name, lambda: service.check(name))
    caller = caller_of(request)
    items = [_item(checked, whole=caller.may(Permission.USERS_READ)) for checked in found]
    passed = finished and all(item.status is not CheckStatus.FAIL for item in items)
    log.info("directory checked", directory=name, actor=caller.name, passed=passed, finished=finished)
    return json_response(CheckResource(directory=name, passed=passed, finished=finished, items=items))


def _item(checked: Checked, *, whole: bool) -> CheckItem:
    """`whole`: whether the caller may see what is known of people."""
    line = checked.line
    text = line.text if whole or line.name != SAMPLE_CHECK else "shown to those who may read users"
    return CheckItem(server=checked.server, name=line.name, status=line.status, text=text, advice=line.advice)
