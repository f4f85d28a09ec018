"""The settings as a tree of keys, read off the models' annotations.

Environment variables, messages about mistakes, the example file and `config show` all have to know which keys there are and
what each may hold. They ask here, so that a new field is known everywhere at once.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from syncd.settings.directory import Section

# a key of TOML that needs no quotes
_BARE = re.compile(r"[A-Za-z0-9_-]+")

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """A path as one writes it in TOML: directories.corp.roles.map."crm admins"; list positions in brackets, from 0."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False))
    return text


def fields(model: type[Section]) -> dict[str, FieldInfo]:
    """The keys of a table, as they are written in the file, in the order of their declaration."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def members(annotation: Any) -> tuple[Any, ...]:
    """What a value may be: the members of a union, without None, and without pydantic's annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(found for member in get_args(annotation) for found in members(member))
    return () if annotation is types.NoneType else (annotation,)


def table_of(annotation: Any) -> type[Section] | None:
    """The model of a value that is, or may be, a table with fixed keys."""
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, Section):
            return member
    return None


def mapping_of(annotation: Any) -> Any | None:
    """What the values of a table with free keys are; None when it is not one."""
    return next((get_args(member)[1] for member in members(annotation) if get_origin(member) is dict), None)


def items_of(annotation: Any) -> Any | None:
    """What the items of a list are; None when it is not, and may not be, a list."""
    return next((get_args(member)[0] for member in members(annotation) if get_origin(member) is list), None)


def may_be_text(annotation: Any) -> bool:
    """Whether a plain string is allowed (a choice or a path counts, a number does not)."""
    return any(member is str for member in members(annotation))


def is_secret(annotation: Any) -> bool:
    """Whether the value must never be shown."""
    return SecretStr in members(annotation)


def child(annotation: Any, key: str | int) -> Any | None:
    """What is allowed under a key; None where there is no such key."""
    if isinstance(key, int):
        return items_of(annotation)
    table = table_of(annotation)
    if table is not None and key in fields(table):
        return fields(table)[key].rebuild_annotation()
    return mapping_of(annotation)


def at(root: type[Section], path: Path) -> Any | None:
    """What is allowed at a path; None where there is no such key."""
    here: Any = root
    for key in path:
        here = child(here, key)
        if here is None:
            return None
    return here


def known_paths(root: Any, data: object) -> Iterator[Path]:
    """Every path below `root` of a key with a fixed name, under the directories that `data` has."""

    def walk(annotation: Any, here: object, path: Path) -> Iterator[Path]:
        table, values = table_of(annotation), mapping_of(annotation)
        inside = here if isinstance(here, dict) else {}
        if table is not None:
            for key in fields(table):
                yield (*path, key)
                yield from walk(child(annotation, key), inside.get(key), (*path, key))
        elif table_of(values) is not None and not may_be_text(values):
            for key in inside:
                yield (*path, key)
                yield from walk(values, inside[key], (*path, key))

    return walk(root, data, ())


def leaves(data: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value of a nested dict that is no dict, or an empty one, with its path."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, str(key)))
    elif path:
        yield path, data
