"""One person's entry, in the store's words.

What the mapper does for every entry of every run is little: the entry's id and its fingerprint. Only an entry whose
fingerprint is not the stored one is mapped. The fingerprint therefore covers all that mapping looks at: the DN, the raw values
of the mapped attributes whatever their order, where in the organization the entry lies, and the mapping itself.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from syncd.errors import ConfigurationError
from syncd.mapping.account import AccountRule
from syncd.mapping.emails import EmailRule, FurtherEmailsRule
from syncd.mapping.identity import entry_id_reader, version_reader
from syncd.mapping.members import is_ranged
from syncd.mapping.primary import PERSON_ATTRIBUTES, PrimaryGroupReader
from syncd.mapping.problems import BadValue, MappingIssue
from syncd.mapping.rules import FieldRule, compile_rule, field_kinds, record_field
from syncd.mapping.searches import unique_attributes
from syncd.mapping.sources import AttributeSource
from syncd.mapping.structure import Placement, Structure
from syncd.mapping.validate import validate_mapping
from syncd.model.attributes import canonical_attribute
from syncd.model.dn import InvalidDN, normalize
from syncd.model.entry import Entry
from syncd.model.records import ACCOUNT_FIELDS, FieldValue, PersonRecord
from syncd.model.text import fold
from syncd.settings.directory import DirectorySettings

__all__ = ["MappingIssue", "PersonMapper", "Traced"]

# raised when the same settings and values come to mean another record, so that everyone is mapped anew
_VERSION = 1


class Traced(NamedTuple):
    """What one rule made of an entry."""

    # the field's name in the settings
    name: str
    # the attributes the rule reads, as the site wrote them
    attributes: tuple[str, ...]
    value: FieldValue
    # why there is no value; "" when nothing is wrong
    problem: str


class PersonMapper:
    """The mapping of one directory's people."""

    def __init__(
        self,
        settings: DirectorySettings,
        *,
        custom_fields: Mapping[str, str],
        entry_id_attribute: str,
        version_attribute: str | None = None,
        account: AccountRule | None = None,
        precedence: str = "",
    ) -> None:
        """`entry_id_attribute`: the site's, or the server's; `version_attribute`: what changes whenever an entry does.
        `account`: without one, the records say nothing of accounts. `precedence`: Precedence.text, which decides as much as the
        mapping what becomes of an entry.

        Raises ConfigurationError with every mistake in the mapping.
        """
        if problems := validate_mapping(settings, custom_fields):
            raise ConfigurationError(problems=tuple(problems))
        users, roles = settings.users, settings.roles
        self._account = account
        self._rules: list[tuple[str, Callable[[Entry], FieldValue]]] = []
        self._read_by: dict[str, tuple[str, ...]] = {}
        self._compile(settings, field_kinds(custom_fields))
        self._required = tuple((name, record_field(name)) for name in users.required)
        # whether membership stands on the person, so that `references` must be asked for each
        self.uses_references = roles.enabled and "memberOf" in roles.member_attributes
        # the same of `primary_group`
        self.uses_primary_group = roles.enabled and roles.primary_group
        by_name = roles.enabled and "memberUid" in roles.member_attributes
        self._member_name = AttributeSource(roles.member_name_attribute) if by_name else None
        self._link = AttributeSource(settings.link.attribute) if settings.link is not None else None
        mapped = [name for names in self._read_by.values() for name in names]
        mapped += _structure_attributes(settings)
        mapped += [roles.member_name_attribute] if by_name else []
        mapped += ["memberOf"] if self.uses_references else []
        mapped += account.attributes if account is not None else ()
        mapped += PERSON_ATTRIBUTES if self.uses_primary_group else []
        mapped += [settings.link.attribute] if settings.link is not None else []
        self.entry_id = entry_id_reader(entry_id_attribute)
        self.version = version_reader(version_attribute)
        # what to ask the directory for
        self.attributes = unique_attributes([entry_id_attribute, *([version_attribute] if version_attribute else []), *mapped])
        self._keys = tuple(sorted({canonical_attribute(name) for name in mapped}))
        self._whole_keys = [key for key in self._keys if key != "memberof"]
        # hash of all settings that decide what an entry becomes
        self.digest = self._digest(settings, custom_fields, entry_id_attribute, precedence)
        self._reference_texts: dict[bytes, str] = {}
        self._primary_group = PrimaryGroupReader()

    def fingerprint(self, entry: Entry, structure: Structure) -> bytes:
        """16 bytes that change whenever the entry's record would; neither order of attributes nor of values matters.

        `marshal` in its second version writes plain values one after another with their types and lengths, which makes the
        text that is hashed unambiguous, in one call; nothing ever reads it back.
        """
        attributes = entry.attributes
        values: list[object] = [self.digest, entry.dn, self._place(entry, structure)]
        for key in self._keys:
            found = attributes.get(key)
            values.append(sorted(found) if found is not None and len(found) > 1 else found)
        return blake2b(marshal.dumps(values, 2), digest_size=16).digest()

    def map(
        self,
        entry: Entry,
        *,
        entry_id: str,
        fingerprint: bytes,
        structure: Structure,
        current_email: str | None = None,
    ) -> PersonRecord:
        """The person's record. `current_email`: the primary address the store holds, which stays while it still exists.

        Raises MappingIssue with everything that is wrong with the entry.
        """
        problems: list[tuple[str, str]] = []
        fields = self._fields(entry, current_email, problems)
        dn_key, member_key, link_key = "", None, None
        try:
            dn_key = normalize(entry.dn)
            member_key, link_key = self._member_key(entry), self._link_key(entry)
            placement = structure.place(entry)
            if placement is not None:
                fields["organization"], fields["unit"] = placement
        except InvalidDN as error:
            problems.insert(0, ("invalid_dn", f"the DN cannot be read: {error}"))
        except BadValue as error:
            problems.append(("bad_value", str(error)))
        if is_ranged(entry, self._whole_keys):
            problems.insert(0, ("ranged_values", "the server gave only a part of an attribute's values"))
        for name, field in self._required:
            # a field that is not there has a problem of its own
            if fields.get(field, "") is None:
                problems.append(("missing_field", self._missing(name)))
        if problems:
            raise MappingIssue(problems[0][0], "; ".join(text for _, text in problems))
        primary_group = self.primary_group(entry)
        version = self.version(entry)
        return PersonRecord(entry_id, entry.dn, dn_key, fingerprint, fields, member_key, version, primary_group, link_key)

    def trace(self, entry: Entry, *, current_email: str | None = None) -> tuple[Traced, ...]:
        """Each rule with what it reads and what comes out, in the order of the settings. Never raises."""
        problems: list[tuple[str, str]] = []
        fields = self._fields(entry, current_email, problems)
        wrong = {text.partition(": ")[0]: text.partition(": ")[2] for _, text in problems}
        required = {name for name, _ in self._required}
        traced = []
        for name, attributes in self._read_by.items():
            field = record_field(name)
            problem = wrong.get("email" if name == "emails" else field, "")
            value = None if problem else fields.get(field)
            if value is None and not problem and name in required:
                problem = self._missing(name)
            traced.append(Traced(name, attributes, value, problem))
        if self._account is not None and self._account.attributes:
            read, problem = self._account.attributes, wrong.get("account", "")
            traced += [Traced(name, read, fields.get(name), problem) for name in ACCOUNT_FIELDS]
        return tuple(traced)

    def references(self, entry: Entry) -> tuple[str, ...]:
        """The DNs of the groups the entry names in memberOf, as the server writes them, for `GroupSet.resolve_references`.

        Never raises: what is not UTF-8 becomes the name of no group. Equal names are one object, as there are few groups and
        many people.
        """
        values = entry.attributes.get("memberof")
        if not values:
            return ()
        known = self._reference_texts
        return tuple(known.get(raw) or known.setdefault(raw, raw.decode("utf-8", "backslashreplace")) for raw in values)

    def primary_group(self, entry: Entry) -> str | None:
        """The SID of the group the entry names by primaryGroupID, None where that does not count or cannot be read."""
        return self._primary_group.read(entry) if self.uses_primary_group else None

    # ------------------------------------------------------------ parts
    def _digest(
        self, settings: DirectorySettings, custom_fields: Mapping[str, str], entry_id_attribute: str, precedence: str
    ) -> bytes:
        parts = [
            _VERSION,
            settings.users.model_dump(mode="json", include={"attributes", "required"}),
            {name: custom_fields[name] for name in settings.users.attributes if name in custom_fields},
            canonical_attribute(entry_id_attribute),
            self._keys,
            self._member_name and self._member_name.label,
            self._account and self._account.digest_parts,
        ]
        if self._link is not None or precedence:
            parts += ["link", self._link and self._link.label, precedence]
        return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).digest()

    def _compile(self, settings: DirectorySettings, kinds: Mapping[str, str]) -> None:
        self._email: EmailRule | None = None
        self._further: FurtherEmailsRule | None = None
        for name, rule in settings.users.attributes.items():
            if name == "email":
                self._email = EmailRule(rule)
                self._read_by[name] = self._email.attributes
            elif name == "emails":
                self._further = FurtherEmailsRule(rule)
                self._read_by[name] = self._further.attributes
            else:
                compiled: FieldRule = compile_rule(rule, kinds[name])
                self._rules.append((record_field(name), compiled.value))
                self._read_by[name] = compiled.attributes

    def _fields(self, entry: Entry, current_email: str | None, problems: list[tuple[str, str]]) -> dict[str, FieldValue]:
        fields: dict[str, FieldValue] = {}
        for field, value in self._rules:
            try:
                fields[field] = value(entry)
            except BadValue as error:
                problems.append(("bad_value", f"{field}: {error}"))
        primary = None
        try:
            if self._email is not None:
                primary, others = self._email.addresses(entry, current_email)
                fields["email"], fields["emails"] = primary, others
            if self._further is not None:
                fields["emails"] = self._further.addresses(entry, primary)
        except BadValue as error:
            problems.append(("bad_value", f"email: {error}"))
        if self._account is not None:
            try:
                fields |= self._account.fields(entry)
            except BadValue as error:
                problems.append(("bad_value", f"account: {error}"))
        return fields

    def _member_key(self, entry: Entry) -> str | None:
        if self._member_name is None:
            return None
        name = self._member_name.one(entry)
        return fold(name) if name is not None else None

    def _link_key(self, entry: Entry) -> str | None:
        """What cannot be read links nobody, and is no reason to leave the person out."""
        try:
            value = self._link.one(entry) if self._link is not None else None
        except BadValue:
            return None
        return (fold(value.strip()) or None) if value is not None else None

    def _missing(self, name: str) -> str:
        attributes = ", ".join(self._read_by[name])
        return f"{name} is required and has no value" + (f" ({attributes})" if attributes else "")

    def _place(self, entry: Entry, structure: Structure) -> Placement:
        try:
            return structure.place(entry)
        except BadValue:
            # the value is part of the fingerprint, and `map` says what is wrong with it
            return None


def _structure_attributes(settings: DirectorySettings) -> list[str]:
    organization = settings.organization
    sources = [settings.units.from_] + ([] if isinstance(organization, str) else [organization.from_])
    return [text.partition(":")[2] for text in sources if text.startswith("attribute:")]
