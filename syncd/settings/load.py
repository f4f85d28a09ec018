"""From a file, the environment and credentials to settings, or to the list of everything that is wrong with them.

Later sources win: defaults, the TOML file, variables, files that variables name, systemd credentials. Loading reads
everything anew each time and changes nothing, so a running daemon can try a new configuration before it takes it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from syncd.errors import ConfigurationError
from syncd.settings.checks import Remark, export_remarks, mail_remarks, remarks, webhook_remarks
from syncd.settings.directory import DirectorySettings
from syncd.settings.merge import merge, salvage
from syncd.settings.problems import Problem, from_pydantic
from syncd.settings.root import DEFAULT_CONFIG, RootSettings
from syncd.settings.secretfile import world_readable
from syncd.settings.sources import CONFIG_VARIABLE, Finding, Findings, read_credentials, read_environment
from syncd.settings.tree import Path, at, dotted, is_secret, leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, and where they come from."""

    settings: RootSettings
    # dotted key -> "file …", "environment …", "file … named by …", "systemd credential …"; keys that are not in it have
    # their default
    origins: Mapping[str, str]
    # what an operator should know and what stops nothing, one sentence each
    warnings: tuple[str, ...] = ()
    # the TOML file, None when there is none
    file: FilePath | None = None

    def origin(self, key: str) -> str:
        """Where the value of a dotted key comes from."""
        return self.origins.get(key, "default")


@dataclass(slots=True)
class _Gathered:
    """What all sources say, before anybody has judged it."""

    file: FilePath | None
    in_file: dict[str, Any]
    # variables, files that variables name, credentials: later ones win
    findings: tuple[Findings, ...]


# (a directory's settings, custom fields) -> sentences that begin with the key they are about, relative to the directory
FurtherCheck = Callable[[DirectorySettings, Mapping[str, str]], Iterable[str]]


def load(path: FilePath | None, environ: Mapping[str, str], *, further: FurtherCheck | None = None) -> Loaded:
    """The settings of this site. `path`: the file that was asked for, else SYNCD_CONFIG and then the default are looked at.

    `further`: what somebody who knows more than this package has to say about a directory's settings. Raises
    ConfigurationError with every mistake found.
    """
    file = config_file(path, environ)
    in_file, trouble = _read_toml(file) if file else ({}, None)
    findings = (*read_environment(environ, in_file), read_credentials(environ, in_file))
    if trouble is not None:
        # the file's keys are unknown, so nothing can be said about what is missing
        raise _error([trouble, *(problem for source in findings for problem in source.problems)])
    return _judge(_Gathered(file, in_file, findings), further)


def config_file(path: FilePath | None, environ: Mapping[str, str]) -> FilePath | None:
    """The file to read; None when there is none and nobody asked for one. Raises ConfigurationError."""
    asked = path or (FilePath(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if asked is None:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None
    if not asked.is_file():
        what = "is not a file" if asked.exists() else "does not exist"
        raise ConfigurationError(f"the configuration file {asked} {what}")
    return asked


def _read_toml(file: FilePath) -> tuple[dict[str, Any], Problem | None]:
    try:
        return TomlConfigSettingsSource(BaseSettings, toml_file=file).toml_data, None
    except OSError as error:
        trouble = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        trouble = f"is not UTF-8 text: byte {error.start + 1} is wrong"
    except tomllib.TOMLDecodeError as error:
        marked = file.read_bytes().startswith(b"\xef\xbb\xbf")
        trouble = "begins with a byte order mark: save it as UTF-8 without one" if marked else f"is not TOML: {error}"
    return {}, Problem((), f"file {file} {trouble}")


def _judge(gathered: _Gathered, further: FurtherCheck | None) -> Loaded:
    problems = _without_stray_directories(gathered)
    problems += [problem for source in gathered.findings for problem in source.problems]
    settings, data, errors = merge([gathered.in_file, *(source.nested() for source in gathered.findings)])
    origins = _origins(gathered)
    dropped: set[Path] = {problem.path for problem in problems if problem.path}
    if settings is None:
        problems += from_pydantic(errors, data, origins)
        settings, left_out = salvage(data, errors)
        dropped |= left_out
    said = list(_remarks(settings, dropped, origins))
    problems += [problem for problem, warning in said if not warning]
    problems += _further_problems(settings, dropped, further) if further else []
    if problems:
        raise _error(problems)
    warnings = [text for source in gathered.findings for text in source.warnings]
    warnings += _open_file(gathered)
    warnings += [str(problem) for problem, warning in said if warning]
    names = {dotted(path): origin for path, origin in origins.items()}
    return Loaded(settings=settings, origins=names, warnings=tuple(warnings), file=gathered.file)


def _without_stray_directories(gathered: _Gathered) -> list[Problem]:
    """Take out directories that only variables speak of and that have no server: their names are misspelt."""
    in_file = gathered.in_file.get("directories")
    known = set(in_file) if isinstance(in_file, dict) else set()
    made = {f.path[1] for source in gathered.findings for f in source.found if f.path[0] == "directories" and len(f.path) > 2
            and f.path[2] == "urls"}  # fmt: skip
    problems = []
    for source in gathered.findings:
        for finding in list(source.found):
            stray = finding.path[0] == "directories" and len(finding.path) > 2 and finding.path[1] not in known | made
            if stray:
                source.found.remove(finding)
                problems.append(Problem((), _stray(finding, known | made), finding.origin))
    return problems


def _stray(finding: Finding, names: set[str]) -> str:
    text = f"there is no directory called {finding.path[1]}, of which {finding.name} speaks"
    close = difflib.get_close_matches(finding.path[1], names, n=1)
    if close:
        return f"{text}: did you mean {close[0]}?"
    return f"{text}: there are {', '.join(sorted(names))}" if names else f"{text}: none is configured"


def _origins(gathered: _Gathered) -> dict[Path, str]:
    """Path of each value that is no default -> where it comes from."""
    origins: dict[Path, str] = {path: f"file {gathered.file}" for path, value in leaves(gathered.in_file) if value != {}}
    for source in gathered.findings:
        for finding in sorted(source.found, key=lambda finding: len(finding.path)):
            for path, _ in leaves(finding.value, finding.path):
                # a value replaces a table, and a table a value
                for other in [o for o in origins if o != path and (o[: len(path)] == path or path[: len(o)] == o)]:
                    del origins[other]
                origins[path] = finding.origin
    return origins


def _remarks(settings: RootSettings, dropped: Collection[Path], origins: Mapping[Path, str]) -> Iterator[tuple[Problem, bool]]:
    """What is to be said about keys together, where none of them is wrong by itself; and whether it is only a warning."""
    said: list[tuple[Path, Iterator[Remark]]] = [
        (("directories", name), remarks(name, directory)) for name, directory in settings.directories.items()
    ]
    said += [(("webhooks", name), webhook_remarks(webhook)) for name, webhook in settings.webhooks.items()]
    said += [(("mail",), mail_remarks(settings.mail)), ((), export_remarks(settings.export.fields, settings.custom_fields))]
    for base, found in said:
        for remark in found:
            paths = [(*base, *key.split(".")) for key in remark.keys]
            if not any(_overlap(path, other) for path in paths for other in dropped):
                yield Problem(paths[0], remark.text, origins.get(paths[0], "")), remark.warning


def _further_problems(settings: RootSettings, dropped: Collection[Path], further: FurtherCheck) -> list[Problem]:
    """What `further` says, but for what rests on a key that is wrong by itself."""
    problems = []
    wrong = [dotted(path) for path in dropped]
    for name, directory in settings.directories.items():
        for sentence in further(directory, settings.custom_fields):
            text = f"{dotted(('directories', name))}.{sentence}"
            key = text.partition(": ")[0]
            if not any(_holds(key, other) or _holds(other, key) for other in wrong):
                problems.append(Problem((), text))
    return problems


def _holds(outer: str, inner: str) -> bool:
    """Whether the dotted key `inner` is `outer` or lies in it."""
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _open_file(gathered: _Gathered) -> list[str]:
    """A warning when the configuration file has secrets in it and everyone may read it."""
    secrets = [path for path, _ in leaves(gathered.in_file) if is_secret(at(RootSettings, path))]
    if gathered.file is None or not secrets:
        return []
    warning = world_readable(gathered.file, gathered.file.stat().st_mode)
    return [warning] if warning else []


def _error(problems: Iterable[Problem]) -> ConfigurationError:
    return ConfigurationError(problems=tuple(dict.fromkeys(str(problem) for problem in problems)))
