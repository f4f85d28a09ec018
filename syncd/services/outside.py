"""People whom the site's filter leaves out because the directory has switched them off.

`(!(userAccountControl:1.2.840.113556.1.4.803:=2))` and its like are in many a filter. Who is disabled there leaves the
search, as somebody deleted does; yet they are there, will perhaps be back tomorrow, and an administrator wants to see
"disabled" and not "gone". So known people who are missing from a complete answer are asked for once more, in the same place
but without the filter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from syncd.accounts.gate import shut_out
from syncd.mapping.account import AccountRule
from syncd.mapping.problems import BadValue
from syncd.mapping.searches import in_batches_by_id
from syncd.model.account import AccountState
from syncd.model.entry import Entry
from syncd.model.reading import Search


def outside_filter(
    read: Callable[[Search], Iterable[Sequence[Entry]]],
    search: Search,
    *,
    id_attribute: str,
    missing: Collection[str],
    account: AccountRule,
    now: datetime,
) -> Iterator[list[Entry]]:
    """The entries of people who are kept although the search does not show them, in batches.

    `read`: the entries of a search, raising unless its verdict is complete. `missing`: ids of known people whom the search, by
    a complete verdict, does not have. Whoever does not come back from here is gone. Without account state nobody does.
    """
    if not account.attributes:
        return
    for some in in_batches_by_id(unfiltered(search), id_attribute, sorted(missing)):
        for batch in read(some):
            if kept := [entry for entry in batch if is_kept(entry, account, now=now)]:
                yield kept


def unfiltered(search: Search) -> Search:
    """The same place and attributes, whoever is there."""
    return replace(search, filter="(objectClass=*)")


def is_kept(entry: Entry, account: AccountRule, *, now: datetime) -> bool:
    """Whether somebody the filter leaves out counts as present, with their state: they are switched off, locked or expired.

    So does an entry whose state cannot be read: it becomes an issue, and what the store has of it stays.
    """
    try:
        return shut_out(AccountState.of(account.fields(entry)), now=now)
    except BadValue:
        return True
