"""Linking and unlinking people by hand: what no rule can know.

Both go under the directory's lease, as a run does: an entry must not move between users while a run of its directory works with
the plan that it made before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from syncd.clock import Clock
from syncd.errors import NotFoundError, UsageError
from syncd.services.ports_runs import Lease
from syncd.services.ports_store import LinkStore, Relinked
from syncd.services.reasons import reason_text


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkService:
    """The use cases of linking by call."""

    directories: Collection[str]
    links: LinkStore
    lease: Lease
    clock: Clock

    def link(
        self, user_id: int, *, directory: str, dn: str | None = None, entry_id: str | None = None, actor: str, reason: str
    ) -> Relinked:
        """Make an entry that the store has, of another user, one of this user. A manual user is the directories' from then on.

        Raises SyncdError: usage, not_found, lease_held.
        """
        if (dn is None) == (entry_id is None):
            raise UsageError("say which entry: by its DN or by its id")
        text = self._reason(directory, reason)
        with self.lease.hold(directory) as epoch:
            return self.links.link(
                user_id,
                directory=directory,
                entry=dn if dn is not None else entry_id or "",
                is_dn=dn is not None,
                actor=actor,
                reason=text,
                at=self.clock.now(),
                epoch=epoch,
            )

    def unlink(self, user_id: int, *, directory: str, actor: str, reason: str) -> Relinked:
        """Make the user's entry of this directory a user of its own, whose fields the directory's next run fills in.

        Raises SyncdError: usage, not_found, lease_held.
        """
        text = self._reason(directory, reason)
        with self.lease.hold(directory) as epoch:
            return self.links.unlink(user_id, directory=directory, actor=actor, reason=text, at=self.clock.now(), epoch=epoch)

    def _reason(self, directory: str, reason: str) -> str:
        if directory not in self.directories:
            raise NotFoundError(f"no directory is called {directory!r}; configured: {', '.join(sorted(self.directories))}")
        return reason_text(reason)
