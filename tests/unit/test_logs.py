"""What a log line looks like, and what is never in one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from syncd.logs import configure, get_logger
from syncd.redaction import redact, redact_url
from syncd.settings.root import LogSettings

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is global: leave it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_json_lines_hold_the_event_and_its_values() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), stream)
    get_logger("syncd.sync").info("run finished", directory="corp", users=3, ok=True, server=None)
    (line,) = lines(stream)
    event = json.loads(line)
    assert list(event)[:4] == ["timestamp", "level", "event", "logger"]
    assert event["timestamp"].endswith("Z")
    assert {key: event[key] for key in ("level", "event", "logger", "directory", "users", "ok", "server")} == {
        "level": "info", "event": "run finished", "logger": "syncd.sync", "directory": "corp", "users": 3, "ok": True,
        "server": None,
    }  # fmt: skip


def test_logfmt_lines_begin_with_time_level_and_event() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="logfmt"), stream)
    get_logger("syncd.sync").info("run finished", ok=True, name="a b")
    (line,) = lines(stream)
    assert line.startswith("timestamp=2")
    assert ' level=info event="run finished" logger=syncd.sync ok=true name="a b"' in line


def test_auto_is_for_people_on_a_terminal_and_for_machines_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure(LogSettings(), terminal)
    get_logger("x").info("hello")
    configure(LogSettings(), pipe)
    get_logger("x").info("hello")
    assert "\x1b[" in terminal.getvalue()
    assert "level=info event=hello" in pipe.getvalue()
    assert len(lines(terminal)) == 1


def test_a_library_speaks_in_the_same_form_and_only_when_it_matters() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json", level="debug"), stream)
    logging.getLogger("some.library").warning("lost %d of %s", 3, "x")
    for name in ("ldap3", "aiohttp.access", "alembic.runtime", "sqlalchemy.engine.Engine"):
        logging.getLogger(name).info("chatter")
    (line,) = lines(stream)
    event = json.loads(line)
    assert (event["event"], event["level"], event["logger"]) == ("lost 3 of x", "warning", "some.library")


def test_the_level_holds_and_a_reload_changes_it() -> None:
    stream = io.StringIO()
    log = get_logger("x")
    configure(LogSettings(level="error", format="logfmt"), stream)
    log.warning("before")
    configure(LogSettings(level="debug", format="logfmt"), stream)
    log.debug("after")
    assert [line.split("event=")[1].split()[0] for line in lines(stream)] == ["after"]


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_no_secret_is_in_a_line(form: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), stream)
    log = get_logger("x")
    log.info(
        "bound",
        bind_password=SECRET,
        operator_token=SECRET,
        client_secret=SECRET.encode(),
        value=SecretStr(SECRET),
        headers={"Authorization": f"Bearer {SECRET}", "nested": [{"cookie": SECRET}]},
        url=f"postgresql://user:{SECRET}@host/db",
        text=f"could not reach postgresql://user:{SECRET}@host/db at all",
    )
    try:
        raise ValueError(f"postgresql://user:{SECRET}@host/db")
    except ValueError:
        log.exception("broken")
    logging.getLogger("library").warning("connecting to %s", f"postgresql://user:{SECRET}@host/db")
    text = stream.getvalue()
    assert SECRET not in text
    assert text.count("••••••") >= 8
    assert "ValueError" in text
    assert "user:••••••@host/db" in text


@pytest.mark.parametrize("form", ["logfmt", "console"])
def test_a_value_from_outside_cannot_begin_a_line_or_move_the_cursor(form: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), stream)
    get_logger("x").warning("issue", dn="cn=x\nlevel=error event=forged\x1b[2J\x07\r\u2028")
    logging.getLogger("library").warning("x\ny\x1b[0m")
    assert len(lines(stream)) == 2
    assert not set("\x1b\x07\r\u2028") & set(stream.getvalue())


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_what_is_no_utf8_is_written_all_the_same(form: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    configure(LogSettings.model_validate({"format": form}), stream)
    get_logger("x").info("read", dn="cn=\udcff\ud800 Jürgen 山田")
    assert "Jürgen 山田" in raw.getvalue().decode()
    assert "dcff" in raw.getvalue().decode()
    stream.detach()


def test_only_what_is_secret_is_taken_out() -> None:
    assert redact("password", "x") == "••••••"
    assert redact("password", "") == ""
    assert redact("passed", "yes") == "yes"
    assert redact("tokens", 3) == 3
    assert redact("bind_dn", "cn=x") == "cn=x"
    assert redact("a", {"b": [SecretStr("x")], "api-key": "y"}) == {"b": ["••••••"], "api-key": "••••••"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:••••••@h/d"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:••••••@h/d"),
        ("postgresql://u@h/d?password=x&a=b", "postgresql://u@h/d?password=••••••&a=b"),
        ("ldaps://ldap.example.com:636", "ldaps://ldap.example.com:636"),
        ("sqlite:////var/lib/syncd/syncd.db", "sqlite:////var/lib/syncd/syncd.db"),
        ("mail a@b:c@d", "mail a@b:c@d"),
    ],
)
def test_urls_lose_their_passwords(url: str, shown: str) -> None:
    assert redact_url(url) == shown
