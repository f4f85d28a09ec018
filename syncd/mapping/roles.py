"""From what the directory calls a role to the roles of the store.

The mapping is applied to stored role identifiers too, so a changed mapping needs no new read. Identifiers that no line
matches give no role and are kept, so that a line can be written for them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from syncd.mapping.sources import RuleError
from syncd.model.text import fold


class RoleMap:
    """The lines of [roles.map] and the default roles."""

    def __init__(self, lines: Mapping[str, Sequence[str]], default: Sequence[str] = ()) -> None:
        """`lines`: role identifier, or a regular expression between slashes, to roles of the store. Raises RuleError."""
        self._default = frozenset(default)
        self._exact: dict[str, frozenset[str]] = {}
        self._patterns: list[tuple[re.Pattern[str], frozenset[str]]] = []
        for identifier, roles in lines.items():
            pattern = line_pattern(identifier)
            if pattern is not None:
                self._patterns.append((pattern, frozenset(roles)))
            else:
                key = fold(identifier)
                self._exact[key] = self._exact.get(key, frozenset()) | frozenset(roles)
        self._known: dict[str, frozenset[str]] = {}
        self.names = self._default.union(*map(frozenset, lines.values()))
        text = json.dumps([{name: sorted(roles) for name, roles in lines.items()}, sorted(self._default)], sort_keys=True)
        # changes with every change of the mapping, and with no other
        self.digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def roles_for(self, identifiers: frozenset[str]) -> frozenset[str]:
        """The roles of someone with these role identifiers: of every line that matches one, and the default ones."""
        return self._default.union(*map(self.roles_of, identifiers))

    def roles_of(self, identifier: str) -> frozenset[str]:
        """The roles one identifier gives; empty for one that no line matches."""
        roles = self._known.get(identifier)
        if roles is None:
            roles = self._exact.get(fold(identifier), frozenset())
            roles = roles.union(*(given for pattern, given in self._patterns if pattern.fullmatch(identifier)))
            self._known[identifier] = roles
        return roles


def line_pattern(identifier: str) -> re.Pattern[str] | None:
    """The expression of a line between slashes, None for an exact line. Raises RuleError."""
    if len(identifier) < 3 or not (identifier.startswith("/") and identifier.endswith("/")):
        return None
    try:
        return re.compile(identifier[1:-1], re.IGNORECASE)
    except re.error as error:
        raise RuleError(f"{identifier!r} is not a regular expression ({error})") from None
