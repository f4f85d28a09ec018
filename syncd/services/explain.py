"""Why one person is, or is not, what an administrator expects.

The store is asked first and then each directory, over one session each, with the searches of a run cut down to one entry.
Nothing is written: no run, no lease, no plan (a test compares the whole database before and after).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from syncd.accounts.sentences import reason_sentence
from syncd.clock import Clock, SystemClock
from syncd.errors import NotFoundError, SyncdError, UsageError
from syncd.model.dn import InvalidDN, normalize
from syncd.model.explanation import DirectoryExplanation, Explanation, StoreExplanation
from syncd.model.records import Issue
from syncd.model.views import DirectoryIdentity, PersonView
from syncd.services.explain_directory import Inquiry, People, failure_of
from syncd.services.explain_lookup import MOST, Who
from syncd.services.explain_roles import role_reasons
from syncd.services.linking import Linking
from syncd.services.ports_directory import Directory
from syncd.services.ports_store import SyncStore
from syncd.settings.directory import DirectorySettings


@dataclass(slots=True, kw_only=True)
class ExplainService:
    """The use case of explaining somebody."""

    settings: Mapping[str, DirectorySettings]
    custom_fields: Mapping[str, str]
    directories: Mapping[str, Directory]
    store: SyncStore
    people: People
    administrator_roles: Collection[str]
    # for what ends with time alone
    clock: Clock = field(default_factory=SystemClock)

    def explain(self, text: str, *, directory: str | None = None) -> Explanation:
        """`directory`: the one to ask; all of them when left out. Raises NotFoundError, UsageError, StoreError."""
        who = Who.of(text)
        if not who.value:
            raise UsageError("say whom: a username, an email, a number, an entry id or a DN")
        if directory is not None and directory not in self.settings:
            raise NotFoundError(
                f"no directory is called {directory!r}; configured: {', '.join(sorted(self.settings)) or 'none'}"
            )
        person = self._stored(text)
        names = [directory] if directory is not None else sorted(self.settings)
        answers = []
        for name in names:
            answer, person = self._ask(name, who, person)
            answers.append(answer)
        if person is None and not any(answer.sightings or answer.failure or answer.issues for answer in answers):
            places = "; ".join(f"{answer.directory} ({', '.join(answer.looked) or 'not asked'})" for answer in answers)
            raise NotFoundError(f"nobody is known as {text!r}. Looked in the store" + (f", then in {places}" if places else ""))
        return Explanation(who=text, store=self._store_side(person), directories=tuple(answers))

    # ------------------------------------------------------------ the store's word
    def _stored(self, text: str) -> PersonView | None:
        try:
            return self.people.user(text)
        except NotFoundError:
            return None

    def _store_side(self, person: PersonView | None) -> StoreExplanation | None:
        if person is None:
            return None
        glass = [
            one.name
            for one in person.directories
            if one.entry_id in self.store.protected(one.name, administrator_roles=self.administrator_roles).break_glass
        ]
        accounts = {one.name: one.account for one in person.directories}
        return StoreExplanation(
            person=person,
            reasons=tuple(reason_sentence(reason, accounts) for reason in person.reasons),
            presence={one.name: _presence(one, configured=one.name in self.settings) for one in person.directories},
            roles=role_reasons(person, self.settings),
            break_glass=tuple(glass),
        )

    # ------------------------------------------------------------ the directory's word
    def _ask(self, name: str, who: Who, person: PersonView | None) -> tuple[DirectoryExplanation, PersonView | None]:
        """What one directory says; and the person, whom the store may know by the entry's id alone."""
        identity = next((one for one in person.directories if one.name == name), None) if person is not None else None
        known = [identity.entry_id] if identity is not None else []
        asked = [who.dn] if who.dn is not None else []
        answer = DirectoryExplanation(directory=name, issues=self._issues(name, known, asked))
        try:
            session = self.directories[name].connect()
        except SyncdError as error:
            return replace(answer, failure=failure_of(error)), person
        answer = replace(answer, server=session.server.url)
        try:
            inquiry = Inquiry(
                name=name,
                settings=self.settings[name],
                custom_fields=self.custom_fields,
                store=self.store,
                people=self.people,
                administrator_roles=self.administrator_roles,
                session=session,
                now=self.clock.now(),
                linking=Linking(directory=name, settings=self.settings, store=self.store),
            )
            found = inquiry.lookup.find(who, person, identity)
            if person is None and len(found) == 1:
                person = self._by_entry(name, inquiry.explainer.entry_id(found[0]))
                identity = next((one for one in person.directories if one.name == name), None) if person else None
            sightings = inquiry.sightings(found[:MOST], person, identity)
            ids = [one.entry.entry_id for one in sightings if one.entry is not None and one.entry.entry_id]
            known = [identity.entry_id] if identity is not None else []
            issues = self._issues(name, [*ids, *known], [*asked, *(entry.dn for entry in found)])
            answer = replace(answer, looked=tuple(inquiry.lookup.looked), sightings=sightings, issues=issues)
            more = max(len(found) - MOST, 0)
            return replace(answer, more=more, failure=inquiry.failure), person
        except SyncdError as error:
            return replace(answer, failure=failure_of(error)), person
        finally:
            session.close()

    def _by_entry(self, name: str, entry_id: str | None) -> PersonView | None:
        stored = self.store.people(name, [entry_id]).get(entry_id) if entry_id is not None else None
        return self.people.user_by_id(stored.user_id) if stored is not None else None

    def _issues(self, name: str, entry_ids: Collection[str], dns: Collection[str]) -> tuple[Issue, ...]:
        """The open ones about these entries, which may be known by their DN alone."""
        keys = {key for one in entry_ids for key in (one, f"range:{one}", f"link:{one}")}
        names = set(map(_dn_key, dns))
        found = sorted(self.store.open_issues(name).items())
        return tuple(issue for key, issue in found if key in keys or _dn_key(issue.dn) in names)


def _dn_key(dn: str) -> str:
    try:
        return normalize(dn)
    except InvalidDN:
        return dn


def _presence(identity: DirectoryIdentity, *, configured: bool) -> str:
    text = "present"
    if identity.missing_since is not None:
        why = f" ({identity.missing_reason})" if identity.missing_reason else ""
        text = f"missing since {identity.missing_since:%Y-%m-%dT%H:%M:%SZ}{why}"
    return text if configured else f"{text}; the directory is not configured any more"
