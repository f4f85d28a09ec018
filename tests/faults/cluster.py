"""Several daemons on one database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults import rig
from tests.functional.daemon_process import Daemon, daemon
from tests.servers.slapd import Slapd

DAEMONS = 3


def start(stack: ExitStack, folder: Path, slapd: Slapd, store: str, *, url: str = "", schedule: str = "") -> Daemon:
    """A daemon that runs."""
    folder.mkdir()
    config = rig.write_config(folder / "syncd.toml", slapd, store, url=url, schedule=schedule)
    running = stack.enter_context(daemon(["-m", "syncd", "-c", str(config), "run"], folder=folder))
    running.until_logged("syncd is running")
    return running


@contextmanager
def daemons(folder: Path, slapd: Slapd, store: str, *, schedule: str = "") -> Iterator[list[Daemon]]:
    """Three of them, whose opening runs are through."""
    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            starting = [
                pool.submit(start, stack, folder / f"daemon{number}", slapd, store, schedule=schedule)
                for number in range(DAEMONS)
            ]
        started = [each.result() for each in starting]
        rig.until(lambda: all(run["finished_at"] for run in rig.runs_of(store)), "the opening runs are through")
        yield started
