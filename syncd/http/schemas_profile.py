"""Who somebody is, as lists, the view of a user and one's own account show it alike."""

from __future__ import annotations

from datetime import date

from syncd.http.schemas import Resource


class Profile(Resource):
    """Names, addresses and what the site adds to them."""

    id: int
    username: str | None
    prefix: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    suffix: str | None
    display_name: str | None
    title: str | None
    phone: str | None
    birthday: date | None
    email: str | None
    """The primary address."""
    emails: list[str]
    """Further addresses."""
    tags: list[str]
    custom: dict[str, str | int | bool | list[str] | None]
    """Custom fields by their names."""
