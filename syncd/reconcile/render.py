"""A plan as rows that people look at before they approve it: each change with its old value, its new value, and what made it.

What made it is a line of the configuration, as the site wrote it, or a fact of the directory: whoever looks at 300 blanked
phone numbers wants to see `phone = telephoneNumber` beside them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.model.hold import ChangeRow
from syncd.model.plan import Action, Link, PersonChange, Plan, StructureChange
from syncd.model.records import CUSTOM_PREFIX, PERSON_FIELDS, FieldValue, RoleIdentifierRecord
from syncd.model.text import fold
from syncd.settings.directory import DirectorySettings, RolesSettings
from syncd.settings.directory import Rule as FieldRule
from syncd.settings.example import toml_value

_NOT_MANAGED = "the configuration has no rule for it"
_UNNAMED = "no person names it any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the configuration says of each kind of change, in its own words."""

    # field of PersonRecord.fields -> its rule
    fields: Mapping[str, str]
    # folded name of a role -> the lines that give it
    roles: Mapping[str, str]
    organizations: str
    units: str
    role_identifiers: str
    members: str
    # how somebody, an organization, a unit, a role identifier was looked for and not found
    no_person: str
    no_organization: str
    no_unit: str
    no_role_identifier: str


def rules_of(settings: DirectorySettings) -> Rules:
    """The rules of one directory."""
    users, roles, units, organization = settings.users, settings.roles, settings.units, settings.organization
    attributes = {_record_field(name): f"{name} = {_rule_text(rule)}" for name, rule in users.attributes.items()}
    from_units = f"units.from = {toml_value(units.from_)}"
    base = users.base_dn or settings.base_dn
    no_such_ou = _not_found(units.base_dn or base, units.filter)
    if isinstance(organization, str):
        no_organization = from_organization = f"organization = {toml_value(organization)}"
    else:
        from_organization = f"organization.from = {toml_value(organization.from_)}"
        no_organization = no_such_ou if organization.from_ == "ou" else _UNNAMED
    link = f"link.attribute = {toml_value(settings.link.attribute)}" if settings.link is not None else "linked"
    return Rules(
        fields={
            **attributes,
            "dn": "the entry's name (DN)",
            "unit": from_units,
            "organization": from_organization,
            "link": link,
        },
        roles=_role_lines(roles),
        organizations=from_organization,
        units=from_units,
        role_identifiers=f"roles.id_attribute = {toml_value(roles.id_attribute)}",
        members=f"roles.member_attribute = {toml_value(roles.member_attribute)}",
        no_person=f"{_not_found(base, users.filter)}, and not found by its id",
        no_organization=no_organization,
        no_unit=no_such_ou if units.from_ == "ou" else _UNNAMED,
        no_role_identifier=_not_found(roles.base_dn or settings.base_dn, roles.filter),
    )


def rows(plan: Plan, rules: Rules) -> Iterator[ChangeRow]:
    """Every change: one row for each field of a person, one for everything else."""
    structure: tuple[tuple[str, Iterable[StructureChange[Any]], str, str], ...] = (
        ("organization", plan.organizations, rules.organizations, rules.no_organization),
        ("unit", plan.units, rules.units, rules.no_unit),
        ("role_identifier", plan.role_identifiers, rules.role_identifiers, rules.no_role_identifier),
    )
    for kind, changes, rule, absent in structure:
        for change in changes:
            yield from _structure_rows(kind, change, absent if change.action is Action.REMOVE else rule)
    for role in plan.roles_created:
        yield ChangeRow("role", Action.CREATE.value, None, role, None, None, role, rules.roles.get(fold(role), _NOT_MANAGED))
    for release in plan.releases:
        why = f"gone from the directory, where somebody else has this {release.field} now"
        yield ChangeRow("name", Action.REMOVE.value, release.entry_id, None, release.field, release.key or None, None, why)
    for person in plan.people:
        yield from _person_rows(person, rules)
    yield from _link_rows(plan, rules)
    for issue in plan.issues_opened:
        yield ChangeRow("issue", "open", issue.key, issue.dn, None, None, issue.message, issue.code)
    for key in plan.issues_closed:
        yield ChangeRow("issue", "close", key, None, None, None, None, "no longer found, or found with other words")


# ---------------------------------------------------------------- rows
def _structure_rows(kind: str, change: StructureChange[Any], rule: str) -> Iterator[ChangeRow]:
    before, after = change.before, change.after
    name = _label(after if after is not None else before)
    if before is None or after is None:
        old, new = None if before is None else name, None if after is None else name
        yield ChangeRow(kind, change.action.value, change.key, name, None, old, new, rule)
        return
    for field in dataclasses.fields(after):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old != new:
            yield ChangeRow(kind, change.action.value, change.key, name, field.name, old, new, rule)


def _label(record: Any) -> str:
    return str(record.identifier if isinstance(record, RoleIdentifierRecord) else record.name)


def _person_rows(change: PersonChange, rules: Rules) -> Iterator[ChangeRow]:
    action = change.action.value
    person = change.after or change.before
    name = person.dn if person is not None else None

    def row(field: str | None, old: FieldValue, new: FieldValue, rule: str) -> ChangeRow:
        return ChangeRow("person", action, change.entry_id, name, field, _shown(old), _shown(new), rule)

    if change.action is Action.DISABLE:
        yield row(None, None, None, rules.no_person)
        return
    if change.action is Action.RETURN:
        yield row(None, None, None, "in the directory again")
    elif change.action is Action.LINK and change.before is not None:
        yield row(None, None, change.before.user_id, f"{rules.fields.get('link', 'linked')}: the same person as this user")
    elif not change.fields:
        yield row(None, None, None, "the entry is another, but nothing of it that is kept")
    for field, (old, new) in change.fields.items():
        yield row(field, old, new, rules.fields.get(field, _NOT_MANAGED))


def _link_rows(plan: Plan, rules: Rules) -> Iterator[ChangeRow]:
    names = {key: identifier for key, (identifier, _) in plan.members_before.items()}
    for change in plan.role_identifiers:
        names[change.key] = _label(change.after or change.before)

    def identifier(key: str) -> str:
        return names.get(key, key)

    def given(role: str) -> str:
        return rules.roles.get(fold(role), _NOT_MANAGED)

    def lost(role: str) -> str:
        lines = rules.roles.get(fold(role))
        return f"no longer by {lines}" if lines else "no line of roles.map gives it"

    gone = f"no longer by {rules.members}"
    yield from _links("membership", "add", plan.memberships_added, identifier, lambda key: rules.members)
    yield from _links("membership", "remove", plan.memberships_removed, identifier, lambda key: gone)
    yield from _links("grant", "add", plan.grants_added, str, given)
    yield from _links("grant", "remove", plan.grants_removed, str, lost)


def _links(
    kind: str, action: str, links: Iterable[Link], name_of: Callable[[str], str], rule_of: Callable[[str], str]
) -> Iterator[ChangeRow]:
    for link in links:
        name = name_of(link.target)
        old, new = (None, name) if action == "add" else (name, None)
        yield ChangeRow(kind, action, link.entry_id, name, None, old, new, rule_of(link.target))


def _shown(value: FieldValue) -> FieldValue:
    """A field's value; of a photograph only its size and hash."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:16]}"
    return value


# ---------------------------------------------------------------- the configuration in words
def _record_field(name: str) -> str:
    return name if name in PERSON_FIELDS else CUSTOM_PREFIX + name


def _rule_text(rule: FieldRule) -> str:
    """A plain attribute or template as it is; what is more as TOML."""
    if isinstance(rule, str):
        return rule
    return toml_value(rule if isinstance(rule, list) else rule.model_dump(exclude_defaults=True))


def _role_lines(roles: RolesSettings) -> dict[str, str]:
    lines: dict[str, list[str]] = {}
    for identifier, given in roles.map.items():
        for role in dict.fromkeys(map(fold, given)):
            lines.setdefault(role, []).append(f"roles.map: {toml_value(identifier)} = {toml_value(given)}")
    for role in dict.fromkeys(map(fold, roles.default)):
        lines.setdefault(role, []).append(f"roles.default = {toml_value(roles.default)}")
    return {role: "; ".join(texts) for role, texts in lines.items()}


def _not_found(base: str, search_filter: str) -> str:
    return f"not in the directory: complete read of {base} with {search_filter}"
