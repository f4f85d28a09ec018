"""What the directory says and what the store holds, in the same words, so that the two can be compared.

A person's fields are one flat mapping from the store's field names to values, in which further emails, custom fields
("custom.NAME"), the organization and the unit are fields like any other: the comparison needs no special cases. Only
fields that the mapping manages are in it; the others belong to someone else and are never touched.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

# text, numbers, dates, tuples of text in a stable order (emails, tags, lists), bytes (avatar); None is "no value"
FieldValue = str | int | bool | date | datetime | bytes | tuple[str, ...] | None
Fields = Mapping[str, FieldValue]

# names of `Fields` beside "custom.NAME"; "organization" and "unit" hold keys of OrganizationRecord and UnitRecord
PERSON_FIELDS = (
    "username", "email", "emails", "prefix", "first_name", "middle_name", "last_name", "suffix", "display_name",
    "title", "phone", "birthday", "avatar", "tags",
)  # fmt: skip
CUSTOM_PREFIX = "custom."
ACCOUNT_PREFIX = "account."
# what a directory says of a person's account, fields like any other; None is "does not say"
ACCOUNT_FIELDS = (
    # bool: an administrator of the directory switched it off
    "account.disabled",
    # datetime: cannot log in before that; FOREVER = until somebody unlocks it
    "account.locked_until",
    # datetime: the account begins and ends
    "account.valid_from", "account.expires_at",
    # bool: must change the password first; datetime: the password's end
    "account.password_must_change", "account.password_expires_at",
)  # fmt: skip
# stands for "no end": what databases and Python can both hold
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class DirectoryPresence(enum.StrEnum):
    """Whether a directory still has a person it once had. What it says of the account is in ACCOUNT_FIELDS."""

    ACTIVE = "active"
    MISSING = "missing"


class PersonRecord(NamedTuple):
    """A person as the directory has them now, mapped. A named tuple, since millions are made."""

    entry_id: str
    dn: str
    # the DN's normal form (syncd.model.dn): equal keys are the same name
    dn_key: str
    # hash of the entry's mapped raw values, its DN and the mapping
    fingerprint: bytes
    fields: Fields
    # folded value that `memberUid` names, None where membership is by DN
    member_key: str | None = None
    # the server's version of the entry (entryCSN, uSNChanged, modifyTimestamp), to tell cheaply whether it changed
    version: str | None = None
    # id (SID) of the group that counts as joined without being listed (primaryGroupID), None where there is none
    primary_group: str | None = None
    # folded value by which the same person is known in other directories (link.attribute), None without one
    link_key: str | None = None


class StoredIdentity(NamedTuple):
    """The little that is kept in memory of every known person while a run lasts."""

    user_id: int
    fingerprint: bytes
    present: bool
    dn: str
    version: str | None = None


class StoredPerson(NamedTuple):
    """A person as the store holds them, for comparison with a PersonRecord."""

    user_id: int
    entry_id: str
    dn: str
    dn_key: str
    fingerprint: bytes
    presence: DirectoryPresence
    # every field the store knows, managed or not
    fields: Fields
    member_key: str | None = None
    primary_group: str | None = None
    link_key: str | None = None


class LinkedIdentity(NamedTuple):
    """One directory's entry of a user, as far as linking looks at it."""

    directory: str
    entry_id: str
    dn: str
    user_id: int
    link_key: str | None
    present: bool
    # of the user
    manual: bool = False
    break_glass: bool = False


class NameHolder(NamedTuple):
    """Who in the store holds a username or an email, by its folded key."""

    user_id: int
    # entry id when the holder belongs to the directory that is being synced, else None
    entry_id: str | None
    # name of the directory, or None for a manual user
    directory: str | None
    username: str
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRecord:
    """An organization."""

    # stable over renames: the entry id of an OU, else the folded name
    key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """A business unit, inside one organization."""

    # stable over renames: the entry id of an OU, else the folded path of names
    key: str
    name: str
    organization: str
    # key of the unit it lies in, None at the top of its organization
    parent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleIdentifierRecord:
    """What the directory calls a role."""

    # the entry id of the group; the folded identifier where groups are not read (memberOf only)
    key: str
    identifier: str
    dn: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One entry that could not be used. Its stored state stays as it was."""

    # entry id, or the DN's key where even that is missing
    key: str
    dn: str
    # stable code: missing_field, bad_value, username_taken, email_taken, no_entry_id, duplicate_identifier, …
    code: str
    # one sentence with the reason and, for a clash, the other DNs
    message: str
    # "person", "role", "unit"
    subject: str = "person"
