"""Lists of users and exports as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from syncd.http.schemas import MAX_ID, Resource, Strict
from syncd.http.schemas_profile import Profile
from syncd.model.export import ExportState
from syncd.model.views import UserState
from syncd.services.scimfilter import FILTER_MAX

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
MARK = r"^[vn][0-9]{1,18}\.[A-Za-z0-9_-]{0,4000}$"
# What the reference shows as the form of a filter; the grammar has more: not, brackets, numbers, null.
_STRING = r'"[A-Za-z0-9 .@_-]{0,40}"'
_TEXTS = r"(userName|displayName|title|emails|name\.(givenName|familyName)|tag|custom\.[a-z][a-z_]{0,20})"
_ONE = (
    rf"({_TEXTS} (eq|ne|co|sw|ew) {_STRING}|(active|manual) eq (true|false)|(lastLoginAt|title) pr"
    rf"|(role|group|organization|directory) eq {_STRING})"
)
_FORM = rf"^{_ONE}( (and|or) {_ONE}){{0,3}}$"


def _shown_form(schema: dict[str, Any]) -> None:
    schema["pattern"] = _FORM


FilterText = Annotated[str, StringConstraints(min_length=1, max_length=FILTER_MAX), Field(json_schema_extra=_shown_form)]
SearchText = Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROLS)]
IdText = Annotated[int, Field(ge=1, le=MAX_ID)]


# ---------------------------------------------------------------- in
class ListOfUsersQuery(Strict):
    """Which users, in which order."""

    filter: FilterText | None = Field(default=None, examples=['userName sw "a" and active eq true'])
    """SCIM's filter grammar (RFC 7644 section 3.4.2.2); docs/lists.md has the attributes. The pattern shows its common form:
    `not`, parentheses and further operators are understood too."""
    search: SearchText = ""
    """Words that all occur in the username, the names, the primary email or the title, without regard to case."""
    view: UserState = UserState.ALL
    """`cannot-log-in` is any reason at all; the items say which."""
    directory: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROLS)] | None = None
    """Only people whom this directory has, or had."""
    role: IdText | None = None
    """Only people with the role of this id."""
    group: IdText | None = None
    """Only people in the group of this id."""
    organization: IdText | None = None
    """Only people with access to the organization of this id."""
    unit: IdText | None = None
    """Only people in the business unit of this id itself, not in those below it."""
    sort: Literal[
        "username", "-username", "email", "-email", "name", "-name", "created", "-created", "last_login", "-last_login"
    ] = "username"
    """What to sort by; with `-` descending. Who has none comes last, by id."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, pattern=MARK)
    """Where the page before ended: `next` of a page has it filled in. Opaque."""
    count: Literal["true", "false"] = "false"
    """Whether to count all of them, which takes longer than a page."""


class ExportOfUsersQuery(Strict):
    """Which users, and how they are written."""

    format: Literal["csv", "jsonl"] = "csv"
    """CSV for spreadsheets, or one JSON object a line."""
    filter: FilterText | None = None
    """As lists of users take it."""
    search: SearchText = ""
    """As lists of users take it."""
    view: UserState = UserState.ALL
    """As lists of users take it."""
    fields: str | None = Field(
        default=None, max_length=2000, pattern=r"^[a-z_]+(\.[A-Za-z0-9_-]+)?(,[a-z_]+(\.[A-Za-z0-9_-]+)?)*$",
        examples=["username,email,roles"],
    )  # fmt: skip
    """Columns, in this order, with commas between them; custom fields are `custom.NAME`. Left out: as configured."""


class ExportPath(Strict):
    """Which export."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of an export."""


class ExportsQuery(Strict):
    """Which exports."""

    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only those older than the one with this id; `next` of a page has it filled in."""


class ExportCreate(Strict):
    """An export to be made."""

    format: Literal["csv", "jsonl"] = "csv"
    filter: FilterText | None = None
    search: SearchText = ""
    view: UserState = UserState.ALL
    fields: list[Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NO_CONTROLS)]] = Field(
        default=[], max_length=200, examples=[["username", "email", "roles"]]
    )
    """Columns, in this order. Empty: those of the configuration."""


# ---------------------------------------------------------------- out
class ListedRole(Resource):
    """A role of somebody."""

    name: str
    sources: list[str]
    """Names of directories; `manual` for what an administrator gave."""


class ListedEntry(Resource):
    """Who somebody is in one directory."""

    name: str
    entry_id: str
    dn: str
    missing_since: datetime | None


class ListedUser(Profile):
    """A user as lists show them."""

    enabled: bool
    auth_status: Literal["active", "locked", "reset", "expired"]
    manual: bool
    can_log_in: bool
    reasons: list[str]
    """Why they cannot log in now; empty when they can."""
    organizations: list[str]
    units: list[str]
    """Paths of names."""
    roles: list[ListedRole]
    directories: list[ListedEntry]
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None
    login_count: int
    failed_logins: int
    version: int


class ListOfUsers(Resource):
    """A page of users."""

    items: list[ListedUser]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
    total: int | None
    """How many there are altogether, with `count=true`."""


class ExportResource(Resource):
    """An export that somebody asked for."""

    id: int
    state: ExportState
    format: Literal["csv", "jsonl"]
    filter: str
    search: str
    view: UserState
    fields: list[str]
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    """When its file is deleted."""
    rows: int | None
    error: str | None
    content: str | None
    """Address of the file, once it is finished."""


class ExportPage(Resource):
    """Exports, newest first."""

    items: list[ExportResource]
    next: str | None
    """Address of the next page; null on the last."""
