"""What is usual on each vendor's servers, so that a site writes little.

Profiles are data: one TOML file per vendor beside this module. A profile fills in what the site did not write, table by table
and key by key; what the site wrote always stays. How a server is recognised is no data and is in syncd.directory.vendors.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from syncd.model.feed import FeedKind
from syncd.settings.checked import AttributeName, FilterText
from syncd.settings.directory import DirectorySettings, MemberAttribute, Rule, Section

Vendor = Literal["openldap", "ds389", "active_directory", "generic"]
VENDORS: tuple[Vendor, ...] = get_args(Vendor)
S = TypeVar("S", bound=Section)


class _Part(BaseModel):
    """A table of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileFeed(_Part):
    """A feed that such a server may offer."""

    kind: FeedKind
    # the control the server lists when it offers the feed; None where nothing has to be offered
    control: str | None = None
    # whether the feed can tell of changes as they happen, and the control the server lists when it can
    live: bool = False
    live_control: str | None = None
    # why it is a good choice, one sentence without a full stop
    reason: str
    # what to do on a server that does not offer it
    advice: str = ""


class AccountState(_Part):
    """How these servers keep account state."""

    # one of the schemes of syncd.mapping.account
    state: Literal["active_directory", "ppolicy", "ds389", "none"]


class UsersDefaults(_Part):
    """Defaults for `users`."""

    filter: FilterText
    required: list[str]
    attributes: dict[str, Rule]


class RolesDefaults(_Part):
    """Defaults for `roles`."""

    filter: FilterText
    id_attribute: AttributeName
    member_attribute: MemberAttribute | list[Literal["member", "uniqueMember"]]
    primary_group: bool


class UnitsDefaults(_Part):
    """Defaults for `units`."""

    filter: FilterText


class Defaults(_Part):
    """What the site's settings are where it says nothing; named as in DirectorySettings."""

    page_size: int = Field(ge=1)
    users: UsersDefaults
    roles: RolesDefaults
    units: UnitsDefaults


class Profile(_Part):
    """One vendor's servers."""

    # what to call a server that does not say
    product: str
    # the attribute that identifies an entry for good
    entry_id_attribute: AttributeName
    # the attribute that changes whenever an entry does
    version_attribute: AttributeName
    # entries in a page at most; None where there is no usual limit
    max_page_size: int | None = None
    page_size_advice: str = ""
    # in order of preference
    feeds: tuple[ProfileFeed, ...]
    account: AccountState
    defaults: Defaults

    def feed(self, kind: FeedKind) -> ProfileFeed | None:
        """What the profile says of a feed."""
        return next((feed for feed in self.feeds if feed.kind is kind), None)


@cache
def profile_of(vendor: str) -> Profile:
    """The profile of a vendor, as in ServerInfo.vendor. Raises KeyError for an unknown one."""
    if vendor not in VENDORS:
        raise KeyError(vendor)
    text = resources.files("syncd.settings").joinpath("profiles", f"{vendor}.toml").read_text(encoding="utf-8")
    return Profile.model_validate(tomllib.loads(text))


def fill(settings: DirectorySettings, profile: Profile) -> DirectorySettings:
    """The settings with the profile's defaults for every key that the site did not write.

    A key counts as written when it is in `model_fields_set`; the result keeps that, so that filling again, also from another
    profile, gives what it would have given at first. Lists and the table of attributes are replaced as a whole.
    """
    return _filled(settings, profile.defaults)


def filled_keys(settings: DirectorySettings, profile: Profile) -> Iterator[tuple[str, ...]]:
    """The keys that `fill` takes from the profile, relative to the directory."""
    return _open_keys(settings, profile.defaults, ())


def possible(settings: DirectorySettings) -> tuple[DirectorySettings, ...]:
    """The filled settings: of the vendor that the site names, else of each vendor that its servers may turn out to be."""
    vendors = VENDORS if settings.vendor == "auto" else (settings.vendor,)
    return tuple(fill(settings, profile_of(vendor)) for vendor in vendors)


def as_configured(settings: DirectorySettings) -> DirectorySettings:
    """The filled settings when the site names the vendor; with "auto" they are known only when a server has answered."""
    return settings if settings.vendor == "auto" else fill(settings, profile_of(settings.vendor))


def _filled(section: S, defaults: BaseModel) -> S:
    values: dict[str, Any] = {name: getattr(section, name) for name in type(section).model_fields}
    for name in type(defaults).model_fields:
        default = getattr(defaults, name)
        if isinstance(values[name], Section):
            values[name] = _filled(values[name], default)
        elif name not in section.model_fields_set:
            values[name] = default
    return cast("S", type(section).model_construct(_fields_set=set(section.model_fields_set), **values))


def _open_keys(section: Section, defaults: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name in type(defaults).model_fields:
        inner = getattr(section, name)
        if isinstance(inner, Section):
            yield from _open_keys(inner, getattr(defaults, name), (*path, name))
        elif name not in section.model_fields_set:
            value: object = getattr(defaults, name)
            yield from ((*path, name, key) for key in value) if isinstance(value, Mapping) else [(*path, name)]
