"""Every failure of a directory says what happened, where, in which phase and what to do: with one code, in the run's record and
in the log alike, and with nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from syncd.errors import DirectoryError, SyncdError, class_of
from tests.faults.lab import FAILURES, Failure, Lab
from tests.functional.sync.site import Site

# what only a store, a wrong configuration or an entry can cause, and the classes that stand for many
_ELSEWHERE = {
    "directory_error",
    "directory_transient",
    "incomplete_read",
    "no_entry_id",
    "base_unreadable",
    "canary_missing",
    # no run ends with it: everything is read instead
    "cursor_refused",
    # of logins, which never go in plain text: contract/test_authenticate
    "tls_required",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_run_that_meets_it(lab: Lab, failure: Failure, sqlite_url: str) -> None:
    site = Site(lab.slapd, sqlite_url)
    with failure.arranged(lab) as settings:
        site.settings = settings
        with capture_logs() as logs:
            run = site.sync()
    assert (run.outcome, run.code) == ("failed", failure.code), run.message
    assert issubclass(class_of(run.code), DirectoryError)
    assert run.message is not None
    if failure.name not in ("an empty password", "a password with NUL"):
        assert settings["urls"][0] in run.message
        assert run.server == settings["urls"][0]
        assert f": {failure.phase}: " in run.message
    assert run.message.endswith(" UTC)")
    assert run.advice
    finished = [line for line in logs if line["event"] == "run finished"]
    assert [(line["code"], line["message"], line["advice"]) for line in finished] == [(run.code, run.message, run.advice)]
    assert site.people() == {}


def test_the_catalogue_has_every_code() -> None:
    met = {failure.code for failure in FAILURES}
    assert met | _ELSEWHERE == set(_codes(DirectoryError))
    assert not met & _ELSEWHERE


def _codes(kind: type[SyncdError]) -> Iterator[str]:
    yield kind.code
    for child in kind.__subclasses__():
        yield from _codes(child)
