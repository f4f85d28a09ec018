"""pydantic-settings put to work: several sources in, one validated whole out, or everything that is wrong with it.

Its own environment source is not used. That one passes over misspelt variables without a word and gives up at the first
value it cannot read, while an operator is to see all mistakes at once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.settings.problems import keys_of
from syncd.settings.root import RootSettings
from syncd.settings.tree import Path


class _Source(PydanticBaseSettingsSource):
    """A source whose values are known before pydantic-settings asks."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(BaseSettings)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Asked by nobody, since `__call__` brings all fields at once; the base class demands it."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


class _Witness(_Source):
    """Asked last, so that it sees what all others together have said. Adds nothing."""

    def __init__(self) -> None:
        super().__init__({})
        self.merged: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        self.merged = copy.deepcopy(self.current_state)
        return {}


def merge(sources: Sequence[dict[str, Any]]) -> tuple[RootSettings | None, dict[str, Any], list[ErrorDetails]]:
    """The settings, None when something is wrong; what the sources say together; pydantic's errors. Later sources win."""
    witness = _Witness()
    # pydantic-settings asks the source that wins first
    ordered = (*(_Source(values) for values in reversed(sources)), witness)

    class Merged(BaseSettings, RootSettings):
        model_config = SettingsConfigDict(hide_input_in_errors=True)

        @classmethod
        def settings_customise_sources(cls, *_: Any, **__: Any) -> tuple[PydanticBaseSettingsSource, ...]:
            return ordered

    try:
        merged = Merged()
    except ValidationError as error:
        return None, witness.merged, error.errors()
    return RootSettings(**dict(merged)), witness.merged, []


def salvage(data: dict[str, Any], errors: Sequence[ErrorDetails]) -> tuple[RootSettings, set[Path]]:
    """The settings without what is wrong in `data`, so that the rest can be looked at too, and the paths left out.

    A table that lacks a required key is left out as a whole. Ends, since every round takes something away.
    """
    data = copy.deepcopy(data)
    dropped: set[Path] = set()
    while errors:
        for error in errors:
            path = keys_of(error["loc"])[0]
            if error["type"] == "missing":
                path = path[:-1]
            dropped.add(_drop(data, path))
        try:
            return RootSettings.model_validate(data), dropped
        except ValidationError as error:
            errors = error.errors()
    return RootSettings.model_validate(data), dropped


def _drop(data: dict[str, Any], path: Path) -> Path:
    """Take away what stands at the path, or a whole list for one of its items; what was taken away."""
    here: Any = data
    for position, key in enumerate(path):
        last = position == len(path) - 1
        inner = here.get(key)
        if last or not isinstance(inner, dict):
            here.pop(key, None)
            return path[: position + 1]
        here = inner
    data.clear()
    return ()
