"""The password policies of a directory, as far as account state depends on them: how long a lockout and a password last.

They stand in entries of their own, which the bind account may or may not see. A policy that is not seen is unknown, which is
no error: syncd then says less, or takes the site's `account.lockout_duration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.mapping.convert import integer
from syncd.mapping.problems import BadValue
from syncd.mapping.sources import AttributeSource
from syncd.model.dn import InvalidDN, first_rdn, is_under, normalize
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.settings.directory import DirectorySettings

# stands for "without end"
ENDLESS = timedelta.max
# lockoutDuration and its like count 100 ns, negative; the largest of them means "forever" ([MS-SAMR] section 3.1.1.5)
_FOREVER_TICKS = -(2**63)
_PSO_CONTAINER = "CN=Password Settings Container,CN=System"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """One policy. None: unknown; ENDLESS: no end."""

    # how long a lockout lasts after the last failed login
    lockout_duration: timedelta | None = None
    # how long a password lasts
    max_age: timedelta | None = None
    # failed logins that lock an account
    max_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """The policies of one directory."""

    # of whoever has none of their own
    default: PasswordPolicy = PasswordPolicy()
    # key of the policy's DN -> the policy
    by_dn: Mapping[str, PasswordPolicy] = field(default_factory=dict)


def account_policy_searches(scheme: str, settings: DirectorySettings, server: ServerInfo) -> tuple[Search, ...]:
    """What to ask for the policies: the first search is for the default one where it stands apart, the last for the others."""
    context = naming_context(settings, server)
    if scheme == "active_directory" and context is not None:
        return (
            _search(context, "(objectClass=*)", Scope.BASE, ("lockoutDuration", "maxPwdAge")),
            _search(
                f"{_PSO_CONTAINER},{context}",
                "(objectClass=msDS-PasswordSettings)",
                Scope.ONE,
                ("msDS-LockoutDuration", "msDS-MaximumPasswordAge"),
            ),
        )
    if scheme == "ppolicy":
        base = context if context is not None else settings.base_dn
        return (_search(base, "(objectClass=pwdPolicy)", Scope.SUB, ("pwdLockoutDuration", "pwdMaxAge")),)
    if scheme == "ds389":
        return (_search("cn=config", "(objectClass=*)", Scope.BASE, ("passwordMaxFailure",)),)
    return ()


def naming_context(settings: DirectorySettings, server: ServerInfo) -> str | None:
    """The smallest naming context of the server that the people lie in; None when it names none of them."""
    people = normalize(settings.users.base_dn or settings.base_dn)
    found: list[tuple[str, str]] = []
    for text in server.naming_contexts:
        try:
            key = normalize(text)
        except InvalidDN:
            continue
        if key and (key == people or is_under(people, key)):
            found.append((key, text))
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None


def account_policy(scheme: str, answers: Iterable[Iterable[Entry]]) -> AccountPolicy:
    """The policies, from the answers to `account_policy_searches` in their order; nothing for a search that was refused."""
    found = [list(answer) for answer in answers]
    if scheme == "active_directory" and found:
        domain, *others = found
        own = ("lockoutDuration", "maxPwdAge")
        default = _policy(domain[0], own, _interval) if domain else PasswordPolicy()
        named = ("msDS-LockoutDuration", "msDS-MaximumPasswordAge")
        return AccountPolicy(
            default=default,
            by_dn={normalize(entry.dn): _policy(entry, named, _interval) for answer in others for entry in answer},
        )
    if scheme == "ppolicy":
        entries = [entry for answer in found for entry in answer]
        names = ("pwdLockoutDuration", "pwdMaxAge")
        by_dn = {normalize(entry.dn): _policy(entry, names, _seconds, missing=ENDLESS) for entry in entries}
        return AccountPolicy(default=_default_of(entries, by_dn), by_dn=by_dn)
    if scheme == "ds389" and found and found[0]:
        return AccountPolicy(default=PasswordPolicy(max_failures=_failures(found[0][0])))
    return AccountPolicy()


def _failures(entry: Entry) -> int | None:
    try:
        text = AttributeSource("passwordMaxFailure").one(entry)
        return None if text is None else integer(text)
    except (BadValue, ValueError):
        return None


def _default_of(entries: list[Entry], by_dn: Mapping[str, PasswordPolicy]) -> PasswordPolicy:
    """ppolicy_default is in the server's configuration, which few may read: the only policy, or the one called "default"."""
    named = [entry for entry in entries if any(str(ava.value).lower() == "default" for ava in first_rdn(entry.dn))]
    likely = entries if len(entries) == 1 else named
    return by_dn[normalize(likely[0].dn)] if len(likely) == 1 else PasswordPolicy()


def _search(base_dn: str, text: str, scope: Scope, attributes: tuple[str, ...]) -> Search:
    return Search(purpose="the password policy", base_dn=base_dn, filter=text, scope=scope, attributes=attributes)


def _policy(
    entry: Entry, names: tuple[str, str], convert: Callable[[str], timedelta], *, missing: timedelta | None = None
) -> PasswordPolicy:
    """`names`: of the lockout's duration and the password's age. `missing`: what an absent value means."""
    duration, age = (_length(entry, name, convert, missing) for name in names)
    return PasswordPolicy(lockout_duration=duration, max_age=age)


def _length(entry: Entry, name: str, convert: Callable[[str], timedelta], missing: timedelta | None) -> timedelta | None:
    """What cannot be understood is unknown."""
    try:
        text = AttributeSource(name).one(entry)
        return missing if text is None else convert(text)
    except (BadValue, ValueError):
        return None


def _interval(text: str) -> timedelta:
    """A negative count of 100 ns; 0 and the largest mean "no end" ([MS-SAMR] sections 3.1.1.5 and 3.1.5.14.4)."""
    ticks = integer(text)
    return ENDLESS if ticks in (0, _FOREVER_TICKS) else timedelta(microseconds=abs(ticks) // 10)


def _seconds(text: str) -> timedelta:
    """0: no end (slapo-ppolicy(5))."""
    number = integer(text)
    try:
        return timedelta(seconds=number) if number > 0 else ENDLESS
    except OverflowError:
        return ENDLESS
