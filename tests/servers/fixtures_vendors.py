"""Fixtures: a 389 Directory Server and a Samba AD for the whole session, with a place of its own on it for each test.

A start costs a second, or three, so servers are shared; `make_ds389` makes one for a single test that kills it, say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.ds389 import Ds389
from tests.servers.samba import SambaAd
from tests.servers.tls import Authority

_numbers = itertools.count()


@pytest.fixture(scope="session")
def ds389_server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Ds389]:
    """The server itself, for what is the same in all tests: its rootDSE, its certificate, its limits."""
    with Ds389(tmp_path_factory.mktemp("ds389"), tls=authority) as server:
        yield server


@pytest.fixture(scope="session")
def ds389(ds389_server: Ds389) -> Ds389:
    """The server seen from an OU with 50 people below its ou=people. Only read from it."""
    view = ds389_server.at(ds389_server.add_ou("shared"))
    view.add_people(50, parent=view.add_ou("people"))
    return view


@pytest.fixture
def ds389_ou(ds389_server: Ds389) -> Ds389:
    """The server seen from an empty OU that is the test's own."""
    return ds389_server.at(ds389_server.add_ou(f"test{next(_numbers)}"))


@pytest.fixture
def make_ds389(tmp_path: Path) -> Iterator[Callable[..., Ds389]]:
    """Makes servers that live as long as the test, see `Ds389`. They are started."""
    with ExitStack() as servers:
        count = itertools.count()

        def make(**options: object) -> Ds389:
            return servers.enter_context(Ds389(tmp_path / f"ds389-{next(count)}", **options))  # type: ignore[arg-type]

        yield make


@pytest.fixture(scope="session")
def samba_server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SambaAd]:
    """The server itself, for what is the same in all tests: its rootDSE, its certificate, the domain as a base."""
    with SambaAd(tmp_path_factory.mktemp("samba"), tls=authority) as server:
        yield server


@pytest.fixture(scope="session")
def samba(samba_server: SambaAd) -> SambaAd:
    """The server seen from an OU with 50 people (inetOrgPersons) below its ou=people. Only read from it. Their account names,
    u000000 to u000049, are taken in the whole domain."""
    view = samba_server.at(samba_server.add_ou("shared"))
    view.person_class = "inetOrgPerson"
    view.add_people(50, parent=view.add_ou("people"))
    return view


@pytest.fixture
def samba_ou(samba_server: SambaAd) -> Iterator[SambaAd]:
    """The server seen from an empty OU that is the test's own, and that is deleted with all in it."""
    dn = samba_server.add_ou(f"test{next(_numbers)}")
    yield samba_server.at(dn)
    samba_server.delete_tree(dn)
