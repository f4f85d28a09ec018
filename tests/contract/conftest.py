from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.feed_follower import Follower, with_sync
from tests.contract.feed_life import FeedLife
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

_numbers = itertools.count()


@pytest.fixture(params=["slapd", "ds389", "samba"])
def server(request: pytest.FixtureRequest) -> Any:
    """Each server, with 50 people below its ou=people. Only read from it."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def sync_slapds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Slapd]]:
    """One OpenLDAP without a session log and one with it, that offer content synchronization."""
    with ExitStack() as servers:

        def make(**options: Any) -> Slapd:
            return servers.enter_context(Slapd(tmp_path_factory.mktemp("sync"), **options))

        yield {"slapd": with_sync(make), "slapd with a log": with_sync(make, log=True)}


@pytest.fixture(params=["slapd", "slapd with a log", "ds389"])
def sync_life(request: pytest.FixtureRequest, sync_slapds: dict[str, Slapd]) -> FeedLife:
    """A place of the test's own on each server that offers content synchronization, with two people and a group of both."""
    if request.param == "ds389":
        view: Slapd | Ds389 = request.getfixturevalue("ds389_ou")
    else:
        server = sync_slapds[request.param]
        view = server.at(server.add_ou(f"sync{next(_numbers)}"))
    life = FeedLife(view)
    life.add_group([life.add(), life.add()])
    return life


@pytest.fixture
def follower(sync_life: FeedLife) -> Iterator[Follower]:
    follower = Follower(sync_life)
    yield follower
    follower.session.close()
