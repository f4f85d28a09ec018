"""Messages: what stands in their headers, whatever names and addresses hold."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import MailAddressError
from syncd.notify.message import LONGEST_LINE, Texts, compose, one_line

AT = datetime(2026, 2, 12, 8, 30, tzinfo=UTC)
TEXTS = Texts(subject="Your account", plain="Grüße\n", html="<p>Grüße</p>\n")


def message(*, texts: Texts = TEXTS, to_name: str = "Ada", to_address: str = "ada@example.com") -> EmailMessage:
    return compose(
        texts, sender="Example <syncd@example.com>", to_name=to_name, to_address=to_address, message_id="m.1@example.com", at=AT
    )


def parsed(composed: EmailMessage) -> EmailMessage:
    """As a receiver reads it."""
    found = message_from_bytes(composed.as_bytes(), policy=SMTP)
    assert isinstance(found, EmailMessage)
    return found


def test_s15_a_message_has_what_mail_servers_and_people_look_for() -> None:
    found = parsed(message(to_name="Łucja Ångström"))
    assert found["From"] == "Example <syncd@example.com>"
    assert found["To"].addresses[0].display_name == "Łucja Ångström"
    assert found["Message-ID"] == "<m.1@example.com>"
    assert found["Date"].datetime == AT
    assert found["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in found
    assert found.get_content_type() == "multipart/alternative"
    plain, html = found.iter_parts()
    assert (plain.get_content_type(), plain.get_content_charset(), plain.get_content()) == ("text/plain", "utf-8", "Grüße\r\n")
    assert (html.get_content_type(), html.get_content_charset()) == ("text/html", "utf-8")


@pytest.mark.parametrize("name", ["Ada\r\nBcc: all@example.com", "Ada\nX: y", "Ada\u2028X: y", "Ada\x85X: y", "Ada\x00"])
def test_s15_a_name_cannot_begin_a_header(name: str) -> None:
    found = parsed(message(to_name=name, texts=Texts(subject=f"Hello {name}", plain="", html="")))
    assert set(found.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert "Bcc" not in found
    assert [address.addr_spec for address in found["To"].addresses] == ["ada@example.com"]


@given(name=st.text(max_size=300), subject=st.text(max_size=300))
def test_s15_whatever_a_name_holds_the_headers_are_ours(name: str, subject: str) -> None:
    found = parsed(message(to_name=name, texts=Texts(subject=subject, plain="x", html="x")))
    assert len(found.keys()) == 8
    assert [address.addr_spec for address in found["To"].addresses] == ["ada@example.com"]
    # encoding takes runs of spaces apart; nothing else is lost
    assert str(found["Subject"]).split() == one_line(subject).split()


@pytest.mark.parametrize(
    "address", ["", "ada", "ada@example.com\r\nBcc: b@example.com", "a@b\x00", "@", "a b@example.com", "a@b, c@d", "<a@b>"]
)
def test_s15_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(MailAddressError):
        message(to_address=address)


def test_a_line_is_one_printable_line() -> None:
    assert one_line(" Ada\t\r\n  Lovelace\u202e ") == "Ada Lovelace"
    assert len(one_line("x" * 1000)) == LONGEST_LINE
