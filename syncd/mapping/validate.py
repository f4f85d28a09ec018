"""What is wrong with a mapping, told before the first connection.

All mistakes at once, each as a sentence that begins with the setting and, where a name is misspelt, ends with the nearest
right one. The configuration loader puts the directory's name before each.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from syncd.mapping.emails import EmailRule, FurtherEmailsRule
from syncd.mapping.roles import line_pattern
from syncd.mapping.rules import CONVERTERS, UnknownConverter, compile_rule, field_kinds
from syncd.mapping.sources import AttributeSource, RuleError, preferred_pattern
from syncd.model.dn import InvalidDN, normalize
from syncd.model.records import PERSON_FIELDS
from syncd.settings.directory import DirectorySettings, Rule, RuleTable


def validate_mapping(settings: DirectorySettings, custom_fields: Mapping[str, str]) -> list[str]:
    """One sentence for each mistake; empty for a mapping that can be used."""
    problems = [f"custom_fields.{name}: the store has a field of its own called {name!r}"
                for name in custom_fields if name in PERSON_FIELDS]  # fmt: skip
    for check in (_fields, _required, _structure, _roles, _names):
        problems += check(settings, field_kinds(custom_fields))
    return problems


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean "x"?` for the most similar name, "" when none is similar."""
    found = difflib.get_close_matches(name.lower(), list(names), n=1)
    return f'; did you mean "{found[0]}"?' if found else ""


def _fields(settings: DirectorySettings, kinds: Mapping[str, str]) -> Iterator[str]:
    for name, rule in settings.users.attributes.items():
        where = f"users.attributes.{name}"
        if name not in kinds:
            yield f'{where}: there is no field "{name}"{nearest(name, kinds)}'
        else:
            yield from _rule(where, partial(_compile, name, rule, kinds))
            if kinds[name] in ("list", "emails") and isinstance(rule, RuleTable) and rule.prefer is not None:
                yield f"{where}: takes all values, so `prefer` has nothing to choose"


def _compile(name: str, rule: Rule, kinds: Mapping[str, str]) -> None:
    if name == "email":
        EmailRule(rule)
    elif name == "emails":
        FurtherEmailsRule(rule)
    else:
        compile_rule(rule, kinds[name])


def _required(settings: DirectorySettings, kinds: Mapping[str, str]) -> Iterator[str]:
    mapped = settings.users.attributes
    if "username" not in mapped:
        yield "users.attributes: username is not mapped; nobody can be stored without one"
    for name in dict.fromkeys(settings.users.required):
        if name not in kinds:
            yield f'users.required: there is no field "{name}"{nearest(name, kinds)}'
        elif name not in mapped and name != "username":
            yield f"users.required: {name} is not in users.attributes; map it there or leave it out here"
    if "username" in mapped and "username" not in settings.users.required:
        yield "users.required: username must be in it; nobody can be stored without one"


def _structure(settings: DirectorySettings, kinds: Mapping[str, str]) -> Iterator[str]:
    organization = settings.organization
    if isinstance(organization, str):
        if not organization.strip():
            yield "organization: must not be blank"
    else:
        yield from _origin("organization.from", organization.from_, ("ou",))
        yield from _rule("organization.prefer", partial(preferred_pattern, organization.prefer))
        if not organization.default.strip():
            yield "organization.default: must not be blank"
    yield from _origin("units.from", settings.units.from_, ("ou", "none"))
    yield from _rule("units.prefer", partial(preferred_pattern, settings.units.prefer))
    if not settings.units.default.strip("/ \t"):
        yield "units.default: must not be blank"


def _origin(where: str, text: str, words: tuple[str, ...]) -> Iterator[str]:
    if text.startswith("attribute:"):
        yield from _rule(where, partial(AttributeSource, text.partition(":")[2]))
    elif text not in words:
        allowed = ", ".join(f'"{word}"' for word in words)
        yield f'{where}: must be {allowed} or "attribute:NAME", not {text!r}{nearest(text, words)}'


def _roles(settings: DirectorySettings, kinds: Mapping[str, str]) -> Iterator[str]:
    roles = settings.roles
    for name in ("id_attribute", "member_name_attribute"):
        yield from _rule(f"roles.{name}", partial(AttributeSource, getattr(roles, name)))
    for identifier, given in roles.map.items():
        where = f'roles.map."{identifier}"'
        yield from _rule(where, partial(line_pattern, identifier))
        if not identifier.strip():
            yield f"{where}: a role identifier must not be blank"
        if any(not role.strip() for role in given):
            yield f"{where}: a role's name must not be blank"
    if any(not role.strip() for role in roles.default):
        yield "roles.default: a role's name must not be blank"


def _names(settings: DirectorySettings, kinds: Mapping[str, str]) -> Iterator[str]:
    names = {
        "base_dn": settings.base_dn,
        "users.base_dn": settings.users.base_dn,
        "roles.base_dn": settings.roles.base_dn,
        "units.base_dn": settings.units.base_dn,
    }
    for where, dn in names.items():
        try:
            normalize(dn or "")
        except InvalidDN as error:
            yield f"{where}: {dn!r} is no distinguished name ({error})"
    if settings.entry_id_attribute is not None:
        yield from _rule("entry_id_attribute", partial(AttributeSource, settings.entry_id_attribute))
    if settings.link is not None:
        yield from _rule("link.attribute", partial(AttributeSource, settings.link.attribute))


def _rule(where: str, compile_it: Callable[[], object]) -> Iterator[str]:
    try:
        compile_it()
    except UnknownConverter as error:
        yield f"{where}: {error}{nearest(error.name, CONVERTERS)}"
    except RuleError as error:
        yield f"{where}: {error}"
