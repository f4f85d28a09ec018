"""What `syncd db check` looks at: the schema, the file, and what no constraint of the database promises.

Each check is one line with what to do. The rules that span tables are in `syncd.store.integrity_rules`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine

from syncd.errors import SchemaOutdatedError
from syncd.model.checks import CheckLine, CheckStatus
from syncd.store.engine import read
from syncd.store.integrity_rules import RULES
from syncd.store.migrate import check as check_schema

DAMAGED = "Stop syncd, keep a copy of the database, restore the last backup, and look at the disk."
UNCHECKED = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated ORDER BY conname"


def integrity(engine: Engine) -> list[CheckLine]:
    """All checks in order; where the schema is not this version's, nothing else is looked at.

    Raises StoreError when the database cannot be asked at all.
    """
    try:
        check_schema(engine)
    except SchemaOutdatedError as error:
        return [CheckLine(name="schema", status=CheckStatus.FAIL, text=error.message, advice=error.hint)]
    lines = [_passed("schema", "the schema is the one this version needs")]
    with read(engine) as connection:
        if engine.name == "sqlite":
            lines += [_file_mode(Path(engine.url.database or "")), *_sqlite_checks(connection)]
        else:
            lines.append(_unchecked_keys(connection))
        for name, passed, rule in RULES:
            problems = rule(connection)
            lines.append(_failed(name, problems.text, problems.advice) if problems else _passed(name, passed))
    return lines


def _passed(name: str, text: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.PASS, text=text)


def _failed(name: str, text: str, advice: str) -> CheckLine:
    return CheckLine(name=name, status=CheckStatus.FAIL, text=text, advice=advice)


def _file_mode(path: Path) -> CheckLine:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return _passed("file mode", "the database file is its owner's alone")
    text = f"{path} may be read or written by others (mode {mode:04o})"
    advice = f"It holds personal data: `chmod 600 {path}`."
    return CheckLine(name="file mode", status=CheckStatus.WARN, text=text, advice=advice)


def _sqlite_checks(connection: Connection) -> Iterator[CheckLine]:
    found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
    if found == ["ok"]:
        yield _passed("file", "the database file is whole")
    else:
        yield _failed("file", f"the database file is damaged: {'; '.join(found)}", DAMAGED)
    broken = [row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]
    if broken:
        tables = ", ".join(sorted(set(broken)))
        yield _failed("foreign keys", f"{len(broken)} rows name rows that do not exist, in {tables}", DAMAGED)
    else:
        yield _passed("foreign keys", "every foreign key holds")


def _unchecked_keys(connection: Connection) -> CheckLine:
    """PostgreSQL keeps foreign keys itself, except those that were added without a look at the rows."""
    found = [row[0] for row in connection.exec_driver_sql(UNCHECKED)]
    if found:
        return _failed("foreign keys", f"never checked: {', '.join(found)}", "Run ALTER TABLE … VALIDATE CONSTRAINT for each.")
    return _passed("foreign keys", "the database keeps every foreign key")
