"""The example configuration, written from the settings' own docstrings and defaults, so that it can never be out of date.

Lines that begin with "# " explain. Lines that begin with "#" and a key are settings: where there is a default, it is the one
shown. Every setting appears once, and the file loads as it is as well as with all its settings switched on.
"""

from __future__ import annotations

import enum
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from syncd.settings.directory import Section
from syncd.settings.root import RootSettings
from syncd.settings.tree import dotted, fields, mapping_of, may_be_text, table_of

_WIDTH = 110
_HEAD = """\
# Configuration of syncd.
#
# Lines that begin with "# " explain. Lines that begin with "#" and a key are settings at their default, or with a value
# that shows how it is written where there is no default: take the # away to change them.
#
# Each can also be given by an environment variable: SYNCD_DIRECTORIES__CORP__PAGE_SIZE=500, or by a file that a variable
# names: SYNCD_DIRECTORIES__CORP__BIND_PASSWORD_FILE=/run/secrets/ldap, or by a systemd credential:
# LoadCredential=syncd.directories__corp__bind_password:/etc/syncd/ldap-password. The later of these win.
# `syncd config show` says what is set and by whom, `syncd check --connect` whether it works.
"""
_NAME = "corp"
# settings of the sample directory that are written out: what nearly every site decides for itself
_FILLED: dict[str, Any] = {"directories.corp.organization": "Example Corp"}
_FILLED_TABLES = ("directories.corp.users.attributes",)


def example_toml() -> str:
    """The text of config/syncd.example.toml."""
    return _HEAD + "".join(_table(RootSettings, ()))


def _table(model: type[Section], path: tuple[str, ...]) -> Iterator[str]:
    """A table: its own keys first, as TOML wants it, then the tables in it."""
    inner: list[tuple[str, FieldInfo]] = []
    for key, field in fields(model).items():
        if _is_table(field):
            inner.append((key, field))
        else:
            yield "\n" + _comment(field.description or "") + _setting(key, field, (*path, key))
    for key, field in inner:
        yield from _inner_table((*path, key), field)


def _inner_table(path: tuple[str, ...], field: FieldInfo) -> Iterator[str]:
    model = table_of(field.annotation)
    values = mapping_of(field.annotation)
    if model is None and (model := table_of(values)) is not None and not may_be_text(values):
        yield "\n" + _comment(field.description or "") + f"[{dotted((*path, _NAME))}]\n"
        yield from _table(model, (*path, _NAME))
    elif model is not None and values is None:
        title, end, explanation = " ".join((model.__doc__ or "").split()).partition(". ")
        yield f"\n# {'-' * 8} {title}{end.strip()}\n{_comment(explanation)}[{dotted(path)}]\n"
        yield from _table(model, path)
    else:
        yield "\n" + _comment(field.description or "") + f"[{dotted(path)}]\n"
        shown = field.get_default() or (field.examples or [{}])[0]
        off = "" if dotted(path) in _FILLED_TABLES else "#"
        yield from (f"{off}{dotted((key,))} = {toml_value(value)}\n" for key, value in shown.items())


def _is_table(field: FieldInfo) -> bool:
    return mapping_of(field.annotation) is not None or (
        table_of(field.annotation) is not None and not may_be_text(field.annotation)
    )


def _setting(key: str, field: FieldInfo, path: tuple[str, ...]) -> str:
    name = dotted(path)
    if name in _FILLED:
        return f"{key} = {toml_value(_FILLED[name])}\n"
    default = None if field.is_required() else field.get_default()
    value = default if default not in (None, []) else (field.examples or [None])[0]
    if value is None:
        raise AssertionError(f"{name} has neither a default nor an example")
    return f"{'' if field.is_required() else '#'}{key} = {toml_value(value)}\n"


def _comment(text: str) -> str:
    """A docstring as lines of comment."""
    return "".join(f"# {line}\n" for line in textwrap.wrap(" ".join(text.split()), _WIDTH))


def toml_value(value: Any) -> str:
    """A value as it is written in TOML, whose basic strings are JSON's but for one control character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return toml_value(value.value)
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{dotted((key,))} = {toml_value(item)}" for key, item in value.items()) + " }"
    return str(value)
