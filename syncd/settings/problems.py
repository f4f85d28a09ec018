"""Mistakes in a configuration, each as one sentence that names the key, what is expected, and where the value came from."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from syncd.settings.root import RootSettings
from syncd.settings.tree import Path, at, child, dotted, fields, is_secret, items_of, known_paths, may_be_text, table_of

# pydantic's words for what a value should have been, in ours; the others are taken as they are
_EXPECTED = {
    "string_type": "text, in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": 'a list, as in ["a", "b"]',
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "the path of a file, in quotes",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    # where in the settings; () when it is not about a key
    path: Path
    text: str
    # where the value came from, "" when that is said in the text
    origin: str = ""

    def __str__(self) -> str:
        where = f" ({self.origin})" if self.origin else ""
        return f"{dotted(self.path)}: {self.text}{where}" if self.path else f"{self.text}{where}"


def from_pydantic(errors: Iterable[ErrorDetails], data: Mapping[str, Any], origin_of: Mapping[Path, str]) -> Iterator[Problem]:
    """What pydantic found wrong with `data`. Of the errors of a union, only those of the member that was meant."""
    seen: set[Path] = set()
    for error in errors:
        path, unions = keys_of(error["loc"])
        if any(not _was_meant(member, value_at(data, union)) for union, member in unions):
            continue
        if unions and not isinstance(value_at(data, unions[-1][0]), (dict, list)):
            path = unions[-1][0]
        if path not in seen:
            seen.add(path)
            yield _problem(
                error, path, data=data, origin=_origin(path, origin_of), whole_union=bool(unions) and path == unions[-1][0]
            )


def _origin(path: Path, origin_of: Mapping[Path, str]) -> str:
    """Where the value at a path comes from, or the list it stands in."""
    return next((origin_of[path[:end]] for end in range(len(path), 0, -1) if path[:end] in origin_of), "")


def keys_of(location: tuple[str | int, ...]) -> tuple[Path, list[tuple[Path, str]]]:
    """A location of pydantic's without what is no key: the path, and the members of unions that stood in it, with theirs."""
    path: list[str | int] = []
    unions: list[tuple[Path, str]] = []
    here: Any = RootSettings
    for part in location:
        inner = child(here, part)
        if inner is None and part == "[key]":
            continue
        if inner is None and here is not None and _is_member(here, part):
            unions.append((tuple(path), str(part)))
            continue
        path.append(part)
        here = inner
    return tuple(path), unions


def _is_member(annotation: Any, part: str | int) -> bool:
    table = table_of(annotation)
    return isinstance(part, str) and (
        part.startswith(("list[", "dict[", "function-"))
        or part in ("str", "int", "none")
        or (table is not None and part == table.__name__)
    )


def _was_meant(member: str, value: object) -> bool:
    if isinstance(value, dict):
        return member[:1].isupper()
    if isinstance(value, list):
        return member.startswith("list[")
    return True


def _problem(error: ErrorDetails, path: Path, *, data: Mapping[str, Any], origin: str, whole_union: bool) -> Problem:
    kind = error["type"]
    if kind == "missing":
        return Problem(path, "is missing" + _purpose(path))
    if kind == "extra_forbidden":
        return Problem((), unknown_key(path, data), origin)
    if whole_union:
        return Problem(path, f"must be {_kinds(at(RootSettings, path))}{_shown(path, data)}", origin)
    if kind in _EXPECTED:
        return Problem(path, f"must be {_EXPECTED[kind]}{_shown(path, data)}", origin)
    if kind in ("too_short", "string_too_short"):
        return Problem(path, _too_short(error, path), origin)
    if kind == "value_error":
        return Problem(path, error["msg"].removeprefix("Value error, "), origin)
    words = error["msg"].replace("Input should", "must").replace("String should", "must")
    words = words.replace("List should", "must").replace("Value should", "must")
    return Problem(path, words + _shown(path, data), origin)


def _kinds(annotation: Any) -> str:
    """What a value of several kinds may be."""
    kinds = {"text": may_be_text(annotation), "a list": items_of(annotation) is not None, "a table": table_of(annotation)}
    return _alternatives([kind for kind, allowed in kinds.items() if allowed])


def _too_short(error: ErrorDetails, path: Path) -> str:
    least = error["ctx"]["min_length"]
    unit = "character" if isinstance(error["input"], str) else "item"
    return f"must have at least {least} {unit}{'s' if least > 1 else ''}"


def _purpose(path: Path) -> str:
    table = table_of(at(RootSettings, path[:-1]))
    field = fields(table).get(str(path[-1])) if table else None
    return f" ({field.description.splitlines()[0].rstrip('.')})" if field and field.description else ""


def _shown(path: Path, data: Mapping[str, Any]) -> str:
    """The wrong value, where it is short and no secret."""
    annotation = at(RootSettings, path)
    value = value_at(data, path)
    if annotation is None or is_secret(annotation) or not isinstance(value, (str, int, float, bool)):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return f", not {text}" if len(text) <= 60 else ""


def value_at(data: Mapping[str, Any], path: Path) -> object:
    """What stands at a path of nested dicts and lists; None where nothing does."""
    here: Any = data
    for key in path:
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            return None
    return here


# ---------------------------------------------------------------- did you mean
def unknown_key(path: Path, data: Mapping[str, Any]) -> str:
    """What to say of a key that does not exist: the nearest right one, else all there are."""
    found = nearest(path[:-1], str(path[-1]), data)
    if found:
        return f"unknown key {dotted(path)}: did you mean {_alternatives([dotted(right) for right in found])}?"
    table = table_of(at(RootSettings, path[:-1]))
    known = ", ".join(fields(table)) if table else ""
    return f"unknown key {dotted(path)}" + (f": there are {known}" if known else "")


def nearest(prefix: Path, key: str, data: Mapping[str, Any]) -> list[Path]:
    """The known paths below `prefix` that someone may have meant by `key`, best first; at most three.

    A key that exists further down (`starttls` for `tls.starttls`) is what was meant, else the one spelled most alike.
    """
    wanted = key.lower().replace("-", "_")
    below = list(known_paths(at(RootSettings, prefix), value_at(data, prefix)))
    exact = [(*prefix, *path) for path in below if str(path[-1]).lower() == wanted]
    if exact:
        return exact[:3]
    names = {"__".join(map(str, path)).lower(): path for path in below}
    return [(*prefix, *names[name]) for name in difflib.get_close_matches(wanted, names, n=1, cutoff=0.55)]


def _alternatives(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
