"""Failures that go on are told once."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from syncd.daemon.trouble import Trouble
from syncd.errors import DatabaseFullError, StoreError


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_failure_that_goes_on_is_told_once_until_it_works_again(level: str) -> None:
    trouble = Trouble(structlog.get_logger("test"), "not looked for", level=level, webhook="hr")
    with capture_logs() as logs:
        assert not trouble.goes_on
        for error in (DatabaseFullError(), StoreError("gone"), StoreError("gone")):
            trouble.note(error)
            assert trouble.goes_on
        trouble.over()
        trouble.note(StoreError("again"))
    assert [(entry["log_level"], entry["webhook"], entry["event"]) for entry in logs] == [
        (told, "hr", "not looked for") for told in (level, "debug", "debug", level)
    ]
    full = DatabaseFullError()
    assert (logs[0]["code"], logs[0]["message"], logs[0]["advice"]) == (full.code, full.message, full.hint)
