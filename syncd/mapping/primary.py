"""The group everyone in Active Directory is in without being listed: the primary group, "Domain Users" for nearly all.

It stands in no `member` and no `memberOf`. The person's primaryGroupID is the last part of the group's SID; all before it,
the domain's part, is that of the person's own SID (MS-ADTS section 3.1.1.4.5.19 and 3.1.1.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.mapping.convert import sid_text
from syncd.mapping.members import Group
from syncd.model.entry import Entry

PERSON_ATTRIBUTES = ("primaryGroupID", "objectSid")
GROUP_ATTRIBUTES = ("objectSid",)
# a RID has 32 bits
_LARGEST = 2**32


class PrimaryGroupReader:
    """Gives the SID of people's primary groups. Equal SIDs are one object, as there are few groups and many people."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], str | None] = {}

    def read(self, entry: Entry) -> str | None:
        """None where the entry does not show both attributes, or what is no id. Never raises."""
        sid, group = entry.first("objectsid"), entry.first("primarygroupid")
        if sid is None or group is None:
            return None
        key = sid[:-4], group
        if key not in self._known:
            self._known[key] = _group_sid(sid, group)
        return self._known[key]


def group_sid(entry: Entry) -> str | None:
    """The SID of a group's entry, None where it cannot be read."""
    raw = entry.first("objectsid")
    try:
        return sid_text(raw) if raw is not None else None
    except ValueError:
        return None


def add_primary(members: dict[int, list[str]], groups: Sequence[Group], primary: Mapping[str, str]) -> None:
    """Add to the people each group lists those whose primary group it is. `primary`: entry id -> SID."""
    if not primary:
        return
    numbers = {group.sid: number for number, group in enumerate(groups) if group.sid is not None}
    for person, sid in primary.items():
        number = numbers.get(sid)
        if number is not None:
            members.setdefault(number, []).append(person)


def _group_sid(sid: bytes, group: bytes) -> str | None:
    try:
        domain, _, own = sid_text(sid).rpartition("-")
    except ValueError:
        return None
    # a SID without a sub-authority has no domain part
    if sid[1] == 0 or not own or not (group.isascii() and group.isdigit() and int(group) < _LARGEST):
        return None
    return f"{domain}-{int(group)}"
