"""Where values come from beside the file: environment variables, files they name, and systemd credentials.

The name of a variable is the path of the key with two underscores between its parts:
SYNCD_DIRECTORIES__CORP__PAGE_SIZE. With _FILE behind it, its value is the name of a file that holds the value. In
$CREDENTIALS_DIRECTORY (systemd.exec(5)), a file `syncd.directories__corp__bind_password` does the same, also without
`syncd.` or with `SYNCD_` in its place. Upper and lower case do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from syncd.settings.problems import Problem, nearest
from syncd.settings.root import RootSettings
from syncd.settings.secretfile import read_value
from syncd.settings.textvalue import from_text
from syncd.settings.tree import at, child, fields, is_secret, mapping_of, table_of

PREFIX = "SYNCD_"
CONFIG_VARIABLE = "SYNCD_CONFIG"
# Kubernetes sets these for every service of the namespace, and one of them may well be called syncd
_SERVICE_LINK = re.compile(
    r"SYNCD_(?:[A-Z0-9]+_)*?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9]+)*|PORT(?:_\d+_[A-Z]+(?:_[A-Z]+)?)?)"
)
_CREDENTIAL_PREFIX = re.compile(r"syncd[._]", re.IGNORECASE)

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that a source brings."""

    path: Keys
    value: Any
    # what `config show` and messages say
    origin: str
    # the variable or credential
    name: str


@dataclass(slots=True)
class Findings:
    """What one kind of source brings, and what is wrong with it."""

    found: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, path: Keys, text: str, *, origin: str, name: str) -> None:
        """Take in the text of a value."""
        try:
            value = from_text(at(RootSettings, path), text)
        except ValueError as error:
            self.problems.append(Problem(path, str(error), origin))
        else:
            self.found.append(Finding(path, value, origin, name))

    def nested(self) -> dict[str, Any]:
        """The values as nested dicts: whole tables first, so that a single key refines what a table's JSON says."""
        data: dict[str, Any] = {}
        for finding in sorted(self.found, key=lambda finding: len(finding.path)):
            here = data
            for key in finding.path[:-1]:
                if not isinstance(here.get(key), dict):
                    here[key] = {}
                here = here[key]
            here[finding.path[-1]] = finding.value
        return data


def read_environment(environ: Mapping[str, str], data: Mapping[str, Any]) -> tuple[Findings, Findings]:
    """What the variables say, and what the files say that variables name. `data`: the file's, for names already in use."""
    direct, by_file = Findings(), Findings()
    names = sorted(name for name in environ if name.upper().startswith(PREFIX) and name.upper() != CONFIG_VARIABLE)
    for name in names:
        words = name[len(PREFIX) :].split("__")
        path = resolve(words, data)
        if path is not None:
            direct.add(path, environ[name], origin=f"environment {name}", name=name)
        elif (path := resolve(_without_file(words), data)) is not None:
            _add_file(by_file, path, name=name, file=environ[name])
        elif not _SERVICE_LINK.fullmatch(name):
            direct.problems.append(Problem((), _unknown_variable(name, words, data)))
    both = {finding.path: finding.name for finding in direct.found}
    for finding in by_file.found:
        if finding.path in both:
            by_file.warnings.append(f"{finding.name} and {both[finding.path]} are both set; the file counts")
    return direct, by_file


def read_credentials(environ: Mapping[str, str], data: Mapping[str, Any]) -> Findings:
    """What the systemd credentials say that have a setting's name. Others, without our prefix, are left alone."""
    findings = Findings()
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return findings
    for file in _files(FilePath(folder), findings):
        bare = _CREDENTIAL_PREFIX.sub("", file.name, count=1)
        words = bare.split("__")
        path = resolve(words, data)
        origin = f"systemd credential {file.name}"
        if path is not None and len(path) > 1:
            _add_content(findings, path, file=file, origin=origin, name=file.name)
        elif bare != file.name:
            findings.problems.append(Problem((), _unknown_variable(file.name, words, data, kind="systemd credential")))
    return findings


def resolve(words: list[str] | None, data: Mapping[str, Any]) -> Keys | None:
    """The path that a variable's words name, with free names spelled as the file has them; None where there is no such key.

    A hyphen cannot stand in a variable's name: CORP_EU also means a directory called corp-eu.
    """
    path: Keys = ()
    here: Any = RootSettings
    inside: object = data
    for word in words or ("",):
        choices = fields(table) if (table := table_of(here)) else inside if isinstance(inside, dict) else {}
        key = _spelled(word, choices) or (word.lower() if mapping_of(here) is not None else "")
        here = child(here, key) if key else None
        if here is None:
            return None
        path += (key,)
        inside = inside.get(key) if isinstance(inside, dict) else None
    return path


def _spelled(word: str, choices: Mapping[str, Any]) -> str | None:
    folded = word.lower().replace("-", "_")
    return next((key for key in choices if key.lower().replace("-", "_") == folded), None)


def _without_file(words: list[str]) -> list[str] | None:
    return [*words[:-1], words[-1][: -len("_FILE")]] if words[-1].upper().endswith("_FILE") else None


def _unknown_variable(name: str, words: list[str], data: Mapping[str, Any], *, kind: str = "environment variable") -> str:
    """The message about a variable or a credential that names no setting."""
    start = name[: len(name) - len("__".join(words))]
    wanted = _without_file(words) or words
    for known in range(len(wanted) - 1, -1, -1):
        prefix = resolve(wanted[:known], data) if known else ()
        if prefix is None:
            continue
        found = nearest(prefix, "__".join(wanted[known:]), _with_name(data, prefix))
        if found:
            right = "__".join(map(str, found[0]))
            right = right.upper() if name.isupper() else right
            suffix = "_FILE" if wanted is not words else ""
            return f"unknown {kind} {name}: did you mean {start}{right}{suffix}?"
    return f"unknown {kind} {name}: it names no setting (`syncd config example` shows them all)"


def _with_name(data: Mapping[str, Any], prefix: Keys) -> Mapping[str, Any]:
    """`data` with the directory that a variable speaks of, so that its keys can be suggested though no file has it."""
    if len(prefix) < 2 or not isinstance(data.get(prefix[0], {}), dict):
        return data
    return {**data, prefix[0]: {prefix[1]: {}, **data.get(prefix[0], {})}}


def _files(folder: FilePath, findings: Findings) -> Iterator[FilePath]:
    try:
        yield from sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        findings.problems.append(Problem((), f"$CREDENTIALS_DIRECTORY {folder} cannot be read: {error.strerror}"))


def _add_file(findings: Findings, path: Keys, *, name: str, file: str) -> None:
    _add_content(findings, path, file=FilePath(file), origin=f"file {file} named by {name}", name=name)


def _add_content(findings: Findings, path: Keys, *, file: FilePath, origin: str, name: str) -> None:
    try:
        text, warning = read_value(file, secret=is_secret(at(RootSettings, path)))
    except ValueError as error:
        findings.problems.append(Problem(path, f"{error} ({name})"))
        return
    if warning:
        findings.warnings.append(warning)
    findings.add(path, text, origin=origin, name=name)
