"""The sites of these tests are those of the sync's: a real slapd, and each test over SQLite and PostgreSQL."""

from __future__ import annotations

from tests.functional.sync.conftest import make_site as make_site
from tests.functional.sync.conftest import site as site
