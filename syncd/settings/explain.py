"""What the configuration is, for people: every value with where it comes from, and never a secret."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import SecretStr

from syncd.redaction import REDACTED, redact_url
from syncd.settings.directory import Section
from syncd.settings.load import Loaded
from syncd.settings.profiles import as_configured, filled_keys, profile_of
from syncd.settings.root import RootSettings
from syncd.settings.tree import Path, dotted


class Row(NamedTuple):
    """One value of the configuration."""

    # dotted, as in the file
    key: str
    # str, int, float, bool, None, or a list of them; a secret is REDACTED
    value: Any
    origin: str


def rows(loaded: Loaded) -> list[Row]:
    """Every value, defaults included, in the order of the example file.

    Where a directory names its vendor, with what that vendor's profile fills in; with "auto" only a server can tell.
    """
    settings, profiles = loaded.settings, _profiles(loaded.settings)
    filled = {name: as_configured(directory) for name, directory in settings.directories.items()}
    settings = settings.model_copy(update={"directories": filled})
    found = [(dotted(path), value) for path, value in _values(settings, ())]
    return [Row(key, _shown(value), loaded.origins.get(key) or profiles.get(key, "default")) for key, value in found]


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration file, for editors."""
    document = RootSettings.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "syncd configuration"}


def _profiles(settings: RootSettings) -> dict[str, str]:
    """Dotted key -> the profile that its value is taken from."""
    return {
        dotted(("directories", name, *path)): f"profile {directory.vendor}"
        for name, directory in settings.directories.items()
        if directory.vendor != "auto"
        for path in filled_keys(directory, profile_of(directory.vendor))
    }


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Section):
        names = {field.alias or name: name for name, field in type(value).model_fields.items()}
        # a table inside a table comes after the values, as in TOML
        inner = sorted(names, key=lambda key: isinstance(getattr(value, names[key]), (Section, dict)))
        for key in inner:
            yield from _values(getattr(value, names[key]), (*path, key))
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _values(item, (*path, key))
    else:
        yield path, value


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, FilePath):
        return str(value)
    if isinstance(value, str):
        return redact_url(value)
    return [_shown(item) for item in value] if isinstance(value, list) else value
