"""Doing something long in front of somebody: it shows how far it is and ends in good order on Ctrl-C.

The work happens in a thread, the main one waits for signals. The first INT or TERM asks the work to stop at the next safe
edge; when it hangs in a read, that read is cut off after a moment. A second one ends the process at once, which the next run
heals.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import typer

if TYPE_CHECKING:
    from syncd.services.planned import Progress

T = TypeVar("T")

# seconds that the work gets to reach a safe edge before what it waits for is cut off
_GRACE = 2.0


class Stoppable(Generic[T]):
    """One piece of work."""

    def __init__(self, body: Callable[[Callable[[], bool]], T], *, interrupt: Callable[[], None]) -> None:
        """`body` gets a function that says whether to stop. `interrupt` cuts off what it may be waiting for."""
        self._body = body
        self._interrupt = interrupt
        self._stop = threading.Event()
        self._signal = 0
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> T:
        """What the body returns or raises. After a signal the process exits with 128 plus its number instead."""
        thread = threading.Thread(target=self._work, name="work", daemon=True)
        with self._signals():
            thread.start()
            cut_at = float("inf")
            while thread.is_alive():
                thread.join(0.1)
                if self._stop.is_set() and cut_at == float("inf"):
                    cut_at = time.monotonic() + _GRACE
                if time.monotonic() > cut_at:
                    self._interrupt()
                    cut_at = time.monotonic() + _GRACE
        if self._signal:
            raise typer.Exit(128 + self._signal)
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _work(self) -> None:
        try:
            self._result.append(self._body(self._stop.is_set))
        except BaseException as error:
            self._error = error

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._stop.is_set():
            os._exit(128 + number)
        self._signal = number
        self._stop.set()
        sys.stderr.write("\nStopping at the next safe edge; once more to stop at once.\n")


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[Callable[[Progress], None]]:
    """A sink for progress: one line with a bar on standard error, gone at the end; nothing when that is no terminal."""
    if not wanted or not sys.stderr.isatty():
        yield lambda progress: None
        return
    with _bar() as bar:
        task = bar.add_task("", total=None, count="")

        def show(progress: Progress) -> None:
            total = f" of {progress.total:,}" if progress.total is not None else ""
            bar.update(
                task,
                description=f"{progress.directory}: {progress.phase}",
                completed=progress.done,
                total=progress.total,
                count=f"{progress.done:,}{total}" if progress.done else "",
            )

        yield show


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
