"""What cannot be seen on one field alone: keys that need or exclude each other, and files that must be there.

Each finding names every key it rests on, so that nothing is said about a key that is wrong already by itself.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from syncd.model.export import CSV_COLUMNS, FURTHER_FIELDS
from syncd.model.records import CUSTOM_PREFIX
from syncd.model.signature import key_of
from syncd.settings.accounts import MailSettings, WebhookSettings
from syncd.settings.directory import DirectorySettings
from syncd.settings.secretfile import world_readable


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding about a directory's settings."""

    # the keys it rests on, dotted and relative to the directory; the first is the one to name
    keys: tuple[str, ...]
    text: str
    # a warning is told and passed over
    warning: bool = False


def bind_method(settings: DirectorySettings) -> str:
    """`simple`, `anonymous` or `external`: as it is set, or as follows from whether there is a bind_dn."""
    return settings.bind or ("simple" if settings.bind_dn else "anonymous")


def remarks(name: str, settings: DirectorySettings) -> Iterator[Remark]:
    """What is to be said about one directory. `name` is for advice on where its password goes."""
    yield from _bind(name, settings)
    yield from _transport(settings)
    yield from _files(settings)
    yield from _link(settings)


def webhook_remarks(settings: WebhookSettings) -> Iterator[Remark]:
    """What is to be said about one webhook."""
    if settings.url is None:
        return
    if settings.secret is None:
        yield Remark(("secret", "url"), "is missing, and url is set: events are never sent unsigned")
    parts = urlsplit(settings.url)
    if parts.scheme == "http" and not settings.plain_http and not _is_loopback(parts.hostname or ""):
        yield Remark(("url", "plain_http"), "must be https://; http:// only goes to this machine, or with plain_http = true")
    if settings.secret is not None and key_of(settings.secret.get_secret_value()) is None:
        yield Remark(("secret",), 'is not base64 after "whsec_"')
    if settings.ca_file is not None and (trouble := _unreadable(FilePath(settings.ca_file))):
        yield Remark(("ca_file",), trouble)


def mail_remarks(settings: MailSettings) -> Iterator[Remark]:
    """What is to be said about the mail server."""
    if settings.ca_file is not None and (trouble := _unreadable(FilePath(settings.ca_file))):
        yield Remark(("ca_file",), trouble)


def export_remarks(fields: Sequence[str], custom_fields: Collection[str]) -> Iterator[Remark]:
    """What is to be said about the columns of exports; the keys are those of the whole configuration."""
    keys = ("export.fields", "custom_fields")
    known = [*CSV_COLUMNS, *FURTHER_FIELDS, *(CUSTOM_PREFIX + name for name in custom_fields)]
    for name in dict.fromkeys(fields):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield Remark(
                keys, f"no field is called {name!r}" + (f": did you mean {close[0]}?" if close else ": see docs/export.md")
            )
        elif fields.count(name) > 1:
            yield Remark(keys, f"{name} stands there twice")


def _link(settings: DirectorySettings) -> Iterator[Remark]:
    if settings.link is not None and settings.vendor == "auto" and "attributes" not in settings.users.model_fields_set:
        text = "goes with vendor or users.attributes: without both, the directory decides all fields that any vendor's may map"
        yield Remark(("link", "vendor"), text, warning=True)


def _bind(name: str, settings: DirectorySettings) -> Iterator[Remark]:
    password = settings.bind_password.get_secret_value() if settings.bind_password else ""
    method = bind_method(settings)
    keys = ("bind_dn", "bind_password", "bind")
    if method == "simple":
        if not settings.bind_dn:
            yield Remark(keys, 'is missing: bind = "simple" needs it')
        # a bind with a DN and no password succeeds as anonymous (RFC 4513 section 5.1.2) and would read too little
        if not password:
            variable = f"SYNCD_DIRECTORIES__{name.upper().replace('-', '_')}__BIND_PASSWORD_FILE"
            yield Remark(
                ("bind_password", "bind_dn", "bind"),
                f"is missing, and bind_dn is set: name a file with the password in {variable}, or give it as the systemd "
                f"credential syncd.directories__{name}__bind_password",
            )
    elif method == "anonymous" and settings.bind is None:
        if password:
            yield Remark(keys, "is missing, and bind_password is set")
    elif settings.bind_dn or password:
        present = "bind_dn" if settings.bind_dn else "bind_password"
        yield Remark((present, "bind"), f'does not go with bind = "{method}"')
    if method == "external" and settings.tls.cert_file is None:
        yield Remark(("tls.cert_file", "bind"), 'is missing: bind = "external" shows the server a client certificate')


def _transport(settings: DirectorySettings) -> Iterator[Remark]:
    schemes = [urlsplit(url).scheme for url in settings.urls]
    if settings.tls.starttls and "ldaps" in schemes:
        text = (
            f"does not go with {settings.urls[schemes.index('ldaps')]}: ldaps:// has TLS from the start, ldap:// takes StartTLS"
        )
        yield Remark(("tls.starttls", "urls"), text)
    plain = [url for url in settings.urls if urlsplit(url).scheme == "ldap"] if not settings.tls.starttls else []
    if plain and bind_method(settings) == "external":
        yield Remark(("urls", "bind", "tls.starttls"), f'{plain[0]} has no TLS, which bind = "external" needs')
    exposed = [url for url in plain if not _is_loopback(urlsplit(url).hostname or "")]
    if exposed and bind_method(settings) == "simple":
        text = f"the password goes to {exposed[0]} unencrypted: use ldaps:// or tls.starttls = true"
        yield Remark(("urls", "bind", "bind_dn", "tls.starttls"), text, warning=True)
    for url in sorted({url for url in settings.urls if settings.urls.count(url) > 1}):
        yield Remark(("urls",), f"{url} stands there twice")
    if settings.tls.verify == "none-insecure":
        text = 'with "none-insecure" anyone on the way can read and change everything; this is for a lab'
        yield Remark(("tls.verify",), text, warning=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _files(settings: DirectorySettings) -> Iterator[Remark]:
    for key in ("ca_file", "cert_file", "key_file"):
        file: FilePath | None = getattr(settings.tls, key)
        if file is None:
            continue
        if trouble := _unreadable(file):
            yield Remark((f"tls.{key}",), trouble)
        elif key == "key_file" and (warning := world_readable(file, file.stat().st_mode)):
            yield Remark(("tls.key_file",), warning, warning=True)
    if settings.tls.key_file is not None and settings.tls.cert_file is None:
        yield Remark(("tls.cert_file", "tls.key_file"), "is missing, and tls.key_file is set")


def _unreadable(file: FilePath) -> str | None:
    if not file.exists():
        return f"{file} does not exist"
    if not file.is_file():
        return f"{file} is not a file"
    return None if os.access(file, os.R_OK) else f"{file} cannot be read by this user"
