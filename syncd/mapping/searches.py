"""What to ask a directory for: three searches at most, each with exactly the attributes that are used.

Never `*` or `+`: those bring password hashes, photographs and whatever an ACL lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from syncd.mapping.identity import could_be_id, id_filter
from syncd.mapping.primary import GROUP_ATTRIBUTES
from syncd.mapping.structure import units_base
from syncd.model.attributes import canonical_attribute
from syncd.model.reading import Scope, Search
from syncd.settings.directory import CanarySettings, DirectorySettings

# ids asked for in one search
_BATCH = 200


def people_search(settings: DirectorySettings, attributes: tuple[str, ...]) -> Search:
    """The people; `attributes` as the mapper names them."""
    users = settings.users
    return Search(
        purpose="users",
        base_dn=users.base_dn or settings.base_dn,
        filter=users.filter,
        scope=users.scope,
        attributes=attributes,
    )


def roles_search(settings: DirectorySettings, id_attribute: str, version_attribute: str | None = None) -> Search | None:
    """The groups; None where the directory has no roles."""
    roles = settings.roles
    if not roles.enabled:
        return None
    versioned = (version_attribute,) if version_attribute else ()
    sids = GROUP_ATTRIBUTES if roles.primary_group else ()
    return Search(
        purpose="roles",
        base_dn=roles.base_dn or settings.base_dn,
        filter=roles.filter,
        scope=roles.scope,
        attributes=unique_attributes((id_attribute, *versioned, roles.id_attribute, *roles.member_attributes, *sids)),
    )


def structure_search(settings: DirectorySettings, id_attribute: str) -> Search | None:
    """The organizational units; None where neither organizations nor units come from them."""
    organization = settings.organization
    if settings.units.from_ != "ou" and (isinstance(organization, str) or organization.from_ != "ou"):
        return None
    return Search(
        purpose="units",
        base_dn=units_base(settings),
        filter=settings.units.filter,
        scope=Scope.SUB,
        attributes=unique_attributes((id_attribute, "ou")),
    )


def among_ids(search: Search, id_attribute: str, entry_ids: Iterable[str]) -> Search:
    """The same search for these entries alone: who is in its answer belongs to the search's, whatever a page has shown."""
    return replace(search, filter=f"(&{search.filter}{id_filter(id_attribute, entry_ids)})")


def in_batches_by_id(search: Search, id_attribute: str, entry_ids: Iterable[str]) -> Iterator[Search]:
    """`among_ids` for any number of ids, in several searches; without those that cannot be ids at all."""
    ids = [text for text in entry_ids if could_be_id(id_attribute, text)]
    for start in range(0, len(ids), _BATCH):
        yield among_ids(search, id_attribute, ids[start : start + _BATCH])


def base_search(search: Search) -> Search:
    """Whether the base of a search is there and may be read."""
    return Search(
        purpose=f"the base of {search.purpose}",
        base_dn=search.base_dn,
        filter="(objectClass=*)",
        scope=Scope.BASE,
        attributes=("1.1",),
    )


def canary_search(canary: CanarySettings) -> Search:
    """Whether a canary is there and may be read."""
    return Search(
        purpose="a canary",
        base_dn=canary.dn,
        filter="(objectClass=*)",
        scope=Scope.BASE,
        attributes=(canary.attribute or "1.1",),
    )


def unique_attributes(names: Iterable[str]) -> tuple[str, ...]:
    """Each attribute once, by the first spelling."""
    spelling: dict[str, str] = {}
    for name in names:
        spelling.setdefault(canonical_attribute(name), name)
    return tuple(spelling.values())
