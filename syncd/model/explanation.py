"""Why somebody is, or is not, what an administrator expects: every step from the directory's entry to the store's roles.

These are findings in words and values that a face only has to print; nothing here can be applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.model.hold import ChangeRow
from syncd.model.records import FieldValue, Issue
from syncd.model.views import PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must hold for an entry to be taken, and whether it does."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldExplanation:
    """One rule of the mapping at work."""

    field: str
    # as the configuration has it
    rule: str
    # attribute -> what was read of it; of what is no text only the size
    read: Mapping[str, tuple[str, ...]]
    value: FieldValue
    # why there is no usable value; "" when nothing is wrong
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePath:
    """Why the directory gives a person a role identifier, and what that gives in turn."""

    identifier: str
    # DNs of groups: the first one lists the person, each is a member of the next, the last has the identifier
    path: tuple[str, ...]
    # lines of the configuration that give roles for it
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryExplanation:
    """An entry of the directory, as a run would see it."""

    dn: str
    entry_id: str | None
    # attribute -> values; of what is no text only the size
    attributes: Mapping[str, tuple[str, ...]]
    # whether a run takes it for a person
    taken: bool
    base: Condition
    filter: Condition
    # of a filter (&...) that does not match: its parts
    filter_parts: tuple[Condition, ...] = ()
    # whether the entry shows up in the search that a run makes; None: not asked, since its id cannot be read
    listed: bool | None = None
    fields: tuple[FieldExplanation, ...] = ()
    organization: str | None = None
    unit: str | None = None
    # why the entry is an issue instead of a person: "code: sentence"; "" for none
    problem: str = ""
    roles: tuple[RolePath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a sync would do now, about one entry or about somebody whose entry is not there."""

    # one sentence
    summary: str
    changes: tuple[ChangeRow, ...] = ()
    # what the guard or a rule adds to it, one sentence each
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the directory could not be asked, or only in part."""

    code: str
    message: str
    advice: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One entry the directory was found to have, or (entry None) the lack of one."""

    entry: EntryExplanation | None
    # None where a failure leaves it open
    outlook: Outlook | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryExplanation:
    """One directory's word about somebody."""

    directory: str
    # URL of the server that answered; "" when none did
    server: str = ""
    # where it was looked, one phrase each
    looked: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    # entries that were found as well and are not among them
    more: int = 0
    # open issues about these entries
    issues: tuple[Issue, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleExplanation:
    """Why somebody has a role of the store."""

    role: str
    # each source with its reason: "corp: roles.map: "crm-admins" = ["administrator"]", "manual: ..."
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreExplanation:
    """The store's word about somebody."""

    person: PersonView
    # of the login gate, a sentence for each; empty when they can log in
    reasons: tuple[str, ...]
    # directory -> "present", or since when it no longer has them and why
    presence: Mapping[str, str]
    roles: tuple[RoleExplanation, ...]
    # directories in which they are a break-glass account
    break_glass: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known about one person."""

    who: str
    # None: the store has nobody of that name
    store: StoreExplanation | None
    directories: tuple[DirectoryExplanation, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(one.failure for one in self.directories if one.failure is not None)
