"""A password that is marked goes through every failure at debug level, and nothing shows it: not as it is and not in the
spellings that a library or a careless repr would give it."""

from __future__ import annotations

import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog

from syncd.directory.bind import Credentials
from syncd.errors import StoreError, SyncdError
from syncd.http.problems import from_error
from syncd.logs import configure
from syncd.model.run import Run
from syncd.services.health import DaemonFacts, DirectoryFacts, assess
from syncd.settings.root import LogSettings, RootSettings
from tests.faults.lab import FAILURES, MARK, Failure, Lab
from tests.functional.sync.site import Site
from tests.servers.slapd import free_port

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def spellings(secret: str) -> dict[str, bytes]:
    """How the secret may be written."""
    raw = secret.encode()
    return {
        "plain": raw,
        "base64": base64.b64encode(raw).rstrip(b"="),
        # as it stands in the middle of something longer
        "base64, shifted by one": base64.b64encode(b"\0" + raw)[4:-4],
        "base64, shifted by two": base64.b64encode(b"\0\0" + raw)[4:-4],
        "hex": raw.hex().encode(),
        "hex, spaced": raw.hex(" ").encode(),
        "escaped": b"".join(b"\\x%02x" % byte for byte in raw),
        "filter": b"".join(b"\\%02x" % byte for byte in raw),
        "url": quote(secret, safe="").encode(),
        "form": quote_plus(secret).encode(),
        "json": json.dumps(secret).strip('"').encode(),
        "repr": repr(secret).strip("'").encode(),
        "list": repr(list(raw)).strip("[]").encode(),
    }


def found_in(shown: str | bytes) -> list[str]:
    """The spellings of the mark that are in there."""
    data = (shown if isinstance(shown, bytes) else shown.encode("utf-8", "backslashreplace")).lower()
    return [name for name, spelt in spellings(MARK).items() if spelt.lower() in data]


@contextmanager
def logging_to_memory(form: str) -> Iterator[io.StringIO]:
    """The daemon's own logging, at debug level, and every library's too."""
    stream, root = io.StringIO(), logging.getLogger()
    level, handlers, before = root.level, list(root.handlers), structlog.get_config()
    configure(LogSettings(level="debug", format=form), stream)  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        structlog.configure(**before)


def chain_with_locals(error: BaseException) -> str:
    """All that a crash reporter would send: every exception of the chain, every frame, every local variable in it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True, max_group_depth=99).format())


def health_of(run: Run) -> str:
    daemon = DaemonFacts(version="1", started_at=NOW, ready=True, store_reachable=True)
    report = assess(NOW, daemon, (DirectoryFacts(name="corp", last_attempt=run, stale_before=NOW),))
    return json.dumps(asdict(report), default=str)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def planned(site: Site) -> tuple[SyncdError, str]:
    """The error with which planning ends, and the reprs of all that knows the password."""
    with site.runtime() as runtime:
        directory = runtime.directories["corp"]
        known = (runtime.settings, runtime.sync, directory, vars(directory), runtime.engine.url)
        with pytest.raises(SyncdError) as caught:
            runtime.sync.plan("corp")
    # not the frame of this test, which knows the password itself
    assert caught.tb.tb_next is not None
    return caught.value.with_traceback(caught.tb.tb_next), repr(known)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_bind_password_is_in_nothing_that_a_failure_leaves(
    lab: Lab, failure: Failure, sqlite_url: str, tmp_path: Path
) -> None:
    site = Site(lab.slapd, sqlite_url, root={"log": {"level": "debug"}})
    with failure.arranged(lab) as settings, logging_to_memory("json") as log:
        site.settings = settings
        run = site.sync()
        error, reprs = planned(site)
    assert (run.code, "run finished" in log.getvalue()) == (failure.code, True)
    shown = {
        "log": log.getvalue(),
        "traceback": "".join(traceback.format_exception(error)),
        "traceback with locals": chain_with_locals(error),
        "error": repr(error) + repr(error.context) + repr(vars(error)),
        "reprs": reprs,
        "run": repr(run),
        "health": health_of(run),
        "problem": str(from_error(error, request_id="1").text),
        "database": b"".join(path.read_bytes() for path in tmp_path.glob("syncd.db*")),
    }
    assert {where: found_in(text) for where, text in shown.items() if found_in(text)} == {}


@pytest.mark.parametrize("form", ["logfmt", "console"])
def test_nor_in_the_other_forms_of_the_log(lab: Lab, sqlite_url: str, form: str) -> None:
    refused = next(failure for failure in FAILURES if failure.code == "invalid_credentials")
    site = Site(lab.slapd, sqlite_url)
    with refused.arranged(lab) as settings, logging_to_memory(form) as log:
        site.settings = settings
        site.sync()
        structlog.get_logger("test").debug("settings", settings=site.configuration(), bind_password=MARK)
    assert "run finished" in log.getvalue()
    assert found_in(log.getvalue()) == []


def test_nor_in_what_a_good_run_leaves(lab: Lab, sqlite_url: str, tmp_path: Path) -> None:
    site = Site(lab.slapd, sqlite_url, {"users": {"base_dn": f"ou=people,{lab.slapd.base_dn}"}})
    with logging_to_memory("json") as log:
        run = site.sync()
        with site.runtime() as runtime:
            session = runtime.directories["corp"].connect()
            shown = repr(session) + repr(vars(session)) + repr(session.server)
            session.close()
    credentials = Credentials.of(site.configuration().directories["corp"])
    assert (run.outcome, credentials.password) == ("succeeded", MARK)
    assert found_in(shown + repr(credentials) + str(credentials) + log.getvalue() + repr(run)) == []
    assert found_in(b"".join(path.read_bytes() for path in tmp_path.glob("syncd.db*"))) == []


def test_what_looks_for_the_mark_finds_it() -> None:
    for name, spelt in spellings(MARK).items():
        assert name in found_in(b"before " + spelt + b" after")


def test_what_looks_into_frames_finds_it_there() -> None:
    def careless(secret: str) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        careless(MARK)
    assert "plain" in found_in(chain_with_locals(caught.value))


# ---------------------------------------------------------------- other secrets
def test_the_store_password_and_the_operator_token() -> None:
    url = f"postgresql://syncd:{MARK.replace('/', '%2F').replace('%Q', '%25Q')}@127.0.0.1:{free_port()}/syncd"
    for store in ({"url": url}, {"url": f"postgresql://syncd@127.0.0.1:{free_port()}/syncd", "password": MARK}):
        values = {"store": store, "http": {"operator_token": MARK}}
        with logging_to_memory("json") as log:
            error = _opening_fails(RootSettings.model_validate(values))
        shown = chain_with_locals(error) + repr(error.context) + log.getvalue()
        shown += repr(RootSettings.model_validate(values)) + str(from_error(error, request_id="1").text)
        assert found_in(shown) == []
        assert "%2Fpass" not in shown


def _opening_fails(settings: RootSettings) -> StoreError:
    from syncd.bootstrap import open_runtime

    with pytest.raises(StoreError) as caught:
        open_runtime(settings)
    assert caught.tb.tb_next is not None
    return caught.value.with_traceback(caught.tb.tb_next)
