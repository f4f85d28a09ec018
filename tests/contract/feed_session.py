"""What the tests of the feeds on one connection share: the connection, and the ids that a feed names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from syncd.directory.session import LdapSession
from syncd.model.feed import Changes
from tests.contract.directories import directory
from tests.contract.feed_life import FeedLife


@contextlib.contextmanager
def session(life: FeedLife, **changes: Any) -> Iterator[LdapSession]:
    """A connection as the reader, or as `changes` of the settings say."""
    with contextlib.closing(directory(life.server, **changes).connect()) as connected:  # type: ignore[arg-type]
        yield connected


def named(changes: Changes) -> set[str]:
    """All ids, whatever searches they are named for."""
    return {entry_id for ids in changes.touched.values() for entry_id in ids}
