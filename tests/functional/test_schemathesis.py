"""The whole API against its own document: schemathesis with all checks, its stateful phase included, on the running daemon.

Here it has a little time; `python -m tests.functional.api_site --max-time 1800` gives it more.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from syncd.http.openapi import document
from syncd.http.table import ROUTES
from tests.functional.api_site import api_site, key_of, schemathesis
from tests.functional.daemon_process import Daemon

OWN = "^/api/v1/(me(/|$)|sessions$|passwords/check$)"


def described(running: Daemon) -> dict[str, Any]:
    with urllib.request.urlopen(running.url + "/openapi.json", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def broken(running: Daemon) -> list[dict[str, Any]]:
    """Errors of syncd itself, whatever the answer was."""
    return [entry for entry in running.entries() if entry["event"] == "request broken"]


@pytest.mark.timeout(400)
def test_the_api_keeps_to_its_document(tmp_path: Path, sqlite_url: str) -> None:
    few = ["--max-examples", "4", "--generation-deterministic"]
    with api_site(tmp_path, store=sqlite_url) as running:
        validate(described(running))
        code, said = schemathesis(running, few, folder=tmp_path)
        assert "Stateful" in said
        assert code == 0, said
        # what is a person's own, which the operator's token has none of
        own = ["--include-path-regex", OWN, *few]
        code, said = schemathesis(running, own, folder=tmp_path, token=key_of(running, 1), phases="examples,coverage,fuzzing")
        assert code == 0, said
        assert broken(running) == []


@pytest.mark.timeout(400)
def test_the_api_keeps_to_its_document_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """Without the coverage phase: what it covers is decided before the database is asked."""
    with api_site(tmp_path, store=postgres_url) as running:
        few = ["--max-examples", "3", "--generation-deterministic"]
        code, said = schemathesis(running, few, folder=tmp_path, phases="examples,fuzzing,stateful")
        assert code == 0, said
        assert broken(running) == []


def test_links_name_operations_and_their_parameters() -> None:
    made = document(ROUTES, version="1")
    operations = {operation["operationId"]: operation for path in made["paths"].values() for operation in path.values()}
    links = [
        link
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 100
    for link in links:
        target = operations[link["operationId"]]
        wanted = {parameter["name"] for parameter in target["parameters"] if parameter["in"] == "path"}
        assert set(link["parameters"]) == wanted
    created = operations["create_user"]["responses"]["201"]["links"]
    assert created["get_user"]["parameters"] == {"id": "$response.body#/id"}
    assert operations["create_key"]["responses"]["201"]["links"]["revoke_key"]["parameters"] == {
        "id": "$request.path.id",
        "key_id": "$response.body#/id",
    }
    assert "links" not in operations["list_groups"]["responses"]["200"], "a page may be empty"
