"""Whether the bind account sees what it should, asked before and after a read.

To a client, hidden and absent are the same: a server answers "success" for a subtree that an ACL hides. What can be known is
that each search base is readable, and that the canaries the site named are where they always are. They are looked at before the
first page and again after the last, since rights may change while a read lasts.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncd.errors import BaseUnreadableError, CanaryMissingError, DirectoryError, IncompleteReadError, NoSuchBaseError
from syncd.mapping.searches import base_search, canary_search
from syncd.model.attributes import canonical_attribute
from syncd.model.reading import Search
from syncd.services.ports_directory import DirectorySession
from syncd.settings.directory import CanarySettings


def require_bases(session: DirectorySession, searches: Iterable[Search]) -> None:
    """Raises IncompleteReadError unless the base of each search is there and may be read."""
    seen: set[str] = set()
    for search in searches:
        if search.base_dn in seen:
            continue
        seen.add(search.base_dn)
        try:
            if session.fetch(base_search(search)):
                continue
        except DirectoryError as error:
            raise incomplete(error) from error
        url = session.server.url
        message = f"{url}: read: the base of {search.purpose}, {search.base_dn!r}, is there but may not be read."
        raise incomplete(BaseUnreadableError(message, server=url, phase="read", base_dn=search.base_dn))


def require_canaries(session: DirectorySession, canaries: Iterable[CanarySettings]) -> None:
    """Raises IncompleteReadError unless every canary is seen."""
    for canary in canaries:
        try:
            found = session.fetch(canary_search(canary))
        except NoSuchBaseError:
            found = ()
        except DirectoryError as error:
            raise incomplete(error) from error
        name = canonical_attribute(canary.attribute) if canary.attribute else None
        if any(name is None or any(key.split(";")[0] == name for key in entry.attributes) for entry in found):
            continue
        url = session.server.url
        what = f"the attribute {canary.attribute!r} of the canary {canary.dn!r}" if found else f"the canary {canary.dn!r}"
        raise incomplete(CanaryMissingError(f"{url}: read: {what} was not seen.", server=url, phase="read", base_dn=canary.dn))


def incomplete(error: DirectoryError) -> IncompleteReadError:
    """The error of a read that was cut off by another one, in its words."""
    found = IncompleteReadError(f"{error.message} Nothing was removed.", advice=error.hint, **error.context)
    found.cause_code = error.code
    return found
