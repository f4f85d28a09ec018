"""One mail as a message (RFC 5322): plain text and HTML of the same, in UTF-8.

Names and addresses come from a directory or from a form. No value of theirs can begin a header of its own: what is not one
printable line is made one before it comes near a header, and the email package refuses the rest.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from syncd.errors import MailAddressError

# characters of a header's text; a longer one is cut
LONGEST_LINE = 200
# what turns the direction of the text after it, so that one name can pass for another
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# what could only stand in a quoted local part or an address literal, which no person has
_NO_ADDRESS = re.compile(r"[\s<>()\[\],;:\\\"]|@.*@")


@dataclass(frozen=True, slots=True)
class Texts:
    """What a mail says."""

    subject: str
    plain: str
    html: str


def one_line(text: str) -> str:
    """A text for a header: as `on_one_line`, and cut."""
    return on_one_line(text)[:LONGEST_LINE].rstrip()


def on_one_line(text: str) -> str:
    """The text as one printable line: control characters, line and paragraph separators become spaces, runs of them one."""
    spaced = "".join(" " if _breaks(character) else character for character in text)
    return " ".join(spaced.split())


def compose(texts: Texts, *, sender: str, to_name: str, to_address: str, message_id: str, at: datetime) -> EmailMessage:
    """A message to one person. `sender`: an address, or NAME <ADDRESS>. `message_id`: without the angle brackets.

    Raises MailAddressError for an address that is none.
    """
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = _address(name, address)
    message["To"] = _address(to_name, to_address)
    message["Subject"] = one_line(texts.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}>"
    # RFC 3834: no out-of-office note comes back
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(texts.plain)
    message.add_alternative(texts.html, subtype="html")
    return message


def domain_of(sender: str) -> str:
    """The domain of a sender's address."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    if not local or not domain or _NO_ADDRESS.search(address) or any(_breaks(character) for character in address):
        raise MailAddressError
    try:
        # in two parts: as one it would refuse letters beyond ASCII (RFC 6532)
        return Address(display_name=one_line(name), username=local, domain=domain)
    except (MessageError, ValueError, IndexError) as error:
        raise MailAddressError from error


def _breaks(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in _DIRECTIONS
