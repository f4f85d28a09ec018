"""Search filters over entries in memory: and, or, not, presence, equality and substrings, without regard to case."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from syncd.model.attributes import canonical_attribute
from syncd.settings.filters import check_filter

Matcher = Callable[[Mapping[str, Sequence[bytes]]], bool]


def matcher(text: str) -> Matcher:
    """Whether an entry's attributes match. Raises ValueError for what is not a filter, or one this does not know."""
    matches, rest = _parse(check_filter(text).strip())
    if rest:
        raise ValueError(f"nothing may follow the filter: {rest!r}")
    return matches


def _parse(text: str) -> tuple[Matcher, str]:
    operator = text[1:2]
    if operator in ("&", "|", "!"):
        parts: list[Matcher] = []
        rest = text[2:]
        while rest.startswith("("):
            part, rest = _parse(rest)
            parts.append(part)
        combine = {"&": all, "|": any, "!": lambda results: not next(iter(results))}[operator]
        return (lambda entry: combine(part(entry) for part in parts)), rest[1:]
    item, _, rest = text[1:].partition(")")
    return _item(item), rest


def _item(item: str) -> Matcher:
    name, _, value = item.partition("=")
    if not name or name[-1] in "~<>:":
        raise ValueError(f"the fake directory does not know {item!r}")
    key = canonical_attribute(name)
    if value == "*":
        return lambda entry: key in entry
    pattern = re.compile(".*".join(re.escape(_unescape(part)) for part in value.split("*")), re.IGNORECASE | re.DOTALL)
    return lambda entry: any(pattern.fullmatch(held.decode("utf-8", "replace")) for held in entry.get(key, ()))


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-9A-Fa-f]{2})", lambda found: chr(int(found.group(1), 16)), text)
