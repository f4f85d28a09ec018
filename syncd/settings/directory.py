"""What a site says about one directory. Each field's docstring is its documentation and its line in the example file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncd.model.reading import Scope
from syncd.settings.checked import AttributeName, DnText, Duration, FilterText, LdapUrl, LimitText, ScheduleText


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class RuleTable(Section):
    """The long form of a rule, for what a string cannot say."""

    attribute: str | list[str] | None = Field(default=None, examples=["title"])
    """An attribute, a template, or a list of them of which the first with a value is taken."""
    constant: str | None = Field(default=None, examples=["Staff"])
    """A fixed value; goes alone or with `attribute` as the value when that has none."""
    convert: list[str] = []
    """Converters applied in order: lower, upper, trim, text, phone, email; as the last one also integer, boolean, date,
    datetime, filetime; as the first one guid or sid, for binary values."""
    prefer: str | None = Field(default=None, examples=["@example\\.com$"])
    """For attributes with several values: a regular expression; the first value in sorted order that matches is taken."""


Rule = str | list[str] | RuleTable
"""A string is an attribute's name (`uid`), or a template when it has braces (`{givenName} {sn}`); a list is "first of"."""


class TlsSettings(Section):
    """How connections to the servers are protected. The URL's scheme decides between ldaps:// and ldap://."""

    starttls: bool = False
    """On ldap:// URLs, start TLS before the bind (RFC 4511 section 4.14). A refusal is an error, never a fallback."""
    ca_file: Path | None = Field(default=None, examples=["/etc/syncd/ca.pem"])
    """PEM file of the authorities to trust instead of the system's."""
    cert_file: Path | None = Field(default=None, examples=["/etc/syncd/client.pem"])
    """PEM file of the client certificate, for SASL EXTERNAL."""
    key_file: Path | None = Field(default=None, examples=["/etc/syncd/client.key"])
    """PEM file of the client certificate's key; leave out when it is in cert_file."""
    plain_logins: bool = False
    """Whether passwords of people who log in may be sent to the servers without TLS. For a lab: whoever listens reads them."""
    verify: Literal["full", "none-insecure"] = "full"
    """`full` checks chain, names and expiry. `none-insecure` checks nothing, is logged at each connect, and is for a lab."""


class UsersSettings(Section):
    """Who in the directory is a person, and what of them is kept."""

    base_dn: DnText | None = Field(default=None, examples=["ou=people,dc=example,dc=com"])
    """Where to search; the directory's `base_dn` when left out."""
    filter: FilterText = "(objectClass=inetOrgPerson)"
    """Which entries are people (RFC 4515)."""
    scope: Scope = Scope.SUB
    """`base`, `one` (children only) or `sub` (the whole tree)."""
    attributes: dict[str, Rule] = {
        "username": "uid",
        "email": "mail",
        "first_name": "givenName",
        "last_name": "sn",
    }
    """Field of the store = rule. Fields: username, email, emails, prefix, first_name, middle_name, last_name, suffix,
    display_name, title, phone, birthday, avatar, tags, and the names declared under [custom_fields]. A field that is not
    named here is never touched by a sync. The table replaces the default as a whole; leave it out on an Active Directory, or
    begin it with username = "sAMAccountName". Values with braces are templates, lists are "the first that has a value", and a
    table says what a string cannot:
    title = { attribute = ["title", "employeeType"], constant = "Staff", convert = ["trim"] }"""
    required: list[str] = ["username", "email", "last_name"]
    """Fields without which an entry becomes an issue instead of a person."""


MemberAttribute = Literal["member", "uniqueMember", "memberUid", "memberOf"]


class RolesSettings(Section):
    """Which role identifiers the directory gives to whom, and what they are in the store."""

    base_dn: DnText | None = Field(default=None, examples=["ou=groups,dc=example,dc=com"])
    """Where to search; the directory's `base_dn` when left out."""
    filter: FilterText = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
    """Which entries carry role identifiers (RFC 4515)."""
    scope: Scope = Scope.SUB
    """`base`, `one` or `sub`."""
    id_attribute: AttributeName = "cn"
    """The attribute whose value is the role identifier."""
    member_attribute: MemberAttribute | list[Literal["member", "uniqueMember"]] = ["member", "uniqueMember"]
    """Where membership stands: on the group by DN (member, uniqueMember, or both of them in a list), on the group by login
    name (memberUid), or on the person (memberOf)."""
    member_name_attribute: AttributeName = "uid"
    """With memberUid: the person's attribute that memberUid names."""
    nested: bool = True
    """Whether the members of a group inside a group are members of both. Any depth; cycles end by themselves."""
    map: dict[str, list[str]] = Field(default={}, examples=[{"crm-admins": ["administrator"], "/crm-.*/": ["employee"]}])
    """Role identifier = roles of the store. A key between slashes is a regular expression that must match the whole
    identifier, without regard to case: "/crm-.*/". Every matching line counts."""
    primary_group: bool = False
    """Whether a person's primary group (primaryGroupID) counts as membership, which stands in no list of members."""
    default: list[str] = Field(default=[], examples=[["employee"]])
    """Roles that every person of this directory has."""
    enabled: bool = True
    """false: this directory has no roles; nothing is searched."""

    @property
    def member_attributes(self) -> tuple[str, ...]:
        """`member_attribute` as a tuple."""
        return (self.member_attribute,) if isinstance(self.member_attribute, str) else tuple(self.member_attribute)


class UnitsSettings(Section):
    """Which business unit a person belongs to."""

    from_: Annotated[str, Field(alias="from", pattern=r"^(ou|none|attribute:[A-Za-z0-9][A-Za-z0-9.;-]*)$")] = "ou"
    """`ou`: the tree of organizational units above the person. `attribute:NAME`: the value of an attribute, a path when it
    has slashes. `none`: everyone is in the default unit."""
    base_dn: DnText | None = Field(default=None, examples=["ou=people,dc=example,dc=com"])
    """With `ou`: the entry below which the units are; `users.base_dn` when left out."""
    filter: FilterText = "(objectClass=organizationalUnit)"
    """With `ou`: which entries are units."""
    default: str = Field(default="Main", min_length=1)
    """The unit of people for whom nothing else is found."""
    prefer: str | None = Field(default=None, examples=["^(?!People$)"])
    """With `attribute:NAME`, for attributes with several values: a regular expression; the first value in sorted order that
    matches is taken. "^(?!People$)" passes over a value that everyone has."""


class OrganizationSettings(Section):
    """Which organization a person belongs to, when it is not the same for all."""

    from_: Annotated[str, Field(alias="from", pattern=r"^(ou|attribute:[A-Za-z0-9][A-Za-z0-9.;-]*)$", examples=["ou"])]
    """`ou`: the first level of organizational units below `units.base_dn`. `attribute:NAME`: the value of an attribute."""
    default: str = Field(default="Main", min_length=1)
    """The organization of people for whom nothing else is found."""
    prefer: str | None = Field(default=None, examples=["^(?!People$)"])
    """As `units.prefer`."""


class ScheduleSettings(Section):
    """When this directory is read. A cron expression ("0 3 * * *", local time), "every 5m", or "never"."""

    changes: ScheduleText = "every 5m"
    """When to ask for changes. With the full feed this is a full read."""
    sweep: ScheduleText = "every 1h"
    """When to compare ids, names and versions of all entries, which costs little and finds what no feed shows: who left the
    filter, renamed parents, replicas that lag. With the full feed there is none."""
    full: ScheduleText = "0 3 * * *"
    """When to read everything and compare."""
    jitter: float = Field(default=5.0, ge=0, le=3600)
    """Seconds, at most, by which a start is delayed at random, so that a fleet does not ask all at once."""
    on_start: bool = True
    """Whether to sync once when the daemon starts."""


class CanarySettings(Section):
    """Something that is always there and always readable: when it is not seen, the read was not what it should be."""

    dn: DnText = Field(examples=["uid=canary,ou=people,dc=example,dc=com"])
    """The entry, read by its name on the connection that reads everything else."""
    attribute: AttributeName | None = Field(default=None, examples=["mail"])
    """An attribute that must have a value there; left out: the entry itself is enough."""


class SafetySettings(Section):
    """What a run may take away without being asked."""

    max_removed_users: LimitText = "10%, at least 10, at most 1000"
    """People that one run may find gone, of all that the directory had. A limit is a share of what was there, a number, or
    both: "10%", "200", "10%, at least 10, at most 1000"; "from 11" at its end names a smallest population: with fewer nothing
    is held. What goes beyond it is kept until someone approves exactly that (`syncd plan`), and all else goes on. No limit can
    be switched off: more than half of ten or more is always held, and so is the loss of all."""
    max_purged_users: LimitText = "10%, at least 10, at most 1000"
    """People that one purge may delete whose retention time is over."""
    max_removed_roles: LimitText = "10%, at least 10, at most 500"
    """Role identifiers that one run may find gone."""
    max_removed_units: LimitText = "10%, at least 10, at most 500"
    """Organizations and business units that one run may find gone."""
    max_lost_members: LimitText = "50%, from 11"
    """Members that any one role identifier may lose in one run."""
    max_revoked_grants: LimitText = "10%, at least 20, at most 2000"
    """Roles of people that one run may revoke."""
    max_blanked_values: LimitText = "10%, at least 10, at most 1000"
    """People who may lose their value of the same field in one run, of those who have one."""
    max_reanchored_entries: LimitText = "10%, at least 5, at most 100"
    """Known names (DNs) that may come with a new entry id in one run, as they do after a server was restored without them."""
    max_renamed_users: LimitText = "10%, at least 10, at most 1000"
    """People whose username may change in one run."""
    hold_expires: Duration = "3d"
    """How long a held plan can be approved or rejected; after that the next run asks anew."""
    canaries: list[CanarySettings] = Field(
        default=[], examples=[[{"dn": "uid=canary,ou=people,dc=example,dc=com", "attribute": "mail"}]]
    )
    """Entries, or attributes of them, that must be visible in every run; else the read counts as incomplete. One in each
    subtree that could be hidden, and one for each attribute whose loss would hurt, is a good measure."""
    purge_after: Duration = "30d"
    """How long a person who is gone from the directory is kept, disabled, before their row is deleted: 30d, 12h."""


class AccountSettings(Section):
    """What the directory says of people's accounts: disabled, locked, expired, password to be changed."""

    state: Literal["auto", "none"] = "auto"
    """`auto`: as the vendor keeps it. `none`: it is not read, and nobody is kept out because of it."""
    lockout_duration: Duration | None = Field(default=None, examples=["30m"])
    """How long a lockout lasts where the directory does not show its policy to the bind account. Left out: as the policy says,
    else until the directory says that it is over."""


class LinkSettings(Section):
    """How a person of this directory is known to be one that another directory brought."""

    attribute: AttributeName = Field(examples=["employeeNumber"])
    """An attribute whose value both directories have. Directories with `link` join people with equal values (case and outer
    spaces do not matter) into one user; a value that two entries of one directory share links nobody."""
    precedence: int = Field(default=100, ge=0, le=1000)
    """Which directory decides the fields of a user that several bring: the one with the smallest number among those that map
    the field; equal numbers: by the directories' names."""


class DirectorySettings(Section):
    """One LDAP directory."""

    urls: list[LdapUrl] = Field(min_length=1, examples=[["ldaps://ldap1.example.com", "ldaps://ldap2.example.com"]])
    """ldap:// or ldaps:// URLs of servers that hold the same data; tried in this order."""
    vendor: Literal["auto", "openldap", "ds389", "active_directory", "generic"] = "auto"
    """What the servers are; `auto` asks the rootDSE. What is usual on them is the default where nothing is written: shown here
    for users, roles and units is what holds for all but Active Directory, whose own defaults are in docs/directories.md."""
    base_dn: DnText = Field(examples=["dc=example,dc=com"])
    """The entry below which everything is searched unless a section says otherwise."""
    bind: Literal["simple", "anonymous", "external"] | None = Field(default=None, examples=["simple"])
    """How to bind: `simple` with bind_dn and password, `anonymous`, or SASL `external` with a client certificate. Left out:
    simple when bind_dn is set, else anonymous."""
    bind_dn: str | None = Field(default=None, examples=["cn=syncd,ou=services,dc=example,dc=com"])
    """Distinguished name of the account that reads. Active Directory also takes syncd@example.com."""
    bind_password: SecretStr | None = Field(default=None, examples=["secret"])
    """Its password. Better given by SYNCD_DIRECTORIES__NAME__BIND_PASSWORD_FILE or a systemd credential than here."""
    tls: TlsSettings = TlsSettings()
    """How connections are protected."""
    connect_timeout: float = Field(default=10.0, gt=0, le=300)
    """Seconds to wait for a connection and for the bind."""
    receive_timeout: float = Field(default=60.0, gt=0, le=3600)
    """Seconds to wait for the next bytes of an answer."""
    page_timeout: float = Field(default=300.0, gt=0, le=86400)
    """Seconds that one page may take from its request to its end, however steadily it drips."""
    page_size: int = Field(default=1000, ge=1, le=100_000)
    """Entries per page (RFC 2696). Active Directory gives at most 1000."""
    entry_id_attribute: AttributeName | None = Field(default=None, examples=["employeeNumber"])
    """The attribute that identifies an entry for good. Left out: entryUUID, nsUniqueId or objectGUID, as the vendor has it."""
    organization: str | OrganizationSettings = "Main"
    """The organization all people belong to, or a table that says where it stands:
    organization = { from = "ou", default = "Main" } takes the first level of organizational units below `units.base_dn`,
    from = "attribute:o" the value of an attribute; `default` is for people for whom nothing is found."""
    users: UsersSettings = UsersSettings()
    """Who is a person."""
    roles: RolesSettings = RolesSettings()
    """Who has which role."""
    units: UnitsSettings = UnitsSettings()
    """Who belongs to which unit."""
    account: AccountSettings = AccountSettings()
    """What it says of accounts."""
    link: LinkSettings | None = None
    """Whether its people may be the same as another directory's."""
    feed: Literal["auto", "full", "syncrepl", "dirsync", "usn", "timestamp"] = "auto"
    """How changes are learnt: `syncrepl` (OpenLDAP with syncprov, 389-ds with Content Sync), `dirsync` or `usn` (Active
    Directory), `timestamp` (any server), or `full`, which reads everything each time. `auto` takes the best that the server
    offers and says in `syncd check --connect` and `syncd status` which and why."""
    live: bool = True
    """Whether to keep a connection open on which the server tells of changes as they happen, where it can."""
    timestamp_overlap: Duration = "10m"
    """With the timestamp feed: how far back each look reaches beyond the last, for entries that reach this server later than
    they were changed. Longer than any replica lags."""
    schedule: ScheduleSettings = ScheduleSettings()
    """When to sync."""
    safety: SafetySettings = SafetySettings()
    """What a run may take away."""
