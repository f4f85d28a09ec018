"""Writes the table of vendor profiles: `python script/profile_table.py docs/directories.md` renews the one in that file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from syncd.settings.example import toml_value
from syncd.settings.profiles import VENDORS, Profile, ProfileFeed, profile_of

BEGIN, END = "<!-- table -->", "<!-- end of table -->"
_ROWS: dict[str, Callable[[Profile], str]] = {
    "entry id": lambda p: p.entry_id_attribute,
    "version": lambda p: p.version_attribute,
    "`users.filter`": lambda p: _code(p.defaults.users.filter),
    "`users.attributes`": lambda p: ", ".join(f"{name} = {rule}" for name, rule in p.defaults.users.attributes.items()),
    "`users.required`": lambda p: ", ".join(p.defaults.users.required),
    "`roles.filter`": lambda p: _code(p.defaults.roles.filter),
    "`roles.id_attribute`": lambda p: p.defaults.roles.id_attribute,
    "`roles.member_attribute`": lambda p: _code(toml_value(p.defaults.roles.member_attribute)),
    "`roles.primary_group`": lambda p: toml_value(p.defaults.roles.primary_group),
    "`units.filter`": lambda p: _code(p.defaults.units.filter),
    "`page_size`": lambda p: f"{p.defaults.page_size}" + (", at most" if p.max_page_size == p.defaults.page_size else ""),
    "feeds, the best first": lambda p: "; ".join(map(_feed, p.feeds)),
    "account state": lambda p: p.account.state,
}


def table() -> str:
    """A column for each vendor, a row for each thing a profile says."""
    lines = [f"| | {' | '.join(f'`{vendor}`' for vendor in VENDORS)} |", "| --- |" + " --- |" * len(VENDORS)]
    for title, cell in _ROWS.items():
        lines.append(f"| {title} | {' | '.join(cell(profile_of(vendor)) for vendor in VENDORS)} |")
    return "\n".join(lines)


def renewed(text: str) -> str:
    """The page with the table as it is now. Raises ValueError for a page that has no place for one."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _feed(feed: ProfileFeed) -> str:
    needs = f" (control {feed.control})" if feed.control else ""
    live = f" (control {feed.live_control})" if feed.live_control else ""
    return f"{feed.kind.value}{needs}" + (f", live{live}" if feed.live else "")


def _code(text: str) -> str:
    # a bar ends a cell, also between backticks
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
