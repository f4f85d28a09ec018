"""Linking and unlinking the entries of many people: each row is what `ActionService` does for one, in its own transaction.

The directory's lease is taken for some rows at a time: less work than for each, and a run that waits for it gets its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from syncd.errors import StoreError, UsageError
from syncd.model.actions import LinkResult, NewLink, Result
from syncd.model.caller import Caller
from syncd.model.dn import InvalidDN, normalize
from syncd.services.actions import ActionService, Links
from syncd.services.ports import Relinked
from syncd.services.rows import in_row, refused

# rows for which the lease is held
HELD_FOR = 25

# a row's user, and what the service that works under the lease is to do
Step = tuple[int, Callable[[ActionService], Relinked]]


class Leases(Protocol):
    """Links under the lease of their directory."""

    def checked(self, directory: str, reason: str) -> str:
        """The reason, for a directory that is configured. Raises NotFoundError, UsageError."""

    def holding(self, directory: str) -> AbstractContextManager[Links]:
        """Take the lease. Raises LeaseHeldError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLinkService:
    """The use cases."""

    actions: ActionService
    leases: Leases

    def link(self, rows: Iterable[NewLink], *, directory: str, caller: Caller, reason: str) -> Iterator[LinkResult]:
        """Give each their entry, one after the other as the iteration goes on; an entry that comes twice is the first one's.

        Raises NotFoundError for the directory, UsageError for the reason, and nothing else.
        """
        text = self.leases.checked(directory, reason)
        link = partial(_link, directory=directory, caller=caller, reason=text)
        steps: list[Step] = []
        seen: set[str] = set()
        for row in rows:
            entry = _entry(row)
            steps.append((row.id, partial(link, row, again=entry in seen)))
            seen.add(entry)
        return self._done(steps, directory=directory, what="link")

    def unlink(self, ids: Iterable[int], *, directory: str, caller: Caller, reason: str) -> Iterator[LinkResult]:
        """Make the entry of each a user of its own; who comes twice counts once. Raises as `link`."""
        text = self.leases.checked(directory, reason)
        unlink = partial(_unlink, directory=directory, caller=caller, reason=text)
        steps: list[Step] = [(user_id, partial(unlink, user_id)) for user_id in dict.fromkeys(ids)]
        return self._done(steps, directory=directory, what="unlink")

    def _done(self, steps: Sequence[Step], *, directory: str, what: str) -> Iterator[LinkResult]:
        for start in range(0, len(steps), HELD_FOR):
            yield from self._held(steps[start : start + HELD_FOR], directory=directory, what=what)

    def _held(self, steps: Sequence[Step], *, directory: str, what: str) -> list[LinkResult]:
        """Those whose turn never came, because a run is at work, are refused for that."""
        done: list[LinkResult] = []
        try:
            with self.leases.holding(directory) as held:
                actions = replace(self.actions, links=held)
                for user_id, do in steps:
                    done.append(in_row(user_id, partial(_row, do, actions), made=LinkResult, what=what))
        except StoreError as error:
            done += [refused(user_id, error, made=LinkResult) for user_id, _ in steps[len(done) :]]
        return done


def _link(row: NewLink, actions: ActionService, *, again: bool, directory: str, caller: Caller, reason: str) -> Relinked:
    if again:
        raise UsageError("this entry is in an earlier row")
    return actions.link(row.id, directory=directory, dn=row.dn, entry_id=row.entry_id, caller=caller, reason=reason)


def _unlink(user_id: int, actions: ActionService, *, directory: str, caller: Caller, reason: str) -> Relinked:
    return actions.unlink(user_id, directory=directory, caller=caller, reason=reason)


def _row(do: Callable[[ActionService], Relinked], actions: ActionService) -> LinkResult:
    done = do(actions)
    return LinkResult(id=done.user_id, result=Result.CHANGED, other_id=done.other_id, other=done.other, dn=done.dn)


def _entry(row: NewLink) -> str:
    """What the entry is known by: the same for each spelling of its DN."""
    if row.dn is None:
        return f"id {row.entry_id}"
    try:
        return f"dn {normalize(row.dn)}"
    except InvalidDN:
        return row.dn
