"""An event loop inside one blocking call, and with its end the end of every connection that was made in it.

Closing politely takes two: under TLS it waits for the other side's goodbye, which may never come. The loop does not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Loop(asyncio.SelectorEventLoop):
    """Knows its connections."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[asyncio.BaseTransport] = []

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        made = await super().create_connection(*arguments, **options)
        self.connections.append(made[0])
        return made

    async def drop(self) -> None:
        """Close all, without a word to anybody."""
        for connection in self.connections:
            if isinstance(connection, asyncio.WriteTransport):
                connection.abort()
        # what was closed is given back in the loop's next turns
        for _ in range(2):
            await asyncio.sleep(0)


@contextmanager
def own_loop() -> Iterator[asyncio.Runner]:
    """Runs coroutines in a loop of its own."""
    loop = _Loop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            yield runner
        finally:
            runner.run(loop.drop())
