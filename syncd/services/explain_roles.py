"""Why somebody has a role: from the group that lists them to the line of the configuration that gives the role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncd.mapping.mapper import PersonMapper
from syncd.mapping.references import GroupSet
from syncd.mapping.roles import RoleMap
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.explanation import RoleExplanation, RolePath
from syncd.model.records import PersonRecord, StoredPerson
from syncd.model.text import fold
from syncd.model.views import MANUAL, PersonView, RoleGrant
from syncd.settings.directory import DirectorySettings, RolesSettings
from syncd.settings.example import toml_value


def role_paths(
    entry: Entry,
    groups: GroupSet,
    *,
    mapper: PersonMapper,
    roles: RolesSettings,
    record: PersonRecord | None,
    stored: StoredPerson | None,
) -> tuple[RolePath, ...]:
    """The role identifiers of an entry, in order, each by the shortest way. `record`: None where it could not be mapped."""
    primary = mapper.primary_group(entry)
    if mapper.uses_references:
        found = groups.paths(references=mapper.references(entry), primary=primary)
    else:
        found = groups.paths(people=dict.fromkeys(_keys(entry, groups, record, stored), ""), primary=primary)
    named = ((groups.records[key].identifier, path) for key, path in found.items())
    return tuple(RolePath(identifier=name, path=path, lines=lines_for(name, roles)) for name, path in sorted(named))


def _keys(entry: Entry, groups: GroupSet, record: PersonRecord | None, stored: StoredPerson | None) -> Iterable[str]:
    """What groups may call the person; of one that cannot be used it is the DN of now, or the login name of the store."""
    if groups.by_name:
        person = record or stored
        return [person.member_key] if person is not None and person.member_key is not None else []
    try:
        return [normalize(entry.dn)]
    except InvalidDN:
        return []


def lines_for(identifier: str, roles: RolesSettings) -> tuple[str, ...]:
    """The lines of roles.map that a role identifier matches, as the site wrote them."""
    lines = ((text, given) for text, given in roles.map.items() if RoleMap({text: given}).roles_of(identifier))
    return tuple(f"roles.map: {toml_value(text)} = {toml_value(given)}" for text, given in lines)


def role_reasons(person: PersonView, directories: Mapping[str, DirectorySettings]) -> tuple[RoleExplanation, ...]:
    """Each role the store has of somebody, with who gives it and by which line."""
    return tuple(
        RoleExplanation(role=grant.name, reasons=tuple(_reasons(grant, person, directories))) for grant in person.roles
    )


def _reasons(grant: RoleGrant, person: PersonView, directories: Mapping[str, DirectorySettings]) -> Iterable[str]:
    for source in grant.sources:
        if source == MANUAL:
            yield "manual: an administrator gave it"
        elif source not in directories:
            yield f"{source}: a directory that is not configured any more"
        else:
            yield f"{source}: {_line(grant.name, source, person, directories[source].roles)}"


def _line(role: str, directory: str, person: PersonView, roles: RolesSettings) -> str:
    identifiers = [text for one in person.directories if one.name == directory for text in one.role_identifiers]
    found = [
        f"roles.map: {toml_value(text)} = {toml_value(given)}, for role identifier {identifier}"
        for text, given in roles.map.items()
        if fold(role) in map(fold, given)
        for identifier in identifiers
        if RoleMap({text: given}).roles_of(identifier)
    ]
    if fold(role) in map(fold, roles.default):
        found.append(f"roles.default = {toml_value(roles.default)}")
    return "; ".join(found) or "no line of the configuration gives it now"
