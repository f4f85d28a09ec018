"""The database, and whoever else works with it."""

from __future__ import annotations

from syncd.errors.base import SyncdError


class StoreError(SyncdError):
    """The database could not do it."""

    code, http_status, exit_code = "store_error", 503, 75
    advice = "Look into the database's log, and run `syncd db check`."


class DatabaseUnavailableError(StoreError):
    """The database is not reachable."""

    code, retryable = "database_unavailable", True
    advice = "Check that the database runs and `store.url` is right."


class DatabaseFullError(StoreError):
    """The database's disk is full."""

    code = "database_full"
    advice = "Make room on the database's disk; the next run heals what is missing."


class SchemaOutdatedError(StoreError):
    """The database schema is not the one this version needs."""

    code, exit_code = "schema_outdated", 78
    advice = "Stop syncd, run `syncd db backup FILE`, then `syncd db upgrade`."


class LeaseHeldError(StoreError):
    """Another process is syncing this directory."""

    code, http_status, retryable = "lease_held", 409, True
    advice = "Wait for its run to end: `syncd runs list` shows it."


class RunStateError(StoreError):
    """The run is not in the state that this step starts from."""

    code, http_status = "run_state", 409
    advice = "Another process has taken the directory over: look at `syncd runs list`."


class LeaseLostError(StoreError):
    """Another process has taken the directory over."""

    code, http_status = "lease_lost", 409
    advice = "Nothing to do: the process that took over completes the work; `syncd runs list` shows it."


class StoppedError(SyncdError):
    """The run was asked to stop."""

    code, exit_code, retryable = "stopped", 75, True
    advice = "The next run completes it."
