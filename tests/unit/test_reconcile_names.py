"""Who gets a name that several people claim: every case the issue names, and the properties that hold for all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.plan import Action, NameRelease
from syncd.model.records import DirectoryPresence, NameHolder, PersonRecord, StoredPerson
from syncd.model.text import fold
from syncd.reconcile.names import Claimants, Resolution, resolve
from syncd.reconcile.people import diff_person


def record(entry_id: str, username: str, email: str | None = None) -> PersonRecord:
    fields = {"username": username, "email": email or f"{username}@corp.example"}
    return PersonRecord(entry_id, f"uid={entry_id},dc=corp", f"uid={entry_id},dc=corp", b"new", fields)


def stored(user_id: int, entry_id: str, username: str, email: str | None = None, *, present: bool = True) -> StoredPerson:
    presence = DirectoryPresence.ACTIVE if present else DirectoryPresence.MISSING
    new = record(entry_id, username, email)
    return StoredPerson(user_id, entry_id, new.dn, new.dn_key, b"old", presence, new.fields)


class Company:
    """The store's people, and what the directory now says of some of them."""

    def __init__(self, *people: StoredPerson, manual: dict[str, str] | None = None) -> None:
        self.people = {person.entry_id: person for person in people}
        self.holders: dict[tuple[str, str], NameHolder] = {}
        for person in people:
            present = person.presence is DirectoryPresence.ACTIVE
            for name in ("username", "email"):
                value = person.fields[name]
                holder = NameHolder(person.user_id, person.entry_id, "corp", str(person.fields["username"]), present)
                self.holders[name, fold(str(value))] = holder
        for number, (username, email) in enumerate((manual or {}).items()):
            for name, value in (("username", username), ("email", email)):
                self.holders[name, fold(value)] = NameHolder(9000 + number, None, None, username, True)

    def sync(self, *records: PersonRecord, gone: set[str] = frozenset()) -> Resolution:  # type: ignore[assignment]
        changes = [diff_person(new, self.people.get(new.entry_id)) for new in records]
        claimants = Claimants(changes)
        wanted = claimants.wanted_names()
        holders = {name: holder for name, holder in self.holders.items() if name[1] in wanted[name[0]]}
        missing = {e for e, p in self.people.items() if p.presence is DirectoryPresence.MISSING} | set(gone)
        return resolve(
            changes, claimants, holders, directory="corp", leaving=missing.__contains__, dn_of=lambda e: self.people[e].dn
        )


def accepted(resolution: Resolution) -> set[str]:
    return {change.entry_id for change in resolution.accepted}


def codes(resolution: Resolution) -> dict[str, str]:
    return {issue.key: issue.code for issue in resolution.issues}


def test_two_new_people_with_one_username_the_lower_id_wins_and_the_other_is_told_whose_it_is() -> None:
    result = Company().sync(record("b", "smith", "b@x"), record("a", "Smith", "a@x"))
    assert accepted(result) == {"a"}
    assert codes(result) == {"b": "username_taken"}
    assert "uid=a,dc=corp" in result.issues[0].message


def test_a_swap_of_usernames_and_emails_is_accepted() -> None:
    result = Company(stored(1, "a", "anna"), stored(2, "b", "bert")).sync(record("a", "bert"), record("b", "anna"))
    assert accepted(result) == {"a", "b"}
    assert not result.releases


def test_a_manual_users_name_is_never_taken() -> None:
    result = Company(manual={"alice": "alice@manual.example"}).sync(record("a", "ALICE", "a@x"))
    assert not accepted(result)
    assert "manual user 'alice'" in result.issues[0].message


def test_a_person_who_is_still_there_keeps_the_name_against_a_new_one() -> None:
    result = Company(stored(1, "z", "bob")).sync(record("a", "bob", "new@x"))
    assert codes(result) == {"a": "username_taken"}


def test_a_recycled_name_goes_to_the_new_person_and_the_absent_one_releases_it() -> None:
    result = Company(stored(1, "old", "bob")).sync(record("new", "bob"), gone={"old"})
    assert accepted(result) == {"new"}
    assert set(result.releases) == {
        NameRelease(1, "old", "username", "bob"),
        NameRelease(1, "old", "email", "bob@corp.example"),
    }


def test_one_who_returns_to_a_taken_name_becomes_an_issue() -> None:
    result = Company(stored(1, "old", "rob", present=False), stored(2, "new", "bob")).sync(record("old", "bob"))
    assert codes(result) == {"old": "username_taken"}


def test_mail_of_one_who_leaves_goes_to_another_while_a_third_takes_theirs() -> None:
    company = Company(stored(1, "a", "a", "boss@x"), stored(2, "b", "b", "b@x"), stored(3, "c", "c", "c@x"))
    result = company.sync(record("b", "b", "boss@x"), record("c", "c", "b@x"), gone={"a"})
    assert accepted(result) == {"b", "c"}
    assert result.releases == (NameRelease(1, "a", "email", "boss@x"),)


def test_a_refused_rename_keeps_its_old_name_against_a_third() -> None:
    company = Company(stored(1, "a", "anna"), stored(2, "b", "bert"))
    result = company.sync(record("b", "anna", "bert@corp.example"), record("c", "bert", "c@x"))
    assert codes(result) == {"b": "username_taken", "c": "username_taken"}


def test_whoever_lost_to_one_who_lost_elsewhere_is_taken_back() -> None:
    company = Company(manual={"root": "root@x"})
    result = company.sync(record("a", "anna", "root@x"), record("b", "anna", "b@x"))
    assert accepted(result) == {"b"}
    assert codes(result) == {"a": "email_taken"}


def test_a_username_that_is_anothers_email_is_refused() -> None:
    result = Company(stored(1, "a", "anna", "anna@x")).sync(record("b", "anna@x", "b@x"))
    assert codes(result) == {"b": "username_taken"}


def test_s5_an_email_that_is_anothers_username_is_refused() -> None:
    result = Company(stored(1, "b", "anna@x", "b@x")).sync(record("a", "anna", "anna@x"))
    assert codes(result) == {"a": "email_taken"}


def test_s5_of_two_new_people_one_gets_the_name_as_username_or_email() -> None:
    people = record("b", "anna@x", "b@x"), record("a", "anna", "anna@x")
    for order in (people, people[::-1]):
        assert codes(Company().sync(*order)) == {"b": "username_taken"}


def test_s5_who_moves_keeps_an_email_that_the_directory_does_not_manage() -> None:
    """The address was given by hand; another change of the same person does not make it free."""
    company = Company(stored(1, "a", "anna", "anna@x"))
    moved = record("a", "anne")
    moved = moved._replace(fields={"username": "anne"})
    newcomer = record("b", "anna@x")._replace(fields={"username": "anna@x"})
    result = company.sync(moved, newcomer)
    assert (accepted(result), codes(result)) == ({"a"}, {"b": "username_taken"})


def test_a_username_that_is_the_own_email_is_fine() -> None:
    assert accepted(Company().sync(record("a", "anna@x", "anna@x"))) == {"a"}


def test_the_words_stay_the_same_once_the_winner_is_stored() -> None:
    winner, loser = record("a", "smith", "a@x"), record("b", "smith", "b@x")
    first = Company().sync(winner, loser)
    again = Company(stored(1, "a", "smith", "a@x")).sync(loser)
    assert again.issues == first.issues


NAMES = st.sampled_from(["n1", "n2", "n3", "n4"])
PEOPLE = st.dictionaries(st.sampled_from("abcdef"), st.tuples(NAMES, NAMES), max_size=6)


@given(before=PEOPLE, after=PEOPLE, shuffle=st.randoms(use_true_random=False))
def test_whatever_is_claimed_names_stay_unique_and_the_order_does_not_matter(before, after, shuffle) -> None:  # type: ignore[no-untyped-def]
    taken: set[tuple[int, str]] = set()
    people = []
    for number, (entry_id, names) in enumerate(sorted(before.items())):
        if not taken & set(enumerate(names)):
            taken |= set(enumerate(names))
            people.append(stored(number, entry_id, names[0], f"{names[1]}@x"))
    company = Company(*people)
    records = [record(entry_id, names[0], f"{names[1]}@x") for entry_id, names in sorted(after.items())]
    gone = set(company.people) - set(after)
    result = company.sync(*records, gone=gone)
    shuffle.shuffle(records)
    again = company.sync(*records, gone=gone)
    assert accepted(again) == accepted(result)
    assert codes(again) == codes(result)

    final: dict[str, tuple[object, object]] = {}
    for person in people:
        final[person.entry_id] = (person.fields["username"], person.fields["email"])
    for release in result.releases:
        old = final[release.entry_id]
        final[release.entry_id] = (None, old[1]) if release.field == "username" else (old[0], None)
    for change in result.accepted:
        assert change.after is not None
        assert change.action is not Action.REMOVE
        final[change.entry_id] = (change.after.fields["username"], change.after.fields["email"])
    for column in (0, 1):
        held = [names[column] for names in final.values() if names[column] is not None]
        assert len(held) == len(set(held))


SHARED = st.sampled_from(["n1", "n2", "n1@x", "n2@x"])
ADDRESSES = st.sampled_from(["n1@x", "n2@x", "n3@x"])
# username, email; None: not managed by the directory, which happens to those known only
CLAIMS = st.dictionaries(st.sampled_from("abcde"), st.tuples(SHARED, st.none() | ADDRESSES), max_size=5)


def _spaces(username: object, email: object) -> set[tuple[str, object]]:
    names = {("username", username), ("email", email)}
    return names | {("email", username)} if username is not None and "@" in str(username) else names


@given(before=st.dictionaries(st.sampled_from("abcde"), st.tuples(SHARED, ADDRESSES), max_size=5), after=CLAIMS)
def test_s5_whatever_is_claimed_no_username_is_somebody_elses_email(before, after) -> None:  # type: ignore[no-untyped-def]
    held: dict[str, tuple[object, object]] = {}
    for entry_id, names in sorted(before.items()):
        if not any(_spaces(*names) & _spaces(*others) for others in held.values()):
            held[entry_id] = names
    people = [stored(number, entry_id, str(u), str(e)) for number, (entry_id, (u, e)) in enumerate(held.items())]
    records = []
    for entry_id, (username, email) in sorted(after.items()):
        if email is None and entry_id not in held:
            continue
        new = record(entry_id, username, email)
        records.append(new if email is not None else new._replace(fields={"username": username}))
    gone = set(held) - {new.entry_id for new in records}
    result = Company(*people).sync(*records, gone=gone)
    for release in result.releases:
        old = held[release.entry_id]
        held[release.entry_id] = (None, old[1]) if release.field == "username" else (old[0], None)
    for change in result.accepted:
        assert change.after is not None
        fields = change.after.fields
        email = fields["email"] if "email" in fields else held[change.entry_id][1]
        held[change.entry_id] = (fields["username"], email)
    names = [name for pair in held.values() for name in _spaces(*pair) if name[1] is not None]
    assert len(names) == len(set(names))
