"""Fixtures of all tests; each family keeps its own in a module named here."""

from __future__ import annotations

from hypothesis import settings

# a busy machine is not a failure
settings.register_profile("syncd", deadline=None)
settings.load_profile("syncd")

pytest_plugins = [
    "tests.fakes.host",
    "tests.servers.fixtures_ldap",
    "tests.servers.fixtures_mail",
    "tests.servers.fixtures_sql",
    "tests.servers.fixtures_vendors",
]
