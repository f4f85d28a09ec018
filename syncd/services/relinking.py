"""Linking and unlinking people by hand: what no rule can know.

Both go under the directory's lease, as a run does: an entry must not move between users while a run of its directory works with
the plan that it made before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.clock import Clock
from syncd.errors import NotFoundError, UsageError
from syncd.model.caller import Caller
from syncd.services.ports_runs import Lease
from syncd.services.ports_store import LinkStore, Relinked
from syncd.services.reasons import reason_text


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLinks:
    """What is done to the entries of one directory by whoever holds its lease, and has checked what is asked."""

    links: LinkStore
    epoch: int
    clock: Clock

    def link(
        self, user_id: int, *, directory: str, dn: str | None = None, entry_id: str | None = None, caller: Caller, reason: str
    ) -> Relinked:
        """As `LinkService.link`."""
        return self.links.link(
            user_id,
            directory=directory,
            entry=dn if dn is not None else entry_id or "",
            is_dn=dn is not None,
            caller=caller,
            reason=reason,
            at=self.clock.now(),
            epoch=self.epoch,
        )

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str) -> Relinked:
        """As `LinkService.unlink`."""
        at = self.clock.now()
        return self.links.unlink(user_id, directory=directory, caller=caller, reason=reason, at=at, epoch=self.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkService:
    """The use cases of linking by call."""

    directories: Collection[str]
    links: LinkStore
    lease: Lease
    clock: Clock

    def link(
        self, user_id: int, *, directory: str, dn: str | None = None, entry_id: str | None = None, caller: Caller, reason: str
    ) -> Relinked:
        """Make an entry that the store has, of another user, one of this user. A manual user is the directories' from then on.

        Raises SyncdError: usage, not_found, lease_held.
        """
        if (dn is None) == (entry_id is None):
            raise UsageError("say which entry: by its DN or by its id")
        text = self.checked(directory, reason)
        with self.holding(directory) as held:
            return held.link(user_id, directory=directory, dn=dn, entry_id=entry_id, caller=caller, reason=text)

    def unlink(self, user_id: int, *, directory: str, caller: Caller, reason: str) -> Relinked:
        """Make the user's entry of this directory a user of its own, whose fields the directory's next run fills in.

        Raises SyncdError: usage, not_found, lease_held.
        """
        text = self.checked(directory, reason)
        with self.holding(directory) as held:
            return held.unlink(user_id, directory=directory, caller=caller, reason=text)

    @contextmanager
    def holding(self, directory: str) -> Iterator[HeldLinks]:
        """Take the directory's lease, for one of these or for several. Raises LeaseHeldError."""
        with self.lease.hold(directory) as epoch:
            yield HeldLinks(links=self.links, epoch=epoch, clock=self.clock)

    def checked(self, directory: str, reason: str) -> str:
        """The reason, for a directory that is configured. Raises NotFoundError, UsageError."""
        if directory not in self.directories:
            raise NotFoundError(f"no directory is called {directory!r}; configured: {', '.join(sorted(self.directories))}")
        return reason_text(reason)
