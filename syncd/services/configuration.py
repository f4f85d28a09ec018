"""A configuration that has been checked as far as it can be without asking a server or the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from syncd.errors import ConfigurationError
from syncd.mapping.validate import validate_mapping
from syncd.settings.directory import DirectorySettings
from syncd.settings.load import Loaded, load
from syncd.settings.profiles import possible


def load_checked(path: Path | None, environ: Mapping[str, str], *, need_directories: bool = False) -> Loaded:
    """As `syncd.settings.load.load`, the mappings included. Raises ConfigurationError with every mistake found.

    `need_directories`: whether it is a mistake to have none, as it is for whoever wants to sync.
    """
    loaded = load(path, environ, further=_mistakes)
    if need_directories and not loaded.settings.directories:
        where = f"the file {loaded.file}" if loaded.file else "the environment, and there is no configuration file"
        raise ConfigurationError(
            f"no directory is configured in {where}: write [directories.NAME] with urls and base_dn; "
            "`syncd config example` shows how"
        )
    return loaded


def _mistakes(settings: DirectorySettings, custom_fields: Mapping[str, str]) -> list[str]:
    """What is wrong with a directory's mapping, whichever vendor's its servers turn out to be."""
    return list(dict.fromkeys(problem for one in possible(settings) for problem in validate_mapping(one, custom_fields)))
