"""Users as they come in over the wire.

What the schemas say is answered with 422 when it does not hold; what they cannot say (whether a role exists, a name is free, a
field is declared, a day has come) depends on how things are, and is answered with 409.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from syncd.accounts.fields import EMAIL, EMAIL_LONGEST, LONGEST
from syncd.http.schemas import MAX_ID, WHOLE, Number, Reason, Resource, Strict
from syncd.http.schemas_structure import NO_NUL
from syncd.model.records import CUSTOM_PREFIX
from syncd.model.useredit import REFERENCE, REFERENCE_LONGEST, SYSTEM, SYSTEM_LONGEST, NewUser, UserEdit
from syncd.services.users import places_of

# no control characters, and something that is no space
_TEXT = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST, pattern=_TEXT)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_TEXT)]
Email = Annotated[str, StringConstraints(max_length=EMAIL_LONGEST, pattern=EMAIL)]
CustomName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LongText = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Whole = Annotated[int, Field(ge=-MAX_ID, le=MAX_ID), WHOLE]


def _one_kind(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """One mistake for the value, in place of one for each kind that it is not."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError("a text of 2000 characters at most, a whole number, true or false, or a list of texts") from None


CustomValue = Annotated[
    LongText | Whole | bool | Annotated[list[Text], Field(max_length=100)],
    WrapValidator(_one_kind),
]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def left_out(**constraints: Any) -> Any:
    """A field that may be left out, which is not the same as null."""
    return Field(default=None, json_schema_extra=_without_default, **constraints)


class UserPath(Strict):
    """Which user."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""


class RecordPath(UserPath):
    """Which record of another system."""

    system: str = Field(min_length=1, max_length=SYSTEM_LONGEST, pattern=SYSTEM)
    """The other system's name."""
    reference: str = Field(min_length=1, max_length=REFERENCE_LONGEST, pattern=REFERENCE)
    """What the record is called there."""


class RecordsQuery(Strict):
    """Which records."""

    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, max_length=SYSTEM_LONGEST + 1 + REFERENCE_LONGEST, pattern=NO_NUL)
    """Only records after this one, as system/reference; `next` of a page has it filled in."""


class RecordResource(Resource):
    """A record of another system that a user owns."""

    system: str
    reference: str


class RecordPage(Resource):
    """Records by system and reference."""

    items: list[RecordResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class StrictBody(Strict):
    """A body whose values are of the types that they say: no text for a number."""

    model_config = ConfigDict(strict=True)


class AccessItem(StrictBody):
    """Access to an organization."""

    organization_id: Number
    unit_ids: list[Number] = Field(default=[], max_length=500)
    """Units of it. With none, the access is to the organization alone, which is not enough to log in."""


class _Values(StrictBody):
    """What is the same for a new user and for a change."""

    prefix: Text | None = left_out()
    middle_name: Text | None = left_out()
    suffix: Text | None = left_out()
    display_name: Text | None = left_out()
    title: Text | None = left_out()
    phone: ShortText | None = left_out()
    birthday: date | None = left_out()
    """Not in the future."""
    emails: list[Email] | None = left_out(max_length=100)
    """Further addresses, beside the primary one."""
    tags: list[ShortText] | None = left_out(max_length=100)
    custom: dict[CustomName, CustomValue | None] = left_out(max_length=200)
    """Fields declared in the configuration; those left out stay as they are, null takes one away. Dates and times are texts
    (RFC 3339)."""

    def fields(self) -> dict[str, Any]:
        """Those that were sent, by the names that the store has for them."""
        sent = {name: getattr(self, name) for name in _FIELDS if name in self.model_fields_set}
        custom = self.custom if "custom" in self.model_fields_set else {}
        return sent | {CUSTOM_PREFIX + name: value for name, value in custom.items()}


_FIELDS = (
    "username", "first_name", "last_name", "email", "prefix", "middle_name", "suffix", "display_name", "title", "phone",
    "birthday", "emails", "tags",
)  # fmt: skip


class UserCreate(_Values):
    """A new user: with a password, or with an invitation to choose one."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["password"]}, {"required": ["invite"]}]})

    username: Text = Field(examples=["ada"])
    """What they log in with; unique without regard to case, and nobody else's primary address."""
    first_name: Text = Field(examples=["Ada"])
    last_name: Text = Field(examples=["Lovelace"])
    email: Email = Field(examples=["ada@example.com"])
    """The primary address; nobody else's username."""
    enabled: bool
    """Whether the user is enabled from the start."""
    role_ids: list[Number] = Field(min_length=1, max_length=1000)
    """One role at least; a role of an organization needs access to it."""
    access: list[AccessItem] = Field(default=[], max_length=200)
    """Organizations and units. Without any, nobody can log in."""
    group_ids: list[Number] = Field(default=[], max_length=1000)
    owner_unit_id: Number | None = None
    """The business unit that owns the user's record."""
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)] = left_out()
    """Must satisfy the policy."""
    invite: Literal[True] = left_out()
    """Mail a link with which they choose their password."""

    @model_validator(mode="after")
    def _one_way_in(self) -> UserCreate:
        if len({"password", "invite"} & self.model_fields_set) != 1:
            raise ValueError("either `password` or `invite` is needed")
        return self

    def new_user(self) -> NewUser:
        """The same as the use case has it."""
        return NewUser(
            fields=self.fields(),
            enabled=self.enabled,
            role_ids=frozenset(self.role_ids),
            places=places_of([(item.organization_id, item.unit_ids) for item in self.access]),
            group_ids=frozenset(self.group_ids),
            owner_unit_id=self.owner_unit_id,
        )


class UserPatch(_Values):
    """Changes of a user (RFC 7396): what is left out stays, null takes a value away. Lists are replaced whole.

    Roles and access are those given by hand; what directories give stands beside them and is not touched.
    """

    username: Text = left_out()
    first_name: Text = left_out()
    last_name: Text = left_out()
    email: Email = left_out()
    role_ids: list[Number] = left_out(max_length=1000)
    access: list[AccessItem] = left_out(max_length=200)
    group_ids: list[Number] = left_out(max_length=1000)
    owner_unit_id: Number | None = left_out()
    reason: Reason | None = None
    """Why; needed when a role, access or a group is taken away."""

    def edit(self) -> UserEdit:
        """The same as the use case has it."""
        sent = self.model_fields_set
        access = [(item.organization_id, item.unit_ids) for item in self.access] if "access" in sent else []
        return UserEdit(
            fields=self.fields(),
            role_ids=frozenset(self.role_ids) if "role_ids" in sent else None,
            places=places_of(access) if "access" in sent else None,
            group_ids=frozenset(self.group_ids) if "group_ids" in sent else None,
            owner_unit_id=(self.owner_unit_id,) if "owner_unit_id" in sent else None,
        )


class UserDelete(Strict):
    """Why a user is deleted."""

    reason: Reason = Field(examples=["Was made twice, ticket 4711."])
    """3 to 500 characters without line breaks; it goes into the audit trail."""
