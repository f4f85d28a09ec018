"""Role identifiers from nothing but names in memberOf, for a bind account that may not read the groups.

The identifier is the value of the name's first RDN, and its folded form is its key, since there is no entry id to be had. Of
two groups with one identifier in different branches only one counts: the one the store knows under it, else the first by DN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from syncd.mapping.identifiers import Assigned, duplicate_identifier
from syncd.mapping.nesting import Holdings, Memberships
from syncd.mapping.problems import MappingIssue
from syncd.model.dn import InvalidDN, normalize, rdn_value
from syncd.model.records import RoleIdentifierRecord
from syncd.model.text import fold


class _Name(NamedTuple):
    dn_key: str
    # the first spelling in sorted order
    dn: str
    identifier: str


def resolve_names(
    references: Mapping[str, Sequence[str]], known: Mapping[str, RoleIdentifierRecord]
) -> tuple[Memberships, Assigned]:
    """Memberships and role identifiers. `references`: entry id -> DNs of groups; `known`: the store's records, by key."""
    dn_keys = {text: _key(text) for text in {text for texts in references.values() for text in texts}}
    names: dict[str, _Name] = {}
    for text, dn_key in sorted(dn_keys.items()):
        if dn_key and dn_key not in names:
            names[dn_key] = _Name(dn_key, text, rdn_value(text).strip())
    assigned, keys = _assign(names.values(), known)
    people: dict[str, list[str]] = {}
    dangling = 0
    for person, texts in references.items():
        for text in texts:
            key = keys.get(dn_keys[text])
            if key is None:
                dangling += 1
            else:
                people.setdefault(key, []).append(person)
    holdings = Holdings()
    for key, members in people.items():
        holdings.give(members, frozenset((key,)))
    return Memberships(holdings.result(), dangling), assigned


def _assign(names: Iterable[_Name], known: Mapping[str, RoleIdentifierRecord]) -> tuple[Assigned, dict[str, str]]:
    """The records and issues, and DN key -> key of the record it has."""

    def rank(name: _Name) -> tuple[bool, str]:
        stored = known.get(fold(name.identifier))
        return (stored is None or _key(stored.dn or "") != name.dn_key, name.dn_key)

    assigned = Assigned({}, [])
    keys: dict[str, str] = {}
    for name in sorted(names, key=rank):
        key = fold(name.identifier)
        owner = assigned.records.get(key)
        if not key:
            problem = MappingIssue("missing_field", "the group's name holds no role identifier")
        elif owner is not None:
            problem = duplicate_identifier(name.identifier, str(owner.dn))
        else:
            assigned.records[key] = RoleIdentifierRecord(key=key, identifier=name.identifier, dn=name.dn)
            keys[name.dn_key] = key
            continue
        assigned.issues.append(problem.as_issue(key=f"dn:{name.dn}", dn=name.dn, subject="role"))
    return assigned, keys


def _key(text: str) -> str:
    """The DN's key, "" for what is no DN."""
    try:
        return normalize(text)
    except InvalidDN:
        return ""
