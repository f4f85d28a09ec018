"""The loop that tells the service manager how things are, and that they go on at all.

The watchdog is fed only while every loop shows signs of life. A directory or a database that is down never withholds it:
a restart would not help.
"""

from __future__ import annotations

import asyncio

from syncd.clock import Clock
from syncd.daemon.board import Board
from syncd.daemon.systemd import Notifier
from syncd.model.run import Run

INTERVAL = 2.0


async def run(board: Board, *, notifier: Notifier, clock: Clock) -> None:
    """Until cancelled."""
    interval = min(INTERVAL, notifier.watchdog / 3) if notifier.watchdog else INTERVAL
    while True:
        once(board, notifier=notifier, clock=clock)
        await asyncio.sleep(interval)


def once(board: Board, *, notifier: Notifier, clock: Clock) -> None:
    """One beat."""
    if notifier.watchdog and not board.dead and not board.silent_loops(clock.monotonic()):
        notifier.alive()
    notifier.status(status_line(board))


def status_line(board: Board) -> str:
    """The last run of each directory, for `systemctl status`."""
    parts = [
        f"{state.name}: {_working(state.progress.phase) if state.progress else _last(state.last_finished)}"
        for state in board.directories.values()
    ]
    if board.store_error is not None:
        parts.insert(0, f"database: {board.store_error.code}")
    return "; ".join(parts) or "no directory configured"


def _working(phase: str) -> str:
    return f"syncing ({phase})"


def _last(run: Run | None) -> str:
    if run is None or run.finished_at is None:
        return "not synced yet"
    why = f" ({run.code})" if run.code and not run.outcome.complete else ""
    return f"{run.outcome.value}{why} at {run.finished_at:%Y-%m-%d %H:%M:%S} UTC"
