"""Checks of directories as they go over the wire."""

from __future__ import annotations

from syncd.http.schemas import Resource, Strict
from syncd.model.checks import CheckStatus


# ---------------------------------------------------------------- in
class CheckRequest(Strict):
    """Nothing: what is checked is what is configured, so that the stored password goes to no other host."""


# ---------------------------------------------------------------- out
class CheckItem(Resource):
    """One thing that was looked at."""

    server: str
    """URL of the server; empty for what concerns the directory as a whole."""
    name: str
    status: CheckStatus
    text: str
    """What was found, in one sentence."""
    advice: str
    """What to do about it; empty where there is nothing to do."""


class CheckResource(Resource):
    """What a check of a directory found."""

    directory: str
    passed: bool
    """Whether nothing failed, and the check came to its end."""
    finished: bool
    """Whether the check came to its end in time."""
    items: list[CheckItem]
    """In the order in which it was looked at."""
