from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(params=["slapd", "ds389", "samba"])
def server(request: pytest.FixtureRequest) -> Any:
    """Each server, with 50 people below its ou=people. Only read from it."""
    return request.getfixturevalue(request.param)
