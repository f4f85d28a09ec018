"""Those who follow the syncrepl feed in its tests: one asks now and then, one listens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from syncd.errors import DirectoryError
from syncd.model.feed import Changes, FeedKind
from tests.contract.directories import directory
from tests.contract.feed_life import FeedLife
from tests.servers.slapd import Slapd

SYNCPROV = "olcOverlay={1}syncprov,olcDatabase={1}mdb,cn=config"


def with_sync(make_slapd: Callable[..., Slapd], *, log: bool = False, **options: Any) -> Slapd:
    server = make_slapd(overlays=("memberof", "syncprov"), **options)
    if log:
        server.configure(SYNCPROV, {"olcSpSessionlog": "1000"})
    return server


class Follower:
    """Asks the feed again and again, as a sync does."""

    def __init__(self, life: FeedLife, **settings: Any) -> None:
        self.life = life
        self._settings = settings
        self.session = self.connect()
        self.cursor = self.session.position(FeedKind.SYNCREPL, life.searches)
        self._known = self._all()

    def connect(self) -> Any:
        server: Any = self.life.server
        return directory(server, bind_dn=server.reader_dn, **self._settings).connect()

    def ask(self) -> Changes:
        changes: Changes = self.session.changes(self.cursor, self.life.searches)
        return changes

    def named(self) -> dict[str, set[str]]:
        """For each search, what the feed gives reason to look at."""
        return self.follow(self.ask())

    def follow(self, changes: Changes) -> dict[str, set[str]]:
        named = {purpose: set(changes.touched.get(purpose, ())) | set(changes.touched.get("", ())) for purpose in self._known}
        for purpose, present in changes.present.items():
            named[purpose] |= self._known[purpose] ^ set(present)
        if changes.cursor is not None:
            self.cursor = changes.cursor
        self._known = self._all()
        return named

    def _all(self) -> dict[str, set[str]]:
        return {search.purpose: self.life.ids(search.purpose) for search in self.life.searches}


class Watcher:
    """Watches in a thread of its own; what it hears is in `heard`, and at the end the error it ended with."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.heard: queue.Queue[Changes | DirectoryError] = queue.Queue()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        # whatever happens from here on comes as it happens
        follower.life.modify(first := follower.life.add())
        self.wait_for("users", follower.life.entry_id(first))

    def _watch(self) -> None:
        try:
            for changes in self.follower.session.watch(self.follower.cursor, self.follower.life.searches):
                self.heard.put(changes)
        except DirectoryError as error:
            self.heard.put(error)

    def wait_for(self, purpose: str, entry_id: str, *, seconds: float = 30) -> None:
        """Wait until this id is named. Raises queue.Empty when nothing comes for so long."""
        while True:
            changes = self.heard.get(timeout=seconds)
            assert isinstance(changes, Changes), changes
            if entry_id in self.follower.follow(changes)[purpose]:
                break

    def listen(self, *, seconds: float) -> Changes | DirectoryError | None:
        """The next that is heard, None when nothing is for so long."""
        try:
            return self.heard.get(timeout=seconds)
        except queue.Empty:
            return None

    def end(self) -> DirectoryError:
        """The error it ends with."""
        while isinstance(error := self.heard.get(timeout=30), Changes):
            pass
        self._thread.join(30)
        assert not self._thread.is_alive()
        return error

    def close(self) -> None:
        self.follower.session.close()
        self._thread.join(30)
