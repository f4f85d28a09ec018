"""R14, R15: three daemons on one database and a hundred triggers at once: one run at a time, and every trigger gets its run.

Three processes `syncd run` over a real slapd, on one PostgreSQL and on one SQLite file.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from syncd.model.run import Mode, Trigger
from syncd.store import schema as t
from syncd.store.engine import read
from syncd.store.runs import SqlRunStore
from tests.faults import rig
from tests.faults.cluster import DAEMONS, daemons
from tests.functional.daemon_process import TOKEN
from tests.servers.slapd import Slapd

# a POST to each daemon in turn, and requests as the command line makes them
POSTS, REQUESTS = 60, 40


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("onerun") / "slapd", stats=False) as slapd:
        rig.fill(slapd)
        yield slapd


def test_a_hundred_triggers_at_once(slapd: Slapd, store_url: str, tmp_path: Path) -> None:
    with daemons(tmp_path, slapd, store_url) as started, Sampler(store_url) as sampler:
        before = rig.runs_of(store_url)[-1]["id"]
        with ThreadPoolExecutor(REQUESTS + 1) as pool:
            posting = pool.submit(asyncio.run, post_all([each.url for each in started], at_once=POSTS))
            asking = pool.submit(request_all, store_url, pool)
            answers, asked = posting.result(), asking.result()
        single = asyncio.run(post_all([each.url for each in started], at_once=1))
        handed_out = {answer.run["id"] for answer in (*answers, *single)} | set(asked)
        rig.until(lambda: all(run["finished_at"] for run in rig.runs_of(store_url)), "nothing is queued or running")
        shown = {number: started[number % DAEMONS].get(f"/api/v1/runs/{number}", token=True)[1] for number in handed_out}

    assert {answer.status for answer in (*answers, *single)} == {202}
    runs = rig.runs_of(store_url)
    print(
        f"{store_url.partition(':')[0]}: {POSTS} POSTs at once took {times(answers)}, as many one by one {times(single)};",
        end=" ",
    )
    print(f"with {REQUESTS} requests they made {len(runs) - before} runs; {sampler.samples} looks saw {dict(sampler.most)}")
    assert sampler.samples > 20
    assert max(sampler.most.values()) == 1
    assert one_after_another(runs)
    assert min(handed_out) > before
    assert {run["outcome"] for run in shown.values()} == {"succeeded"}
    assert {run["outcome"] for run in runs} == {"succeeded"}
    # at once they queue up for two cores, on which the daemons, the databases and the test run
    assert statistics.median(answer.seconds for answer in single) < 0.2
    assert sorted(answer.seconds for answer in answers)[int(POSTS * 0.95)] < 2


def one_after_another(runs: list[dict[str, Any]]) -> bool:
    """Whether no run began before the one before it had ended."""
    spans = sorted((run["started_at"], run["finished_at"]) for run in runs)
    return all(one[1] <= two[0] for one, two in itertools.pairwise(spans))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST got, and after how long."""

    status: int
    run: dict[str, Any]
    seconds: float


async def post_all(urls: list[str], *, at_once: int) -> list[Answer]:
    """`POSTS` requests for a run, to each daemon in turn."""
    places = asyncio.Semaphore(at_once)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {TOKEN}"}) as session:

        async def post(number: int) -> Answer:
            async with places:
                began = time.perf_counter()
                async with session.post(f"{urls[number % len(urls)]}/api/v1/directories/corp/sync") as answer:
                    return Answer(answer.status, await answer.json(), time.perf_counter() - began)

        return await asyncio.gather(*map(post, range(POSTS)))


def times(answers: list[Answer]) -> str:
    seconds = sorted(answer.seconds for answer in answers)
    return f"{statistics.median(seconds) * 1000:.0f} ms (p95 {seconds[int(len(seconds) * 0.95)] * 1000:.0f} ms)"


def request_all(store_url: str, pool: ThreadPoolExecutor) -> list[int]:
    """The runs that as many threads got, each at its first try."""
    with rig.opened(store_url) as engine:
        runs = SqlRunStore(engine)

        def ask(_: int) -> int:
            run, _ = runs.request("corp", mode=Mode.CHANGES, trigger=Trigger.CLI, at=datetime.now(UTC))
            return run.id

        return list(pool.map(ask, range(REQUESTS)))


class Sampler:
    """Looks at the runs all the time."""

    def __init__(self, store_url: str) -> None:
        self._url = store_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.samples = 0
        # the most that were seen at one moment
        self.most: Counter[str] = Counter()

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        alive = select(t.runs.c.outcome, func.count()).where(t.runs.c.outcome.in_(["queued", "running"]))
        with rig.opened(self._url) as engine:
            while not self._stop.wait(0.002):
                with read(engine) as connection:
                    found = {row[0]: row[1] for row in connection.execute(alive.group_by(t.runs.c.outcome))}
                self.samples += 1
                for outcome, count in found.items():
                    self.most[outcome] = max(self.most[outcome], count)
