"""Whom a filter means, for what is done to all of them: the same people as the list with that filter shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.model.views import UserOrder, UserSort
from syncd.services.userlists import UserListService

# people of one page
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFinder:
    """`Finder` of services.actions."""

    lists: UserListService

    def found(self, text: str, *, limit: int) -> Mapping[int, str]:
        """In the order in which they were made. Raises FilterError."""
        wanted = self.lists.wanted(filter=text)
        order, after = UserOrder(UserSort.CREATED), None
        people: dict[int, str] = {}
        while len(people) < limit:
            page = self.lists.list(wanted, order=order, limit=min(_PAGE, limit - len(people)), after=after)
            people.update((person.id, person.username or "") for person in page.items)
            after = page.next
            if after is None:
                break
        return people
