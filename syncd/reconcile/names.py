"""Who gets a username or an email that more than one person claims.

The store keeps both unique, and so must one run: swaps inside it are fine, a name whose holder left is taken over, but a
name is never taken from a manual user, from another directory's person, or from a person who is still there. Whoever loses
becomes an issue that names the other DNs, and keeps the stored state (PITFALLS of other systems: the order of the pages
decided, or the whole run failed on a unique index). The outcome depends on nothing but the claims: the one who holds the
name already, then who has been known longest, then the lowest entry id.

A username that looks like an email shares the emails' name space: it may not be another person's primary email.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.model.plan import NameRelease, PersonChange
from syncd.model.records import Issue, NameHolder
from syncd.model.text import fold


class Claim(NamedTuple):
    """One name one person wants."""

    # the name space: "username" or "email"
    space: str
    key: str
    # the field it comes from; "username" claims in both spaces when it looks like an email
    field: str


Name = tuple[str, str]
# (field of the store, folded key) -> who holds it now
Holders = Mapping[Name, NameHolder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Who keeps their change, who does not, and which names the absent give up."""

    accepted: tuple[PersonChange, ...]
    issues: tuple[Issue, ...] = ()
    releases: tuple[NameRelease, ...] = ()


def claims_of(change: PersonChange) -> list[Claim]:
    """The names a person has after the change."""
    record = change.after
    assert record is not None
    claims = []
    username, email = record.fields.get("username"), record.fields.get("email")
    if isinstance(username, str):
        key = fold(username)
        claims.append(Claim("username", key, "username"))
        if "@" in key:
            claims.append(Claim("email", key, "username"))
    if isinstance(email, str):
        claims.append(Claim("email", fold(email), "email"))
    return claims


class Claimants:
    """All claims of a run: one claimant for nearly every name, so the others are kept apart."""

    def __init__(self, changes: Iterable[PersonChange]) -> None:
        """`changes`: creations, updates and returns."""
        # name space -> folded key -> entry id of the first claimant
        self.first: dict[str, dict[str, str]] = {"username": {}, "email": {}}
        # further claimants
        self.further: dict[Name, list[str]] = {}
        for change in changes:
            for claim in claims_of(change):
                entry_id = self.first[claim.space].setdefault(claim.key, change.entry_id)
                if entry_id != change.entry_id:
                    self.further.setdefault((claim.space, claim.key), []).append(change.entry_id)

    def of(self, name: Name) -> list[str]:
        """Entry ids of everyone who claims a name."""
        first = self.first[name[0]].get(name[1])
        return [] if first is None else [first, *self.further.get(name, ())]

    def wanted_names(self) -> dict[str, set[str]]:
        """Store field -> keys whose holders must be known before `resolve`.

        What looks like an email is looked up among the usernames too, since those may look like one.
        """
        emails = self.first["email"].keys()
        return {"username": self.first["username"].keys() | {key for key in emails if "@" in key}, "email": set(emails)}


def resolve(
    changes: Sequence[PersonChange],
    claimants: Claimants,
    holders: Holders,
    *,
    directory: str,
    leaving: Callable[[str], bool],
    dn_of: Callable[[str], str],
) -> Resolution:
    """Settle all claims of `changes` (creations, updates and returns).

    `leaving(entry_id)`: whether a person of this directory is missing or goes missing in this run, by a complete verdict.
    `dn_of(entry_id)`: the stored DN of a person of this directory.
    """
    contest = _Contest(changes, claimants, holders, directory=directory, leaving=leaving, dn_of=dn_of)
    contest.settle()
    rejected = contest.rejected
    issues = tuple(contest.issue(entry_id) for entry_id in sorted(rejected))
    accepted = tuple(change for change in changes if change.entry_id not in rejected) if rejected else tuple(changes)
    return Resolution(accepted=accepted, issues=issues, releases=tuple(dict.fromkeys(contest.releases())))


@dataclass(slots=True)
class _Contest:
    """The claims of one run; only names that more than one person wants or holds are looked at."""

    changes: Sequence[PersonChange]
    claimants: Claimants
    holders: Holders
    directory: str = field(kw_only=True)
    leaving: Callable[[str], bool] = field(kw_only=True)
    dn_of: Callable[[str], str] = field(kw_only=True)
    by_id: dict[str, PersonChange] = field(init=False)
    contended: list[Name] = field(init=False)
    # entry id -> the name that was refused and the words for it
    rejected: dict[str, tuple[Claim, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_id = {change.entry_id: change for change in self.changes}
        names = set(self.claimants.further)
        for (store_field, key), holder in self.holders.items():
            for space in ("username", "email") if store_field == "username" else ("email",):
                claimed = self.claimants.first[space].get(key)
                if claimed is not None and claimed != holder.entry_id:
                    names.add((space, key))
        # usernames first: the more telling of two reasons
        self.contended = sorted(names, key=lambda name: (name[0] != "username", name[1]))

    def settle(self) -> None:
        """Reject until nothing changes, then take back whoever lost to someone who lost elsewhere."""
        while self._reject_pass() or self._readmit_pass():
            pass

    def _reject_pass(self) -> bool:
        before = len(self.rejected)
        for name in self.contended:
            alive = [entry_id for entry_id in self.claimants.of(name) if entry_id not in self.rejected]
            keeper = self._keeper(name, alive)
            winner = None if keeper or not alive else min(alive, key=lambda e: self._rank(e, name))
            for entry_id in alive:
                if entry_id != winner:
                    self.rejected[entry_id] = (self._claim(entry_id, name), self._why(name, keeper, winner))
        return len(self.rejected) > before

    def _readmit_pass(self) -> bool:
        for entry_id in sorted(self.rejected):
            names = {(claim.space, claim.key) for claim in claims_of(self.by_id[entry_id])}
            if all(not self._rivals(name, entry_id) and not self._keeper(name, [entry_id]) for name in names):
                del self.rejected[entry_id]
                return True
        return False

    def _rivals(self, name: Name, entry_id: str) -> bool:
        return any(other != entry_id and other not in self.rejected for other in self.claimants.of(name))

    def _holders(self, name: Name) -> list[tuple[str, NameHolder]]:
        """Who holds the name now, each with the field they have it in."""
        space, key = name
        fields = ("email", "username") if space == "email" else (space,)
        return [(field, holder) for field in fields if (holder := self.holders.get((field, key))) is not None]

    def _keeper(self, name: Name, alive: Sequence[str]) -> NameHolder | None:
        """Who holds the name and keeps it, though not among the claimants."""
        for store_field, holder in self._holders(name):
            if holder.directory == self.directory and holder.entry_id is not None:
                if holder.entry_id in alive or self._gives_up(holder.entry_id, name, store_field):
                    continue
                if not self._moves(holder.entry_id) and self.leaving(holder.entry_id):
                    continue
            return holder
        return None

    def _moves(self, entry_id: str) -> bool:
        return entry_id in self.by_id and entry_id not in self.rejected

    def _gives_up(self, entry_id: str, name: Name, store_field: str) -> bool:
        """Whether the holder is a person whose accepted change leaves the name.

        What the directory does not manage is claimed by no change, and left by none.
        """
        if not self._moves(entry_id) or entry_id in self.claimants.of(name):
            return False
        record = self.by_id[entry_id].after
        return record is not None and store_field in record.fields

    def _rank(self, entry_id: str, name: Name) -> tuple[bool, float, str]:
        holds = any(holder.entry_id == entry_id and holder.directory == self.directory for _, holder in self._holders(name))
        before = self.by_id[entry_id].before
        return (not holds, before.user_id if before else float("inf"), entry_id)

    def _claim(self, entry_id: str, name: Name) -> Claim:
        return next(claim for claim in claims_of(self.by_id[entry_id]) if (claim.space, claim.key) == name)

    def _why(self, name: Name, keeper: NameHolder | None, winner: str | None) -> str:
        """In words that are the same whether the other one is new or stored: an issue that stays must not be written anew."""
        if keeper is None:
            assert winner is not None
            return f"is also that of {self._dn(winner)}"
        if keeper.directory is None:
            return f"belongs to the manual user {keeper.username!r} (user {keeper.user_id})"
        if keeper.directory != self.directory or keeper.entry_id is None:
            return f"belongs to {keeper.username!r} of directory {keeper.directory} (user {keeper.user_id})"
        return f"is also that of {self._dn(keeper.entry_id)}"

    def _dn(self, entry_id: str) -> str:
        """The DN the person has after this run."""
        record = self.by_id[entry_id].after if self._moves(entry_id) else None
        return record.dn if record is not None else self.dn_of(entry_id)

    def issue(self, entry_id: str) -> Issue:
        """The words for one who lost."""
        claim, why = self.rejected[entry_id]
        record = self.by_id[entry_id].after
        assert record is not None
        value = record.fields[claim.field]
        return Issue(key=entry_id, dn=record.dn, code=f"{claim.field}_taken", message=f"{claim.field} {value!r} {why}")

    def releases(self) -> Iterable[NameRelease]:
        """Names that absent people of this directory hold and accepted changes claim."""
        for space, key in self.contended:
            if all(entry_id in self.rejected for entry_id in self.claimants.of((space, key))):
                continue
            for store_field in ("username", "email"):
                holder = self.holders.get((store_field, key))
                if holder is None or holder.entry_id is None or holder.directory != self.directory:
                    continue
                if space not in (store_field, "email"):
                    continue
                if not self._moves(holder.entry_id) and self.leaving(holder.entry_id):
                    yield NameRelease(holder.user_id, holder.entry_id, store_field, key)
