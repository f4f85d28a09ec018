"""What the verbs that make and change users share: their options, and names in place of numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.accounts.fields import custom_from_text
from syncd.cli.structure import number_of
from syncd.errors import NotFoundError, UsageError
from syncd.model.records import CUSTOM_PREFIX
from syncd.model.useredit import Place

if TYPE_CHECKING:
    from syncd.bootstrap import Runtime

Who = Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")]
Prefix = Annotated[str | None, typer.Option(help="Before the name.")]
MiddleName = Annotated[str | None, typer.Option(help="Middle name.")]
Suffix = Annotated[str | None, typer.Option(help="Behind the name.")]
DisplayName = Annotated[str | None, typer.Option(help="The whole name as it is shown.")]
Title = Annotated[str | None, typer.Option(help="Job title.")]
Phone = Annotated[str | None, typer.Option(help="Phone number.")]
Birthday = Annotated[str | None, typer.Option(help="1985-12-10; not in the future.", metavar="DATE")]
Further = Annotated[list[str] | None, typer.Option("--further-email", help="An address beside the primary one; several times.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; several times.")]
Custom = Annotated[
    list[str] | None, typer.Option("--custom", help="A custom field; several times. Lists with commas.", metavar="NAME=VALUE")
]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role, by name or number; several times.")]
Access = Annotated[
    list[str] | None,
    typer.Option(
        "--access", help='Access to an organization, "Acme", or to a unit of it, "Acme:Sales/Spain"; several times.',
        metavar="ORG[:UNIT]",
    ),
]  # fmt: skip
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group, by name or number; several times.")]
Owner = Annotated[str | None, typer.Option(help='The unit that owns the record, "Acme:Sales".', metavar="ORG:UNIT")]


def fields_of(runtime: Runtime, *, custom: Sequence[str] | None = None, **values: Any) -> dict[str, Any]:
    """The fields that were given; an empty text takes a value away. Raises UsageError, UnfitValueError."""
    fields = {name: value for name, value in values.items() if value is not None}
    if "birthday" in fields:
        fields["birthday"] = _day(fields["birthday"])
    for item in custom or ():
        name, equals, text = item.partition("=")
        if not equals:
            raise UsageError(f"--custom {item}: write NAME=VALUE")
        fields[CUSTOM_PREFIX + name] = custom_from_text(name, text, custom=runtime.settings.custom_fields)
    return fields


def _day(text: str) -> Any:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise UsageError(f"--birthday {text}: write it as 1985-12-10") from error


def role_ids(runtime: Runtime, names: Collection[str]) -> frozenset[int]:
    """Raises NotFoundError."""
    return frozenset(number_of(name, runtime.management.roles.by_name, "role") for name in names if name)


def group_ids(runtime: Runtime, names: Collection[str]) -> frozenset[int]:
    """Raises NotFoundError."""
    return frozenset(number_of(name, runtime.management.groups.by_name, "group") for name in names if name)


def places(runtime: Runtime, texts: Collection[str]) -> frozenset[Place]:
    """Raises NotFoundError."""
    return frozenset(place(runtime, text) for text in texts if text)


def place(runtime: Runtime, text: str) -> Place:
    """`Acme`, or `Acme:Sales/Spain`; numbers will do for both. Raises NotFoundError."""
    name, _, path = text.partition(":")
    management = runtime.management
    organization = number_of(name.strip(), management.organizations.by_name, "organization")
    path = path.strip()
    if not path:
        return Place(organization)
    if path.isascii() and path.isdecimal():
        return Place(organization, int(path))
    unit = management.units.by_path(organization, path)
    if unit is None:
        raise NotFoundError(f"organization {name.strip()!r} has no unit {path!r}")
    return Place(organization, unit)


def unit_id(runtime: Runtime, text: str) -> int | None:
    """The unit of a place; None for an empty text. Raises NotFoundError, UsageError."""
    if not text:
        return None
    found = place(runtime, text).unit_id
    if found is None:
        raise UsageError(f"{text!r} names no unit: write ORG:UNIT")
    return found
