"""Which directories there are: those of the configuration, and those that it no longer has but that brought something."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from syncd.errors import UsageError


class Names(Protocol):
    """What the store knows."""

    def directories(self) -> tuple[str, ...]:
        """Names of all directories that ever brought something. Raises StoreError."""


def require_directory(name: str | None, *, configured: Collection[str], store: Names) -> None:
    """A name that is mistyped must not look like a directory of which there is nothing. Raises UsageError, StoreError."""
    if name is None or name in configured:
        return
    known = {*configured, *store.directories()}
    if name not in known:
        raise UsageError(f"no directory is called {name!r}; known: {', '.join(sorted(known)) or 'none'}")
