"""The export's two formats: what every key and column holds, and that no cell becomes a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from syncd.model.account import AccountState
from syncd.model.export import CSV_COLUMNS
from syncd.model.views import DirectoryIdentity, PersonView, RoleGrant
from syncd.services.export import person_json, write_csv, write_jsonl

NOON = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"


def person(**changes: Any) -> PersonView:
    plain = PersonView(
        id=7, username="ana", prefix=None, first_name="Ana", middle_name=None, last_name="Núñez", suffix=None,
        display_name="Ana N", title=None, phone=None, birthday=None, email="ana@example.com", emails=(), tags=(), custom={},
        enabled=True, auth_status="active", manual=False, reasons=(), organizations=(), units=(), roles=(), directories=(),
        created_at=NOON, updated_at=NOON, last_login_at=None, login_count=0, failed_logins=0, version=1,
    )  # fmt: skip
    return plain._replace(**changes)


FULL = person(
    birthday=date(1980, 2, 29),
    emails=("a@x.example", "b@x.example"),
    tags=("vip", "early"),
    custom={
        "number": 7,
        "boss": True,
        "since": date(2020, 1, 1),
        "at": datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        "langs": ("es", "pt"),
    },
    enabled=False,
    reasons=("disabled", "directory_missing:corp"),
    organizations=("Main", "Other"),
    units=("Europe/Spain",),
    roles=(RoleGrant("admin", ("corp", "manual")), RoleGrant("reader", ("manual",))),
    directories=(
        DirectoryIdentity(
            "branch", "id-2", "uid=ana,dc=b", None, None, NOON, ("staff",), AccountState(disabled=False, locked_until=NOON)
        ),
        DirectoryIdentity("corp", "id-1", "uid=ana,dc=x", NOON, "run 3", NOON, ()),
    ),
)


def lines(*people: PersonView) -> list[dict[str, Any]]:
    stream = io.StringIO()
    assert write_jsonl(people, stream) == len(people)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def table(*people: PersonView, custom: tuple[str, ...] = ()) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    assert write_csv(people, stream, custom=custom) == len(people)
    return list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))


# ---------------------------------------------------------------- JSON lines
def test_a_line_of_json_is_one_person_with_everything() -> None:
    (line,) = lines(FULL)
    assert line == {
        "id": 7, "username": "ana", "prefix": None, "first_name": "Ana", "middle_name": None, "last_name": "Núñez",
        "suffix": None, "display_name": "Ana N", "title": None, "phone": None, "birthday": "1980-02-29",
        "email": "ana@example.com", "emails": ["a@x.example", "b@x.example"], "tags": ["vip", "early"],
        "custom": {
            "number": 7, "boss": True, "since": "2020-01-01", "at": "2020-01-01T00:00:00Z", "langs": ["es", "pt"],
        },
        "enabled": False, "auth_status": "active", "manual": False, "can_log_in": False,
        "reasons": ["disabled", "directory_missing:corp"], "organizations": ["Main", "Other"], "units": ["Europe/Spain"],
        "roles": [{"name": "admin", "sources": ["corp", "manual"]}, {"name": "reader", "sources": ["manual"]}],
        "directories": [
            {
                "name": "branch", "entry_id": "id-2", "dn": "uid=ana,dc=b", "role_identifiers": ["staff"],
                "missing_since": None,
                "account": {
                    "disabled": False, "locked_until": "2026-03-01T12:00:00Z", "valid_from": None, "expires_at": None,
                    "password_must_change": None, "password_expires_at": None,
                },
            },
            {
                "name": "corp", "entry_id": "id-1", "dn": "uid=ana,dc=x", "role_identifiers": [],
                "missing_since": "2026-03-01T12:00:00Z",
                "account": dict.fromkeys(AccountState._fields),
            },
        ],
        "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
    }  # fmt: skip


def test_every_key_is_there_for_a_person_with_nothing() -> None:
    assert person_json(person()).keys() == person_json(FULL).keys()
    assert person_json(person())["can_log_in"] is True


def test_text_of_any_script_and_line_ends_stay_on_one_line() -> None:
    odd = person(last_name='李\u2028\x85\u2029\n"quoted"\t', title="\ud7ff\U0001f600")
    stream = io.StringIO()
    write_jsonl([odd, odd], stream)
    assert len(stream.getvalue().splitlines()) == 2
    assert "李" in stream.getvalue()
    assert json.loads(stream.getvalue().split("\n")[0])["last_name"] == odd.last_name


def test_the_document_names_every_key_and_column() -> None:
    text = DOCUMENT.read_text()
    named = set(re.findall(r"`([a-z_]+)`", text))
    assert person_json(FULL).keys() <= named
    assert set(CSV_COLUMNS) <= named
    in_order = re.search(r"The columns are, in this order:\n\n(.*?), then", text, re.DOTALL)
    assert in_order is not None
    assert tuple(re.findall(r"`([a-z_]+)`", in_order[1])) == CSV_COLUMNS


# ---------------------------------------------------------------- CSV
def test_a_row_of_csv_is_one_person() -> None:
    (row,) = table(FULL, custom=("number", "boss", "since", "langs", "absent"))
    assert tuple(row) == (*CSV_COLUMNS, "custom.number", "custom.boss", "custom.since", "custom.langs", "custom.absent")
    assert row == {
        "id": "7", "username": "ana", "prefix": "", "first_name": "Ana", "middle_name": "", "last_name": "Núñez", "suffix": "",
        "display_name": "Ana N", "title": "", "phone": "", "birthday": "1980-02-29", "email": "ana@example.com",
        "emails": "a@x.example; b@x.example", "tags": "vip; early", "enabled": "false", "auth_status": "active",
        "manual": "false", "can_log_in": "false", "reasons": "disabled; directory_missing:corp",
        "organizations": "Main; Other", "units": "Europe/Spain", "roles": "admin; reader", "directories": "branch; corp",
        "dns": "uid=ana,dc=b; uid=ana,dc=x", "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
        "custom.number": "7", "custom.boss": "true", "custom.since": "2020-01-01", "custom.langs": "es; pt",
        "custom.absent": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["=1+1", "+34 91 000", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "  @x", '=HYPERLINK("x")']
)
def test_no_text_becomes_a_formula(text: str) -> None:
    (row,) = table(
        person(
            username=text, phone=text, email=text, emails=(text,), tags=(text,), organizations=(text,), units=(text,),
            roles=(RoleGrant(text, ()),), custom={"note": text, "list": (text,)},
        ),
        custom=("note", "list"),
    )  # fmt: skip
    guarded = ("username", "phone", "email", "emails", "tags", "organizations", "units", "roles", "custom.note", "custom.list")
    assert {row[column] for column in guarded} == {"'" + text}


@pytest.mark.parametrize("text", ["1=1", "a+b", "x@example.com", "Jean-Luc", "", "'tis", " plain "])
def test_other_texts_are_left_alone(text: str) -> None:
    assert table(person(title=text))[0]["title"] == text


def test_a_negative_number_stays_a_number() -> None:
    assert table(person(custom={"balance": -5}), custom=("balance",))[0]["custom.balance"] == "-5"


def test_separators_quotes_and_line_ends_inside_a_cell_survive() -> None:
    text = 'a,b;"c"\r\nd'
    assert table(person(title=text), person())[0]["title"] == text


def test_nobody_gives_a_header_alone() -> None:
    stream = io.StringIO(newline="")
    assert write_csv([], stream) == 0
    assert stream.getvalue() == ",".join(CSV_COLUMNS) + "\r\n"
