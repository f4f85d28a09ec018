"""What an entry says of its person's account: disabled, locked, expired, password to be changed.

Every vendor keeps it in its own way (syncd.mapping.account_schemes); what comes out are the fields of ACCOUNT_FIELDS, and times
instead of yes and no wherever an end comes with the clock alone and no change of the entry will tell (other systems let a
lockout that was over stay for ever, and an account that had ended go on).
"""

from __future__ import annotations

from datetime import timedelta

from syncd.mapping.account_policy import AccountPolicy, PasswordPolicy
from syncd.mapping.account_schemes import NO_ACCOUNT_STATE, SCHEMES
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry
from syncd.model.records import ACCOUNT_FIELDS, FieldValue
from syncd.settings.directory import DirectorySettings
from syncd.settings.duration import parse_duration
from syncd.settings.profiles import profile_of

__all__ = ["NO_ACCOUNT_STATE", "SCHEMES", "AccountRule", "account_scheme"]


def account_scheme(settings: DirectorySettings, vendor: str) -> str:
    """How account state is kept on that vendor's servers; NO_ACCOUNT_STATE when it is not, or the site wants none of it."""
    return NO_ACCOUNT_STATE if settings.account.state == "none" else profile_of(vendor).account.state


class AccountRule:
    """The account state of one directory's people."""

    def __init__(self, scheme: str, policy: AccountPolicy | None = None, *, lockout_duration: timedelta | None = None) -> None:
        """`scheme`: see SCHEMES; another raises ValueError. `lockout_duration`: where the policy does not say."""
        if scheme not in SCHEMES:
            raise ValueError(f"account state is kept in one of {', '.join(SCHEMES)}, not in {scheme!r}")
        self.scheme = scheme
        policy = policy or AccountPolicy()
        reader = SCHEMES[scheme](policy, lockout_duration)
        # what to ask the directory for
        self.attributes = tuple(reader.sources)
        # whatever else decides what comes out, for the mapping's digest
        self.digest_parts: tuple[object, ...] = (
            scheme,
            _policy_text(policy.default),
            sorted((key, _policy_text(one)) for key, one in policy.by_dn.items()),
            lockout_duration and lockout_duration.total_seconds(),
        )
        self._read = reader.fields
        self._keys = frozenset(map(canonical_attribute, self.attributes))
        # of an entry with none of the attributes, as most are on many servers
        self._nothing = dict.fromkeys(ACCOUNT_FIELDS) | reader.fields(Entry("", {}))

    @classmethod
    def of(cls, settings: DirectorySettings, scheme: str, policy: AccountPolicy | None = None) -> AccountRule:
        """The rule of a directory."""
        duration = settings.account.lockout_duration
        return cls(scheme, policy, lockout_duration=parse_duration(duration) if duration else None)

    def fields(self, entry: Entry) -> dict[str, FieldValue]:
        """Each of ACCOUNT_FIELDS, None where the entry does not say. Raises BadValue."""
        return self._nothing.copy() if self._keys.isdisjoint(entry.attributes) else self._nothing | self._read(entry)


def _policy_text(policy: PasswordPolicy) -> list[float | None]:
    lengths = (policy.lockout_duration, policy.max_age)
    return [*(None if length is None else length.total_seconds() for length in lengths), policy.max_failures]
