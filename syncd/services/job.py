"""What all ways of reading one directory have in common: the session, the site's settings made whole, and its searches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncd.errors import NoEntryIdError
from syncd.mapping.account import AccountRule
from syncd.mapping.configuration import configuration_digest
from syncd.mapping.mapper import PersonMapper
from syncd.mapping.members import is_partial
from syncd.mapping.references import GroupSet
from syncd.mapping.searches import people_search, roles_search, structure_search
from syncd.mapping.structure import Structure
from syncd.model.entry import Entry
from syncd.model.feed import FeedChoice
from syncd.model.reading import Search
from syncd.model.records import StoredIdentity
from syncd.services.account_policy import account_rule
from syncd.services.feeds import choose_feed
from syncd.services.groupversions import GroupVersions
from syncd.services.intake import Collected
from syncd.services.outside import outside_filter
from syncd.services.ports_directory import DirectorySession
from syncd.services.ports_store import StoredStructure
from syncd.services.ranges import completed
from syncd.services.reading import Reader
from syncd.settings.directory import DirectorySettings
from syncd.settings.profiles import fill, profile_of


@dataclass(slots=True, kw_only=True)
class Job:
    """One directory, on one connection."""

    name: str
    session: DirectorySession
    settings: DirectorySettings
    reader: Reader
    mapper: PersonMapper
    people: Search
    roles: Search | None
    units: Search | None
    config_digest: bytes
    choice: FeedChoice
    account: AccountRule
    # the time of this run, by which accounts are judged
    now: datetime

    @classmethod
    def on(
        cls,
        session: DirectorySession,
        *,
        name: str,
        settings: DirectorySettings,
        custom_fields: Mapping[str, str],
        now: datetime,
        progress: Callable[[str, int], None] = lambda phase, count: None,
        stopping: Callable[[], bool] = lambda: False,
        precedence: str = "",
    ) -> Job:
        """Raises NoEntryIdError, ConfigurationError."""
        server = session.server
        settings = fill(settings, profile_of(server.vendor))
        id_attribute = settings.entry_id_attribute or server.entry_id_attribute
        if id_attribute is None:
            raise NoEntryIdError(f"{server.url} has no attribute that identifies an entry for good")
        account = account_rule(session, settings)
        mapper = PersonMapper(
            settings,
            custom_fields=custom_fields,
            entry_id_attribute=id_attribute,
            version_attribute=server.version_attribute,
            account=account,
            precedence=precedence,
        )
        return cls(
            name=name,
            session=session,
            settings=settings,
            reader=Reader(session=session, id_attribute=id_attribute, progress=progress, stopping=stopping),
            mapper=mapper,
            people=people_search(settings, mapper.attributes),
            roles=roles_search(settings, id_attribute, server.version_attribute),
            units=structure_search(settings, id_attribute),
            config_digest=configuration_digest(settings, custom_fields, entry_id_attribute=id_attribute),
            choice=choose_feed(settings, server),
            account=account,
            now=now,
        )

    @property
    def searches(self) -> list[Search]:
        return [search for search in (self.people, self.roles, self.units) if search is not None]

    @property
    def id_attribute(self) -> str:
        return self.reader.id_attribute

    def empty_groups(self, stored: StoredStructure) -> GroupSet:
        return GroupSet(self.settings.roles, entry_id_attribute=self.id_attribute, known=stored.role_identifiers)

    def read_groups(self, groups: GroupSet, stored: StoredStructure) -> bytes:
        """Read all groups into `groups`; their Plan.groups_version."""
        assert self.roles is not None, "there is a search for roles only where there are roles"
        versions = GroupVersions.of(self.session.server, self.id_attribute)

        def take(batches: Iterable[Sequence[Entry]]) -> None:
            for batch in self.whole(batches, self.settings.roles.member_attributes):
                for entry in batch:
                    groups.add(entry)
                    versions.add(entry)

        take(self.reader.pages(self.roles))
        take(self.reader.among(self.roles, sorted(stored.role_identifiers.keys() - groups.seen)))
        return versions.digest()

    def whole(self, batches: Iterable[Sequence[Entry]], attributes: Iterable[str]) -> Iterator[Sequence[Entry]]:
        """The batches; entries of which the server gave only a part of these attributes come last, with all values if those can
        be had."""
        partial: list[Entry] = []
        for batch in batches:
            parts = [entry for entry in batch if is_partial(entry)]
            partial += parts
            yield [entry for entry in batch if not is_partial(entry)] if parts else batch
        for entry in completed(self.session, partial, attributes, stopping=self.reader.stopping):
            yield [entry]

    def whole_people(self, batches: Iterable[Sequence[Entry]]) -> Iterable[Sequence[Entry]]:
        """The batches of people, with all values of whatever is looked at."""
        return self.whole(batches, self.mapper.attributes)

    def new_collected(self, *, structure: Structure, groups: GroupSet | None, known: Mapping[str, StoredIdentity]) -> Collected:
        return Collected(
            server=self.session.server,
            settings=self.settings,
            mapper=self.mapper,
            structure=structure,
            groups=groups,
            known=known,
            config_digest=self.config_digest,
            issues=list(structure.issues),
        )

    def outside_filter(self, missing: Collection[str]) -> Iterator[Sequence[Entry]]:
        """The entries of people who are not in the search because the directory has switched them off."""

        def read(search: Search) -> Iterator[Sequence[Entry]]:
            return self.reader.pages(search, counted=False)

        return outside_filter(
            read, self.people, id_attribute=self.id_attribute, missing=missing, account=self.account, now=self.now
        )

    def read_structure(self, stored: StoredStructure) -> Structure:
        """Read all units."""
        entries: list[Entry] = []
        if self.units is not None:
            for batch in self.reader.pages(self.units, counted=False):
                entries += batch
            missing = sorted((stored.units.keys() | stored.organizations.keys()) - self.reader.ids_of(entries))
            for batch in self.reader.among(self.units, missing):
                entries += batch
        return Structure(self.settings, entries, entry_id_attribute=self.id_attribute)
