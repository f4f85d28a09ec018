"""Which group has which role identifier, so that no two have the same.

A role identifier is what a site writes into its role mapping, so two groups of one name (in two branches, say) would give the
roles of one to the people of the other. Only one of them gets it. Who had it before keeps it, so that nobody takes over a role
by making a group; among new ones the lowest entry id wins. The others become issues, and those the store knows keep the
identifier it has for them, as an entry that cannot be used keeps its stored state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from syncd.mapping.problems import MappingIssue
from syncd.model.records import Issue, RoleIdentifierRecord
from syncd.model.text import fold


class Claim(NamedTuple):
    """A group that wants an identifier."""

    key: str
    dn: str
    # what it is called; or why that cannot be said
    identifier: str | MappingIssue


class Assigned(NamedTuple):
    """Who got what."""

    records: dict[str, RoleIdentifierRecord]
    issues: list[Issue]


def assign(claims: Iterable[Claim], known: Mapping[str, RoleIdentifierRecord]) -> Assigned:
    """`known`: the records the store has, by key."""
    records: dict[str, RoleIdentifierRecord] = {}
    issues: list[Issue] = []
    owners: dict[str, Claim] = {}
    refused: list[Claim] = []
    for claim in sorted(claims, key=lambda claim: (not _keeps(claim, known), claim.key)):
        if isinstance(claim.identifier, MappingIssue):
            issues.append(claim.identifier.as_issue(key=claim.key, dn=claim.dn, subject="role"))
            refused.append(claim)
            continue
        owner = owners.setdefault(fold(claim.identifier), claim)
        if owner is claim:
            records[claim.key] = RoleIdentifierRecord(key=claim.key, identifier=claim.identifier, dn=claim.dn)
        else:
            problem = duplicate_identifier(claim.identifier, owner.dn)
            issues.append(problem.as_issue(key=claim.key, dn=claim.dn, subject="role"))
            refused.append(claim)
    for claim in refused:
        stored = known.get(claim.key)
        if stored is not None and owners.setdefault(fold(stored.identifier), claim) is claim:
            records[claim.key] = stored
    return Assigned(records, issues)


def _keeps(claim: Claim, known: Mapping[str, RoleIdentifierRecord]) -> bool:
    stored = known.get(claim.key)
    if stored is None or isinstance(claim.identifier, MappingIssue):
        return False
    return fold(stored.identifier) == fold(claim.identifier)


def duplicate_identifier(identifier: str, owner_dn: str) -> MappingIssue:
    """What is wrong with a group that wants the identifier of another."""
    return MappingIssue(
        "duplicate_identifier",
        f"the role identifier {identifier!r} is also that of {owner_dn}; it can belong to one group only",
    )
