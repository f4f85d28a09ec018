"""The bars, and the table of what was measured against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Bar(NamedTuple):
    """What a figure may be at most."""

    most: float
    unit: str = ""


# ratios to the bare read of the same directory
READING = Bar(1.0)
FIRST_IMPORT = Bar(4.0)
UNCHANGED_RUN = Bar(1.5)
# a company to a quarter of it
GROWTH = Bar(4.5)
MEMORY = Bar(400, " MiB")
# of what may not happen at all
NONE = Bar(0)
IDLE_RUN = Bar(100, " ms")
# to the same with few people, and to ldapsearch
IDLE_GROWTH = Bar(2.0)
SWEEP = Bar(2.0)
LIVE = Bar(200, " ms")
WRITE = Bar(1000, " ms")
PAGE_OF_PEOPLE = Bar(50, " ms")


@dataclass(frozen=True, slots=True)
class Results:
    """The measured values beside their bars."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def row(self, what: str, value: float, bar: Bar) -> None:
        self.rows.append((what, f"{value:.2f}{bar.unit}", f"at most {bar.most:g}{bar.unit}", value <= bar.most))

    def show(self, *, people: int) -> None:
        table = Table(title=f"{people} people, one run on this machine")
        for column in ("what", "measured", "bar", ""):
            table.add_column(column)
        for what, value, bar, met in self.rows:
            table.add_row(what, value, bar, "met" if met else "NOT MET")
        Console(width=110).print(table)

    @property
    def met(self) -> bool:
        return all(met for *_, met in self.rows)
