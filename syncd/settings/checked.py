"""Kinds of text that a setting may be, each with the check that pydantic runs when a section is made.

Every check stands on one field alone, so that pydantic finds all mistakes of a configuration in one pass; what concerns two
fields or the file system is in `checks`.
"""

from __future__ import annotations

import ipaddress
import re
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator

from syncd.model.dn import InvalidDN, normalize
from syncd.model.events import TYPE_PATTERN
from syncd.settings.duration import parse_duration
from syncd.settings.filters import check_filter
from syncd.settings.limits import parse_limit
from syncd.settings.schedule import NEVER, check_schedule

_NAME = re.compile(r"[a-z0-9](?:_?[a-z0-9-]+)*")
_FIELD = re.compile(r"[a-z](?:_?[a-z0-9]+)*")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?:;[A-Za-z0-9-]+)*")
_DATABASES = ("sqlite", "postgresql")


def parse_listen(text: str) -> tuple[str, int]:
    """The address, without brackets, and the port of `127.0.0.1:8080` or `[::1]:8080`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if not colon or not bare or not re.fullmatch(r"\d{1,5}", port) or (":" in bare and not bracketed):
        raise ValueError(f"{text!r} is not an address and a port: write 127.0.0.1:8080 or [::1]:8080")
    if int(port) > 65_535:
        raise ValueError(f"{text!r} names a port above 65535")
    return bare, int(port)


def _check_listen(text: str) -> str:
    parse_listen(text)
    return text


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


def _check_period(text: str) -> str:
    if not parse_duration(text):
        raise ValueError(f"{text!r} is no time at all: write 90s, 5m, 12h, 30d or 2w")
    return text


def _check_role_name(text: str) -> str:
    if not text.strip():
        raise ValueError("a role has a name")
    return text


def _check_ldap_url(text: str) -> str:
    """ldap://HOST[:PORT] or ldaps://HOST[:PORT]: what RFC 4516 allows after that belongs into other keys."""
    parts = _split_url(text)
    if parts.scheme not in ("ldap", "ldaps"):
        raise ValueError(f"{text!r} does not begin with ldap:// or ldaps://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a server's URL carries no credentials: use bind_dn and bind_password")
    if not parts.hostname:
        raise ValueError(f"{text!r} names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} has something after the host and port: use base_dn, filter and scope for that")
    return text


def _split_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        # reading it raises ValueError for a port that is none
        port = parts.port
    except ValueError:
        raise ValueError("not a URL: write ldaps://ldap.example.com or ldaps://ldap.example.com:636") from None
    if port == 0:
        raise ValueError(f"{text!r} names port 0")
    return parts


def _check_web_url(text: str) -> str:
    """https://HOST[:PORT]/PATH, or http:// where WebhookSettings lets it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL: write https://hr.example.com/syncd") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise ValueError(f"{text!r} is not a URL of https: write https://hr.example.com/syncd")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("a webhook's URL carries no credentials and no fragment: the signature says who sends")
    return text


def _check_event_type(text: str) -> str:
    if not TYPE_PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is no type of event: write access.revoked, or user.* for all about users")
    return text


def _check_store_url(text: str) -> str:
    backend = text.partition("://")[0].partition("+")[0]
    if backend not in _DATABASES or "://" not in text:
        raise ValueError("must be sqlite:////ABSOLUTE/PATH or postgresql://USER@HOST/DATABASE")
    if backend == "sqlite" and not re.match(r"[^:]+:///[^?]", text):
        raise ValueError("names no file: write sqlite:////ABSOLUTE/PATH (four slashes)")
    return text


def _check_dn(text: str) -> str:
    try:
        normalize(text)
    except InvalidDN as error:
        raise ValueError(f"{text!r} is not a distinguished name: {error}") from error
    return text


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text) or len(text) > 63:
        raise ValueError(
            "the name of a directory or a webhook has lower case letters, digits, - and single _, up to 63 of them"
        )
    return text


def _check_field_name(text: str) -> str:
    if not _FIELD.fullmatch(text) or len(text) > 63:
        raise ValueError("the name of a custom field has lower case letters, digits and single _, and begins with a letter")
    return text


def _check_attribute(text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an attribute")
    return text


def _check_limit(text: str) -> str:
    parse_limit(text)
    return text


def _check_network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)
    return text


def _check_sender(text: str) -> str:
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or any(ord(character) < 32 for character in text):
        raise ValueError(f"{text!r} is no sender: write syncd@example.com or Example Corp <syncd@example.com>")
    return text


def _check_public_url(text: str) -> str:
    parts = _split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not where people reach syncd: write https://syncd.example.com")
    return text


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _never_as_none(value: object) -> object:
    """TOML has no null, so "never" says it."""
    return None if isinstance(value, str) and value.strip().lower() in NEVER else value


Duration = Annotated[str, AfterValidator(_check_duration)]
# a length of time with which nothing would work if it were none
Period = Annotated[Duration, AfterValidator(_check_period)]
RoleName = Annotated[str, AfterValidator(_check_role_name)]
ScheduleText = Annotated[Annotated[str, AfterValidator(check_schedule)] | None, BeforeValidator(_never_as_none)]
FilterText = Annotated[str, AfterValidator(check_filter)]
DnText = Annotated[str, AfterValidator(_check_dn)]
WebUrl = Annotated[str, AfterValidator(_check_web_url)]
EventType = Annotated[str, AfterValidator(_check_event_type)]
LdapUrl = Annotated[str, AfterValidator(_check_ldap_url)]
StoreUrl = Annotated[str, AfterValidator(_check_store_url)]
Network = Annotated[str, AfterValidator(_check_network)]
Listen = Annotated[str, AfterValidator(_check_listen)]
SenderText = Annotated[str, AfterValidator(_check_sender)]
PublicUrl = Annotated[str, AfterValidator(_check_public_url)]
LimitText = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_check_limit)]
AttributeName = Annotated[str, AfterValidator(_check_attribute)]
DirectoryName = Annotated[str, AfterValidator(_check_name)]
CustomFieldName = Annotated[str, AfterValidator(_check_field_name)]
