"""What a run would make of one entry: whether it is taken, and what each rule makes of it.

Whether a filter matches is the server's to say. It is asked on the entry itself, and part by part when it says no, so that the
answer is the one a run gets, with the server's schema, its matching rules and its access control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.errors import NoSuchBaseError
from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.searches import among_ids, people_search
from syncd.mapping.structure import Structure
from syncd.model.attributes import canonical_attribute
from syncd.model.dn import InvalidDN, is_under, normalize, parent_key
from syncd.model.entry import Entry
from syncd.model.explanation import Condition, EntryExplanation, FieldExplanation
from syncd.model.reading import Scope, Search
from syncd.model.records import PersonRecord, StoredPerson
from syncd.reconcile.render import rules_of
from syncd.services.ports_directory import DirectorySession
from syncd.settings.directory import DirectorySettings
from syncd.settings.filters import and_parts

_SCOPES = {Scope.BASE: "is", Scope.ONE: "is right below", Scope.SUB: "is at or below"}
# parts of a filter that are asked one by one
_MOST_PARTS = 20
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The record a run would compare, or why there is none."""

    record: PersonRecord | None
    issue: MappingIssue | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryExplainer:
    """Explains entries of one session."""

    session: DirectorySession
    settings: DirectorySettings
    mapper: PersonMapper
    id_attribute: str

    def entry_id(self, entry: Entry) -> str | None:
        """None for one that cannot be read."""
        try:
            return self.mapper.entry_id(entry)
        except MappingIssue:
            return None

    def map(self, entry: Entry, structure: Structure, stored: StoredPerson | None) -> Mapped:
        """As a run maps it."""
        try:
            entry_id = self.mapper.entry_id(entry)
            fingerprint = self.mapper.fingerprint(entry, structure)
            record = self.mapper.map(
                entry, entry_id=entry_id, fingerprint=fingerprint, structure=structure, current_email=_email_of(stored)
            )
        except MappingIssue as issue:
            return Mapped(record=None, issue=issue)
        return Mapped(record=record, issue=None)

    def explain(self, entry: Entry, stored: StoredPerson | None) -> EntryExplanation:
        """All but what concerns roles and places. Raises DirectoryError."""
        search, entry_id = people_search(self.settings, ("1.1",)), self.entry_id(entry)
        base = self._in_scope(entry, search)
        matches = self._matches(entry.dn, search.filter)
        listed = self.is_listed(entry_id) if entry_id is not None else None
        return EntryExplanation(
            dn=entry.dn,
            entry_id=entry_id,
            attributes={name: tuple(map(shown, values)) for name, values in entry.attributes.items()},
            taken=(base.holds and matches) if listed is None else listed,
            base=base,
            filter=Condition(text=search.filter, holds=matches),
            filter_parts=() if matches else self._parts(entry.dn, search.filter),
            listed=listed,
            fields=self._fields(entry, stored),
        )

    def is_listed(self, entry_id: str) -> bool:
        """Whether the search of a run finds it. Raises DirectoryError."""
        search = people_search(self.settings, ("1.1",))
        return bool(self.session.fetch(among_ids(search, self.id_attribute, [entry_id])))

    def _in_scope(self, entry: Entry, search: Search) -> Condition:
        text = f"{_SCOPES[search.scope]} {search.base_dn}"
        try:
            key, base = normalize(entry.dn), normalize(search.base_dn)
        except InvalidDN as error:
            return Condition(text=f"{text} (the DN cannot be read: {error})", holds=False)
        if search.scope is Scope.SUB:
            return Condition(text=text, holds=key == base or is_under(key, base))
        return Condition(text=text, holds=(key if search.scope is Scope.BASE else parent_key(key)) == base)

    def _matches(self, dn: str, search_filter: str) -> bool:
        search = Search(purpose="one person", base_dn=dn, filter=search_filter, scope=Scope.BASE, attributes=("1.1",))
        try:
            return bool(self.session.fetch(search))
        except NoSuchBaseError:
            # gone since it was found
            return False

    def _parts(self, dn: str, search_filter: str) -> tuple[Condition, ...]:
        parts = and_parts(search_filter)[:_MOST_PARTS]
        return tuple(Condition(text=part, holds=self._matches(dn, part)) for part in parts)

    def _fields(self, entry: Entry, stored: StoredPerson | None) -> tuple[FieldExplanation, ...]:
        rules = rules_of(self.settings).fields
        by_name = {text.partition(" = ")[0]: text.partition(" = ")[2] for text in rules.values()}
        return tuple(
            FieldExplanation(
                field=traced.name,
                rule=by_name.get(traced.name, ""),
                read=self._read(entry, traced.attributes),
                value=traced.value,
                problem=traced.problem,
            )
            for traced in self.mapper.trace(entry, current_email=_email_of(stored))
        )

    def _read(self, entry: Entry, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        return {name: tuple(map(shown, entry.attributes.get(canonical_attribute(name), ()))) for name in names}


def shown(raw: bytes) -> str:
    """A value as text, cut when it is long; of what is no text the size."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"{len(raw)} bytes"
    if not text.isprintable() and not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        return f"{len(raw)} bytes"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(raw)} bytes)"


def _email_of(stored: StoredPerson | None) -> str | None:
    email = stored.fields.get("email") if stored is not None else None
    return email if isinstance(email, str) else None
