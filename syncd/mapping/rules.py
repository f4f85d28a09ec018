"""The site's rules, compiled into small callables.

A rule says where a field's value comes from and what is done to it; the kind of the field says what must come out. Both are
settled once, when the configuration is loaded, so that nothing is left to decide for each of a million entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from syncd.mapping.convert import FINAL_CONVERTERS, RAW_CONVERTERS, TEXT_CONVERTERS, image
from syncd.mapping.problems import BadValue, shown
from syncd.mapping.sources import AttributeSource, RuleError, Source, preferred_pattern, sorting_key, source_of
from syncd.model.entry import Entry
from syncd.model.records import CUSTOM_PREFIX, PERSON_FIELDS, FieldValue
from syncd.model.text import fold
from syncd.settings.directory import Rule, RuleTable

# kind of a field -> the converters that may end its chain; the first is applied when the rule names none
_ENDINGS: dict[str, tuple[str, ...]] = {
    "text": (),
    "email": (),
    "list": (),
    "emails": (),
    "image": (),
    "integer": ("integer",),
    "boolean": ("boolean",),
    "date": ("date", "datetime", "filetime"),
    "datetime": ("datetime", "filetime"),
}
_KINDS = {"email": "email", "emails": "emails", "tags": "list", "birthday": "date", "avatar": "image"}
CONVERTERS = (*TEXT_CONVERTERS, *FINAL_CONVERTERS, *RAW_CONVERTERS)


class FieldRule(NamedTuple):
    """A compiled rule."""

    # the attributes it reads, as the site wrote them
    attributes: tuple[str, ...]
    # raises BadValue
    value: Callable[[Entry], FieldValue]


def field_kinds(custom_fields: Mapping[str, str]) -> dict[str, str]:
    """Every field a mapping may name -> its kind: text, email, emails, list, image, integer, boolean, date, datetime."""
    kinds = {field: _KINDS.get(field, "text") for field in PERSON_FIELDS}
    return {**{name: kind for name, kind in custom_fields.items() if name not in kinds}, **kinds}


def record_field(name: str) -> str:
    """A field's name in a PersonRecord, for its name in the settings."""
    return name if name in PERSON_FIELDS else CUSTOM_PREFIX + name


def compile_rule(rule: Rule, kind: str) -> FieldRule:
    """The rule for a field of that kind, except `email` (see syncd.mapping.emails). Raises RuleError."""
    parts = Parts.of(rule)
    if kind == "image":
        return _image_rule(parts)
    parts.end(kind)
    if kind == "list":
        return FieldRule(parts.attributes, parts.texts)
    if kind == "text" and not parts.chain and len(parts.sources) == 1 and parts.constant is None:
        return FieldRule(parts.attributes, parts.sources[0].one)
    return FieldRule(parts.attributes, parts.value)


# ---------------------------------------------------------------- the parts of a rule
Step = Callable[[str], FieldValue]


@dataclass(slots=True)
class Parts:
    """A rule taken apart."""

    sources: list[Source]
    constant: str | None
    # names of converters, in order
    chain: list[str]
    # what makes text of a binary value
    raw: Callable[[bytes], str] | None
    steps: list[Step]
    # whether the field takes the day of a time
    day: bool = False
    # the constant, converted
    default: FieldValue = None

    @classmethod
    def of(cls, rule: Rule) -> Parts:
        """Raises RuleError."""
        table = rule if isinstance(rule, RuleTable) else RuleTable(attribute=rule)
        names = [table.attribute] if isinstance(table.attribute, str) else table.attribute or []
        if not names and table.constant is None:
            raise RuleError("has neither an attribute nor a constant")
        prefer = preferred_pattern(table.prefer)
        chain = list(table.convert)
        _check_converters(chain)
        raw = RAW_CONVERTERS.get(chain[0]) if chain else None
        sources: list[Source] = [source_of(name, prefer) for name in names]
        if raw and not all(isinstance(source, AttributeSource) for source in sources):
            raise RuleError(f"converts {chain[0]!r}, which needs the attribute itself and no template")
        steps: list[Step] = [TEXT_CONVERTERS.get(name) or FINAL_CONVERTERS[name] for name in chain[1 if raw else 0 :]]
        return cls(sources, table.constant, chain, raw, steps)

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for source in self.sources for name in source.attributes))

    def end(self, kind: str) -> None:
        """Make the chain end in what the field needs. Raises RuleError."""
        endings = _ENDINGS[kind]
        last = self.chain[-1] if self.chain else ""
        if last in FINAL_CONVERTERS and last not in endings:
            raise RuleError(f"converts to {last}, which is not what a field of type {kind} takes")
        if endings and last not in endings:
            self.steps.append(FINAL_CONVERTERS[endings[0]])
        self.day = kind == "date"
        if self.constant is not None:
            try:
                self.default = self.convert(self.constant, "constant")
            except BadValue as error:
                raise RuleError(f"has a bad constant: {error.reason}") from None

    def value(self, entry: Entry) -> FieldValue:
        """The value of the first source that has one, converted. Raises BadValue."""
        for source in self.sources:
            text = self._from_bytes(source, entry) if self.raw else source.one(entry)
            if text is not None:
                return self.convert(text, source.label)
        return self.default

    def texts(self, entry: Entry) -> tuple[str, ...] | None:
        """All values of the first source that has one, converted, each once, in a stable order. Raises BadValue."""
        for source in self.sources:
            texts = source.all(entry)
            if texts:
                return distinct(self.convert(text, source.label) for text in texts)
        return distinct([self.default])

    def convert(self, text: str, label: str) -> FieldValue:
        """Through all steps; `label` names where the text comes from. Raises BadValue."""
        value: FieldValue = text
        try:
            for step in self.steps:
                if isinstance(value, str):
                    value = step(value)
        except ValueError as error:
            raise BadValue(label, f"{shown(text)} {error}") from None
        if self.day and isinstance(value, datetime):
            return value.date()
        return None if value == "" else value

    def _from_bytes(self, source: Source, entry: Entry) -> str | None:
        assert isinstance(source, AttributeSource)
        assert self.raw is not None
        value = source.raw(entry)
        try:
            return None if value is None else self.raw(value)
        except ValueError as error:
            raise BadValue(source.label, str(error)) from None


def distinct(values: Iterable[FieldValue]) -> tuple[str, ...] | None:
    """The texts among the values, each once whatever its spelling, sorted; None for none."""
    texts = sorted((value for value in values if isinstance(value, str)), key=sorting_key)
    return tuple({fold(text): text for text in reversed(texts)}.values())[::-1] or None


def _image_rule(parts: Parts) -> FieldRule:
    sources = [source for source in parts.sources if isinstance(source, AttributeSource)]
    if parts.chain or parts.constant is not None or len(sources) != len(parts.sources):
        raise RuleError("is a picture: it takes attributes only, no template, constant or converter")

    def value(entry: Entry) -> FieldValue:
        for source in sources:
            raw = source.raw(entry)
            if raw:
                try:
                    return image(raw)
                except ValueError as error:
                    raise BadValue(source.label, str(error)) from None
        return None

    return FieldRule(parts.attributes, value)


def _check_converters(chain: list[str]) -> None:
    for position, name in enumerate(chain):
        if name not in CONVERTERS:
            raise UnknownConverter(name)
        if name in RAW_CONVERTERS and position:
            raise RuleError(f"converts {name!r} after another; it must come first")
        if name in FINAL_CONVERTERS and position < len(chain) - 1:
            raise RuleError(f"converts {chain[position + 1]!r} after {name!r}, which must come last")


class UnknownConverter(RuleError):
    """A converter nobody has heard of; told apart so that the nearest right name can be offered."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"converts {name!r}, which is no converter")
