"""Fixtures: a slapd for the whole session, and a factory for servers of one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.slapd import Slapd
from tests.servers.tls import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that issues the certificates of the session's servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Slapd]:
    """A server shared by the tests of a session: with TLS, memberof, 50 people below ou=people. Only read from it."""
    with Slapd(tmp_path_factory.mktemp("slapd"), tls=authority, overlays=("memberof",)) as server:
        server.add_people(50, parent=server.add_ou("people"))
        yield server


@pytest.fixture
def make_slapd(tmp_path: Path) -> Iterator[Callable[..., Slapd]]:
    """Makes servers that live as long as the test: make_slapd(limits="size.prtotal=20"), see `Slapd`. They are started."""
    with ExitStack() as servers:
        count = 0

        def make(**options: object) -> Slapd:
            nonlocal count
            count += 1
            return servers.enter_context(Slapd(tmp_path / f"slapd{count}", **options))  # type: ignore[arg-type]

        yield make
