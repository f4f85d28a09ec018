"""Fixtures: a mail server, and the use cases of mail on a store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.smtp import SmtpServer


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    """A mail server that takes everything until a test says otherwise."""
    with SmtpServer() as server:
        yield server
