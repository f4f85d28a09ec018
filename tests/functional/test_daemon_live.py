"""`syncd run` beside a directory that tells of changes as they happen: they are in the store at once, also after cuts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.migrate import upgrade
from tests.functional.daemon_process import TOKEN, Daemon, daemon
from tests.servers.slapd import Slapd

PATIENCE = 60.0


class Site:
    """A slapd with syncprov, a store, and a daemon whose schedule is far away."""

    def __init__(self, folder: Path, slapd: Slapd, stack: ExitStack) -> None:
        self.slapd, self.people, self.database = slapd, slapd.add_ou("people"), folder / "syncd.db"
        slapd.add_people(20, parent=self.people)
        engine = open_engine(StoreSettings(url=f"sqlite:///{self.database}"))
        upgrade(engine)
        engine.dispose()
        config = folder / "syncd.toml"
        config.write_text(
            f'[store]\nurl = "sqlite:///{self.database}"\n'
            f'[http]\nlisten = "127.0.0.1:0"\noperator_token = "{TOKEN}"\n[log]\nformat = "json"\n'
            f'[directories.corp]\nurls = ["{slapd.url}"]\nbase_dn = "{slapd.base_dn}"\n'
            f'bind_dn = "{slapd.reader_dn}"\nbind_password = "{slapd.reader_password}"\n'
            '[directories.corp.schedule]\nchanges = "every 1h"\nsweep = "never"\nfull = "never"\njitter = 0\n'
        )
        config.chmod(0o600)
        self.daemon: Daemon = stack.enter_context(daemon(["-m", "syncd", "--config", str(config), "run"], folder=folder))

    def last_name(self, username: str) -> str | None:
        with closing(sqlite3.connect(self.database)) as connection:
            row = connection.execute("SELECT last_name FROM users WHERE username_key = ?", (username,)).fetchone()
        return row[0] if row else None

    def until(self, condition: Callable[[], bool]) -> float:
        """Wait for what the daemon writes into the database; how many seconds that took."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < PATIENCE, self.daemon.entries()
            time.sleep(0.002)
        return time.monotonic() - started


@pytest.fixture
def site(tmp_path: Path, make_slapd: Callable[..., Slapd]) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, make_slapd(overlays=("syncprov",)), stack)


def test_a_change_is_in_the_store_within_a_second(site: Site) -> None:
    site.daemon.until_logged("directory watched")
    seconds = []
    for number in range(5):
        site.slapd.modify(f"uid=u00000{number},{site.people}", {"sn": f"Live{number}"})
        seconds.append(site.until(lambda number=number: site.last_name(f"u00000{number}") == f"Live{number}"))  # type: ignore[misc]
    assert sorted(seconds)[2] < 1, seconds
    site.slapd.add(f"uid=fresh,{site.people}", site.slapd.person("fresh"))
    site.until(lambda: site.last_name("fresh") is not None)
    runs = [entry for entry in site.daemon.entries("run finished") if entry["mode"] == "changes"]
    assert {entry["outcome"] for entry in runs} == {"succeeded"}


def test_what_changed_while_the_server_was_away_comes_when_it_is_back(site: Site) -> None:
    site.daemon.until_logged("directory watched")
    site.slapd.stop()
    site.daemon.until_logged("watch ended")
    site.slapd.start()
    site.slapd.modify(f"uid=u000003,{site.people}", {"sn": "Meanwhile"})
    site.until(lambda: site.last_name("u000003") == "Meanwhile")
    site.daemon.until_logged("directory watched", count=2)
    site.slapd.modify(f"uid=u000004,{site.people}", {"sn": "Afterwards"})
    site.until(lambda: site.last_name("u000004") == "Afterwards")
