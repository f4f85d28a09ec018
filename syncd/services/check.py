"""Whether a directory can be synced, tried out without writing anything.

First each server is probed by the adapter, from its name to its limits. Then three people are read and mapped as a run would
do it, with the roles they would get, since a mapping that works is not yet one that means what it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from syncd.errors import DirectoryError, SyncdError
from syncd.mapping.mapper import MappingIssue, PersonMapper
from syncd.mapping.references import GroupSet
from syncd.mapping.roles import RoleMap
from syncd.mapping.searches import people_search, roles_search, structure_search
from syncd.mapping.structure import Structure
from syncd.model.checks import CheckLine, CheckStatus
from syncd.model.entry import Entry
from syncd.model.reading import Search, ServerInfo
from syncd.model.records import FieldValue, PersonRecord
from syncd.model.views import unit_path
from syncd.services.account_policy import account_rule
from syncd.services.feeds import feed_line
from syncd.services.logincheck import login_line
from syncd.services.ports import Directory, DirectorySession
from syncd.services.ranges import completed
from syncd.services.reading import require_complete
from syncd.services.visibility import require_bases, require_canaries
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import fill, profile_of

SAMPLE = 3
# entries that are looked at to find a sample: enough to pass over service accounts at the top of a directory
_LOOK_AT = 200


# what the lines about people are called
SAMPLE_CHECK = "sample"
# what the probe calls the step that the credentials are shown in
_BIND = "bind"
_NOT_TRIED = CheckLine(
    name=_BIND,
    status=CheckStatus.WARN,
    text="not tried, since each attempt with wrong credentials counts towards a lockout",
    advice="Mend the bind above, then check again.",
)


class Probe(Protocol):
    """The adapter's part: one server, from its name to its limits."""

    def __call__(
        self, name: str, settings: DirectorySettings, url: str, *, searches: Callable[[ServerInfo], Sequence[Search]]
    ) -> Iterator[CheckLine]:
        """The lines as they come; ends after the first failure that makes the rest pointless. Raises nothing of its own.

        `searches`: what a run would ask such a server.
        """


@dataclass(frozen=True, slots=True)
class Checked:
    """One line, and what it is about."""

    directory: str
    # URL; "" for what concerns the directory as a whole
    server: str
    line: CheckLine


@dataclass(slots=True, kw_only=True)
class CheckService:
    """The use case of checking directories."""

    settings: Mapping[str, DirectorySettings]
    custom_fields: Mapping[str, str]
    directories: Mapping[str, Directory]
    probe: Probe

    def check(self, name: str) -> Iterator[Checked]:
        """All lines of one directory, as they come."""
        settings = self.settings[name]
        if (login := login_line(settings)) is not None:
            yield Checked(name, "", login)
        usable = False
        for number, url in enumerate(settings.urls):
            failed = set()
            for line in self.probe(name, settings, url, searches=lambda server: _searches(_filled(settings, server))):
                if line.status is CheckStatus.FAIL:
                    failed.add(line.name)
                yield Checked(name, url, line)
            if _BIND in failed:
                yield from (Checked(name, other, _NOT_TRIED) for other in settings.urls[number + 1 :])
                return
            usable = usable or not failed
        if not usable:
            return
        sample = _Sample(directory=self.directories[name], settings=settings, custom_fields=self.custom_fields)
        for line in sample.lines():
            yield Checked(name, "", line)


@dataclass(slots=True, kw_only=True)
class _Sample:
    """Reads a few people and shows what would be stored of them."""

    directory: Directory
    settings: DirectorySettings
    custom_fields: Mapping[str, str]

    def lines(self) -> Iterator[CheckLine]:
        try:
            session = self.directory.connect()
        except DirectoryError as error:
            yield _failure(error)
            return
        try:
            yield from self._lines_of(session)
        except SyncdError as error:
            yield _failure(error)
        finally:
            session.close()

    def _lines_of(self, session: DirectorySession) -> Iterator[CheckLine]:
        self.settings = _filled(self.settings, session.server)
        yield feed_line(self.settings, session.server)
        yield from self._read(session)

    def _read(self, session: DirectorySession) -> Iterator[CheckLine]:
        id_attribute = self.settings.entry_id_attribute or session.server.entry_id_attribute
        if id_attribute is None:
            # the probe has said so, with advice
            return
        for canary in self.settings.safety.canaries:
            require_canaries(session, [canary])
            what = f"{canary.attribute} of {canary.dn}" if canary.attribute else canary.dn
            yield CheckLine(name="canary", status=CheckStatus.PASS, text=f"{what} is seen")
        account = account_rule(session, self.settings)
        mapper = PersonMapper(self.settings, custom_fields=self.custom_fields, entry_id_attribute=id_attribute, account=account)
        search = structure_search(self.settings, id_attribute)
        require_bases(session, _searches(self.settings))
        units = list(_entries(session, search)) if search else []
        structure = Structure(self.settings, units, entry_id_attribute=id_attribute)
        seen = list(islice(_entries(session, people_search(self.settings, mapper.attributes)), _LOOK_AT))
        people, issues = _mapped(seen, mapper, structure)
        identifiers = self._identifiers(session, people, mapper, id_attribute)
        role_map = RoleMap(self.settings.roles.map, self.settings.roles.default)
        for entry, record in people:
            yield _person_line(record, entry.dn, structure, identifiers.get(record.entry_id, frozenset()), role_map)
        for dn, issue in issues[:SAMPLE]:
            yield CheckLine(name=SAMPLE_CHECK, status=CheckStatus.WARN, text=f"{dn} could not be used: {issue.message}")
        if not people:
            yield _nobody(len(seen))

    def _identifiers(
        self, session: DirectorySession, people: Sequence[tuple[Entry, PersonRecord]], mapper: PersonMapper, id_attribute: str
    ) -> Mapping[str, frozenset[str]]:
        """Entry id -> role identifiers of the sample, nesting resolved; for that all groups are read."""
        search = roles_search(self.settings, id_attribute)
        if search is None or not people:
            return {}
        groups = GroupSet(self.settings.roles, entry_id_attribute=id_attribute)
        for entry in completed(session, list(_entries(session, search)), self.settings.roles.member_attributes):
            groups.add(entry)
        primary = {record.entry_id: record.primary_group for _, record in people if record.primary_group is not None}
        if mapper.uses_references:
            references = {record.entry_id: mapper.references(entry) for entry, record in people}
            resolved = groups.resolve_references(references, primary)
        else:
            key: Callable[[PersonRecord], str | None] = lambda record: record.member_key if groups.by_name else record.dn_key  # noqa: E731
            resolved = groups.resolve({name: record.entry_id for _, record in people if (name := key(record))}, primary)
        records = groups.records
        return {person: frozenset(records[group].identifier for group in held) for person, held in resolved.memberships.items()}


def _filled(settings: DirectorySettings, server: ServerInfo) -> DirectorySettings:
    """The settings as a run with this server has them."""
    return fill(settings, profile_of(server.vendor))


def _searches(settings: DirectorySettings) -> list[Search]:
    """The searches of a run; which attributes they bring does not matter for counting."""
    nothing = "1.1"
    found = (people_search(settings, (nothing,)), roles_search(settings, nothing), structure_search(settings, nothing))
    return [search for search in found if search is not None]


def _entries(session: DirectorySession, search: Search) -> Iterator[Entry]:
    """The entries of a search. Whoever asks for all of them gets IncompleteReadError when those are not all."""
    reading = session.read(search)
    for batch in reading:
        yield from batch
    require_complete(reading.verdict, search, server=session.server.url)


def _mapped(
    entries: Sequence[Entry], mapper: PersonMapper, structure: Structure
) -> tuple[list[tuple[Entry, PersonRecord]], list[tuple[str, MappingIssue]]]:
    """The first people that can be mapped, and what was wrong with those before them."""
    people: list[tuple[Entry, PersonRecord]] = []
    issues: list[tuple[str, MappingIssue]] = []
    for entry in entries:
        try:
            entry_id = mapper.entry_id(entry)
            fingerprint = mapper.fingerprint(entry, structure)
            record = mapper.map(entry, entry_id=entry_id, fingerprint=fingerprint, structure=structure, current_email=None)
        except MappingIssue as issue:
            issues.append((entry.dn, issue))
        else:
            people.append((entry, record))
            if len(people) == SAMPLE:
                break
    return people, issues


def _person_line(
    record: PersonRecord, dn: str, structure: Structure, identifiers: frozenset[str], role_map: RoleMap
) -> CheckLine:
    fields = {name: value for name, value in record.fields.items() if value is not None and value != ()}
    organization, unit = str(fields.pop("organization", "")), str(fields.pop("unit", ""))
    if organization in structure.organizations:
        fields["organization"] = structure.organizations[organization].name
    if unit in structure.units:
        fields["unit"] = _path(unit, structure)
    roles = ", ".join(sorted(role_map.roles_for(identifiers))) or "none"
    held = ", ".join(sorted(identifiers)) or "none"
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in fields.items())
    return CheckLine(
        name=SAMPLE_CHECK, status=CheckStatus.PASS, text=f"{dn}: {shown}; role identifiers: {held}; roles: {roles}"
    )


def _path(key: str, structure: Structure) -> str:
    names: list[str] = []
    here: str | None = key
    while here is not None:
        names.insert(0, structure.units[here].name)
        here = structure.units[here].parent
    return unit_path(tuple(names))


def _shown(value: FieldValue) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return "; ".join(value) if isinstance(value, tuple) else str(value)


def _nobody(seen: int) -> CheckLine:
    text = f"none of the first {seen} entries could be used" if seen else "the search for people finds nobody"
    return CheckLine(
        name=SAMPLE_CHECK,
        status=CheckStatus.FAIL,
        text=text,
        advice="Check `users.filter`, `users.base_dn`, `users.attributes` and what the bind account may read.",
    )


def _failure(error: SyncdError) -> CheckLine:
    return CheckLine(name=SAMPLE_CHECK, status=CheckStatus.FAIL, text=error.message, advice=error.hint)
