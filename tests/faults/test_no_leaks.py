"""A thousand runs, most of which fail in one way or another, hold no more connections, descriptors and threads than the first
hundred did."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.bootstrap import Runtime, open_runtime
from syncd.model.run import Mode, Trigger
from syncd.settings.root import RootSettings
from tests.faults.proxy import Proxy, answers, cut
from tests.servers.process import refusing_port
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

RUNS, EACH = 1000, 100
# /proc/net/tcp
_TIME_WAIT, _LISTEN = "06", "0A"

EXPECTED = {
    "good": "succeeded",
    "truncated": "size_limit_exceeded",
    "cut": "connection_lost",
    "wrong": "invalid_credentials",
    "refused": "connection_refused",
}


@pytest.fixture
def site(make_slapd: Callable[..., Slapd], sqlite_url: str) -> Iterator[tuple[Runtime, Slapd]]:
    """A directory for each way to end, all of them the same few people."""
    server = make_slapd(stats=False)
    limited = server.add_people(8, parent=server.add_ou("people"))[0]
    server.modify(limited, {"userPassword": "limited-secret"})
    server.configure("olcDatabase={1}mdb,cn=config", {"olcLimits": f'dn.exact="{limited}" size.prtotal=3'})
    with Proxy(server.url) as proxy, refusing_port() as refusing:
        settings = RootSettings.model_validate(
            {
                "store": {"url": sqlite_url},
                "directories": {
                    "good": _directory(server),
                    "truncated": _directory(server, bind_dn=limited, bind_password="limited-secret"),
                    "cut": _directory(server, urls=[proxy.url]),
                    "wrong": _directory(server, bind_dn=limited, bind_password="wrong", urls=[server.url, server.url + "/"]),
                    "refused": _directory(server, urls=[f"ldap://127.0.0.1:{refusing}"]),
                },
            }
        )
        runtime = open_runtime(settings)
        runtime.directories["cut"].connect().close()
        # in the middle of what comes after the rootDSE
        proxy.fault = cut(after=[end for _, end in answers(proxy.streams[0])][-1] + 100)
        yield runtime, server
        runtime.close()


def _directory(server: Slapd, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "urls": [server.url],
        "base_dn": server.base_dn,
        "bind_dn": server.reader_dn,
        "bind_password": server.reader_password,
        "page_size": 3,
        # each directory has the same people: usernames must not clash
        "users": {"attributes": {"username": "{uid}", "last_name": "sn"}, "required": ["username"]},
        "roles": {"enabled": False},
    }
    return values | changes


def test_a_thousand_mixed_runs(site: tuple[Runtime, Slapd]) -> None:
    runtime, server = site
    ends: Counter[tuple[str, str]] = Counter()
    first: tuple[int, int, int] | None = None
    for number in range(RUNS):
        name = list(EXPECTED)[number % len(EXPECTED)]
        runtime.sync.request(name, mode=Mode.FULL, trigger=Trigger.CLI)
        run = runtime.sync.work(name)
        assert run is not None
        ends[name, run.code or run.outcome.value] += 1
        if number % EACH == EACH - 1:
            # nobody but who asks holds a connection now
            _wait_for(lambda: (_connections(server.port),), (0,))
            first = first or _held(server)
            _wait_for(lambda: _held(server), first)
    assert ends == {(name, end): RUNS // len(EXPECTED) for name, end in EXPECTED.items()}


def _held(server: Slapd) -> tuple[int, int, int]:
    """Descriptors of this process, connections of the server, threads of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), _connections(server.port), threading.active_count()


def _connections(port: int) -> int:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] not in (_TIME_WAIT, _LISTEN) for line in lines)


def _wait_for(measured: Callable[[], tuple[int, ...]], most: tuple[int, ...]) -> None:
    """The other end of a connection closes a moment later."""
    deadline = time.monotonic() + 60
    while any(now > then for now, then in zip(measured(), most, strict=True)):
        assert time.monotonic() < deadline, f"held now {measured()}, after the first {EACH} runs {most}"
        time.sleep(0.01)
