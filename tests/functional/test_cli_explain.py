"""`syncd explain` as a program: its text, its JSON and its exit codes."""

from __future__ import annotations

from pathlib import Path

from tests.functional.test_cli_verbs import PASSWORD, fill
from tests.servers.slapd import Slapd


def test_explain_for_people_and_programs(tmp_path: Path) -> None:
    with Slapd(tmp_path / "slapd") as server:
        site = fill(server, tmp_path)
        assert site.syncd("db", "upgrade").code == 0
        assert site.syncd("sync").code == 0
        result = site.syncd("explain", "U000000")
        assert (result.code, result.err) == (0, "")
        assert "In the store: u000000 (user 1), u000000@example.com" in result.out
        assert "    filter: (objectClass=inetOrgPerson): yes" in result.out
        assert "    title = title  [title: =Head]  -> =Head" in result.out
        assert f"      which is in cn=everyone,{site.groups_dn}" in result.out
        assert result.out.endswith("  a sync now: nothing\n")
        document = site.syncd("explain", "nomail", "--output", "json").json()
        (found,) = document["directories"]
        assert (document["store"], found["failure"], found["issues"][0]["code"]) == (None, None, "missing_field")
        assert found["sightings"][0]["entry"]["problem"] == "missing_field: email is required and has no value (mail)"
        assert site.syncd("explain", "*").code == 1
        assert site.syncd("explain", "u000000", "--directory", "nix").code == 1
        server.stop()
        result = site.syncd("explain", "u000000")
        assert result.code == 69
        assert "  can log in       yes" in result.out
        assert "  could not be asked: " in result.out
        assert "code connection_refused" in result.out
        assert PASSWORD not in result.out + result.err
