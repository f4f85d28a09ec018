"""The texts of mails: the built-in ones, and a site's in their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from syncd.model.mail import MailKind
from syncd.notify.message import domain_of
from syncd.notify.templates import BUILT_IN, PARTS, Templates
from syncd.services.mailing import letter_values
from syncd.services.mails import link_address
from syncd.settings.accounts import MailSettings

SETTINGS = MailSettings(host="smtp.example.com", site="Example Corp")
LINK = "https://example.com/password?token=TOKEN"
VALUES = letter_values(
    {
        "at": "2026-02-12 08:30 UTC",
        "expires": "2026-02-13 08:30 UTC",
        "link": "https://example.com/password?token=TOKEN",
        "days": 3,
    },
    SETTINGS,
    name="Ada <b>Lovelace</b>",
    username="ada",
    email="ada@example.com",
)
SAMPLES = {kind.value: VALUES for kind in MailKind}


@pytest.mark.parametrize("kind", list(MailKind))
def test_s15_s41_s49_s57_every_mail_has_its_texts(kind: MailKind) -> None:
    texts = Templates().render(kind, VALUES)
    assert "Example Corp" in texts.subject
    assert "\n" not in texts.subject
    assert texts.plain.startswith("Hello")
    assert "Example Corp" in texts.plain
    assert "<b>" not in texts.html, "a name is text, not markup"
    for text in (texts.plain, texts.html):
        assert "{{" not in text
        assert "{%" not in text


@pytest.mark.parametrize("kind", [MailKind.INVITATION, MailKind.PASSWORD_RESET])
def test_s15_s50_the_link_stands_in_both_texts(kind: MailKind) -> None:
    texts = Templates().render(kind, VALUES)
    assert "    https://example.com/password?token=TOKEN\n" in texts.plain
    assert 'href="https://example.com/password?token=TOKEN"' in texts.html


def test_s49_a_changed_password_is_told_and_not_shown() -> None:
    by_administrator = Templates().render(MailKind.PASSWORD_CHANGED, {**VALUES, "by": "administrator"})
    by_the_person = Templates().render(MailKind.PASSWORD_CHANGED, VALUES)
    assert "an administrator has changed" in by_administrator.plain
    assert "an administrator has changed" not in by_the_person.plain


def test_lines_of_a_plain_text_fit_a_narrow_window() -> None:
    for kind in MailKind:
        lines = Templates().render(kind, VALUES).plain.splitlines()
        assert max(len(line) for line in lines if "http" not in line and "Example Corp" not in line) <= 80, kind


def test_a_site_replaces_what_it_wants_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "invitation.txt").write_text("Willkommen {{ person.name }}: {{ link }}\n")
    (tmp_path / "layout.html").write_text("<h1>Corp</h1>{% block content required %}{% endblock %}")
    templates = Templates(tmp_path)
    texts = templates.render(MailKind.INVITATION, VALUES)
    assert texts.plain == "Willkommen Ada <b>Lovelace</b>: https://example.com/password?token=TOKEN\n"
    assert texts.html.startswith("<h1>Corp</h1>")
    assert texts.subject == "Your account at Example Corp"
    assert list(templates.problems(SAMPLES)) == []


def test_a_changed_file_is_used_at_once(tmp_path: Path) -> None:
    file = tmp_path / "test.subject"
    file.write_text("one")
    templates = Templates(tmp_path)
    assert templates.render(MailKind.TEST, VALUES).subject == "one"
    file.unlink()
    assert templates.render(MailKind.TEST, VALUES).subject == "Test mail of Example Corp"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ nobody.name }}", "locked.txt: 'nobody' is undefined"),
        ("a\n{% if %}", "locked.txt, line 2: "),
        ("{{ ''.__class__.__mro__ }}", "locked.txt: access to attribute '__class__'"),
        ("{{ 1 // 0 }}", "locked.txt: "),
        ("{% include '../../etc/passwd' %}", "locked.txt: "),
    ],
)
def test_a_broken_template_is_found_and_the_built_in_one_is_sent(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "locked.txt").write_text(text)
    templates = Templates(tmp_path)
    (found,) = templates.problems(SAMPLES)
    assert found.startswith(problem)
    with capture_logs() as logs:
        texts = templates.render(MailKind.LOCKED, VALUES)
    assert texts.plain == Templates().render(MailKind.LOCKED, VALUES).plain
    assert [(entry["log_level"], entry["template"]) for entry in logs] == [("error", "locked.txt")]


def test_files_that_belong_to_no_mail_are_found(tmp_path: Path) -> None:
    for name in ("invite.txt", "_footer.txt", "README.md", "locked.html.bak"):
        (tmp_path / name).write_text("x")
    (found,) = Templates(tmp_path).problems(SAMPLES)
    assert found.startswith("invite.txt belongs to no mail")


def test_a_folder_that_is_not_there_is_found(tmp_path: Path) -> None:
    templates = Templates(tmp_path / "nowhere")
    assert list(templates.problems(SAMPLES)) == [f"mail.templates: {tmp_path / 'nowhere'} is not a folder"]
    assert templates.render(MailKind.TEST, VALUES).subject


def test_the_built_in_files_are_those_of_the_kinds() -> None:
    assert {file.name for file in BUILT_IN.iterdir()} == {f"{kind}.{part}" for kind in MailKind for part in PARTS} | {
        "layout.html"
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sender", "nobody"),
        ("sender", "a@b\r\nBcc: c@d"),
        ("sender", "@"),
        ("public_url", "syncd.example.com"),
        ("public_url", "ftp://syncd.example.com"),
        ("public_url", "https://syncd.example.com/?a=b"),
    ],
)
def test_settings_that_no_mail_could_go_with_are_refused(key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        MailSettings.model_validate({key: value})


def test_senders_and_places_as_sites_write_them() -> None:
    settings = MailSettings(sender="Example Corp <syncd@example.com>", public_url="https://example.com/syncd/")
    assert domain_of(settings.sender) == "example.com"
    assert link_address(settings, "TOKEN") == "https://example.com/syncd/password?token=TOKEN"
