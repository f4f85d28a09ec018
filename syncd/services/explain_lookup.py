"""Finding somebody's entry in a directory, by whatever is known of them.

What a person typed never becomes a part of a filter's syntax: every value is escaped (RFC 4515 section 3), and a DN is the base
of a search, not text in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from syncd.errors import NoSuchBaseError, ReferralError
from syncd.mapping.identity import could_be_id, escaped, id_filter
from syncd.mapping.sources import ATTRIBUTE
from syncd.model.dn import InvalidDN, is_under, normalize
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search
from syncd.model.views import DirectoryIdentity, PersonView
from syncd.services.ports_directory import DirectorySession
from syncd.settings.directory import DirectorySettings, Rule, RuleTable

_KINDS = frozenset(("id", "username", "email", "dn", "entry"))
# entries shown when a name means several
MOST = 5


@dataclass(frozen=True, slots=True)
class Who:
    """Whom somebody asked about."""

    # "" where nothing says which of the others it is
    kind: str
    value: str

    @classmethod
    def of(cls, text: str) -> Who:
        kind, colon, value = text.partition(":")
        return cls(kind, value.strip()) if colon and kind in _KINDS else cls("", text.strip())

    @property
    def dn(self) -> str | None:
        """The DN, when it is one."""
        if self.kind not in ("", "dn") or "=" not in self.value:
            return None
        try:
            return self.value if normalize(self.value) else None
        except InvalidDN:
            return None


@dataclass(slots=True, kw_only=True)
class Lookup:
    """One directory's entries about one person."""

    session: DirectorySession
    settings: DirectorySettings
    id_attribute: str
    attributes: tuple[str, ...]
    # what was asked, one phrase each
    looked: list[str] = field(default_factory=list, init=False)

    def find(self, who: Who, person: PersonView | None, identity: DirectoryIdentity | None) -> list[Entry]:
        """The entry that the store knows, and whatever else has that name now. Raises DirectoryError."""
        known = self._known(identity) if identity is not None else []
        if who.dn is not None:
            found = self._named(who.dn)
            # an address may read like a DN, and so may a login name
            if not found and not known and "," not in who.value:
                found = self._by_values(who, person)
        elif identity is not None and who.kind in ("id", "entry"):
            found = []
        else:
            found = self._by_values(who, None if identity is not None else person)
        return list({entry.dn: entry for entry in (*known, *found)}.values())

    def by_ids(self, entry_ids: Iterable[str]) -> list[Entry]:
        """The entries with these ids, wherever below the directory's bases they are."""
        ids = [text for text in entry_ids if could_be_id(self.id_attribute, text)]
        return self._search(id_filter(self.id_attribute, ids)) if ids else []

    def _known(self, identity: DirectoryIdentity) -> list[Entry]:
        self.looked.append(f"{self.id_attribute} {identity.entry_id} below {' and '.join(self._bases())}")
        found = self.by_ids([identity.entry_id])
        # nobody with that id: somebody else may have the name now
        return found or self._named(identity.dn)

    def _named(self, dn: str) -> list[Entry]:
        self.looked.append(f"the entry {dn}")
        try:
            return list(self.session.fetch(self._one(dn, Scope.BASE, "(objectClass=*)")))
        except NoSuchBaseError:
            return []
        except ReferralError:
            # of another directory's name servers say so; below our own bases it hides what a run would miss
            if any(normalize(dn) == base or is_under(normalize(dn), base) for base in map(normalize, self._bases())):
                raise
            return []

    def _by_values(self, who: Who, person: PersonView | None) -> list[Entry]:
        items: dict[str, None] = {}
        for name, value in self._wanted(who, person):
            items[f"({name}={escaped(value.encode())})"] = None
            self.looked.append(f"{name} {value}")
        if who.kind in ("", "entry") and could_be_id(self.id_attribute, who.value):
            items[id_filter(self.id_attribute, [who.value])] = None
            self.looked.append(f"{self.id_attribute} {who.value}")
        self.looked = list(dict.fromkeys(self.looked))
        return self._search(f"(|{''.join(items)})") if items else []

    def _wanted(self, who: Who, person: PersonView | None) -> Iterator[tuple[str, str]]:
        """(attribute, value) of the rules that are nothing but attributes."""
        username = "" if person is not None else who.value if who.kind in ("", "username") else ""
        email = "" if person is not None else who.value if who.kind in ("", "email") and "@" in who.value else ""
        if person is not None:
            username, email = person.username or "", person.email or ""
        yield from named_values(self.settings.users.attributes, (("username", username), ("email", email)))

    def _search(self, search_filter: str) -> list[Entry]:
        found: dict[str, Entry] = {}
        for base in self._bases():
            try:
                entries = self.session.fetch(self._one(base, Scope.SUB, search_filter))
            except NoSuchBaseError:
                continue
            found.update((entry.dn, entry) for entry in entries)
        return list(found.values())

    def _bases(self) -> list[str]:
        whole, people = self.settings.base_dn, self.settings.users.base_dn
        if people is None or normalize(people) == normalize(whole) or is_under(normalize(people), normalize(whole)):
            return [whole]
        return [whole, people]

    def _one(self, base: str, scope: Scope, search_filter: str) -> Search:
        return Search(purpose="one person", base_dn=base, filter=search_filter, scope=scope, attributes=self.attributes)


def named_values(rules: Mapping[str, Rule], values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(attribute, value) for each of these (field, value), by the rules that are nothing but attributes."""
    for field_name, value in values:
        if value and field_name in rules:
            yield from ((name, value) for name in _plain(rules[field_name]))


def _plain(rule: Rule) -> Iterator[str]:
    named = rule.attribute or [] if isinstance(rule, RuleTable) else rule
    for name in [named] if isinstance(named, str) else named:
        if ATTRIBUTE.fullmatch(name):
            yield name
